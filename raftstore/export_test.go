package raftstore

import (
	"io"

	"github.com/hashicorp/raft"
)

// What tests need of the inside.

type Mark = mark

func CheckGap(at, first, last uint64, m Mark) error { return checkGap(at, first, last, m) }

func EncodeMark(floor, installing uint64) []byte { return mark{floor, installing}.encode() }

func DecodeMark(b []byte) (floor, installing uint64, err error) {
	m, err := decodeMark(b)
	return m.Floor, m.Installing, err
}

func EncodeState(index, term uint64, epoch uint32, id string) []byte {
	return state{index, term, epoch, id}.encode()
}

func DecodeState(b []byte) (index, term uint64, epoch uint32, id string, err error) {
	s, err := decodeState(b)
	return s.Index, s.Term, s.Epoch, s.ClusterID, err
}

func EncodeIdentity(epoch uint32, id string) []byte { return encodeIdentity(epoch, id) }

func DecodeIdentity(b []byte) (uint32, string, error) { return decodeIdentity(b) }

func ListStream(dir string) (int64, error) {
	_, size, err := listStream(dir)
	return size, err
}

func WriteStream(w io.Writer, dir string, index, term uint64) error {
	files, _, err := listStream(dir)
	if err != nil {
		return err
	}
	return writeStream(w, dir, files, position{index, term})
}

func ReadStream(r io.Reader, dir string) (index, term uint64, err error) {
	at, err := readStream(r, dir)
	return at.Index, at.Term, err
}

// Raft returns the library's view of the store.
func (s *Store) Raft() *raft.Raft { return s.raft }

// FSM returns the store as the library sees it.
func (s *Store) FSM() raft.FSM { return s.fsm }

// Snapshots returns the library's snapshot store.
func (s *Store) Snapshots() raft.SnapshotStore { return s.snapshots }

// Log returns the library's log store.
func (s *Store) Log() raft.LogStore { return s.log }

// AlignLog is what an installed snapshot does to the log.
func (s *Store) AlignLog(index, term uint64) error { return s.log.alignLog(position{index, term}) }
