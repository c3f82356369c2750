package api

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/link"
	"suodi/control/rollout"
	"suodi/control/state/statepb"
	"suodi/raftstore"
)

// Backend is the control plane as the API sees it.
type Backend interface {
	// Propose stamps a command with the time and returns what applying it came
	// to.
	Propose(ctx context.Context, command *statepb.Command) (*statepb.Result, error)
	// Read calls read with a view of the state: of everything acknowledged
	// before the call, or, when stale will do, of what this node has.
	Read(ctx context.Context, stale bool, read func(raftstore.Reader) error) error
	// Edges lists the connected edges.
	Edges() []feed.Edge
	// WaitEdges waits until every connected edge has a revision, and returns
	// the ids of those that have not when ctx ends.
	WaitEdges(ctx context.Context, revision link.Revision) (behind []string)
	// Ask asks one connected edge, any when edge is empty, as feed.Server does.
	Ask(ctx context.Context, edge string, ask *feedpb.Ask) (*feedpb.Answer, error)
}

// Config says what the API serves; zero means the default.
type Config struct {
	Backend  Backend
	Version  string // of the program, for people
	Logger   *slog.Logger
	Gatherer prometheus.Gatherer // what /metrics shows; nil: nothing
	// Ready says why the node does not serve, or nil; for /readyz.
	// Required.
	Ready func(ctx context.Context) error
	// Runner runs filters for forecasts; nil: on a host of this process.
	Runner rollout.Runner
	// Debug answers below /debug/, behind the token; nil: nothing does.
	Debug http.Handler
}

// service is what the handlers share.
type service struct {
	backend  Backend
	runner   rollout.Runner
	logger   *slog.Logger
	pictures chan struct{} // a place for each uploaded picture worked on
}

const (
	maxBody      = 1 << 20 // bytes, of requests that are not said to be larger
	bodyTimeout  = 30 * time.Second
	readyTimeout = 2 * time.Second
)

// New returns the API's handler.
func New(config Config) http.Handler {
	logger := config.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	s := &service{backend: config.Backend, runner: config.Runner, logger: logger, pictures: make(chan struct{}, picturesAtOnce)}
	if s.runner == nil {
		s.runner = rollout.HostRunner{}
	}
	mux := http.NewServeMux()

	spec := huma.DefaultConfig("Suodi", config.Version)
	spec.Info.Description = "Admin API of the Suodi redirect platform."
	spec.DocsPath = ""     // ours needs nothing from elsewhere
	spec.CreateHooks = nil // no $schema in answers
	spec.SchemasPath = ""
	spec.RejectUnknownQueryParameters = true
	spec.Transformers = []huma.Transformer{nameFields}
	spec.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"token": {Type: "http", Scheme: "bearer", Description: "An API token."},
	}
	spec.Security = []map[string][]string{{"token": {}}}
	h := humago.New(mux, spec)
	s.links(h)
	s.qrCodes(h)
	s.explanations(h)
	s.batches(h)
	s.domains(h)
	s.platforms(h)
	s.filters(h)
	s.chain(h)
	s.tokens(h)
	s.fleet(h)

	mux.Handle("GET /docs", docsPage(h.OpenAPI()))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		plain(w, http.StatusOK, "ok\n")
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
		defer cancel()
		if err := config.Ready(ctx); err != nil {
			plain(w, http.StatusServiceUnavailable, err.Error()+"\n")
			return
		}
		plain(w, http.StatusOK, "ready\n")
	})
	if config.Gatherer != nil {
		mux.Handle("GET /metrics", promhttp.HandlerFor(config.Gatherer, promhttp.HandlerOpts{}))
	}
	if config.Debug != nil {
		mux.Handle("/debug/", config.Debug)
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/" {
			http.Redirect(w, r, "/docs", http.StatusFound)
			return
		}
		writeProblem(w, http.StatusNotFound, "nothing is at "+r.URL.Path+"; /docs lists what there is")
	})
	return s.recover(s.authenticate(methods(mux)))
}

func plain(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text)) // a client that went away is nobody's error
}

// operation returns an operation of the API with its defaults.
func operation(id, method, path, summary, tag string) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{tag},
		MaxBodyBytes: maxBody, BodyReadTimeout: bodyTimeout,
		RejectUnknownQueryParameters: true,
	}
}
