package raftstore

import (
	"encoding/binary"
	"errors"
	"fmt"

	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
)

// Keys in raft.db beside those of the Raft library. Changing them breaks
// compatibility.
var (
	keyNode = []byte("raftstore/node")
	keyMark = []byte("raftstore/mark")
)

const markFormat = 1

// mark is what raft.db knows about the state beside it, so that one can be
// checked against the other.
type mark struct {
	// Floor is the index the state has surely reached: the log may have been
	// truncated up to there.
	Floor uint64
	// Installing is the index of the newest snapshot whose installation was
	// begun; 0 if there never was one.
	Installing uint64
}

func (m mark) encode() []byte {
	b := []byte{markFormat}
	b = binary.LittleEndian.AppendUint64(b, m.Floor)
	return binary.LittleEndian.AppendUint64(b, m.Installing)
}

func decodeMark(b []byte) (mark, error) {
	if len(b) != 17 || b[0] != markFormat {
		return mark{}, fmt.Errorf("%w: mark of %d bytes", ErrCorrupt, len(b))
	}
	return mark{binary.LittleEndian.Uint64(b[1:]), binary.LittleEndian.Uint64(b[9:])}, nil
}

// readMark returns the node and mark of raft.db; node is empty when the file is
// new.
func readMark(bolt *raftboltdb.BoltStore) (node string, m mark, err error) {
	b, err := bolt.Get(keyNode)
	if errors.Is(err, raftboltdb.ErrKeyNotFound) {
		return "", m, nil
	}
	if err != nil {
		return "", m, err
	}
	node = string(b)
	b, err = bolt.Get(keyMark)
	if errors.Is(err, raftboltdb.ErrKeyNotFound) {
		return node, m, nil
	}
	if err == nil {
		m, err = decodeMark(b)
	}
	return node, m, err
}

// checkGap decides whether the state at index at can be brought up to date by
// the entries first … last of the log (both 0 when it is empty).
func checkGap(at, first, last uint64, m mark) error {
	const remedy = "bring back state/ and raft.db from the same moment, or remove the whole directory and let the node join again under a new node id"
	switch {
	case at < m.Floor && (first == 0 || first > at+1 || last < m.Floor || m.Installing != 0):
		return fmt.Errorf("%w: the state is at index %d but had reached %d, and the log (%d to %d) cannot bring it back: state/ was deleted or replaced; %s",
			ErrGap, at, m.Floor, first, last, remedy)
	case first > at+1:
		return fmt.Errorf("%w: the state is at index %d and the log begins at %d; %s", ErrGap, at, first, remedy)
	case last < at && at > max(m.Floor, m.Installing):
		return fmt.Errorf("%w: the state is at index %d and the log ends at %d: raft.db was deleted or replaced, and with it the node's votes; %s",
			ErrGap, at, last, remedy)
	}
	return nil
}
