package api

import (
	"bytes"
	"context"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/link"
	"suodi/control/rollout"
	"suodi/control/state"
	"suodi/control/state/statepb"
	"suodi/raftstore"
	"suodi/wasm/abi"
)

// filterBody is a filter as the API gives it.
type filterBody struct {
	Name     string               `json:"name"`
	Newest   int                  `json:"newest" doc:"Number of the last version pushed."`
	Current  int                  `json:"current" doc:"Number of the version in force; 0: none."`
	Staged   int                  `json:"staged" doc:"Number of the version that promote would put in force; 0: none."`
	Canary   *canaryBody          `json:"canary,omitempty" doc:"The version that runs on some visits; absent: none."`
	History  []int                `json:"history" doc:"Versions in force before, oldest first: what rollback returns to."`
	Chain    int                  `json:"chain" doc:"Place in the chain, from 1; 0: it is not in it."`
	Bound    boundBody            `json:"bound" doc:"Who binds it by name."`
	Note     string               `json:"note,omitempty" doc:"What should be known about its state; a list leaves out which bindings give what does not suit it."`
	Params   map[string]abi.Param `json:"params" doc:"The parameters it takes: those of the version in force, else of the newest."`
	Revision link.Revision        `json:"revision" doc:"Revision of the last change, as epoch.index."`
	Edges    []filterOnEdge       `json:"edges" doc:"How each version fares on each connected edge."`
	Forecast *rollout.Forecast    `json:"forecast,omitempty" doc:"Of a push: what the version would have changed of recent visits."`
}

type canaryBody struct {
	canaryFields
	Version   int       `json:"version"`
	StartedAt time.Time `json:"started_at" doc:"Also when it got other visits last."`
	StartedBy string    `json:"started_by" doc:"Id of the token that started it."`
}

type boundBody struct {
	Links   int      `json:"links" doc:"Links; 1000 stands for as many or more."`
	Domains []string `json:"domains"`
}

type filterOnEdge struct {
	Edge    string     `json:"edge"`
	Version int        `json:"version" doc:"0: one that passes every visit, because none is in force."`
	Canary  bool       `json:"canary,omitempty"`
	Hash    string     `json:"hash" doc:"SHA-256 of the module that runs there."`
	Error   string     `json:"error,omitempty" doc:"Why this version does not run there."`
	Tripped bool       `json:"tripped,omitempty" doc:"It broke too often and is not called for now: its fail mode answers."`
	Tally   *tallyBody `json:"tally,omitempty" doc:"What it decided there since the edge started or loaded it."`
}

// tallyBody counts visits.
type tallyBody struct {
	Visits  uint64 `json:"visits"`
	Passed  uint64 `json:"passed"`
	Allowed uint64 `json:"allowed"`
	Denied  uint64 `json:"denied"`
	Guided  uint64 `json:"guided"`
	Routed  uint64 `json:"routed"`
	Failed  uint64 `json:"failed" doc:"It broke, and its fail mode answered."`
	Erred   uint64 `json:"erred" doc:"Among the others: a condition could not be decided."`
}

type filterOutput = output[filterBody]

type listFiltersOutput struct {
	Body struct {
		Filters []filterBody `json:"filters"`
	}
}

// FilterPath names one filter.
type FilterPath struct {
	Name string `path:"name" maxLength:"63" doc:"The filter's name."`
}

func (s *service) filters(api huma.API) {
	push := operation("push-filter", http.MethodPost, "/v1/filters/{name}", "Push a rule set or a module as the filter's next version", "filters")
	push.RequestBody = &huma.RequestBody{
		Required: true, Description: "A rule set, or a WebAssembly module of at most 4 MiB.",
		Content: map[string]*huma.MediaType{
			"application/yaml": {Schema: &huma.Schema{Type: "string"}},
			"application/wasm": {Schema: &huma.Schema{Type: "string", Format: "binary"}},
		},
	}
	push.MaxBodyBytes = state.MaxUpload
	push.DefaultStatus = http.StatusCreated
	huma.Register(api, push, s.pushFilter)
	huma.Register(api, operation("promote-filter", http.MethodPost, "/v1/filters/{name}/promote",
		"Put the staged version in force, or on trial; or the canary that runs in force", "filters"), s.promoteFilter)
	huma.Register(api, operation("rollback-filter", http.MethodPost, "/v1/filters/{name}/rollback",
		"End the canary, or return to the version in force before", "filters"), s.rollbackFilter)
	huma.Register(api, operation("list-filters", http.MethodGet, "/v1/filters", "List the filters", "filters"), s.listFilters)
	huma.Register(api, operation("get-filter", http.MethodGet, "/v1/filters/{name}", "Show a filter", "filters"),
		func(ctx context.Context, in *FilterPath) (*filterOutput, error) {
			body, err := s.readFilter(ctx, in.Name)
			return answer(found(body.Revision), body), err
		})
	s.versions(api)
	s.history(api)
}

func (s *service) readFilter(ctx context.Context, name string) (body filterBody, err error) {
	found := false
	err = s.backend.Read(ctx, false, func(r raftstore.Reader) error {
		var f state.Filter
		if f, found, err = state.GetFilter(r, name); err != nil || !found {
			return err
		}
		chain, err := state.GetChain(r)
		if err != nil {
			return err
		}
		if body, err = s.showFilter(r, f, chain); err != nil || body.Note != "" {
			return err
		}
		body.Note, err = misfits(r, f, chain)
		return err
	})
	if err != nil {
		return body, fromError(err)
	}
	if !found {
		return body, problem(http.StatusNotFound, "there is no filter "+name)
	}
	return body, nil
}

func (s *service) listFilters(ctx context.Context, _ *struct{}) (*listFiltersOutput, error) {
	out := &listFiltersOutput{}
	out.Body.Filters = []filterBody{}
	err := s.backend.Read(ctx, false, func(r raftstore.Reader) error {
		chain, err := state.GetChain(r)
		if err != nil {
			return err
		}
		filters, err := state.Filters(r)
		if err != nil {
			return err
		}
		for _, f := range filters {
			body, err := s.showFilter(r, f, chain)
			if err != nil {
				return err
			}
			out.Body.Filters = append(out.Body.Filters, body)
		}
		return nil
	})
	if err != nil {
		return nil, fromError(err)
	}
	return out, nil
}

func (s *service) showFilter(r raftstore.Reader, f state.Filter, chain state.Chain) (filterBody, error) {
	body := filterBody{
		Name: f.GetName(), Newest: int(f.GetNewest()), Current: int(f.GetCurrent()), Staged: int(f.GetStaged()),
		Canary: showCanary(f.GetCanary()), History: []int{}, Params: map[string]abi.Param{}, Revision: f.Revision,
		Edges: []filterOnEdge{},
	}
	for _, n := range f.GetHistory() {
		body.History = append(body.History, int(n))
	}
	for i, place := range chain.GetPlaces() {
		if place.GetFilter() == f.GetName() && body.Chain == 0 {
			body.Chain = i + 1
		}
	}
	bound, err := state.Bound(r, f.GetName())
	if err != nil {
		return body, err
	}
	body.Bound = boundBody{Links: bound.Links, Domains: append([]string{}, bound.Domains...)}
	if body.Current == 0 && body.Canary == nil && (body.Chain != 0 || bound.Links > 0 || len(bound.Domains) > 0) {
		body.Note = "no version is in force: where the filter is bound it passes every visit"
	}
	shown := f.GetCurrent()
	if shown == 0 {
		shown = f.GetNewest()
	}
	version, err := state.GetVersion(r, f.GetName(), shown)
	if err != nil {
		return body, err
	}
	if params, err := declared(version.GetManifest(), f.GetSecrets()); err == nil && params != nil {
		body.Params = params
	}
	for _, edge := range s.backend.Edges() {
		body.Edges = append(body.Edges, onEdge(edge, f.GetName())...)
	}
	return body, nil
}

func showCanary(c *statepb.Canary) *canaryBody {
	if c == nil {
		return nil
	}
	return &canaryBody{
		canaryFields: *showTrial(c.GetTrial()), Version: int(c.GetVersion()),
		StartedAt: time.Unix(0, c.GetStartedAt()).UTC(), StartedBy: c.GetStartedBy(),
	}
}

// onEdge returns how each version of a filter fares on an edge.
func onEdge(edge feed.Edge, name string) (rows []filterOnEdge) {
	for _, status := range edge.Filters {
		if status.GetName() != name {
			continue
		}
		row := filterOnEdge{
			Edge: edge.ID, Version: int(status.GetVersion()), Canary: status.GetCanary(),
			Hash: hex.EncodeToString(status.GetHash()), Error: status.GetError(),
		}
		for _, t := range edge.Tallies {
			if t.GetName() == name && t.GetVersion() == status.GetVersion() && bytes.Equal(t.GetHash(), status.GetHash()) {
				row.Tally, row.Tripped = showTally(t), t.GetTripped()
			}
		}
		// One that is in the chain is told of again as one that may be bound by name.
		if !slices.ContainsFunc(rows, func(other filterOnEdge) bool {
			return other.Version == row.Version && other.Canary == row.Canary && other.Hash == row.Hash && other.Error == row.Error
		}) {
			rows = append(rows, row)
		}
	}
	return rows
}

func showTally(t *feedpb.FilterTally) *tallyBody {
	return &tallyBody{
		Visits: t.GetPassed() + t.GetAllowed() + t.GetDenied() + t.GetGuided() + t.GetRouted() + t.GetFailed(),
		Passed: t.GetPassed(), Allowed: t.GetAllowed(), Denied: t.GetDenied(), Guided: t.GetGuided(), Routed: t.GetRouted(),
		Failed: t.GetFailed(), Erred: t.GetErred(),
	}
}

// versionName names a version of a filter for people.
func versionName(name string, number int) string { return name + " version " + strconv.Itoa(number) }
