package edge

import (
	"errors"
	"log/slog"
	"net"

	"github.com/valyala/fasthttp"

	"suodi/control/feed"
)

// Offline returns an edge that neither listens nor follows a feed: tests play
// both sides.
func Offline(config Config) (*Server, error) {
	s := &Server{config: config.withDefaults(), failed: make(chan error, 2), handed: make(chan struct{}), cancel: func() {}}
	if err := s.prepare(); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Replica is where the feed's messages go.
func (s *Server) Replica() feed.Replica { return s.replica }

// Serve answers one request.
func (s *Server) Serve(ctx *fasthttp.RequestCtx) { s.serve(ctx) }

// HTTP returns a server of visits that listens nowhere, for ServeConn.
func (s *Server) HTTP() *fasthttp.Server { return s.newHTTP() }

// Panics returns how many visits panicked.
func (s *Server) Panics() (n uint64) {
	for i := range s.visits {
		n += s.visits[i].count.answers[answerPanic].Load()
	}
	return n
}

// PatientListener wraps a listener as Open does.
func PatientListener(l net.Listener, logger *slog.Logger) net.Listener {
	return newPatient(l, logger)
}

// Dir is where the edge keeps what it holds.
func (s *Server) Dir() string { return s.config.Dir }

// CloseHost ends the filter host: no plan can be put in force any more.
func (s *Server) CloseHost() error { return s.host.Close() }

// Release lets go of the data directory for another process; Resume takes it
// back when that has failed.
func (s *Server) Release() error { return s.table.Release() }

// Resume is what follows on Release.
func (s *Server) Resume() error { return s.resume() }

// Unlogged returns how many lines the access log has lost.
func (s *Server) Unlogged() uint64 { return s.log.dropped.Load() }

// HoldTraces has as many visits explained as may be at a time, until release.
func (s *Server) HoldTraces() (release func()) {
	for range maxTraced {
		s.traced <- struct{}{}
	}
	return func() {
		for range maxTraced {
			<-s.traced
		}
	}
}

// Leave has the server behave as when another process answers new connections.
func (s *Server) Leave() { s.leaving.Store(true) }
