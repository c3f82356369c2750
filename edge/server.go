package edge

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/valyala/fasthttp"

	"suodi/control/link"
	"suodi/edge/cert"
	"suodi/edge/country"
	"suodi/edge/limit"
	"suodi/edge/page"
	"suodi/edge/table"
	"suodi/wasm"
	"suodi/wasm/filters"
	"suodi/wasm/visit"
)

// Limits of a request. Larger ones are answered with 431, 414 and 413.
const (
	maxHead = 16 << 10 // bytes of request line and headers
	maxURI  = 8 << 10  // bytes of the request target
	maxBody = 4 << 10  // bytes; nobody needs a body to follow a link
)

// linkTable is what the edge wants of its copy of the links.
type linkTable interface {
	// Lookup returns the record of a flat link key; nil when this program
	// cannot serve the link that is found. It neither waits nor allocates.
	Lookup(key []byte) (record link.Record, found bool)
}

// Server is one edge.
type Server struct {
	config     Config
	table      *table.Table
	links      linkTable // the table, as visits see it
	host       *wasm.Host
	classifier *visit.Classifier
	pages      *page.Set
	world      atomic.Pointer[world] // what visits read beside the links
	clockAhead atomic.Int64          // cluster time less our own, nanoseconds
	keys       atomic.Pointer[keys]  // of the fleet; nil until its secret is known
	country    *country.Database
	samples    samples
	traced     chan struct{} // holds one for each visit that is being explained
	visits     []visitState  // one a slot
	replica    *replica
	metrics    *metrics
	registry   *prometheus.Registry

	rates       rates
	connections *limit.Connections
	log         *accessLog  // nil: none is written
	certs       *cert.Store // nil: no TLS

	http     *fasthttp.Server
	admin    *http.Server
	listen   listeners
	handover *net.UnixListener
	handed   chan struct{} // closed when another process has taken over
	follower follower

	draining atomic.Bool
	leaving  atomic.Bool // another process answers new connections: see linger
	owned    sync.WaitGroup
	cancel   context.CancelFunc
	failed   chan error
	close    sync.Once
	closeErr error
}

// Open starts an edge: when it returns, its addresses answer, with what the
// edge has on disk.
func Open(config Config) (server *Server, err error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	s := &Server{config: config, failed: make(chan error, 8), handed: make(chan struct{}), cancel: func() {}}
	var taken *takeover
	defer func() {
		if server == nil {
			err = errors.Join(err, s.Close())
			if taken != nil { // the data directory is free again
				err = errors.Join(err, taken.fail())
			}
		}
	}()
	if config.TakeOver {
		if s.listen, taken, err = takeOver(config.Dir); errors.Is(err, ErrNobody) {
			config.Logger.Info("nothing to take over, starting anew", "reason", err)
		} else if err != nil {
			return nil, err
		}
	}
	if err := s.prepare(); err != nil {
		return nil, err
	}
	if err := s.listen.open(config); err != nil {
		return nil, err
	}
	if err := s.openHandover(); err != nil { // such as a path too long for a socket
		config.Logger.Warn("no other process will be able to take over without dropping visits", "error", err)
	}
	s.run()
	if taken != nil {
		if err := taken.ready(); err != nil {
			config.Logger.Warn("the process before this one may not have heard that it is replaced", "error", err)
		}
	}
	return s, nil
}

// prepare makes everything but the listeners.
func (s *Server) prepare() (err error) {
	logger := s.config.Logger
	s.traced = make(chan struct{}, maxTraced)
	if s.host, err = wasm.NewHost(wasm.Config{Go: s.config.GoFilters}); err != nil {
		return err
	}
	s.table, err = table.Open(table.Config{
		Dir: filepath.Join(s.config.Dir, "table"), Logger: logger.With("part", "table"), Wait: s.host.Wait,
	})
	if err != nil {
		return err
	}
	s.links = s.table
	if s.classifier, err = visit.NewClassifier(visit.Config{}); err != nil {
		return err
	}
	s.country, err = country.Open(country.Config{Path: s.config.CountryDB, Logger: logger.With("part", "country")})
	if err != nil {
		return err
	}
	s.pages = page.New()
	s.rates = newRates(s.config)
	s.connections = limit.NewConnections(s.config.Connections, s.config.ConnectionsPerAddress)
	if s.log, err = openAccessLog(s.config.AccessLog, s.config.AccessSample); err != nil {
		return err
	}
	if len(s.config.Certificates) > 0 {
		s.certs, err = cert.Open(cert.Config{Pairs: s.config.Certificates, Now: s.now, Logger: logger.With("part", "cert")})
		if err != nil {
			return err
		}
	}
	s.visits = make([]visitState, s.host.Slots())
	s.registry = prometheus.NewRegistry()
	s.metrics = newMetrics(s)
	s.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), s.metrics)
	// Whatever the feed says later, links' sets are enforced from the start.
	err = s.host.Install(context.Background(), wasm.Plan{Chain: []wasm.Binding{{Name: platformFilter, Module: filters.Platform, Own: true}}})
	if err != nil {
		return fmt.Errorf("embedded platform filter: %w", err)
	}
	s.replica = newReplica(s)
	s.replica.refresh(everything)
	return nil
}

// run starts what the edge does until it is closed.
func (s *Server) run() {
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	s.http = s.newHTTP()
	s.admin = &http.Server{
		Handler: s.adminHandler(), ReadHeaderTimeout: s.config.ReadTimeout,
		ErrorLog: slog.NewLogLogger(s.config.Logger.Handler(), slog.LevelWarn),
	}
	for _, l := range s.visitListeners() {
		s.owned.Go(func() {
			if err := s.http.Serve(l); err != nil && !s.draining.Load() {
				s.failed <- fmt.Errorf("edge: %w", err)
			}
		})
	}
	if s.log != nil {
		s.owned.Go(func() { s.log.run(ctx) })
	}
	if s.certs != nil {
		s.owned.Go(func() { s.certs.Run(ctx) })
	}
	s.owned.Go(func() { s.samples.run(ctx) })
	s.owned.Go(func() {
		if err := s.country.Run(ctx); err != nil {
			s.failed <- err
		}
	})
	s.owned.Go(func() {
		if err := s.admin.Serve(s.listen.admin); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- fmt.Errorf("admin: %w", err)
		}
	})
	s.owned.Go(func() {
		if err := s.classifier.Run(ctx); err != nil {
			s.failed <- err
		}
	})
	if s.handover != nil {
		s.owned.Go(s.awaitHandover)
	}
	s.startFollowing()
}

// newHTTP returns the server of visits; it listens nowhere yet.
func (s *Server) newHTTP() *fasthttp.Server {
	return &fasthttp.Server{
		Handler:               s.serve,
		ErrorHandler:          s.refuseRequest,
		Name:                  "suodi",
		NoDefaultContentType:  true,
		ReadBufferSize:        maxHead,
		MaxRequestBodySize:    maxBody,
		ReadTimeout:           s.config.ReadTimeout,
		WriteTimeout:          s.config.WriteTimeout,
		IdleTimeout:           s.config.IdleTimeout,
		NoDefaultServerHeader: true,
		CloseOnShutdown:       true,
		Logger:                slog.NewLogLogger(s.config.Logger.Handler(), slog.LevelDebug),
	}
}

// Failed receives what keeps the edge from serving on; it should then be
// closed.
func (s *Server) Failed() <-chan error { return s.failed }

// Handed is closed when another process has taken over the addresses and the
// data; the edge should then be closed.
func (s *Server) Handed() <-chan struct{} { return s.handed }

// Reload takes over certificates that have changed and opens the access log
// anew, which may have been moved away.
func (s *Server) Reload() error {
	var errs []error
	if s.certs != nil {
		errs = append(errs, s.certs.Reload())
	}
	if s.log != nil {
		errs = append(errs, s.log.reopen())
	}
	return errors.Join(errs...)
}

// Address is where visitors are answered.
func (s *Server) Address() string { return s.listen.edge.Addr().String() }

// TLSAddress is where visitors are answered over TLS; empty without TLS.
func (s *Server) TLSAddress() string {
	if s.listen.tls == nil {
		return ""
	}
	return s.listen.tls.Addr().String()
}

// AdminAddress is where health and metrics are answered.
func (s *Server) AdminAddress() string { return s.listen.admin.Addr().String() }

// now returns the cluster's time.
func (s *Server) now() time.Time {
	return time.Now().Add(time.Duration(s.clockAhead.Load()))
}

// Close stops taking visits, lets those in flight finish and frees everything.
// It is idempotent.
func (s *Server) Close() error {
	s.close.Do(func() {
		var errs []error
		s.linger()
		s.draining.Store(true)
		ctx, cancel := context.WithTimeout(context.Background(), s.config.DrainTimeout)
		defer cancel()
		if s.http != nil {
			errs = append(errs, s.http.ShutdownWithContext(ctx), s.admin.Shutdown(ctx))
		}
		// A shutdown before Serve has its listener would leave it open.
		errs = append(errs, s.listen.close())
		if s.handover != nil {
			errs = append(errs, s.handover.Close())
		}
		s.stopFollowing()
		s.cancel()
		s.owned.Wait()
		if s.table != nil {
			errs = append(errs, s.table.Close())
		}
		if s.host != nil {
			errs = append(errs, s.host.Close())
		}
		s.closeErr = errors.Join(errs...)
	})
	return s.closeErr
}
