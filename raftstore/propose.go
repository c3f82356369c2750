package raftstore

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

// Apply proposes a command and waits until it is applied here. It returns what
// the state machine answered and the entry's index. data is copied.
//
// Errors: ErrNotLeader, ErrTooLarge, ErrClosed and ErrHalted say that nothing
// was proposed, as does a context error without ErrOutcomeUnknown. With
// ErrOutcomeUnknown the command may be committed, now or later. Apply never
// waits longer than Config.ApplyTimeout.
func (s *Store) Apply(ctx context.Context, data []byte) (result any, index uint64, err error) {
	if len(data) > MaxEntrySize {
		return nil, 0, fmt.Errorf("%w: %d of at most %d bytes", ErrTooLarge, len(data), MaxEntrySize)
	}
	ctx, cancel := context.WithTimeout(ctx, s.config.ApplyTimeout)
	defer cancel()
	if _, err := s.serving(ctx); err != nil {
		return nil, 0, err
	}
	command := append(make([]byte, 0, 1+len(data)), kindCommand)
	return s.propose(ctx, append(command, data...))
}

// propose puts one entry into the log. The context has a deadline.
func (s *Store) propose(ctx context.Context, entry []byte) (result any, index uint64, err error) {
	type answer struct {
		result any
		index  uint64
		err    error
	}
	deadline, _ := ctx.Deadline()
	answered := make(chan answer, 1)
	if err := s.background(func() {
		f := s.raft.Apply(entry, max(time.Until(deadline), time.Nanosecond))
		if err := f.Error(); err != nil {
			answered <- answer{err: fromRaft(err)}
			return
		}
		out, _ := f.Response().(outcome)
		answered <- answer{out.result, f.Index(), out.err}
	}); err != nil {
		return nil, 0, err
	}
	select {
	case a := <-answered:
		return a.result, a.index, a.err
	case <-ctx.Done():
		return nil, 0, fmt.Errorf("%w: %w", ErrOutcomeUnknown, ctx.Err())
	case <-s.closing:
		return nil, 0, fmt.Errorf("%w: %w", ErrOutcomeUnknown, ErrClosed)
	}
}

// background runs a call of the Raft library that waits for a future. A future
// can be forgotten by the library at shutdown, so nobody waits for it in the
// foreground, and stop lets those in flight finish first.
func (s *Store) background(call func()) error {
	if err := s.Err(); err != nil {
		return err
	}
	if !s.inflight.enter() {
		return ErrClosed
	}
	go func() {
		defer s.inflight.leave()
		call()
	}()
	return nil
}

// await waits for what the call answers, no longer than ctx and the store.
func (s *Store) await(ctx context.Context, call func() error) error {
	answered := make(chan error, 1)
	if err := s.background(func() { answered <- call() }); err != nil {
		return err
	}
	select {
	case err := <-answered:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closing:
		return ErrClosed
	}
}

// serving waits until this leader is ready and returns the term in which it is.
func (s *Store) serving(ctx context.Context) (term uint64, err error) {
	for {
		if err := s.Err(); err != nil {
			return 0, err
		}
		if !s.leads() {
			return 0, ErrNotLeader
		}
		term := s.raft.CurrentTerm()
		if s.leadership.load().ready == term {
			return term, nil
		}
		l, changed := s.leadership.wait()
		if l.ready == term {
			return term, nil
		}
		select {
		case <-changed:
		case <-s.fatal:
		case <-s.closing:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// ReadIndex is the barrier of a linearizable read: when it returns nil, a View
// opened afterwards shows every command that was committed before the call. It
// writes nothing to the log. The steps are rqlite's: a commit in this term, the
// commit index, a quorum that still follows, the same term, and then that index
// applied.
func (s *Store) ReadIndex(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.config.ApplyTimeout)
	defer cancel()
	term, err := s.serving(ctx)
	if err != nil {
		return err
	}
	index := s.raft.CommitIndex()
	if err := s.await(ctx, func() error { return readFromRaft(s.raft.VerifyLeader().Error()) }); err != nil {
		return err
	}
	if s.raft.CurrentTerm() != term {
		return ErrNotLeader
	}
	return s.waitSettled(ctx, term, index)
}

// waitSettled waits until everything up to index is applied or without effect:
// the commit index may be an entry that the state machine never sees, in which
// case a barrier of this term stands behind it.
func (s *Store) waitSettled(ctx context.Context, term, index uint64) error {
	for {
		p, changed := s.progress.wait()
		if p.settled >= index {
			return nil
		}
		if err := s.Err(); err != nil {
			return err
		}
		if s.raft.CurrentTerm() != term {
			return ErrNotLeader
		}
		select {
		case <-changed:
		case <-s.LeaderChange():
		case <-s.fatal:
		case <-s.closing:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Barrier waits until every command proposed before it is applied here. Only
// the leader can.
func (s *Store) Barrier(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.config.ApplyTimeout)
	defer cancel()
	return s.barrier(ctx)
}

// barrier settles the library's own entries, which the state machine never sees.
func (s *Store) barrier(ctx context.Context) error {
	deadline, _ := ctx.Deadline()
	return s.await(ctx, func() error {
		f := s.raft.Barrier(max(time.Until(deadline), time.Nanosecond))
		if err := f.Error(); err != nil {
			return readFromRaft(err)
		}
		if at, ok := f.(raft.IndexFuture); ok {
			s.progress.update(func(p *progress) { p.settled = max(p.settled, at.Index()) })
		}
		return nil
	})
}

// Applied is the index of the newest entry the local state contains. Entries of
// the Raft library itself are not counted, except membership changes.
func (s *Store) Applied() uint64 { return s.progress.load().state.Index }

// Next waits until an entry after the given index is applied here and returns
// the newest index then.
func (s *Store) Next(ctx context.Context, after uint64) (uint64, error) {
	for {
		p, changed := s.progress.wait()
		if err := s.Err(); err != nil {
			return p.state.Index, err
		}
		if p.state.Index > after {
			return p.state.Index, nil
		}
		select {
		case <-changed:
		case <-s.fatal:
		case <-s.closing:
		case <-ctx.Done():
			return p.state.Index, ctx.Err()
		}
	}
}

// WaitApplied waits until the entry at index, as Apply or Applied returned it on
// any node, is applied here.
func (s *Store) WaitApplied(ctx context.Context, index uint64) error {
	if index == 0 {
		return s.Err()
	}
	_, err := s.Next(ctx, index-1)
	return err
}

// ClusterID is the id of the cluster; empty until a joining node has learnt it.
func (s *Store) ClusterID() string { return s.progress.load().state.ClusterID }

// Epoch grows when a cluster is restored or recovered; 0 until a joining node
// has learnt it.
func (s *Store) Epoch() uint32 { return s.progress.load().state.Epoch }
