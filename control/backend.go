package control

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/link"
	"suodi/control/state"
	"suodi/control/state/statepb"
	"suodi/raftstore"
)

// backend is the node as the API sees it.
type backend struct {
	store   *raftstore.Store
	feed    *feed.Server
	closing context.Context // ends all waits when the node closes
}

func (b *backend) Propose(ctx context.Context, command *statepb.Command) (*statepb.Result, error) {
	return propose(ctx, b.store, command)
}

// propose stamps a command with the time and commits it.
func propose(ctx context.Context, store *raftstore.Store, command *statepb.Command) (*statepb.Result, error) {
	command.Time = time.Now().UnixNano()
	data, err := proto.Marshal(command)
	if err != nil {
		return nil, fmt.Errorf("encode command: %w", err)
	}
	result, _, err := store.Apply(ctx, data)
	if err != nil {
		return nil, err
	}
	return result.(*statepb.Result), nil
}

func (b *backend) Read(ctx context.Context, stale bool, read func(raftstore.Reader) error) error {
	if !stale {
		if err := b.store.ReadIndex(ctx); err != nil {
			return err
		}
	}
	return view(b.store, func(v *raftstore.View) error { return read(v) })
}

// view calls read with a view of what this node has.
func view(store *raftstore.Store, read func(*raftstore.View) error) (err error) {
	v, err := store.View()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.Close()) }()
	return read(v)
}

func (b *backend) Edges() []feed.Edge { return b.feed.Edges() }

func (b *backend) Ask(ctx context.Context, edge string, ask *feedpb.Ask) (*feedpb.Answer, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(b.closing, cancel)()
	return b.feed.Ask(ctx, edge, ask)
}

func (b *backend) WaitEdges(ctx context.Context, revision link.Revision) []string {
	// A change that edges do not hear of is behind the last one that they do.
	err := view(b.store, func(v *raftstore.View) error {
		head, err := state.Head(v)
		if err == nil && head.Compare(revision) < 0 {
			revision = head
		}
		return err
	})
	if err != nil {
		return []string{"(unknown: " + err.Error() + ")"}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(b.closing, cancel)()
	return b.feed.WaitEdges(ctx, revision)
}

// source is the state as the feed sees it.
type source struct {
	store   *raftstore.Store
	closing context.Context // ends all waits when the node closes
}

func (s *source) ClusterID() string { return s.store.ClusterID() }

func (s *source) Now() time.Time { return time.Now() }

func (s *source) Head() (head link.Revision, err error) {
	err = view(s.store, func(v *raftstore.View) error {
		head, err = state.Head(v)
		return err
	})
	return head, err
}

func (s *source) Wait(ctx context.Context, after link.Revision) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.closing, cancel)()
	for {
		var head link.Revision
		var applied uint64
		err := view(s.store, func(v *raftstore.View) (err error) {
			head, err = state.Head(v)
			applied = v.Applied()
			return err
		})
		if err != nil || head.Compare(after) > 0 {
			return err
		}
		if _, err := s.store.Next(ctx, applied); err != nil {
			return err
		}
	}
}

func (s *source) Deltas(after link.Revision, yield func(*feedpb.Delta) bool) error {
	return view(s.store, func(v *raftstore.View) error { return state.Deltas(v, after, yield) })
}

func (s *source) Snapshot() (feed.Snapshot, error) {
	v, err := s.store.View()
	if err != nil {
		return nil, err
	}
	head, err := state.Head(v)
	if err != nil {
		return nil, errors.Join(err, v.Close())
	}
	return &snapshot{view: v, revision: head}, nil
}

// snapshot is a view as the feed sends it.
type snapshot struct {
	view     *raftstore.View
	revision link.Revision
}

func (s *snapshot) Revision() link.Revision { return s.revision }

func (s *snapshot) Bucket(number uint16, yield func(key, value []byte) bool) error {
	return state.Bucket(s.view, number, yield)
}

func (s *snapshot) Close() error { return s.view.Close() }
