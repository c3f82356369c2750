package feed

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"suodi/control/feed/feedpb"
	"suodi/control/link"
)

// pusher sends to one edge.
type pusher struct {
	server     *Server
	subscriber *subscriber
	stream     grpc.BidiStreamingServer[feedpb.EdgeMessage, feedpb.ControlMessage]
	acks       <-chan link.Revision
	clusterID  string
	format     uint32
	sent       link.Revision // last revision sent
	acked      link.Revision
	ticker     *time.Ticker
}

func (p *pusher) run(ctx context.Context, hello *feedpb.Hello) error {
	p.ticker = time.NewTicker(p.server.config.Heartbeat)
	defer p.ticker.Stop()
	source := p.server.config.Source
	p.sent = ToRevision(hello.GetRevision())
	snapshot, err := p.mustSnapshot(hello)
	if err != nil {
		return err
	}
	if !snapshot { // what the edge holds is as good as acknowledged
		p.acked = p.sent
		p.server.acknowledged(p.subscriber, p.sent, nil)
	}
	err = p.send(&feedpb.ControlMessage{Message: &feedpb.ControlMessage_Welcome{Welcome: &feedpb.Welcome{
		ClusterId: p.clusterID, RecordFormat: p.format, Snapshot: snapshot,
	}}})
	if err != nil {
		return err
	}
	if snapshot {
		if err := p.sendSnapshot(ctx); err != nil {
			return err
		}
	}
	if err := p.heartbeat(); err != nil {
		return err
	}
	for {
		if err := p.waitAck(ctx); err != nil {
			return err
		}
		if err := p.waitChange(ctx, source); err != nil {
			return err
		}
		if err := p.sendDeltas(); err != nil {
			return err
		}
	}
}

// mustSnapshot decides between deltas and a snapshot.
func (p *pusher) mustSnapshot(hello *feedpb.Hello) (bool, error) {
	if hello.GetClusterId() == "" || p.sent.IsZero() {
		return true, nil
	}
	head, err := p.server.config.Source.Head()
	if err != nil {
		return false, err
	}
	if p.sent.Compare(head) > 0 || p.sent.Epoch != head.Epoch {
		return true, nil // from another past: start over
	}
	large := false
	err = p.server.config.Source.Deltas(p.sent, func(delta *feedpb.Delta) bool {
		large = tooLarge(delta)
		return false
	})
	if large || errors.Is(err, ErrCompacted) {
		return true, nil
	}
	return false, err
}

// tooLarge reports whether a delta does not fit a message: only a snapshot,
// which comes in parts, brings an edge past it.
func tooLarge(delta *feedpb.Delta) bool { return proto.Size(delta) > maxMessage-1<<10 }

// bucketPart is roughly how many bytes of entries go into one message.
const bucketPart = 1 << 20

func (p *pusher) sendSnapshot(ctx context.Context) (err error) {
	snapshot, err := p.server.config.Source.Snapshot()
	if err != nil {
		return fmt.Errorf("open snapshot: %w", err)
	}
	defer func() { err = errors.Join(err, snapshot.Close()) }()
	revision := snapshot.Revision()
	for number := range uint16(Buckets) {
		if err := p.sendBucket(ctx, snapshot, number, FromRevision(revision)); err != nil {
			return err
		}
	}
	p.sent = revision
	return p.send(&feedpb.ControlMessage{Message: &feedpb.ControlMessage_SnapshotEnd{
		SnapshotEnd: &feedpb.SnapshotEnd{Revision: FromRevision(revision)},
	}})
}

func (p *pusher) sendBucket(ctx context.Context, snapshot Snapshot, number uint16, revision *feedpb.Revision) error {
	var (
		part    *feedpb.Bucket
		size    int
		hash    uint64
		sendErr error
	)
	begin := func() { part, size = &feedpb.Bucket{Number: uint32(number), Revision: revision}, 0 }
	flush := func() bool {
		sendErr = p.send(&feedpb.ControlMessage{Message: &feedpb.ControlMessage_Bucket{Bucket: part}})
		begin()
		return sendErr == nil && ctx.Err() == nil
	}
	begin()
	err := snapshot.Bucket(number, func(key, value []byte) bool {
		if size > 0 && size+len(key)+len(value) > bucketPart && !flush() {
			return false
		}
		part.Entries = append(part.Entries, &feedpb.Entry{Key: key, Value: value})
		size += len(key) + len(value)
		hash += EntryHash(key, value)
		return true
	})
	if err = errors.Join(err, sendErr, ctx.Err()); err != nil {
		return err
	}
	part.Last, part.Hash = true, hash
	flush()
	return sendErr
}

// waitAck waits until the edge has acknowledged what was sent.
func (p *pusher) waitAck(ctx context.Context) error {
	for p.acked.Compare(p.sent) < 0 {
		select {
		case p.acked = <-p.acks:
		case <-p.subscriber.asked.come:
			if err := p.sendAsks(); err != nil {
				return err
			}
		case <-p.ticker.C:
			if err := p.heartbeat(); err != nil {
				return err
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// waitChange waits until there is a change to send.
func (p *pusher) waitChange(ctx context.Context, source Source) error {
	for {
		wait, cancel := context.WithTimeout(ctx, p.server.config.Heartbeat)
		waited := make(chan error, 1)
		go func() { waited <- source.Wait(wait, p.sent) }()
		var err error
		asked := false
		select {
		case err = <-waited:
		case <-p.subscriber.asked.come:
			asked = true
			cancel()
			err = <-waited
		}
		cancel()
		if asked {
			if err := p.sendAsks(); err != nil {
				return err
			}
		}
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, context.DeadlineExceeded):
			err = p.heartbeat()
		case asked && errors.Is(err, context.Canceled):
			err = nil
		}
		if err != nil {
			return err
		}
	}
}

func (p *pusher) sendAsks() error {
	for _, ask := range p.subscriber.asked.take() {
		if err := p.send(&feedpb.ControlMessage{Message: &feedpb.ControlMessage_Ask{Ask: ask}}); err != nil {
			return err
		}
	}
	return nil
}

// sendDeltas sends the next batch.
func (p *pusher) sendDeltas() error {
	var sendErr error
	left := p.server.config.BatchSize
	err := p.server.config.Source.Deltas(p.sent, func(delta *feedpb.Delta) bool {
		if tooLarge(delta) {
			sendErr = status.Error(codes.OutOfRange, "the next change is too large for a message: say hello again for a snapshot")
			return false
		}
		sendErr = p.send(&feedpb.ControlMessage{Message: &feedpb.ControlMessage_Delta{Delta: delta}})
		if sendErr == nil {
			p.sent = ToRevision(delta.GetRevision())
		}
		left--
		return sendErr == nil && left > 0
	})
	if errors.Is(err, ErrCompacted) {
		return status.Error(codes.OutOfRange, "too far behind: say hello again for a snapshot")
	}
	return errors.Join(err, sendErr)
}

func (p *pusher) heartbeat() error {
	head, err := p.server.config.Source.Head()
	if err != nil {
		return err
	}
	return p.send(&feedpb.ControlMessage{Message: &feedpb.ControlMessage_Heartbeat{Heartbeat: &feedpb.Heartbeat{
		Head: FromRevision(head), ClusterTime: p.server.config.Source.Now().UnixNano(),
	}}})
}

func (p *pusher) send(message *feedpb.ControlMessage) error { return p.stream.Send(message) }
