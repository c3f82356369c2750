package feed

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/status"

	"suodi/control/feed/feedpb"
	"suodi/control/link"
)

// ErrCompacted says that the deltas asked for are no longer kept.
var ErrCompacted = errors.New("deltas are no longer kept")

// Source is the state whose changes are fed.
type Source interface {
	// ClusterID names the cluster for ever.
	ClusterID() string
	// Now returns the cluster's time.
	Now() time.Time
	// Head returns the revision of the last delta.
	Head() (link.Revision, error)
	// Wait returns when there is a delta after the given revision.
	Wait(ctx context.Context, after link.Revision) error
	// Deltas calls yield with the deltas after the given revision, oldest
	// first, until yield returns false or there are no more. ErrCompacted says
	// that the first of them is gone.
	Deltas(after link.Revision, yield func(*feedpb.Delta) bool) error
	// Snapshot returns a view of everything at one revision.
	Snapshot() (Snapshot, error)
}

// Snapshot is everything at one revision. It must be closed.
type Snapshot interface {
	Revision() link.Revision
	// Bucket calls yield with every key and value of a bucket, in any order,
	// until yield returns false. Both slices are the receiver's to keep.
	Bucket(number uint16, yield func(key, value []byte) bool) error
	Close() error
}

// ServerConfig says how a Server works; zero means the default.
type ServerConfig struct {
	Source    Source
	Logger    *slog.Logger  // nil discards
	Heartbeat time.Duration // between heartbeats; default 1 s
	BatchSize int           // deltas sent before their acknowledgement; default 64
}

func (c ServerConfig) withDefaults() ServerConfig {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Heartbeat == 0 {
		c.Heartbeat = time.Second
	}
	if c.BatchSize == 0 {
		c.BatchSize = 64
	}
	return c
}

// Edge is what the server knows of one connected edge.
type Edge struct {
	ID          string
	Version     string
	ConnectedAt time.Time
	Revision    link.Revision // last acknowledged
	Filters     []*feedpb.FilterStatus
	Boot        uint64 // another one whenever the edge's program starts
	Answers     bool   // whether it answers asks
	// Tallies is the last report of this connection, if it has Reported. It must
	// not be changed.
	Tallies  []*feedpb.FilterTally
	Reported bool
}

// Server feeds edges. It is a feedpb.FeedServer; Register puts it on a gRPC
// server.
type Server struct {
	feedpb.UnimplementedFeedServer
	config ServerConfig

	mu      sync.Mutex
	edges   map[*subscriber]struct{}
	changed chan struct{} // closed and replaced whenever an edge comes, goes or acknowledges
}

// NewServer returns a server of the configuration's source.
func NewServer(config ServerConfig) *Server {
	return &Server{
		config:  config.withDefaults(),
		edges:   map[*subscriber]struct{}{},
		changed: make(chan struct{}),
	}
}

// ServerOptions are what a gRPC server that carries the feed should be made
// with.
func ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.MaxRecvMsgSize(maxEdgeMessage),
		grpc.WaitForHandlers(true), // they hold views of the source
		grpc.MaxSendMsgSize(maxMessage),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 10 * time.Second, Timeout: 10 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 5 * time.Second, PermitWithoutStream: true}),
	}
}

// Register puts the feed on a gRPC server.
func (s *Server) Register(g *grpc.Server) { feedpb.RegisterFeedServer(g, s) }

// Edges lists the connected edges by id.
func (s *Server) Edges() []Edge {
	s.mu.Lock()
	defer s.mu.Unlock()
	edges := make([]Edge, 0, len(s.edges))
	for sub := range s.edges {
		edges = append(edges, sub.edge)
	}
	slices.SortFunc(edges, func(a, b Edge) int { return strings.Compare(a.ID, b.ID) })
	return edges
}

// WaitEdges returns when every connected edge has acknowledged the revision,
// or, when ctx ends first, the ids of those that have not.
func (s *Server) WaitEdges(ctx context.Context, revision link.Revision) (behind []string) {
	for {
		s.mu.Lock()
		changed := s.changed
		behind = behind[:0]
		for sub := range s.edges {
			if sub.edge.Revision.Compare(revision) < 0 {
				behind = append(behind, sub.edge.ID)
			}
		}
		s.mu.Unlock()
		if len(behind) == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			slices.Sort(behind)
			return behind
		}
	}
}

// notify wakes WaitEdges; the mutex is held.
func (s *Server) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// Follow serves one edge until it hangs up or misbehaves.
func (s *Server) Follow(stream grpc.BidiStreamingServer[feedpb.EdgeMessage, feedpb.ControlMessage]) error {
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	hello := first.GetHello()
	if hello == nil {
		return status.Error(codes.InvalidArgument, "the first message must be a hello")
	}
	if hello.GetEdgeId() == "" || len(hello.GetEdgeId()) > 128 {
		return status.Error(codes.InvalidArgument, "hello: edge_id: want 1 to 128 bytes")
	}
	format, err := chooseFormat(hello.GetRecordFormats())
	if err != nil {
		return err
	}
	cluster := s.config.Source.ClusterID()
	if held := hello.GetClusterId(); held != "" && held != cluster {
		return status.Errorf(codes.FailedPrecondition,
			"the edge's data belongs to cluster %s, this is cluster %s; give the edge an empty data directory to move it here", held, cluster)
	}
	sub := &subscriber{gone: make(chan struct{}), asked: newAsks(), edge: Edge{
		ID: hello.GetEdgeId(), Version: hello.GetVersion(), ConnectedAt: s.config.Source.Now(),
		Boot: hello.GetBoot(), Answers: hello.GetAnswers(),
	}}
	s.mu.Lock()
	s.edges[sub] = struct{}{}
	s.notify()
	s.mu.Unlock()
	logger := s.config.Logger.With("edge", sub.edge.ID)
	logger.Info("edge connected", "version", sub.edge.Version, "revision", ToRevision(hello.GetRevision()))
	defer func() {
		close(sub.gone)
		s.mu.Lock()
		delete(s.edges, sub)
		s.notify()
		s.mu.Unlock()
		logger.Info("edge gone")
	}()

	ctx, cancel := context.WithCancelCause(stream.Context())
	defer cancel(nil)
	acks := make(chan link.Revision, 1)
	go func() { cancel(s.receive(stream, sub, acks)) }()
	push := &pusher{server: s, subscriber: sub, stream: stream, acks: acks, clusterID: cluster, format: format}
	err = push.run(ctx, hello)
	if cause := context.Cause(ctx); cause != nil && stream.Context().Err() == nil {
		err = cause
	}
	if errors.Is(err, io.EOF) {
		err = nil // the edge hung up
	}
	if err != nil && stream.Context().Err() == nil {
		logger.Warn("edge dropped", "error", err)
	}
	// The receiver ends when the stream does, which returning brings about; it
	// holds nothing but the stream.
	return err
}

// chooseFormat returns the best record format that both sides know.
func chooseFormat(offered []uint32) (uint32, error) {
	for _, format := range recordFormats {
		if slices.Contains(offered, format) {
			return format, nil
		}
	}
	return 0, status.Errorf(codes.FailedPrecondition,
		"the edge reads link record formats %v, this control plane writes %v; bring both to neighbouring versions", offered, recordFormats)
}

// receive takes what the edge says until the stream ends.
func (s *Server) receive(stream grpc.BidiStreamingServer[feedpb.EdgeMessage, feedpb.ControlMessage], sub *subscriber, acks chan link.Revision) error {
	for {
		message, err := stream.Recv()
		if err != nil {
			return err
		}
		switch m := message.GetMessage().(type) {
		case *feedpb.EdgeMessage_Ack:
			revision := ToRevision(m.Ack.GetRevision())
			s.acknowledged(sub, revision, m.Ack.GetFilters())
			select {
			case <-acks: // an older one nobody has read
			default:
			}
			acks <- revision
		case *feedpb.EdgeMessage_Nack:
			return status.Errorf(codes.Aborted, "edge refused revision %s: %s", ToRevision(m.Nack.GetRevision()), m.Nack.GetError())
		case *feedpb.EdgeMessage_Report:
			s.reported(sub, m.Report.GetFilters())
		case *feedpb.EdgeMessage_Answer:
			sub.asked.answer(m.Answer)
		default:
			return status.Error(codes.InvalidArgument, "want an ack, a nack, a report or an answer")
		}
	}
}

func (s *Server) acknowledged(sub *subscriber, revision link.Revision, filters []*feedpb.FilterStatus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range filters {
		if f.GetError() != "" && !slices.ContainsFunc(sub.edge.Filters, func(old *feedpb.FilterStatus) bool {
			return old.GetName() == f.GetName() && old.GetError() == f.GetError()
		}) {
			s.config.Logger.Error("edge cannot run a filter", "edge", sub.edge.ID, "filter", f.GetName(), "error", f.GetError())
		}
	}
	sub.edge.Revision = revision
	sub.edge.Filters = filters
	s.notify()
}

// reported keeps an edge's last report.
func (s *Server) reported(sub *subscriber, tallies []*feedpb.FilterTally) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sub.edge.Tallies, sub.edge.Reported = tallies, true
}
