package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"google.golang.org/grpc"

	"suodi/control/api"
	"suodi/control/feed"
	"suodi/control/rollout"
	"suodi/control/state"
	"suodi/raftstore"
)

// Config says how a control node runs; zero means the default.
type Config struct {
	Dir    string // holds everything the node keeps; required
	NodeID string // names the node for all time; default "node-1"
	API    string // address of the admin API; default 127.0.0.1:7070
	Feed   string // address of the feed; default 127.0.0.1:7071
	Raft   string // address of the Raft transport; default 127.0.0.1:7072
	// BaseURL is how short links of the first domain begin; only looked at when
	// there is no domain yet. Default http://127.0.0.1:8080.
	BaseURL string
	// Token is the text of the admin token; empty: the one of the last start,
	// or a fresh one.
	Token string
	// GoFilters admits modules of class go, which may stall what runs them for
	// some time; edges must be told so, too.
	GoFilters bool
	// JudgeEvery is how often canaries are looked at; default 2 s.
	JudgeEvery time.Duration
	Version    string       // of the program, for people
	Logger     *slog.Logger // nil discards
}

func (c Config) withDefaults() Config {
	for field, value := range map[*string]string{
		&c.NodeID: "node-1", &c.API: "127.0.0.1:7070", &c.Feed: "127.0.0.1:7071", &c.Raft: "127.0.0.1:7072",
		&c.BaseURL: "http://127.0.0.1:8080", &c.Version: "dev",
	} {
		if *field == "" {
			*field = value
		}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

func (c Config) validate() error {
	if c.Dir == "" {
		return errors.New("data directory: none given")
	}
	for name, address := range map[string]string{"api": c.API, "feed": c.Feed, "raft": c.Raft} {
		if err := feed.CheckLoopback(address); err != nil {
			return fmt.Errorf("%s address: %w", name, err)
		}
	}
	return nil
}

// Server is one control node.
type Server struct {
	config   Config
	store    *raftstore.Store
	feed     *feed.Server
	grpc     *grpc.Server
	http     *http.Server
	registry *prometheus.Registry
	listen   struct{ api, feed net.Listener }
	token    string
	cancel   context.CancelFunc // ends what waits for changes
	serving  sync.WaitGroup
	failed   chan error // of a listener or the store
	close    sync.Once
	closeErr error
}

// Open starts a node: when it returns, the node leads, has what a new cluster
// begins with, and its addresses answer.
func Open(ctx context.Context, config Config) (server *Server, err error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	s := &Server{config: config, registry: prometheus.NewRegistry(), failed: make(chan error, 3)}
	s.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	defer func() {
		if server == nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if err := os.MkdirAll(config.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if s.listen.api, err = net.Listen("tcp", config.API); err != nil {
		return nil, fmt.Errorf("api address: %w", err)
	}
	if s.listen.feed, err = net.Listen("tcp", config.Feed); err != nil {
		return nil, fmt.Errorf("feed address: %w", err)
	}
	s.store, err = raftstore.Open(ctx, raftstore.Config{
		Dir: filepath.Join(config.Dir, "raft"), NodeID: config.NodeID, Bind: config.Raft,
		Bootstrap:    []raftstore.Peer{{ID: config.NodeID, Address: config.Raft}},
		StateMachine: state.Machine{}, Logger: config.Logger.With("part", "raft"), Registerer: s.registry,
	})
	if err != nil {
		return nil, fmt.Errorf("open state: %w", err)
	}
	if err := s.seed(ctx); err != nil {
		return nil, fmt.Errorf("prepare cluster: %w", err)
	}
	s.serve()
	return s, nil
}

// serve starts both listeners.
func (s *Server) serve() {
	waits, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.feed = feed.NewServer(feed.ServerConfig{
		Source: &source{store: s.store, closing: waits}, Logger: s.config.Logger.With("part", "feed"),
	})
	s.grpc = grpc.NewServer(feed.ServerOptions()...)
	s.feed.Register(s.grpc)
	s.http = &http.Server{
		Handler: api.New(api.Config{
			Backend: &backend{store: s.store, feed: s.feed, closing: waits}, Version: s.config.Version,
			Runner: rollout.HostRunner{Go: s.config.GoFilters},
			Logger: s.config.Logger.With("part", "api"), Gatherer: s.registry,
			Ready: s.store.ReadIndex, Debug: debugHandler(),
		}),
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.config.Logger.Handler(), slog.LevelWarn),
	}
	s.serving.Go(func() {
		if err := s.http.Serve(s.listen.api); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- fmt.Errorf("api: %w", err)
		}
	})
	s.serving.Go(func() {
		if err := s.grpc.Serve(s.listen.feed); err != nil {
			s.failed <- fmt.Errorf("feed: %w", err)
		}
	})
	guard := rollout.NewGuard(rollout.GuardConfig{
		Fleet: &fleet{store: s.store, feed: s.feed}, Interval: s.config.JudgeEvery, Logger: s.config.Logger.With("part", "rollout"),
	})
	s.serving.Go(func() { guard.Run(waits) })
	s.serving.Go(func() {
		select {
		case <-s.store.Fatal():
			s.failed <- s.store.Err()
		case <-waits.Done():
		}
	})
}

func debugHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// Failed receives what keeps the node from serving on; it should then be closed.
func (s *Server) Failed() <-chan error { return s.failed }

// APIURL is where the API answers.
func (s *Server) APIURL() string { return "http://" + s.listen.api.Addr().String() }

// FeedAddress is where the feed answers.
func (s *Server) FeedAddress() string { return s.listen.feed.Addr().String() }

// Token is the text of the admin token.
func (s *Server) Token() string { return s.token }

// drainTimeout is how long requests in flight may take when the node closes.
const drainTimeout = 10 * time.Second

// Close lets requests in flight finish, hangs up on edges and makes the state
// durable. It is idempotent.
func (s *Server) Close() error {
	s.close.Do(func() {
		var errs []error
		if s.http != nil {
			s.cancel() // ends what waits for edges or changes: it is answered now
			ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
			if err := s.http.Shutdown(ctx); err != nil { // requests took too long
				errs = append(errs, err, s.http.Close())
			}
			cancel()
			s.grpc.Stop()
		} else {
			for _, l := range []net.Listener{s.listen.api, s.listen.feed} {
				if l != nil {
					errs = append(errs, l.Close())
				}
			}
		}
		s.serving.Wait()
		if s.store != nil {
			errs = append(errs, s.store.Close())
		}
		s.closeErr = errors.Join(errs...)
	})
	return s.closeErr
}
