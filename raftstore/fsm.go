package raftstore

import (
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/hashicorp/raft"
)

// Entry is one committed command.
type Entry struct {
	Index, Term uint64
	// Epoch is the cluster's epoch when the entry is applied.
	Epoch uint32
	// Data is the command as it was given to Store.Apply. It must not be
	// changed, nor kept after Apply returned.
	Data []byte
}

// StateMachine turns entries into writes. It is given the entry, a reader and a
// batch and nothing else, so that every node writes the same: no clock, no
// randomness, no order of a map.
type StateMachine interface {
	// Apply adds to b what the entry changes. r reads the state before the
	// entry, b reads it with its own writes. The result goes to the proposer,
	// on the node that proposed; a command that is refused is a result too. An
	// error (or a panic) means that this node cannot apply the entry: nothing
	// of it is written and the store halts. Apply is called by one goroutine.
	Apply(entry Entry, r Reader, b Batch) (result any, err error)
}

// Entry kinds, the first byte of every command in the log. Changing them breaks
// compatibility.
const (
	kindCommand  = 1 // the rest is the state machine's
	kindIdentity = 2 // the rest is epoch and cluster id; the first one counts
)

// outcome is what the Raft library carries from the state machine to Apply.
type outcome struct {
	result any
	err    error
}

// fsm is the store as the Raft library sees it. Apply, StoreConfiguration,
// Snapshot and Restore are called by one goroutine.
type fsm struct {
	store *Store
	// marker is what Snapshot returns: it holds nothing but this pointer.
	marker raft.FSMSnapshot

	mu      sync.Mutex // held while a batch is made and committed
	at      state      // as in the database
	settled position   // not below at
	pending int64      // bytes applied since the last snapshot
	sameIn  int        // installations in a row …
	lastIn  uint64     // … of this index
}

var _ raft.ConfigurationStore = (*fsm)(nil)

// adopt takes over what the database says.
func (f *fsm) adopt(db *database) error {
	at, err := readState(db.pebble)
	if err != nil {
		return err
	}
	settled, err := readPosition(db.pebble)
	if err != nil {
		return err
	}
	f.mu.Lock()
	f.at, f.settled = at, settled
	f.mu.Unlock()
	f.store.progress.update(func(p *progress) {
		p.state, p.settled = at, settled.Index
	})
	return nil
}

func (f *fsm) position() position {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.settled
}

// Apply implements raft.FSM.
func (f *fsm) Apply(l *raft.Log) any {
	if err := f.store.Err(); err != nil {
		return outcome{err: fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if l.Index <= f.settled.Index {
		return outcome{} // replayed after a restart; nobody waits
	}
	start := time.Now()
	result, err := f.applyEntry(l)
	if err != nil {
		err = fmt.Errorf("apply entry %d: %w", l.Index, err)
		f.store.halt(err)
		return outcome{err: fmt.Errorf("%w: %w: %w", ErrOutcomeUnknown, ErrHalted, err)}
	}
	f.store.metrics.apply.Observe(time.Since(start).Seconds())
	if f.pending += entrySize(l); f.pending >= f.store.config.SnapshotBytes {
		f.pending = 0
		f.store.requestSnapshot()
	}
	return outcome{result: result}
}

// applyEntry makes and commits the one batch of an entry.
func (f *fsm) applyEntry(l *raft.Log) (result any, err error) {
	if len(l.Data) == 0 {
		return nil, fmt.Errorf("%w: entry without a kind", ErrCorrupt)
	}
	db := f.store.databases.current.pebble // changed by this goroutine only
	pb := db.NewIndexedBatch()
	defer func() { err = errors.Join(err, pb.Close()) }()
	next := f.at
	next.Index, next.Term = l.Index, l.Term
	switch kind, data := l.Data[0], l.Data[1:]; kind {
	case kindCommand:
		b := &batch{to: pb}
		result, err = f.call(Entry{Index: l.Index, Term: l.Term, Epoch: f.at.Epoch, Data: data}, reader{db}, b)
		if err = errors.Join(err, b.err); err != nil {
			return nil, err
		}
	case kindIdentity:
		epoch, id, err := decodeIdentity(data)
		if err != nil {
			return nil, err
		}
		if next.ClusterID == "" { // a second one comes from a leader that did not know of the first
			if err := f.store.checkCluster(id); err != nil {
				return nil, err
			}
			next.ClusterID, next.Epoch = id, epoch
		}
	default:
		return nil, fmt.Errorf("entry of unknown kind %d: written by a newer version", kind)
	}
	return result, f.commit(pb, next)
}

// call runs the state machine; a panic is an error, so that a poisoned entry
// halts the store and not the process.
func (f *fsm) call(e Entry, r Reader, b Batch) (result any, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("state machine panicked: %v\n%s", p, debug.Stack())
		}
	}()
	return f.store.config.StateMachine.Apply(e, r, b)
}

// commit adds the state record to pb, commits it and tells whoever waits. f.mu
// is held.
func (f *fsm) commit(pb *pebble.Batch, next state) error {
	if err := pb.Set(keyState, next.encode(), nil); err != nil {
		return err
	}
	if err := pb.Commit(pebble.NoSync); err != nil {
		return fmt.Errorf("commit batch: %w", err)
	}
	f.at, f.settled = next, position{next.Index, next.Term}
	f.store.progress.update(func(p *progress) {
		p.state, p.settled = next, max(p.settled, next.Index)
	})
	return nil
}

// StoreConfiguration implements raft.ConfigurationStore. The library does not
// say the entry's term, so it is read from the log, where the entry must be.
func (f *fsm) StoreConfiguration(index uint64, c raft.Configuration) {
	if f.store.Err() != nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if index <= f.settled.Index {
		return
	}
	err := func() error {
		var entry raft.Log
		if err := f.store.log.GetLog(index, &entry); err != nil {
			return err
		}
		pb := f.store.databases.current.pebble.NewBatch()
		defer func() { _ = pb.Close() }()
		if err := pb.Set(keyConfiguration, encodeConfiguration(index, c), nil); err != nil {
			return err
		}
		next := f.at
		next.Index, next.Term = index, entry.Term
		return f.commit(pb, next)
	}()
	if err != nil {
		f.store.halt(fmt.Errorf("store configuration %d: %w", index, err))
	}
}

// settle records that everything up to p is applied or has no effect on the
// state (the library's own entries never reach the state machine).
func (f *fsm) settle(db *database, p position) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if p.Index <= f.settled.Index {
		return nil
	}
	if err := db.pebble.Set(keySettled, p.encode(), pebble.NoSync); err != nil {
		return err
	}
	f.settled = p
	return nil
}

// Snapshot implements raft.FSM. Entries wait while it runs, so it does nothing:
// the database is the snapshot.
func (f *fsm) Snapshot() (raft.FSMSnapshot, error) { return f.marker, nil }

// marker is a snapshot that has not been written anywhere.
type marker struct{ fsm *fsm }

// Persist makes the state durable up to the snapshot's index, after which the
// library may truncate the log up to there.
func (m marker) Persist(to raft.SnapshotSink) error {
	s := m.fsm.store
	out, ok := to.(*sink)
	if !ok {
		return fmt.Errorf("snapshot sink of type %T", to)
	}
	if err := s.Err(); err != nil {
		return err
	}
	db := s.databases.acquire()
	if db == nil {
		return ErrClosed
	}
	defer func() { _ = db.release() }()
	m.fsm.mu.Lock()
	m.fsm.pending = 0
	m.fsm.mu.Unlock()
	if err := m.fsm.settle(db, out.at); err != nil {
		return fmt.Errorf("settle at %d: %w", out.at.Index, err)
	}
	if err := db.pebble.Flush(); err != nil {
		return fmt.Errorf("flush state: %w", err)
	}
	if err := s.changeMark(func(m *mark) { m.Floor = max(m.Floor, out.at.Index) }); err != nil {
		return err
	}
	s.tuneTrailing()
	s.metrics.snapshots.Inc()
	out.local = true
	return out.Close()
}

func (marker) Release() {}

// maxSameInstalls is how often in a row the same snapshot may be installed
// before the node halts: a follower that gets it again and again is in the
// livelock of hashicorp/raft#697, out of which a restart leads (see alignLog).
const maxSameInstalls = 5

// Restore implements raft.FSM. When the snapshot came from a leader it has been
// received, checked and opened by the sink already, and r is empty.
func (f *fsm) Restore(r io.ReadCloser) error {
	s := f.store
	if err := s.Err(); err != nil {
		return err
	}
	in := s.snapshots.takeReceived()
	if in == nil {
		var err error
		if in, err = s.snapshots.receive(r); err != nil {
			return fmt.Errorf("receive snapshot: %w", err)
		}
	}
	if err := f.install(in); err != nil {
		err = fmt.Errorf("install snapshot %d: %w", in.at.Index, err)
		s.halt(err)
		return err
	}
	s.metrics.installs.Inc()
	if f.sameIn++; f.lastIn != in.at.Index {
		f.sameIn, f.lastIn = 1, in.at.Index
	}
	if f.sameIn >= maxSameInstalls {
		err := fmt.Errorf("snapshot %d was installed %d times in a row; restart this node", in.at.Index, f.sameIn)
		s.halt(err)
		return err
	}
	return nil
}

// install puts a checked database in force. Each step can be repeated after a
// crash: see finishInstall.
func (f *fsm) install(in *received) error {
	s := f.store
	if in.at == f.position() { // sent again, its answer was lost
		return errors.Join(s.finishInstall(in.at), in.discard())
	}
	if err := s.changeMark(func(m *mark) { m.Installing = in.at.Index }); err != nil {
		return errors.Join(err, in.discard())
	}
	if err := s.databases.writeCurrent(in.name()); err != nil {
		return errors.Join(err, in.discard())
	}
	// From here on the new state is in force on disk.
	old := s.databases.set(in.db)
	old.retire()
	err := s.finishInstall(in.at)
	if err == nil {
		err = f.adopt(in.db)
	}
	if failed := old.release(); failed != nil {
		s.logger.Warn("replaced state could not be removed", "error", failed)
	}
	return err
}

// finishInstall brings raft.db in line with a state that was just installed. It
// also runs at Open, when a crash came between the swap and this.
func (s *Store) finishInstall(at position) error {
	if err := s.log.alignLog(at); err != nil {
		return fmt.Errorf("align log: %w", err)
	}
	return s.changeMark(func(m *mark) { m.Floor = max(m.Floor, at.Index) })
}
