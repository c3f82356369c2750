package state

import (
	"encoding/binary"
	"fmt"

	"google.golang.org/protobuf/proto"

	"suodi/control/link"
	"suodi/raftstore"
)

// The first bytes of keys. Changing them breaks compatibility.
const (
	prefixLink        = 'L'
	prefixNewest      = 'N'
	prefixFingerprint = 'F'
	prefixDomain      = 'D'
	prefixPlatform    = 'P'
	prefixPlatformID  = 'Q'
	prefixFilter      = 'A'
	prefixVersion     = 'V'
	prefixModule      = 'M'
	prefixChain       = 'H'
	prefixToken       = 'T'
	prefixKept        = 'K'
	prefixKeptByAge   = 'k'
	prefixDelta       = 'C'
	prefixHead        = 'c'
	prefixKeptDeltas  = 'b'
	prefixUpload      = 'U'
	prefixChunk       = 'u'
	prefixEvent       = 'E'
	prefixBound       = 'B'
	prefixSecret      = 'S'
)

func key(prefix byte, parts ...[]byte) []byte {
	k := []byte{prefix}
	for _, part := range parts {
		k = append(k, part...)
	}
	return k
}

func linkKey(flat []byte) []byte {
	return key(prefixLink, binary.BigEndian.AppendUint16(nil, link.Bucket(flat)), flat)
}

func newestKey(id uint64) []byte {
	return key(prefixNewest, binary.BigEndian.AppendUint64(nil, ^id))
}

func versionKey(name string, number uint32) []byte {
	return key(prefixVersion, []byte(name), []byte{0}, binary.BigEndian.AppendUint32(nil, number))
}

func deltaKey(r link.Revision) []byte {
	return appendRevision([]byte{prefixDelta}, r)
}

func appendRevision(b []byte, r link.Revision) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint32(b, r.Epoch), r.Index)
}

const revisionSize = 12

func readRevision(b []byte) link.Revision {
	return link.Revision{Epoch: binary.BigEndian.Uint32(b), Index: binary.BigEndian.Uint64(b[4:])}
}

// end returns the first key after all that begin with prefix.
func end(prefix []byte) []byte {
	after := append([]byte{}, prefix...)
	for i := len(after) - 1; i >= 0; i-- {
		if after[i]++; after[i] != 0 {
			return after[:i+1]
		}
	}
	return nil
}

// get reads a message behind its revision into m; found is false when there is
// none.
func get(r raftstore.Reader, k []byte, m proto.Message) (revision link.Revision, found bool, err error) {
	value, found, err := r.Get(k)
	if err != nil || !found {
		return link.Revision{}, false, err
	}
	revision, err = decode(k, value, m)
	return revision, err == nil, err
}

func decode(k, value []byte, m proto.Message) (link.Revision, error) {
	if len(value) < revisionSize {
		return link.Revision{}, fmt.Errorf("state key %q: %d bytes", k, len(value))
	}
	if err := proto.Unmarshal(value[revisionSize:], m); err != nil {
		return link.Revision{}, fmt.Errorf("state key %q: %w", k, err)
	}
	return readRevision(value), nil
}

// encode returns a message behind its revision. Map fields would make the
// bytes differ from node to node; the messages have none.
func encode(revision link.Revision, m proto.Message) ([]byte, error) {
	return proto.MarshalOptions{Deterministic: true}.MarshalAppend(appendRevision(nil, revision), m)
}

// each calls yield with every key and value that begin with prefix.
func each(r raftstore.Reader, prefix []byte, yield func(key, value []byte) error) error {
	for item, err := range r.Scan(prefix, end(prefix)) {
		if err != nil {
			return err
		}
		if err := yield(item.Key, item.Value); err != nil {
			return err
		}
	}
	return nil
}
