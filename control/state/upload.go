package state

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"time"

	"google.golang.org/protobuf/proto"

	"suodi/control/state/statepb"
)

const (
	// MaxUpload is the largest thing that comes in chunks, in bytes.
	MaxUpload = 4 << 20
	// MaxChunk is the largest chunk, in bytes: a Raft entry is to stay below
	// 512 KiB.
	MaxChunk = 480 << 10

	// keepUpload is how long an upload may rest, or wait to be named.
	keepUpload = time.Hour
	// maxUploads is how many there may be at a time. One more takes the place of
	// one that is complete and that nobody named.
	maxUploads = 64
)

func chunkKey(hash []byte, offset uint32) []byte {
	return key(prefixChunk, hash, binary.BigEndian.AppendUint32(nil, offset))
}

// putChunk takes one part of an upload; the last one makes it whole. A part
// that is there already, because somebody tries again, is passed over.
func (a *applying) putChunk(op *statepb.PutChunk) (*statepb.Outcome, error) {
	end := op.GetOffset() + uint32(len(op.GetData()))
	if len(op.GetHash()) != sha256.Size || len(op.GetData()) == 0 || len(op.GetData()) > MaxChunk ||
		op.GetSize() > MaxUpload || op.GetOffset() > op.GetSize() || end > op.GetSize() {
		return refuse(statepb.Refusal_REFUSAL_MALFORMED, "chunk"), nil
	}
	uploads, err := a.forgetUploads()
	if err != nil {
		return nil, err
	}
	u, err := a.upload(op.GetHash())
	if err != nil {
		return nil, err
	}
	_, whole, err := a.batch.Get(key(prefixModule, op.GetHash()))
	if err != nil {
		return nil, err
	}
	if u.GetSize() == 0 && uploads >= maxUploads && (whole || op.GetOffset() == 0) {
		if evicted, err := a.evictUpload(); err != nil || !evicted {
			return refuse(statepb.Refusal_REFUSAL_FULL, "uploads"), err
		}
	}
	u.Time = a.command.GetTime()
	switch {
	case whole:
		u.Size, u.Received = op.GetSize(), op.GetSize()
	case u.GetSize() != 0 && u.GetSize() != op.GetSize():
		return refuse(statepb.Refusal_REFUSAL_MALFORMED, "chunk"), nil
	case end <= u.GetReceived():
	case op.GetOffset() != u.GetReceived():
		return refuse(statepb.Refusal_REFUSAL_UNKNOWN_MODULE, "chunk"), nil
	default:
		u.Size, u.Received = op.GetSize(), end
		a.batch.Set(chunkKey(op.GetHash(), op.GetOffset()), op.GetData())
		if end == op.GetSize() {
			if out, err := a.assemble(op.GetHash()); out != nil || err != nil {
				return out, err
			}
		}
	}
	value, err := proto.MarshalOptions{Deterministic: true}.Marshal(u)
	if err != nil {
		return nil, err
	}
	a.batch.Set(key(prefixUpload, op.GetHash()), value)
	return a.done(), nil
}

func (a *applying) upload(hash []byte) (*statepb.Upload, error) {
	u := &statepb.Upload{}
	value, _, err := a.batch.Get(key(prefixUpload, hash))
	if err != nil {
		return nil, err
	}
	return u, proto.Unmarshal(value, u)
}

// assemble makes one of the chunks, if they are what their hash says.
func (a *applying) assemble(hash []byte) (*statepb.Outcome, error) {
	var whole []byte
	err := each(a.batch, key(prefixChunk, hash), func(_, value []byte) error {
		whole = append(whole, value...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	a.dropChunks(hash)
	if !bytes.Equal(hashOf(whole), hash) {
		a.batch.Delete(key(prefixUpload, hash))
		return refuse(statepb.Refusal_REFUSAL_MALFORMED, "chunks that are not what their hash says"), nil
	}
	a.batch.Set(key(prefixModule, hash), whole)
	return nil, nil // no refusal
}

func (a *applying) dropChunks(hash []byte) {
	prefix := key(prefixChunk, hash)
	a.batch.DeleteRange(prefix, end(prefix))
}

// forgetUploads removes the uploads that nobody went on with, with what came
// of them, and returns how many are left.
func (a *applying) forgetUploads() (n int, err error) {
	var old [][]byte
	err = each(a.batch, []byte{prefixUpload}, func(k, value []byte) error {
		u := &statepb.Upload{}
		if err := proto.Unmarshal(value, u); err != nil {
			return err
		}
		n++
		if time.Duration(a.command.GetTime()-u.GetTime()) > keepUpload {
			old = append(old, bytes.Clone(k[1:]))
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	for _, hash := range old {
		a.batch.Delete(key(prefixUpload, hash))
		a.dropChunks(hash)
	}
	return n - len(old), a.forgetModules(old)
}

// evictUpload removes the complete upload that has waited longest to be named,
// the first by hash of several; false when there is none. Whoever is about to
// name it uploads it again.
func (a *applying) evictUpload() (bool, error) {
	var oldest []byte
	var waits int64
	err := each(a.batch, []byte{prefixUpload}, func(k, value []byte) error {
		u := &statepb.Upload{}
		if err := proto.Unmarshal(value, u); err != nil {
			return err
		}
		if u.GetReceived() == u.GetSize() && (oldest == nil || u.GetTime() < waits) {
			oldest, waits = bytes.Clone(k[1:]), u.GetTime()
		}
		return nil
	})
	if err != nil || oldest == nil {
		return false, err
	}
	a.batch.Delete(key(prefixUpload, oldest))
	return true, a.forgetModules([][]byte{oldest})
}
