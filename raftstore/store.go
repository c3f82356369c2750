package raftstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
)

// progress is how far the state has come.
type progress struct {
	state   state
	settled uint64 // everything up to here is applied or without effect
}

// Store is one node's replicated state. It is safe for concurrent use.
type Store struct {
	config  Config
	logger  *slog.Logger
	metrics *metrics

	// Made by Open, until Close.
	bolt      *raftboltdb.BoltStore
	log       *logStore
	databases databases
	snapshots *snapshots
	fsm       *fsm
	transport raft.Transport
	raft      *raft.Raft
	raftLog   *raftLogger

	progress   watch[progress]
	leadership watch[leadership]
	halted     watch[error] // nil until halt
	fatal      chan struct{}

	started  chan struct{} // closed when raft is set; the library calls back before
	inflight gate          // calls that wait on the Raft library
	closing  chan struct{} // closed when stop begins
	snapshot chan struct{} // a snapshot is due by size; holds one
	notify   chan bool     // leadership changes, from the Raft library

	ctx       context.Context // ends when Raft has been stopped
	cancel    context.CancelFunc
	owned     sync.WaitGroup // goroutines of the store
	stopOnce  sync.Once
	closeOnce sync.Once
	closeErr  error

	markMu sync.Mutex
	mark   mark
}

// Open opens the store in config.Dir, making it when it is missing.
//
// A node that is the only voter is its leader when Open returns: the cluster id
// is known and every committed entry applied. Other nodes come up without
// waiting for each other, since none of them could be ready alone; use Ready. A
// node that joins learns the cluster id from its first entries or snapshot.
func Open(ctx context.Context, config Config) (*Store, error) {
	config = config.withDefaults()
	s := &Store{
		config: config, logger: config.Logger,
		fatal: make(chan struct{}), started: make(chan struct{}), closing: make(chan struct{}),
		snapshot: make(chan struct{}, 1), notify: make(chan bool, 1),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.snapshots = &snapshots{store: s}
	s.fsm = &fsm{store: s}
	s.fsm.marker = marker{s.fsm}
	s.raftLog = newRaftLogger(config.Logger)
	err := s.open(ctx)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open store %s: %w", config.Dir, err), s.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context) error {
	if s.transport = s.config.Transport; s.transport == nil && s.config.Stream != nil {
		s.transport = s.newTransport(s.config.Stream)
	}
	if err := s.config.validate(); err != nil {
		return err
	}
	if err := os.MkdirAll(s.config.Dir, 0o700); err != nil {
		return err
	}
	if err := s.openLog(); err != nil {
		return err
	}
	if err := s.openState(); err != nil {
		return err
	}
	s.metrics = newMetrics(s)
	if err := s.startRaft(); err != nil {
		return err
	}
	if err := s.metrics.register(s.config.Registerer); err != nil {
		return err
	}
	if s.soleVoter() {
		return s.hurry(ctx)
	}
	return nil
}

// openLog locks the directory, opens the log and checks whose it is.
func (s *Store) openLog() (err error) {
	path := filepath.Join(s.config.Dir, "raft.db")
	if s.bolt, err = openBolt(path); err != nil {
		return err
	}
	s.log = newLogStore(s.bolt, s.config.LogCacheSize)
	node, m, err := readMark(s.bolt)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	s.mark = m
	if node == s.config.NodeID {
		return nil
	}
	if node != "" {
		return fmt.Errorf("%w: %s belongs to node %s, not %s", ErrWrongNode, s.config.Dir, node, s.config.NodeID)
	}
	last, err := s.log.LastIndex()
	if err != nil {
		return err
	}
	if last > 0 {
		return fmt.Errorf("%w: %s holds a log that this program did not write", ErrCorrupt, path)
	}
	return nil
}

// openState opens the state, checks that it and the log fit together, and marks
// the directory as this node's.
func (s *Store) openState() error {
	s.databases = databases{
		dir: filepath.Join(s.config.Dir, "state"), logger: pebbleLogger{s.logger},
		memTableSize: s.config.MemTableSize, cacheSize: s.config.CacheSize,
	}
	db, err := s.databases.load()
	if err != nil {
		return err
	}
	if db != nil {
		s.databases.set(db)
		if err := s.fsm.adopt(db); err != nil {
			return fmt.Errorf("%s: %w", db.dir, err)
		}
	}
	if err := s.checkState(); err != nil {
		return err
	}
	if err := s.databases.tidy(); err != nil {
		return err
	}
	if db == nil {
		if db, err = s.databases.create(); err != nil {
			return err
		}
		s.databases.set(db)
	}
	if id := s.ClusterID(); id != "" {
		if err := s.checkCluster(id); err != nil {
			return err
		}
	}
	if node, _, err := readMark(s.bolt); err != nil || node != "" {
		return err
	}
	return s.bolt.Set(keyNode, []byte(s.config.NodeID))
}

// checkState refuses a state that the log cannot bring up to date.
func (s *Store) checkState() error {
	at := s.fsm.position()
	if at.Index > 0 && at.Index == s.mark.Installing && s.mark.Floor < at.Index {
		if err := s.finishInstall(at); err != nil { // a crash came right after the swap
			return err
		}
	}
	first, err := s.log.FirstIndex()
	if err != nil {
		return err
	}
	last, err := s.log.LastIndex()
	if err != nil {
		return err
	}
	return checkGap(at.Index, first, last, s.mark)
}

// changeMark changes the mark in raft.db, durably.
func (s *Store) changeMark(change func(*mark)) error {
	s.markMu.Lock()
	defer s.markMu.Unlock()
	next := s.mark
	change(&next)
	if next == s.mark {
		return nil
	}
	if err := s.bolt.Set(keyMark, next.encode()); err != nil {
		return fmt.Errorf("write mark: %w", err)
	}
	s.mark = next
	return nil
}

// halt stops the node for good: it could not apply an entry or install a
// snapshot, so its state must not be served nor built upon.
func (s *Store) halt(err error) {
	first := false
	s.halted.update(func(e *error) {
		if *e == nil {
			*e, first = err, true
		}
	})
	if !first {
		return
	}
	close(s.fatal)
	s.logger.Error("store halted", "error", err)
	s.owned.Go(func() { // not here: the caller is one of Raft's goroutines
		<-s.started
		s.stop()
	})
}

// Fatal is closed when the store has halted; Err says why. The process should
// report it and end.
func (s *Store) Fatal() <-chan struct{} { return s.fatal }

// Err is nil while the store works, and an ErrHalted or ErrClosed after.
func (s *Store) Err() error {
	if err := s.halted.load(); err != nil {
		return fmt.Errorf("%w: %w", ErrHalted, err)
	}
	select {
	case <-s.closing:
		return ErrClosed
	default:
		return nil
	}
}

// stop ends Raft: whoever waits is served or given up, leadership handed on.
func (s *Store) stop() {
	s.stopOnce.Do(func() {
		drained := s.inflight.close()
		select {
		case <-drained:
		case <-time.After(s.config.CloseTimeout):
			s.logger.Warn("calls in flight given up")
		}
		if s.raft != nil {
			s.handOver()
		}
		close(s.closing)
		s.cancel()
		var stopped raft.Future
		if s.raft != nil {
			stopped = s.raft.Shutdown()
		}
		// Connections are closed first: a snapshot on its way would hold up the
		// library's goroutines.
		if t, ok := s.transport.(raft.WithClose); ok {
			if err := t.Close(); err != nil {
				s.logger.Debug("transport closed badly", "error", err)
			}
		}
		if stopped != nil {
			if err := stopped.Error(); err != nil {
				s.logger.Warn("raft stopped badly", "error", err)
			}
		}
		s.progress.update(func(*progress) {}) // wake those who wait
		s.leadership.update(func(l *leadership) { *l = leadership{} })
	})
}

// Close stops the node, makes its state durable and releases the directory. A
// leader first hands over to another voter if there is one. Calls in flight are
// given CloseTimeout. Views stay valid until they are closed, and should be
// before the directory is opened again. Close is idempotent.
func (s *Store) Close() error {
	s.closeOnce.Do(func() {
		s.stop()
		s.owned.Wait()
		var errs []error
		if in := s.snapshots.takeReceived(); in != nil {
			errs = append(errs, in.discard())
		}
		if db := s.databases.set(nil); db != nil {
			errs = append(errs, db.pebble.Flush(), db.release())
		}
		if s.metrics != nil {
			s.metrics.unregister()
		}
		if s.bolt != nil {
			errs = append(errs, s.bolt.Close())
		}
		if err := errors.Join(errs...); err != nil {
			s.closeErr = fmt.Errorf("close store: %w", err)
		}
	})
	return s.closeErr
}
