package raftstore_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"suodi/raftstore"
)

// cluster is a set of stores in one process.
type cluster struct {
	t      testing.TB
	names  []string
	dirs   map[string]string
	nets   map[string]*raft.InmemTransport
	stores map[string]*raftstore.Store
	change func(*raftstore.Config)
}

// newCluster makes a cluster of n voters. It is closed with the test.
func newCluster(t testing.TB, n int, change func(*raftstore.Config)) *cluster {
	checkGoroutines(t)
	c := &cluster{
		t: t, dirs: map[string]string{}, nets: map[string]*raft.InmemTransport{},
		stores: map[string]*raftstore.Store{}, change: change,
	}
	var peers []raftstore.Peer
	for i := range n {
		name := fmt.Sprintf("n%d", i+1)
		c.names = append(c.names, name)
		peers = append(peers, raftstore.Peer{ID: name, Address: name})
	}
	for _, name := range c.names {
		c.start(name, peers)
	}
	t.Cleanup(func() { // the leader last: it would hand over to a node about to go
		for range c.stores {
			for name, s := range c.stores {
				if _, _, leads := s.Leader(); !leads || len(c.stores) == 1 {
					c.stop(name)
				}
			}
		}
		for name := range c.stores {
			c.stop(name)
		}
	})
	return c
}

// start opens a node, new or again, connected to all others.
func (c *cluster) start(name string, bootstrap []raftstore.Peer) *raftstore.Store {
	c.t.Helper()
	if c.dirs[name] == "" {
		c.dirs[name] = c.t.TempDir()
	}
	config := testConfig(c.t, c.dirs[name])
	_, net := raft.NewInmemTransportWithTimeout(raft.ServerAddress(name), 2*time.Second)
	config.NodeID, config.Transport, config.Bootstrap = name, net, bootstrap
	config.HeartbeatTimeout = 300 * time.Millisecond
	if c.change != nil {
		c.change(&config)
	}
	c.nets[name] = net
	c.connect(name)
	s, err := raftstore.Open(c.t.Context(), config)
	if err != nil {
		c.t.Fatal(err)
	}
	c.stores[name] = s
	return s
}

func (c *cluster) connect(name string) {
	for other, net := range c.nets {
		if other != name {
			net.Connect(raft.ServerAddress(name), c.nets[name])
			c.nets[name].Connect(raft.ServerAddress(other), net)
		}
	}
}

func (c *cluster) disconnect(name string) {
	c.nets[name].DisconnectAll()
	for other, net := range c.nets {
		if other != name {
			net.Disconnect(raft.ServerAddress(name))
		}
	}
}

func (c *cluster) stop(name string) {
	c.t.Helper()
	closeStore(c.t, c.stores[name])
	delete(c.stores, name)
	delete(c.nets, name)
	for _, net := range c.nets {
		net.Disconnect(raft.ServerAddress(name))
	}
}

// leader waits for a store that leads and serves, other than not.
func (c *cluster) leader(not string) *raftstore.Store {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 20*time.Second)
	defer cancel()
	found := make(chan *raftstore.Store, len(c.stores))
	var wg sync.WaitGroup
	for name, s := range c.stores {
		if name == not {
			continue
		}
		wg.Go(func() {
			for ctx.Err() == nil {
				changed := s.LeaderChange()
				if s.ReadIndex(ctx) == nil {
					found <- s
					return
				}
				select {
				case <-changed:
				case <-ctx.Done():
				}
			}
		})
	}
	defer wg.Wait()
	defer cancel()
	select {
	case s := <-found:
		return s
	case <-ctx.Done():
		c.t.Fatal("no leader")
		return nil
	}
}

// equal waits until the store has what the leader has, and compares.
func (c *cluster) equal(leader, s *raftstore.Store) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 30*time.Second)
	defer cancel()
	if err := s.WaitApplied(ctx, leader.Applied()); err != nil {
		c.t.Fatalf("waiting for %d at %d: %v", leader.Applied(), s.Applied(), err)
	}
	if a, b := dump(c.t, leader), dump(c.t, s); !maps.Equal(a, b) {
		c.t.Fatalf("states differ: %d and %d keys", len(a), len(b))
	}
	if a, b := leader.ClusterID(), s.ClusterID(); a != b || a == "" {
		c.t.Fatalf("cluster ids %q and %q", a, b)
	}
}

func nameOf(s *raftstore.Store) string { return s.Status().NodeID }

func TestThreeNodes(t *testing.T) {
	c := newCluster(t, 3, nil)
	leader := c.leader("")
	for i := range 50 {
		apply(t, leader, "set k%d v%d", i, i)
	}
	for _, s := range c.stores {
		if err := s.Ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.equal(leader, s)
		if s == leader {
			continue
		}
		if _, _, err := s.Apply(t.Context(), []byte("set a 1")); !errors.Is(err, raftstore.ErrNotLeader) {
			t.Errorf("apply at a follower: %v", err)
		}
		if err := s.ReadIndex(t.Context()); !errors.Is(err, raftstore.ErrNotLeader) {
			t.Errorf("read index at a follower: %v", err)
		}
		if id, _, self := s.Leader(); id != nameOf(leader) || self {
			t.Errorf("leader is %q (self %v), want %q", id, self, nameOf(leader))
		}
	}
	// A leader that closes hands over; the others go on, and it comes back.
	name := nameOf(leader)
	c.stop(name)
	next := c.leader("")
	apply(t, next, "set after close")
	c.equal(next, c.start(name, nil))
}

func TestLostLeadershipIsUnknown(t *testing.T) {
	c := newCluster(t, 3, nil)
	old := c.leader("")
	apply(t, old, "set a 1")
	c.disconnect(nameOf(old))
	_, _, err := old.Apply(t.Context(), []byte("set a lost"))
	if !errors.Is(err, raftstore.ErrOutcomeUnknown) {
		t.Errorf("apply without a quorum: %v", err)
	}
	if err := old.ReadIndex(t.Context()); !errors.Is(err, raftstore.ErrNotLeader) {
		t.Errorf("read index without a quorum: %v", err)
	}
	leader := c.leader(nameOf(old))
	apply(t, leader, "set a 2")
	c.connect(nameOf(old))
	c.equal(leader, old)
}

func TestLateJoinerGetsSnapshot(t *testing.T) {
	tests := []struct {
		name string
		tcp  bool
	}{{"in memory", false}, {"tcp", true}}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			checkGoroutines(t)
			config := func(name string) raftstore.Config {
				c := testConfig(t, t.TempDir())
				c.NodeID, c.TrailingLogs = name, 10
				if test.tcp {
					c.Transport, c.Bind, c.Bootstrap = nil, "127.0.0.1:0", nil
				}
				return c
			}
			leaderConfig := config("n1")
			if test.tcp { // the port must be known before
				leaderConfig.Bind = freePort(t)
				leaderConfig.Bootstrap = []raftstore.Peer{{ID: "n1", Address: leaderConfig.Bind}}
			}
			leader := open(t, leaderConfig)
			for i := range 300 {
				apply(t, leader, "set k%d %0500d", i, i)
			}
			if err := leader.Snapshot(t.Context()); err != nil {
				t.Fatal(err)
			}
			if st := leader.Status(); st.FirstLog < 200 {
				t.Fatalf("log begins at %d", st.FirstLog)
			}
			apply(t, leader, "set after snapshot")

			joinerConfig := config("n2")
			joinerConfig.Bootstrap = nil
			address := raft.ServerAddress("joiner")
			if test.tcp {
				joinerConfig.Bind = freePort(t)
				address = raft.ServerAddress(joinerConfig.Bind)
			} else {
				_, net := raft.NewInmemTransportWithTimeout(address, 2*time.Second)
				net.Connect(raft.ServerAddress(t.Name()), leaderConfig.Transport)
				leaderConfig.Transport.(*raft.InmemTransport).Connect(address, net)
				joinerConfig.Transport = net
			}
			machine := &kv{}
			joinerConfig.StateMachine = machine
			joiner := open(t, joinerConfig)
			if joiner.ClusterID() != "" {
				t.Errorf("a joiner knows cluster %q", joiner.ClusterID())
			}
			before, err := joiner.View()
			if err != nil {
				t.Fatal(err)
			}
			if err := leader.AddNonvoter(t.Context(), raftstore.Peer{ID: "n2", Address: string(address)}); err != nil {
				t.Fatal(err)
			}
			if err := joiner.Ready(t.Context()); err != nil {
				t.Fatal(err)
			}
			c := &cluster{t: t}
			c.equal(leader, joiner)
			if n := machine.applied.Load(); n > 20 {
				t.Errorf("%d entries were replayed instead of a snapshot", n)
			}
			// What was opened before the state was replaced is still readable.
			for item, err := range before.Scan(nil, nil) {
				t.Errorf("%q %v in the empty view", item.Key, err)
			}
			if before.Applied() != 0 {
				t.Errorf("empty view at %d", before.Applied())
			}
			if err := before.Close(); err != nil {
				t.Error(err)
			}
			apply(t, leader, "set last one")
			c.equal(leader, joiner)
			// And it restarts from what was installed.
			closeStore(t, joiner)
			if folders := glob(t, joinerConfig.Dir, "state/*"); len(folders) != 2 {
				t.Errorf("state holds %v", folders)
			}
			again := joinerConfig
			if !test.tcp {
				_, net := raft.NewInmemTransportWithTimeout(address, 2*time.Second)
				net.Connect(raft.ServerAddress(t.Name()), leaderConfig.Transport)
				leaderConfig.Transport.(*raft.InmemTransport).Connect(address, net)
				again.Transport = net
			}
			joiner = open(t, again)
			apply(t, leader, "set restarted yes")
			c.equal(leader, joiner)
			if members := joiner.Members(); len(members) != 2 || members[1].Voter || members[1].ID != "n2" {
				t.Errorf("members %v", members)
			}
			if err := leader.AddVoter(t.Context(), raftstore.Peer{ID: "n2", Address: string(address)}); err != nil {
				t.Error(err)
			}
			if err := leader.Remove(t.Context(), "n2"); err != nil {
				t.Error(err)
			}
			if members := leader.Members(); len(members) != 1 {
				t.Errorf("members %v", members)
			}
		})
	}
}

// TestDivergedFollowerGetsSnapshot is the livelock of hashicorp/raft#697: a
// follower whose log has entries that were never committed, behind a leader
// whose log begins after them.
func TestDivergedFollowerGetsSnapshot(t *testing.T) {
	c := newCluster(t, 3, func(c *raftstore.Config) { c.TrailingLogs = 1 })
	old := c.leader("")
	name := nameOf(old)
	apply(t, old, "set a 1")
	c.disconnect(name)
	// The old leader's log grows by entries that nobody else will have.
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() { _, _, _ = old.Apply(t.Context(), fmt.Appendf(nil, "set lost %d", i)) })
	}
	wg.Wait()
	diverged := old.Raft().LastIndex()
	leader := c.leader(name)
	for i := range 4 { // the snapshot is in the middle of the diverged tail
		apply(t, leader, "set k%d v", i)
	}
	for other, s := range c.stores {
		if other != name {
			c.equal(leader, s)
			if err := s.Snapshot(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
	st := leader.Status()
	t.Logf("the diverged log ends at %d, the leader's is %d to %d", diverged, st.FirstLog, st.LastLog)
	if st.FirstLog <= 3 || st.LastLog >= diverged {
		t.Fatal("nothing diverged")
	}
	c.connect(name)
	apply(t, leader, "set b 2")
	c.equal(leader, old)
	apply(t, leader, "set c 3") // may take the place of what diverged
	c.equal(leader, old)
	if err := old.Err(); err != nil {
		t.Error(err)
	}
	// The log it has now is the leader's: a node that joins gets the same.
	first, err := old.Log().FirstIndex()
	if err != nil {
		t.Fatal(err)
	}
	for i := max(first, leader.Status().FirstLog); i <= leader.Status().LastLog; i++ {
		var a, b raft.Log
		if err := errors.Join(old.Log().GetLog(i, &a), leader.Log().GetLog(i, &b)); err != nil {
			t.Fatal(err)
		}
		if a.Term != b.Term {
			t.Errorf("entry %d has terms %d and %d", i, a.Term, b.Term)
		}
	}
}

// TestSnapshotsUnderLoad lets a follower fall behind and come back while the
// leader writes and truncates.
func TestSnapshotsUnderLoad(t *testing.T) {
	c := newCluster(t, 3, func(c *raftstore.Config) {
		c.TrailingLogs, c.SnapshotBytes, c.HeartbeatTimeout = 200, 30_000, time.Second
	})
	leader := c.leader("")
	behind := ""
	for name := range c.stores {
		if name != nameOf(leader) {
			behind = name
		}
	}
	c.stop(behind)
	for i := range 500 {
		apply(t, leader, "set k%d %0100d", i, i)
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-done:
				return
			default:
				apply(t, leader, "add n")
			}
		}
	})
	s := c.start(behind, nil)
	if err := s.WaitApplied(t.Context(), leader.Applied()); err != nil {
		t.Fatal(err)
	}
	close(done)
	wg.Wait()
	c.equal(leader, s)
}
