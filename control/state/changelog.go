package state

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/link"
	"suodi/control/state/statepb"
	"suodi/raftstore"
)

// Head returns the revision of the last delta, zero when there is none.
func Head(r raftstore.Reader) (link.Revision, error) {
	value, found, err := r.Get([]byte{prefixHead})
	if err != nil || !found {
		return link.Revision{}, err
	}
	if len(value) != revisionSize {
		return link.Revision{}, fmt.Errorf("head of the changelog: %d bytes", len(value))
	}
	return readRevision(value), nil
}

// Deltas calls yield with the deltas after a revision, oldest first, until it
// returns false. It fails with feed.ErrCompacted when the first of them is no
// longer kept.
func Deltas(r raftstore.Reader, after link.Revision, yield func(*feedpb.Delta) bool) error {
	head, err := Head(r)
	if err != nil {
		return err
	}
	if after.Compare(head) >= 0 {
		return nil
	}
	first := true
	from := deltaKey(link.Revision{Epoch: after.Epoch, Index: after.Index + 1})
	for item, err := range r.Scan(from, end([]byte{prefixDelta})) {
		if err != nil {
			return err
		}
		delta := &feedpb.Delta{}
		if err := proto.Unmarshal(item.Value, delta); err != nil {
			return fmt.Errorf("changelog: %w", err)
		}
		if first && feed.ToRevision(delta.GetPrevious()) != after {
			return feed.ErrCompacted
		}
		first = false
		if !yield(delta) {
			return nil
		}
	}
	if first {
		return feed.ErrCompacted
	}
	return nil
}

// keptDeltas is how large the changelog is, in bytes.
func keptDeltas(r raftstore.Reader) (size uint64, err error) {
	value, found, err := r.Get([]byte{prefixKeptDeltas})
	switch {
	case err != nil:
		return 0, err
	case found && len(value) != 8:
		return 0, fmt.Errorf("size of the changelog: %d bytes", len(value))
	case found:
		return binary.BigEndian.Uint64(value), nil
	}
	// A program before this one did not count.
	err = each(r, []byte{prefixDelta}, func(_, value []byte) error {
		size += uint64(len(value))
		return nil
	})
	return size, err
}

// trimDeltas removes the oldest deltas while the changelog is too large, size
// being its bytes, or reaches farther back than oldest, unless that is zero. The
// newest delta always stays.
func (a *applying) trimDeltas(oldest link.Revision, size uint64) error {
	var last []byte // of those that go
	if size > keepDeltaBytes || !oldest.IsZero() {
		for item, err := range a.batch.Scan([]byte{prefixDelta}, deltaKey(a.revision)) {
			if err != nil {
				return err
			}
			if size <= keepDeltaBytes && bytes.Compare(item.Key, deltaKey(oldest)) >= 0 {
				break
			}
			size -= min(size, uint64(len(item.Value)))
			last = append(last[:0], item.Key...)
		}
	}
	if last != nil {
		a.batch.DeleteRange([]byte{prefixDelta}, append(last, 0))
	}
	a.batch.Set([]byte{prefixKeptDeltas}, binary.BigEndian.AppendUint64(nil, size))
	return nil
}

// Bucket calls yield with what edges hold in a bucket, until it returns false.
func Bucket(r raftstore.Reader, number uint16, yield func(key, value []byte) bool) error {
	switch number {
	case feed.BucketDomains:
		domains, err := Domains(r)
		if err != nil {
			return err
		}
		for _, d := range domains {
			value, err := feedDomain(d.Domain)
			if err != nil {
				return err
			}
			if !yield([]byte(d.GetName()), value) {
				return nil
			}
		}
		return nil
	case feed.BucketPlatforms:
		platforms, err := Platforms(r)
		if err != nil {
			return err
		}
		for _, p := range platforms {
			value, err := proto.MarshalOptions{Deterministic: true}.Marshal(p)
			if err != nil {
				return err
			}
			if !yield([]byte{byte(p.GetNumber())}, value) {
				return nil
			}
		}
		return nil
	case feed.BucketChain, feed.BucketModules:
		return chainBucket(r, number, yield)
	default:
		return linkBucket(r, number, yield)
	}
}

// errStop ends a walk early.
var errStop = errors.New("stop")

func linkBucket(r raftstore.Reader, number uint16, yield func(key, value []byte) bool) error {
	records := recorder{reader: r}
	prefix := []byte{prefixLink, byte(number >> 8), byte(number)}
	err := each(r, prefix, func(k, value []byte) error {
		stored := &statepb.Link{}
		revision, err := decode(k, value, stored)
		if err != nil {
			return err
		}
		if stored.GetDeletedAt() != 0 {
			return nil
		}
		record, err := records.record(stored, revision)
		if err != nil {
			return err
		}
		if !yield(append([]byte{}, k[len(prefix):]...), record) {
			return errStop
		}
		return nil
	})
	if errors.Is(err, errStop) {
		return nil
	}
	return err
}
