package raftstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
	raftboltdb "github.com/hashicorp/raft-boltdb/v2"
)

func (s *Store) startRaft() (err error) {
	defer close(s.started)
	if s.transport == nil {
		stream, err := listen(s.config.Bind, s.config.Advertise)
		if err != nil {
			return err
		}
		s.transport = s.newTransport(stream)
	}
	config := s.raftConfig()
	if len(s.config.Bootstrap) > 0 {
		if err := s.bootstrap(config); err != nil {
			return fmt.Errorf("bootstrap: %w", err)
		}
	}
	if s.raft, err = raft.NewRaft(config, s.fsm, s.log, s.bolt, s.snapshots, s.transport); err != nil {
		return fmt.Errorf("start raft: %w", err)
	}
	changes := make(chan raft.Observation, 1)
	s.raft.RegisterObserver(raft.NewObserver(changes, false, func(o *raft.Observation) bool {
		_, ok := o.Data.(raft.LeaderObservation)
		return ok
	}))
	s.owned.Add(2)
	go s.watchLeadership(changes)
	go s.compact()
	return nil
}

func (s *Store) raftConfig() *raft.Config {
	config := raft.DefaultConfig()
	config.LocalID = raft.ServerID(s.config.NodeID)
	config.Logger = s.raftLog
	// One millisecond more than asked for: hurry makes use of it.
	config.HeartbeatTimeout = s.config.HeartbeatTimeout + time.Millisecond
	config.ElectionTimeout = max(s.config.ElectionTimeout, config.HeartbeatTimeout)
	config.LeaderLeaseTimeout = s.config.LeaderLeaseTimeout
	config.TrailingLogs = s.config.TrailingLogs
	config.SnapshotInterval = s.config.SnapshotInterval
	config.SnapshotThreshold = s.config.SnapshotThreshold
	config.NotifyCh = s.notify
	// The state is its own snapshot, and as durable as one.
	config.NoSnapshotRestoreOnStart = true
	config.NoLegacyTelemetry = true
	// A node that was removed must not become a cluster of its own, nor vanish.
	config.ShutdownOnRemove = false
	// Proposals already meet in one commit when they wait on the unbuffered
	// channel; a buffered one leaves futures hanging at shutdown.
	config.BatchApplyCh = false
	return config
}

func (s *Store) bootstrap(config *raft.Config) error {
	var voters raft.Configuration
	for _, p := range s.config.Bootstrap {
		voters.Servers = append(voters.Servers, raft.Server{
			Suffrage: raft.Voter, ID: raft.ServerID(p.ID), Address: raft.ServerAddress(p.Address),
		})
	}
	try := func() error {
		return raft.BootstrapCluster(config, s.log, s.bolt, s.snapshots, s.transport, voters)
	}
	err := try()
	if !errors.Is(err, raft.ErrCantBootstrap) {
		return err
	}
	// The library writes the term before the log: a crash between the two
	// leaves a term and nothing else, with which no node could ever start.
	last, err := s.log.LastIndex()
	if err != nil || last > 0 || s.fsm.position().Index > 0 || s.mark != (mark{}) {
		return err
	}
	if _, err := s.bolt.GetUint64([]byte("LastVoteTerm")); !errors.Is(err, raftboltdb.ErrKeyNotFound) {
		return err
	}
	if term, err := s.bolt.GetUint64([]byte("CurrentTerm")); err != nil || term != 1 {
		return err
	}
	if err := s.bolt.SetUint64([]byte("CurrentTerm"), 0); err != nil {
		return err
	}
	return try()
}

// soleVoter says whether this node alone elects itself.
func (s *Store) soleVoter() bool {
	voters, self := 0, false
	for _, m := range s.raft.GetConfiguration().Configuration().Servers {
		if m.Suffrage == raft.Voter {
			voters++
			self = self || string(m.ID) == s.config.NodeID
		}
	}
	return voters == 1 && self
}

// hurry makes a sole voter stand for election at once, and waits until it
// serves. Lowering the heartbeat timeout makes the library look at it
// immediately, and this node has not heard from any leader.
func (s *Store) hurry(ctx context.Context) error {
	s.raftLog.quiet.Store(true) // no leader to be heard of: as expected
	defer s.raftLog.quiet.Store(false)
	reload := s.raft.ReloadableConfig()
	reload.HeartbeatTimeout = s.config.HeartbeatTimeout
	reload.ElectionTimeout = s.config.ElectionTimeout
	if err := s.raft.ReloadConfig(reload); err != nil {
		return fmt.Errorf("hurry election: %w", err)
	}
	return s.Ready(ctx)
}
