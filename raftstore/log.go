package raftstore

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
	"go.etcd.io/bbolt"
)

// lockTimeout is how long Open waits for another process to let go of raft.db.
const lockTimeout = time.Second

// openBolt opens or makes raft.db, whose lock is the lock of the directory.
func openBolt(path string) (*raftboltdb.BoltStore, error) {
	if err := checkBolt(path); err != nil {
		return nil, err
	}
	bolt, err := raftboltdb.New(raftboltdb.Options{
		Path: path,
		BoltOptions: &bbolt.Options{
			Timeout:        lockTimeout,
			NoFreelistSync: true, // or every commit writes the whole free list
			FreelistType:   bbolt.FreelistMapType,
		},
	})
	return bolt, boltError(path, err)
}

// checkBolt looks at raft.db before it is used: bbolt maps the file, so reading
// beyond the end of a truncated one would kill the process.
func checkBolt(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) || err == nil && info.Size() == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: lockTimeout, ReadOnly: true})
	if err != nil {
		return boltError(path, err)
	}
	err = db.View(func(tx *bbolt.Tx) error {
		if tx.Size() > info.Size() {
			return fmt.Errorf("%w: %s is truncated: %d of %d bytes", ErrCorrupt, path, info.Size(), tx.Size())
		}
		return nil
	})
	return errors.Join(err, db.Close())
}

func boltError(path string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, bbolt.ErrTimeout):
		return fmt.Errorf("%w: another process uses %s", ErrLocked, path)
	case errors.Is(err, bbolt.ErrInvalid), errors.Is(err, bbolt.ErrVersionMismatch), errors.Is(err, bbolt.ErrChecksum):
		return fmt.Errorf("%w: %s: %w", ErrCorrupt, path, err)
	default:
		return fmt.Errorf("open %s: %w", path, err)
	}
}

// logCacheSlots bounds the number of entries kept in memory; a power of two.
const logCacheSlots = 4096

// logStore is the Raft log: raft-boltdb behind a cache of the newest entries
// that is bounded in bytes, where the library's LogCache counts entries and so
// would pin 512 times the largest one.
type logStore struct {
	bolt   *raftboltdb.BoltStore
	budget int64 // bytes

	mu        sync.RWMutex
	slots     [logCacheSlots]*raft.Log // the entry with index i is in slot i % logCacheSlots
	low, next uint64                   // cached are low ≤ index < next
	bytes     int64                    // of the cached entries
	mean      float64                  // size of recent entries, moving
}

func newLogStore(bolt *raftboltdb.BoltStore, budget int64) *logStore {
	return &logStore{bolt: bolt, budget: budget}
}

func (l *logStore) FirstIndex() (uint64, error) { return l.bolt.FirstIndex() }
func (l *logStore) LastIndex() (uint64, error)  { return l.bolt.LastIndex() }

func (l *logStore) GetLog(index uint64, entry *raft.Log) error {
	l.mu.RLock()
	if index >= l.low && index < l.next {
		*entry = *l.slots[index%logCacheSlots]
		l.mu.RUnlock()
		return nil
	}
	l.mu.RUnlock()
	return l.bolt.GetLog(index, entry)
}

func (l *logStore) StoreLog(entry *raft.Log) error { return l.StoreLogs([]*raft.Log{entry}) }

func (l *logStore) StoreLogs(entries []*raft.Log) error {
	if err := l.bolt.StoreLogs(entries); err != nil {
		return fmt.Errorf("store log entries: %w", err)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range entries {
		l.put(e)
	}
	return nil
}

func (l *logStore) put(e *raft.Log) {
	if e.Index != l.next {
		l.evict(l.next)
		l.low, l.next = e.Index, e.Index
	}
	if l.next-l.low == logCacheSlots {
		l.evict(l.low + 1)
	}
	size := entrySize(e)
	l.slots[e.Index%logCacheSlots] = e
	l.next = e.Index + 1
	l.bytes += size
	for l.bytes > l.budget {
		l.evict(l.low + 1)
	}
	if l.mean == 0 {
		l.mean = float64(size)
	}
	l.mean += (float64(size) - l.mean) / 1024
}

// evict forgets the entries below index.
func (l *logStore) evict(index uint64) {
	for ; l.low < index; l.low++ {
		slot := &l.slots[l.low%logCacheSlots]
		l.bytes -= entrySize(*slot)
		*slot = nil
	}
}

func (l *logStore) DeleteRange(first, last uint64) error {
	l.mu.Lock()
	switch {
	case last < l.low || first >= l.next: // not cached
	case first <= l.low:
		l.evict(min(last+1, l.next))
	default:
		l.evict(l.next)
	}
	l.mu.Unlock()
	if err := l.bolt.DeleteRange(first, last); err != nil {
		return fmt.Errorf("delete log entries: %w", err)
	}
	return nil
}

// meanSize is the mean size in bytes of recent entries; 0 when not known.
func (l *logStore) meanSize() float64 {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.mean
}

// entrySize is about what an entry takes in memory and in the file.
func entrySize(e *raft.Log) int64 { return int64(len(e.Data)+len(e.Extensions)) + 100 }

// alignLog makes the log agree with a snapshot that was installed at p. Where
// the log holds the snapshot's last entry, all of it agrees and stays.
// Otherwise whatever lies below is unproven and goes, and an entry at p itself
// is replaced by one of the right term, so that a follower with a diverged tail
// recognises what the leader sends next (hashicorp/raft#697: it would ask for
// the same snapshot for ever).
func (l *logStore) alignLog(p position) error {
	first, err := l.FirstIndex()
	if err != nil || first == 0 {
		return err
	}
	var entry raft.Log
	err = l.GetLog(p.Index, &entry)
	switch {
	case err == nil && entry.Term == p.Term:
		return nil
	case err == nil:
		if err := l.StoreLog(&raft.Log{Index: p.Index, Term: p.Term, Type: raft.LogNoop}); err != nil {
			return err
		}
	case !errors.Is(err, raft.ErrLogNotFound):
		return err
	}
	if first >= p.Index {
		return nil
	}
	return l.DeleteRange(first, p.Index-1)
}
