package raftstore

import (
	"context"
	"time"

	"github.com/hashicorp/raft"
)

// Member is one node of the cluster.
type Member struct {
	Peer
	Voter bool
}

// Members returns the newest configuration this node knows, committed or not.
func (s *Store) Members() []Member {
	var members []Member
	for _, m := range s.raft.GetConfiguration().Configuration().Servers {
		members = append(members, Member{Peer{string(m.ID), string(m.Address)}, m.Suffrage == raft.Voter})
	}
	return members
}

// AddNonvoter adds a node that receives everything and has no vote, or changes
// its address. Only the leader can.
func (s *Store) AddNonvoter(ctx context.Context, p Peer) error {
	return s.change(ctx, func(timeout time.Duration) raft.IndexFuture {
		return s.raft.AddNonvoter(raft.ServerID(p.ID), raft.ServerAddress(p.Address), 0, timeout)
	})
}

// AddVoter adds a voter or gives a non-voter its vote. Only the leader can; a
// node should have caught up as a non-voter first.
func (s *Store) AddVoter(ctx context.Context, p Peer) error {
	return s.change(ctx, func(timeout time.Duration) raft.IndexFuture {
		return s.raft.AddVoter(raft.ServerID(p.ID), raft.ServerAddress(p.Address), 0, timeout)
	})
}

// Remove takes a node out of the cluster. Only the leader can.
func (s *Store) Remove(ctx context.Context, id string) error {
	return s.change(ctx, func(timeout time.Duration) raft.IndexFuture {
		return s.raft.RemoveServer(raft.ServerID(id), 0, timeout)
	})
}

func (s *Store) change(ctx context.Context, request func(time.Duration) raft.IndexFuture) error {
	ctx, cancel := context.WithTimeout(ctx, s.config.ApplyTimeout)
	defer cancel()
	if _, err := s.serving(ctx); err != nil {
		return err
	}
	deadline, _ := ctx.Deadline()
	return s.await(ctx, func() error {
		return fromRaft(request(max(time.Until(deadline), time.Nanosecond)).Error())
	})
}
