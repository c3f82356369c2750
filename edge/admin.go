package edge

import (
	"fmt"
	"net/http"
	"net/http/pprof"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// adminHandler answers on the admin address.
func (s *Server) adminHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		plain(w, http.StatusOK, "ok")
	})
	mux.HandleFunc("GET /readyz", s.ready)
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

// ready tells load balancers whether to send visits here. An edge that the
// control plane does not reach is ready: it serves what it has.
func (s *Server) ready(w http.ResponseWriter, _ *http.Request) {
	health := s.replica.health()
	switch {
	case s.draining.Load():
		plain(w, http.StatusServiceUnavailable, "draining")
	case s.world.Load() == nil:
		why := "nothing heard from the control plane yet"
		if health.reason != nil {
			why += ": " + health.reason.Error()
		}
		plain(w, http.StatusServiceUnavailable, why)
	case health.filterErr != nil:
		plain(w, http.StatusOK, "ready, but: "+health.filterErr.Error())
	case !health.connected:
		plain(w, http.StatusOK, "ready, with what was heard before: the control plane is away")
	default:
		_, revision := s.table.Held()
		plain(w, http.StatusOK, fmt.Sprintf("ready at revision %s with %d links", revision, s.table.Links()))
	}
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = fmt.Fprintln(w, text) // a client that went away is nobody's error
}
