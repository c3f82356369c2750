package raftstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/raft"
)

var (
	// ErrNotLeader says that this node does not lead; nothing was proposed. Ask the
	// node that Leader names.
	ErrNotLeader = errors.New("raftstore: not the leader")
	// ErrOutcomeUnknown says that the command was proposed, and may or may not be
	// committed. Only an idempotent retry is safe.
	ErrOutcomeUnknown = errors.New("raftstore: outcome unknown")
	// ErrTooLarge says that the command exceeds MaxEntrySize; nothing was proposed.
	ErrTooLarge = errors.New("raftstore: entry too large")
	// ErrClosed says that the store is closed or closing.
	ErrClosed = errors.New("raftstore: closed")
	// ErrHalted says that this node could not apply an entry or install a snapshot and
	// refuses everything. Err says why.
	ErrHalted = errors.New("raftstore: halted")
	// ErrGap says that state and log of the directory do not fit together; entries
	// would be missing without anybody noticing.
	ErrGap = errors.New("raftstore: gap between state and log")
	// ErrLocked says that another process (or another Store) uses the directory.
	ErrLocked = errors.New("raftstore: directory in use")
	// ErrWrongCluster says that a directory, entry or snapshot is of another cluster.
	ErrWrongCluster = errors.New("raftstore: wrong cluster")
	// ErrWrongNode says that the directory belongs to another node id.
	ErrWrongNode = errors.New("raftstore: wrong node")
	// ErrCorrupt says that a file is damaged or was not written by this package.
	ErrCorrupt = errors.New("raftstore: corrupt or foreign file")
)

// fromRaft is the one place where errors of the Raft library become ours. It
// is for calls that may have put an entry into the log: whatever does not
// surely mean "not proposed" is an unknown outcome.
func fromRaft(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return ErrNotLeader
	case errors.Is(err, raft.ErrEnqueueTimeout):
		return fmt.Errorf("raftstore: not proposed in time: %w", context.DeadlineExceeded)
	case errors.Is(err, raft.ErrRaftShutdown):
		return fmt.Errorf("%w: %w", ErrOutcomeUnknown, ErrClosed)
	default:
		return fmt.Errorf("%w: %w", ErrOutcomeUnknown, err)
	}
}

// readFromRaft is fromRaft for calls that change nothing.
func readFromRaft(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipLost),
		errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return ErrNotLeader
	case errors.Is(err, raft.ErrEnqueueTimeout):
		return context.DeadlineExceeded
	case errors.Is(err, raft.ErrRaftShutdown):
		return ErrClosed
	default:
		return err
	}
}
