package feed

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"suodi/control/feed/feedpb"
	"suodi/control/link"
)

// Replica is what an edge keeps of what it hears. Follow calls its methods
// from one goroutine at a time.
type Replica interface {
	// Held returns the cluster and revision held; both zero when empty.
	Held() (clusterID string, revision link.Revision)
	// Begin says which cluster the following comes from and whether a whole
	// snapshot follows.
	Begin(clusterID string, snapshot bool) error
	// Bucket replaces a bucket by its entries at a revision.
	Bucket(number uint16, revision link.Revision, entries []*feedpb.Entry) error
	// End says that all buckets together amount to a revision.
	End(revision link.Revision) error
	// Delta applies a change to what is held; its previous revision was checked.
	Delta(delta *feedpb.Delta) error
	// Heartbeat tells the head's revision and the cluster's time.
	Heartbeat(head link.Revision, clusterTime time.Time)
	// Filters returns how the filters in force fare.
	Filters() []*feedpb.FilterStatus
	// Connected says whether the feed is up, and if not, why.
	Connected(up bool, reason error)
}

// Reporter is a Replica that counts what its filters decide. Its methods may be
// called at any time, from any goroutine.
type Reporter interface {
	// Boot is another number whenever the program starts.
	Boot() uint64
	// Tallies returns the counts of every version of a filter in force.
	Tallies() []*feedpb.FilterTally
}

// Answerer is a Replica that answers what control asks. Its methods may be
// called at any time, from any goroutine, several at once.
type Answerer interface {
	// Explain says what a visit would get, without side effects.
	Explain(ctx context.Context, visit *feedpb.ExplainVisit) (*Explanation, error)
	// Sample returns the newest visits as package abi encodes them, newest
	// first, at most count.
	Sample(ctx context.Context, count int) ([][]byte, error)
}

// FollowConfig says whom Follow follows; zero means the default.
type FollowConfig struct {
	Upstreams   []string // addresses of feed servers, tried in turn
	EdgeID      string   // 1 to 128 bytes; names the edge in the fleet
	Version     string   // of the program, for people
	Credentials credentials.TransportCredentials
	Logger      *slog.Logger  // nil discards
	Silence     time.Duration // without any message: another upstream; default 30 s
	MaxBackoff  time.Duration // between attempts; default 5 s
	ReportEvery time.Duration // at least between reports of a Reporter; default 1 s
}

func (c FollowConfig) withDefaults() FollowConfig {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Silence == 0 {
		c.Silence = 30 * time.Second
	}
	if c.MaxBackoff == 0 {
		c.MaxBackoff = 5 * time.Second
	}
	if c.ReportEvery == 0 {
		c.ReportEvery = time.Second
	}
	return c
}

func (c FollowConfig) validate() error {
	if len(c.Upstreams) == 0 {
		return errors.New("feed: no upstream given")
	}
	if c.Credentials == nil {
		return errors.New("feed: no transport credentials given")
	}
	return nil
}

// Follow keeps the replica up to date until ctx ends. Whatever goes wrong with
// an upstream is reported to the replica and tried again, with growing pauses,
// at the next one. It returns an error only for a bad configuration.
func Follow(ctx context.Context, config FollowConfig, replica Replica) error {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return err
	}
	pause := minBackoff
	for attempt := 0; ctx.Err() == nil; attempt++ {
		upstream := config.Upstreams[attempt%len(config.Upstreams)]
		f := &follower{config: config, replica: replica}
		err := f.follow(ctx, upstream)
		if ctx.Err() != nil {
			break
		}
		replica.Connected(false, err)
		if f.heard {
			pause = minBackoff
		}
		config.Logger.Warn("feed interrupted", "upstream", upstream, "error", err, "retry_in", pause)
		jittered := pause/2 + rand.N(pause) // so that a fleet does not come back in step
		select {
		case <-time.After(jittered):
		case <-ctx.Done():
		}
		pause = min(2*pause, config.MaxBackoff)
	}
	return nil
}

const minBackoff = 100 * time.Millisecond

// errSilence says that an upstream stopped talking.
var errSilence = errors.New("no message from upstream")

// follower is one connection.
type follower struct {
	config  FollowConfig
	replica Replica
	stream  sender
	aside   *aside
	heard   bool            // something that was taken, so that a next attempt is worth making soon
	parts   []*feedpb.Entry // of the bucket that is arriving
	acked   link.Revision   // last told to the upstream
}

func (f *follower) follow(ctx context.Context, upstream string) (err error) {
	conn, err := grpc.NewClient("passthrough:///"+upstream,
		grpc.WithTransportCredentials(f.config.Credentials),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(maxMessage)),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: 10 * time.Second, Timeout: 10 * time.Second}),
	)
	if err != nil {
		return fmt.Errorf("dial %s: %w", upstream, err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silence := time.AfterFunc(f.config.Silence, func() { cancel(errSilence) })
	defer silence.Stop()

	stream, err := feedpb.NewFeedClient(conn).Follow(ctx)
	if err != nil {
		return err
	}
	f.stream = sender{BidiStreamingClient: stream, mu: &sync.Mutex{}}
	hello := f.hello()
	if err := f.stream.Send(&feedpb.EdgeMessage{Message: &feedpb.EdgeMessage_Hello{Hello: hello}}); err != nil {
		return f.closing(err)
	}
	f.aside = newAside(ctx, f)
	defer func() {
		cancel(nil)
		f.aside.wait()
	}()
	for {
		silence.Reset(f.config.Silence)
		message, err := f.stream.Recv()
		silence.Stop() // how long the edge takes is not the upstream's silence
		if err != nil {
			if cause := context.Cause(ctx); errors.Is(cause, errSilence) {
				return cause
			}
			return err
		}
		if err := f.take(message); err != nil {
			return f.refuse(err)
		}
	}
}

func (f *follower) hello() *feedpb.Hello {
	cluster, revision := f.replica.Held()
	hello := &feedpb.Hello{
		EdgeId: f.config.EdgeID, Version: f.config.Version,
		ClusterId: cluster, Revision: FromRevision(revision), RecordFormats: recordFormats,
	}
	if reporter, ok := f.replica.(Reporter); ok {
		hello.Boot = reporter.Boot()
	}
	_, hello.Answers = f.replica.(Answerer)
	return hello
}

// closing returns why the stream broke, which Send does not tell.
func (f *follower) closing(err error) error {
	if _, recvErr := f.stream.Recv(); recvErr != nil {
		return recvErr
	}
	return err
}

// refuse tells the upstream why the edge hangs up.
func (f *follower) refuse(reason error) error {
	if status.Code(reason) != codes.Unknown {
		return reason // the stream itself broke
	}
	_, held := f.replica.Held()
	// Whether this last word arrives changes nothing: the edge hangs up.
	_ = f.stream.Send(&feedpb.EdgeMessage{Message: &feedpb.EdgeMessage_Nack{Nack: &feedpb.Nack{
		Revision: FromRevision(held), Error: reason.Error(),
	}}})
	_ = f.stream.CloseSend()
	for { // lets the word go out before the connection closes: the upstream answers it by hanging up
		if _, err := f.stream.Recv(); err != nil {
			return reason
		}
	}
}

func (f *follower) take(message *feedpb.ControlMessage) error {
	switch m := message.GetMessage().(type) {
	case *feedpb.ControlMessage_Welcome:
		f.replica.Connected(true, nil)
		if err := f.replica.Begin(m.Welcome.GetClusterId(), m.Welcome.GetSnapshot()); err != nil {
			return err
		}
		if m.Welcome.GetSnapshot() {
			return nil
		}
		return f.acknowledge() // so that the server knows how the filters fare
	case *feedpb.ControlMessage_Bucket:
		return f.takeBucket(m.Bucket)
	case *feedpb.ControlMessage_SnapshotEnd:
		if err := f.replica.End(ToRevision(m.SnapshotEnd.GetRevision())); err != nil {
			return err
		}
		f.heard = true
		return f.acknowledge()
	case *feedpb.ControlMessage_Delta:
		_, held := f.replica.Held()
		if previous := ToRevision(m.Delta.GetPrevious()); previous != held {
			return fmt.Errorf("gap: the delta follows revision %s, held is %s", previous, held)
		}
		if err := f.replica.Delta(m.Delta); err != nil {
			return err
		}
		f.heard = true
		return f.acknowledge()
	case *feedpb.ControlMessage_Heartbeat:
		f.replica.Heartbeat(ToRevision(m.Heartbeat.GetHead()), time.Unix(0, m.Heartbeat.GetClusterTime()))
		_, held := f.replica.Held()
		if held.Compare(f.acked) < 0 { // as when a damaged file had to be given up
			return fmt.Errorf("the edge lost what it held: it is at revision %s, was at %s", held, f.acked)
		}
		if held == ToRevision(m.Heartbeat.GetHead()) {
			f.heard = true
		}
		return nil
	case *feedpb.ControlMessage_Ask:
		f.aside.answer(m.Ask)
		return nil
	default:
		return nil // of a newer control plane; what an edge must understand is agreed in the hello
	}
}

func (f *follower) takeBucket(part *feedpb.Bucket) error {
	if part.GetNumber() >= Buckets {
		return fmt.Errorf("bucket %d: there are %d", part.GetNumber(), Buckets)
	}
	f.parts = append(f.parts, part.GetEntries()...)
	if !part.GetLast() {
		return nil
	}
	var hash uint64
	for _, e := range f.parts {
		hash += EntryHash(e.GetKey(), e.GetValue())
	}
	if hash != part.GetHash() {
		return fmt.Errorf("bucket %d: its entries do not amount to its hash", part.GetNumber())
	}
	entries := f.parts
	f.parts = nil
	return f.replica.Bucket(uint16(part.GetNumber()), ToRevision(part.GetRevision()), entries)
}

func (f *follower) acknowledge() error {
	_, held := f.replica.Held()
	f.acked = held
	err := f.stream.Send(&feedpb.EdgeMessage{Message: &feedpb.EdgeMessage_Ack{Ack: &feedpb.Ack{
		Revision: FromRevision(held), Filters: f.replica.Filters(),
	}}})
	if err != nil {
		return f.closing(err)
	}
	return nil
}
