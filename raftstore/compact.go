package raftstore

import (
	"context"
	"errors"

	"github.com/hashicorp/raft"
)

// Snapshot makes the state durable and lets the log be truncated now. It is
// cheap: it flushes and copies nothing. With nothing new it does nothing.
func (s *Store) Snapshot(ctx context.Context) error {
	return s.await(ctx, s.takeSnapshot)
}

func (s *Store) takeSnapshot() error {
	err := s.raft.Snapshot().Error()
	if errors.Is(err, raft.ErrNothingNewToSnapshot) {
		return nil
	}
	return readFromRaft(err)
}

// requestSnapshot asks for a snapshot without waiting.
func (s *Store) requestSnapshot() {
	select {
	case s.snapshot <- struct{}{}:
	default: // one is asked for already
	}
}

// compact takes the snapshots that are due by size; those due by number of
// entries the library takes itself. It ends with the store's context.
func (s *Store) compact() {
	defer s.owned.Done()
	for {
		select {
		case <-s.snapshot:
			if err := s.takeSnapshot(); err != nil && s.ctx.Err() == nil {
				s.logger.Warn("snapshot failed", "error", err)
			}
		case <-s.ctx.Done():
			return
		}
	}
}

// minTrailing is how many entries stay in the log however large they are.
const minTrailing = 64

// tuneTrailing keeps what stays in the log within Config.TrailingBytes. The
// library counts entries only, and asks again at each truncation.
func (s *Store) tuneTrailing() {
	select {
	case <-s.started:
	default:
		return
	}
	mean := s.log.meanSize()
	if mean == 0 {
		return
	}
	trailing := min(s.config.TrailingLogs, max(minTrailing, uint64(float64(s.config.TrailingBytes)/mean)))
	reload := s.raft.ReloadableConfig()
	if reload.TrailingLogs == trailing {
		return
	}
	reload.TrailingLogs = trailing
	if err := s.raft.ReloadConfig(reload); err != nil {
		s.logger.Warn("trailing logs not changed", "error", err)
	}
}

// Status is what operators want to know of a node.
type Status struct {
	NodeID, ClusterID string
	Epoch             uint32
	State             string // "Follower", "Candidate", "Leader" or "Shutdown"
	Term              uint64
	Leader            Peer // empty when none is known
	Applied           uint64
	Committed         uint64
	FirstLog, LastLog uint64 // what the log holds
	Members           []Member
	Err               error // why the store does not work; nil when it does
}

// Status returns the node's status.
func (s *Store) Status() Status {
	id, addr, _ := s.Leader()
	p := s.progress.load()
	st := Status{
		NodeID: s.config.NodeID, ClusterID: p.state.ClusterID, Epoch: p.state.Epoch,
		State: s.raft.State().String(), Term: s.raft.CurrentTerm(), Leader: Peer{id, addr},
		Applied: p.state.Index, Committed: s.raft.CommitIndex(), Members: s.Members(), Err: s.Err(),
	}
	// Bolt answers with an error after Close; the fields are 0 then.
	st.FirstLog, _ = s.log.FirstIndex()
	st.LastLog, _ = s.log.LastIndex()
	return st
}
