package raftstore

import (
	"context"
	"time"

	"github.com/hashicorp/raft"
)

// leadership is what this node knows of it. Every change, also of another
// node's, is an update.
type leadership struct {
	leads bool // this node was elected and has not lost it
	// ready is the term in which this leader has committed an entry, applied
	// everything before it, and seen the cluster's identity; 0 if none.
	ready uint64
}

// Leader returns the node that leads as far as this node knows; id and addr are
// empty when none is known. isSelf says that it is this node.
func (s *Store) Leader() (id, addr string, isSelf bool) {
	a, i := s.raft.LeaderWithID()
	return string(i), string(a), string(i) == s.config.NodeID && s.leads()
}

// LeaderChange returns a channel that is closed when leadership next changes,
// as far as this node notices. Take it before asking Leader.
func (s *Store) LeaderChange() <-chan struct{} {
	_, changed := s.leadership.wait()
	return changed
}

func (s *Store) leads() bool {
	return s.raft != nil && s.raft.State() == raft.Leader
}

// Ready waits until the cluster's identity is applied here and a leader is
// known; on the leader itself, until it serves.
func (s *Store) Ready(ctx context.Context) error {
	for {
		p, applied := s.progress.wait()
		l, changed := s.leadership.wait()
		if err := s.Err(); err != nil {
			return err
		}
		id, _, self := s.Leader()
		if p.state.ClusterID != "" && id != "" && (!self || l.ready == s.raft.CurrentTerm()) {
			return nil
		}
		select {
		case <-applied:
		case <-changed:
		case <-s.fatal:
		case <-s.closing:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// watchLeadership ends when the store's context does.
func (s *Store) watchLeadership(changes <-chan raft.Observation) {
	defer s.owned.Done()
	resign := func() {}
	defer func() { resign() }()
	for {
		select {
		case <-changes:
			s.leadership.update(func(*leadership) {})
		case leads := <-s.notify:
			resign()
			s.leadership.update(func(l *leadership) { *l = leadership{leads: leads} })
			if leads {
				resign = s.reign()
			}
		case <-s.ctx.Done():
			return
		}
	}
}

// reign starts the goroutine that makes a fresh leader ready, and returns the
// function that ends it and waits.
func (s *Store) reign() (resign func()) {
	ctx, cancel := context.WithCancel(s.ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			term := s.raft.CurrentTerm()
			err := s.takeOffice(ctx)
			if err == nil && s.raft.CurrentTerm() == term && s.leads() {
				s.leadership.update(func(l *leadership) { l.ready = term })
				return
			}
			s.logger.Debug("leader not ready yet", "error", err)
			select {
			case <-time.After(s.config.HeartbeatTimeout / 10):
			case <-ctx.Done():
			}
		}
	}()
	return func() {
		cancel()
		<-done
	}
}

// takeOffice commits an entry in this term and gives a new cluster its identity.
func (s *Store) takeOffice(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.config.ApplyTimeout)
	defer cancel()
	if err := s.barrier(ctx); err != nil {
		return err
	}
	if s.ClusterID() != "" {
		return nil
	}
	id := s.config.ClusterID
	if id == "" {
		id = newClusterID()
	}
	_, _, err := s.propose(ctx, encodeIdentity(1, id))
	return err
}

// handOver passes leadership on, so that the others need not notice by timeout.
func (s *Store) handOver() {
	if !s.leads() || s.soleVoter() {
		return
	}
	done := make(chan error, 1)
	go func() { done <- s.raft.LeadershipTransfer().Error() }() // ends at the latest with Raft
	select {
	case err := <-done:
		if err != nil {
			s.logger.Info("leadership not handed over", "error", err)
		}
	case <-time.After(2 * s.config.ElectionTimeout):
		s.logger.Info("leadership not handed over in time")
	}
}
