package raftstore

import (
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/hashicorp/raft"
	"github.com/prometheus/client_golang/prometheus"
)

const (
	// SuggestedEntrySize is the size in bytes below which callers should
	// keep one command: larger ones delay heartbeats. The value is
	// hashicorp/raft's SuggestedMaxDataSize.
	SuggestedEntrySize = raft.SuggestedMaxDataSize
	// MaxEntrySize is the hard limit in bytes of one command; Apply refuses
	// larger ones with ErrTooLarge.
	MaxEntrySize = 1 << 20
	// maxClusterID is the limit in bytes of a cluster id; its length is one
	// byte on disk. Changing this breaks compatibility.
	maxClusterID = 64
)

// Peer is one voter of a new cluster.
type Peer struct {
	ID      string // the node's id, unique for all time
	Address string // where its Raft transport is reached
}

// Config says how a Store is opened. Zero values mean the documented default.
type Config struct {
	// Dir holds everything the store keeps: raft.db and state/. It is made
	// when missing. Required.
	Dir string
	// NodeID names this node in the cluster. It is kept in Dir, and a
	// directory of another node is refused. A node whose directory was
	// wiped needs a new id, because it has forgotten its votes. Required.
	NodeID string

	// Bind is the TCP address the Raft transport listens on, "host:port".
	// Ignored when Stream or Transport is set.
	Bind string
	// Advertise is the address other nodes are told; empty means Bind (with
	// the port the listener was given).
	Advertise string
	// Stream replaces plain TCP below Raft's own framing: this is where TLS
	// goes. The store owns it from Open on.
	Stream raft.StreamLayer
	// Transport replaces the whole transport, for tests and in-process
	// clusters. The store owns it from Open on.
	Transport raft.Transport

	// Bootstrap is the exact set of voters of a new cluster, the same on each
	// of them. It is ignored when Dir already belongs to a cluster. Empty
	// means that the node waits until a leader adds it.
	Bootstrap []Peer
	// ClusterID is the id this directory's cluster must have. A new cluster
	// takes it as its own; when empty a random one is made.
	ClusterID string

	// StateMachine applies the entries. Required.
	StateMachine StateMachine
	// Logger receives what the store has to say; nil discards.
	Logger *slog.Logger
	// Registerer receives the metrics; nil means none. They are taken back
	// by Close.
	Registerer prometheus.Registerer

	// HeartbeatTimeout is how long a follower waits for a leader before it
	// stands for election. Default 500 ms.
	HeartbeatTimeout time.Duration
	// ElectionTimeout is how long a candidate waits for votes. At least
	// HeartbeatTimeout, which is the default.
	ElectionTimeout time.Duration
	// LeaderLeaseTimeout is how long a leader stays one without hearing from
	// a quorum. At most HeartbeatTimeout; default half of it.
	LeaderLeaseTimeout time.Duration
	// ApplyTimeout bounds Apply, ReadIndex, Barrier and membership changes
	// whatever their context allows. Default 10 s.
	ApplyTimeout time.Duration
	// CloseTimeout bounds how long Close waits for commands in flight.
	// Default 5 s.
	CloseTimeout time.Duration

	// TrailingLogs is the largest number of entries kept in the log after a
	// snapshot, so that a follower can catch up without one. It should cover
	// the seconds a restore takes times entries per second. Default 100,000.
	TrailingLogs uint64
	// TrailingBytes bounds the same by size: fewer entries are kept when,
	// by their recent mean size, TrailingLogs of them would take more.
	// Default 256 MiB.
	TrailingBytes int64
	// SnapshotThreshold is how many entries after the last snapshot make
	// the next one due. Default 8,192.
	SnapshotThreshold uint64
	// SnapshotBytes makes a snapshot due by the size of the entries applied
	// since the last one. Default 256 MiB.
	SnapshotBytes int64
	// SnapshotInterval is how often SnapshotThreshold is looked at.
	// Default 30 s.
	SnapshotInterval time.Duration

	// MemTableSize is the size in bytes of a Pebble memtable. Default 64 MiB.
	MemTableSize uint64
	// CacheSize is the size in bytes of Pebble's cache, memtables included.
	// Default 128 MiB.
	CacheSize int64
	// LogCacheSize bounds in bytes the recent entries kept in memory for
	// followers. Default 32 MiB.
	LogCacheSize int64
}

func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	orDuration(&c.HeartbeatTimeout, 500*time.Millisecond)
	orDuration(&c.ElectionTimeout, c.HeartbeatTimeout)
	orDuration(&c.LeaderLeaseTimeout, c.HeartbeatTimeout/2)
	orDuration(&c.ApplyTimeout, 10*time.Second)
	orDuration(&c.CloseTimeout, 5*time.Second)
	orDuration(&c.SnapshotInterval, 30*time.Second)
	if c.TrailingLogs == 0 {
		c.TrailingLogs = 100_000
	}
	if c.TrailingBytes == 0 {
		c.TrailingBytes = 256 << 20
	}
	if c.SnapshotThreshold == 0 {
		c.SnapshotThreshold = 8192
	}
	if c.SnapshotBytes == 0 {
		c.SnapshotBytes = 256 << 20
	}
	if c.MemTableSize == 0 {
		c.MemTableSize = 64 << 20
	}
	if c.CacheSize == 0 {
		c.CacheSize = 128 << 20
	}
	if c.LogCacheSize == 0 {
		c.LogCacheSize = 32 << 20
	}
	return c
}

func orDuration(d *time.Duration, value time.Duration) {
	if *d == 0 {
		*d = value
	}
}

func (c Config) validate() error {
	switch {
	case c.Dir == "":
		return errors.New("config: no directory")
	case c.NodeID == "":
		return errors.New("config: no node id")
	case c.StateMachine == nil:
		return errors.New("config: no state machine")
	case c.Bind == "" && c.Stream == nil && c.Transport == nil:
		return errors.New("config: neither bind address, stream nor transport")
	case len(c.ClusterID) > maxClusterID:
		return fmt.Errorf("config: cluster id is longer than %d bytes", maxClusterID)
	case c.ElectionTimeout < c.HeartbeatTimeout:
		return errors.New("config: election timeout is shorter than heartbeat timeout")
	case c.LeaderLeaseTimeout > c.HeartbeatTimeout:
		return errors.New("config: leader lease is longer than heartbeat timeout")
	case c.TrailingBytes < 0, c.SnapshotBytes < 0, c.CacheSize < 0, c.LogCacheSize < 0,
		c.ApplyTimeout < 0, c.CloseTimeout < 0:
		return errors.New("config: negative size or time")
	}
	return validatePeers(c.Bootstrap, c.NodeID)
}

func validatePeers(peers []Peer, self string) error {
	ids, addresses := map[string]bool{}, map[string]bool{}
	for _, p := range peers {
		if p.ID == "" || p.Address == "" {
			return errors.New("config: bootstrap peer without id or address")
		}
		if ids[p.ID] || addresses[p.Address] {
			return fmt.Errorf("config: bootstrap peer %s (%s) is named twice", p.ID, p.Address)
		}
		ids[p.ID], addresses[p.Address] = true, true
	}
	if len(peers) > 0 && !ids[self] {
		return fmt.Errorf("config: node %s is not among the bootstrap peers", self)
	}
	return nil
}
