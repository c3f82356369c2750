package raftstore

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"sync"

	"github.com/cockroachdb/pebble/v2"
)

// Item is one key and value met by a scan. Both are valid until the next step
// of the scan only; copy what is kept.
type Item struct {
	Key, Value []byte
}

// Reader reads user keys. Keys are compared as bytes.
type Reader interface {
	// Get returns a copy of the value; ok is false when the key is absent.
	Get(key []byte) (value []byte, ok bool, err error)
	// Scan yields the keys from ≤ key < to in order; a nil to means the end.
	// An error is yielded once, with an empty Item, and ends the scan.
	Scan(from, to []byte) iter.Seq2[Item, error]
	// ScanReverse yields the same keys from the last to the first.
	ScanReverse(from, to []byte) iter.Seq2[Item, error]
}

// Batch collects the writes of one entry. Its reads see its own writes, except
// that a scan does not see writes made after it began. Keys and values are
// copied. An error of any call fails the whole entry, whether or not the state
// machine looks at it. A Batch must not be used after Apply returned, nor by
// several goroutines.
type Batch interface {
	Reader
	Set(key, value []byte)
	Delete(key []byte)
	// DeleteRange deletes from ≤ key < to; a nil to means the end.
	DeleteRange(from, to []byte)
}

// userKey appends the stored form of a user key to buf.
func userKey(buf, key []byte) []byte {
	return append(append(buf, userPrefix), key...)
}

// userBounds returns the stored bounds of from ≤ key < to; ok is false when
// nothing can be between them.
func userBounds(from, to []byte) (lower, upper []byte, ok bool) {
	lower = userKey(make([]byte, 0, 1+len(from)), from)
	if to == nil {
		return lower, []byte{userPrefix + 1}, true
	}
	if bytes.Compare(from, to) >= 0 {
		return nil, nil, false
	}
	return lower, userKey(make([]byte, 0, 1+len(to)), to), true
}

// get reads a stored key.
func get(r pebble.Reader, key []byte) ([]byte, bool, error) {
	value, closer, err := r.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read state: %w", err)
	}
	value = append([]byte{}, value...)
	return value, true, closer.Close()
}

func scan(r pebble.Reader, from, to []byte, reverse bool) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		lower, upper, ok := userBounds(from, to)
		if !ok {
			return
		}
		it, err := r.NewIter(&pebble.IterOptions{LowerBound: lower, UpperBound: upper})
		if err != nil {
			yield(Item{}, fmt.Errorf("scan state: %w", err))
			return
		}
		defer func() { _ = it.Close() }() // its error is it.Error's, read below
		first, next := it.First, it.Next
		if reverse {
			first, next = it.Last, it.Prev
		}
		for ok := first(); ok; ok = next() {
			value, err := it.ValueAndErr()
			if err != nil {
				yield(Item{}, fmt.Errorf("scan state: %w", err))
				return
			}
			if !yield(Item{Key: it.Key()[1:], Value: value}, nil) {
				return
			}
		}
		if err := it.Error(); err != nil {
			yield(Item{}, fmt.Errorf("scan state: %w", err))
		}
	}
}

// reader hides the key prefix of whatever Pebble can read from.
type reader struct {
	from pebble.Reader
}

func (r reader) Get(key []byte) ([]byte, bool, error) {
	return get(r.from, userKey(make([]byte, 0, 1+len(key)), key))
}

func (r reader) Scan(from, to []byte) iter.Seq2[Item, error] {
	return scan(r.from, from, to, false)
}

func (r reader) ScanReverse(from, to []byte) iter.Seq2[Item, error] {
	return scan(r.from, from, to, true)
}

// batch is the Batch of one entry. It is used by one goroutine.
type batch struct {
	to  *pebble.Batch
	err error  // the first failure of any call
	key []byte // reused
}

func (b *batch) note(err error) error {
	if b.err == nil {
		b.err = err
	}
	return err
}

func (b *batch) Get(key []byte) ([]byte, bool, error) {
	b.key = userKey(b.key[:0], key)
	value, ok, err := get(b.to, b.key)
	return value, ok, b.note(err)
}

func (b *batch) Scan(from, to []byte) iter.Seq2[Item, error] { return b.scan(from, to, false) }

func (b *batch) ScanReverse(from, to []byte) iter.Seq2[Item, error] { return b.scan(from, to, true) }

func (b *batch) scan(from, to []byte, reverse bool) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for item, err := range scan(b.to, from, to, reverse) {
			if !yield(item, b.note(err)) {
				return
			}
		}
	}
}

func (b *batch) Set(key, value []byte) {
	b.key = userKey(b.key[:0], key)
	_ = b.note(b.to.Set(b.key, value, nil))
}

func (b *batch) Delete(key []byte) {
	b.key = userKey(b.key[:0], key)
	_ = b.note(b.to.Delete(b.key, nil))
}

func (b *batch) DeleteRange(from, to []byte) {
	if lower, upper, ok := userBounds(from, to); ok {
		_ = b.note(b.to.DeleteRange(lower, upper, nil))
	}
}

// View is the state at one moment. It is safe for concurrent use and stays
// valid, whatever is applied or installed meanwhile, until it is closed. A
// view keeps old data on disk: close it soon.
type View struct {
	reader
	at    state
	db    *database // a reference is held
	snap  *pebble.Snapshot
	close func() error
}

// Applied is the index of the last entry the view contains.
func (v *View) Applied() uint64 { return v.at.Index }

// Epoch is the cluster's epoch as of the view.
func (v *View) Epoch() uint32 { return v.at.Epoch }

// Close releases the view. It is idempotent.
func (v *View) Close() error { return v.close() }

// View opens a consistent view of the local state, which may be stale: call
// ReadIndex first when it must not be.
func (s *Store) View() (*View, error) {
	if err := s.Err(); err != nil {
		return nil, err
	}
	db := s.databases.acquire()
	if db == nil {
		return nil, ErrClosed
	}
	snap := db.pebble.NewSnapshot()
	at, err := readState(snap)
	if err != nil {
		return nil, errors.Join(err, snap.Close(), db.release())
	}
	return &View{
		reader: reader{snap}, at: at, db: db, snap: snap,
		close: sync.OnceValue(func() error { return errors.Join(snap.Close(), db.release()) }),
	}, nil
}
