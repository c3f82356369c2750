package api

import (
	"context"
	"encoding/hex"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"suodi/control/feed/feedpb"
	"suodi/control/link"
	"suodi/control/state"
	"suodi/control/state/statepb"
	"suodi/raftstore"
	"suodi/wasm/abi"
	"suodi/wasm/rules"
	"suodi/wasm/visit"
)

// maxModule bounds a compiled rule set, in bytes: with its source it must fit
// one Raft entry.
const maxModule = 512 << 10

// filterBody is a filter as the API gives it.
type filterBody struct {
	Name     string         `json:"name"`
	Current  int            `json:"current" doc:"Number of the version in force; 0: none."`
	Staged   int            `json:"staged" doc:"Number of the version that promote would put in force; 0: none."`
	History  []int          `json:"history" doc:"Versions in force before, oldest first: what rollback returns to."`
	Chain    int            `json:"chain" doc:"Place in the chain, from 1; 0: it is not in it."`
	Revision link.Revision  `json:"revision" doc:"Revision of the last change, as epoch.index."`
	Edges    []filterOnEdge `json:"edges" doc:"How the filter fares on each connected edge."`
}

type filterOnEdge struct {
	Edge  string `json:"edge"`
	Hash  string `json:"hash" doc:"SHA-256 of the module that runs there."`
	Error string `json:"error,omitempty" doc:"Why the version in force does not run there."`
}

type filterOutput = output[filterBody]

type listFiltersOutput struct {
	Body struct {
		Filters []filterBody `json:"filters"`
	}
}

type versionBody struct {
	Number   int       `json:"number"`
	Hash     string    `json:"hash" doc:"SHA-256 of the module."`
	Size     int       `json:"size" doc:"Bytes of the module."`
	PushedAt time.Time `json:"pushed_at"`
	PushedBy string    `json:"pushed_by" doc:"Id of the token that pushed it."`
	Source   string    `json:"source,omitempty" doc:"The rule set it was compiled from."`
}

type listVersionsOutput struct {
	Body struct {
		Versions []versionBody `json:"versions" doc:"Oldest first."`
	}
}

// FilterPath names one filter.
type FilterPath struct {
	Name string `path:"name" maxLength:"63" doc:"The filter's name."`
}

func (s *service) filters(api huma.API) {
	push := operation("push-filter", http.MethodPost, "/v1/filters/{name}", "Push a rule set as the filter's next version", "filters")
	push.RequestBody = &huma.RequestBody{
		Required: true, Description: "A rule set.",
		Content: map[string]*huma.MediaType{"application/yaml": {Schema: &huma.Schema{Type: "string"}}},
	}
	push.DefaultStatus = http.StatusCreated
	huma.Register(api, push, s.pushFilter)
	huma.Register(api, operation("promote-filter", http.MethodPost, "/v1/filters/{name}/promote", "Put the staged version in force", "filters"),
		func(ctx context.Context, in *moveFilterInput) (*filterOutput, error) {
			return s.moveFilter(ctx, in, "promote", func(name string, expected *feedpb.Revision) *statepb.Operation {
				return &statepb.Operation{Operation: &statepb.Operation_PromoteFilter{
					PromoteFilter: &statepb.PromoteFilter{Name: name, Expected: expected},
				}}
			})
		})
	huma.Register(api, operation("rollback-filter", http.MethodPost, "/v1/filters/{name}/rollback", "Return to the version in force before", "filters"),
		func(ctx context.Context, in *moveFilterInput) (*filterOutput, error) {
			return s.moveFilter(ctx, in, "rollback", func(name string, expected *feedpb.Revision) *statepb.Operation {
				return &statepb.Operation{Operation: &statepb.Operation_RollbackFilter{
					RollbackFilter: &statepb.RollbackFilter{Name: name, Expected: expected},
				}}
			})
		})
	huma.Register(api, operation("list-filters", http.MethodGet, "/v1/filters", "List the filters", "filters"), s.listFilters)
	huma.Register(api, operation("get-filter", http.MethodGet, "/v1/filters/{name}", "Show a filter", "filters"),
		func(ctx context.Context, in *FilterPath) (*filterOutput, error) {
			body, err := s.readFilter(ctx, in.Name)
			return answer(found(body.Revision), body), err
		})
	huma.Register(api, operation("list-filter-versions", http.MethodGet, "/v1/filters/{name}/versions", "List a filter's versions", "filters"), s.listVersions)
}

type pushFilterInput struct {
	FilterPath
	WriteInput
	ContentType string `header:"Content-Type"`
	IfMatch     string `header:"If-Match" doc:"Refuse with 412 when the filter's ETag is another."`
	Promote     string `query:"promote" enum:"all" doc:"all: also put it in force everywhere."`
	RawBody     []byte
}

func (s *service) pushFilter(ctx context.Context, in *pushFilterInput) (*filterOutput, error) {
	if !abi.ValidName(in.Name) {
		return nil, problem(http.StatusUnprocessableEntity, fmt.Sprintf("filter name %q: want lower case letters, digits, - and _, a letter first, at most 63", in.Name))
	}
	switch kind, _, _ := mime.ParseMediaType(in.ContentType); kind {
	case "application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml":
	case "application/wasm":
		return nil, problem(http.StatusUnsupportedMediaType,
			"uploaded WebAssembly modules are not accepted yet: until modules are metered, an endless loop in one would stop an edge; push a rule set (application/yaml)")
	default:
		return nil, problem(http.StatusUnsupportedMediaType, fmt.Sprintf("Content-Type is %q; send a rule set as application/yaml", in.ContentType))
	}
	platforms, err := s.readPlatforms(ctx)
	if err != nil {
		return nil, err
	}
	module, err := compile(ctx, in.Name, in.RawBody, platforms)
	if err != nil {
		return nil, err
	}
	expected, err := ifMatch(in.IfMatch)
	if err != nil {
		return nil, err
	}
	r := newRequest(in.WriteInput, http.StatusCreated, "POST /v1/filters", in.Name, in.Promote, in.IfMatch, string(in.RawBody))
	return s.filterChange(ctx, r, in.Name, &statepb.Operation{Operation: &statepb.Operation_StageFilter{StageFilter: &statepb.StageFilter{
		Name: in.Name, Module: module.Wasm, Source: in.RawBody, Promote: in.Promote != "", Expected: expected,
	}}})
}

// compile makes a module of a rule set and runs the rule set's tests.
func compile(ctx context.Context, name string, source []byte, platforms []state.Platform) (*rules.Module, error) {
	set, err := rules.Parse(source)
	if err != nil {
		return nil, rulesProblem("the rule set cannot be read", err)
	}
	if set.Name != name {
		return nil, problem(http.StatusUnprocessableEntity, fmt.Sprintf("the rule set is named %q, but is pushed as %q; make the names equal", set.Name, name))
	}
	catalog, err := catalogOf(platforms)
	if err != nil {
		return nil, fromError(err)
	}
	numbers := ruleCatalog{catalog}
	module, err := rules.Compile(set, numbers)
	if err != nil {
		return nil, rulesProblem("the rule set does not compile", err)
	}
	if len(module.Wasm) > maxModule {
		return nil, problem(http.StatusUnprocessableEntity, fmt.Sprintf("the rule set compiles to %d bytes; the limit is %d", len(module.Wasm), maxModule))
	}
	failures, err := set.Test(ctx, module, numbers, numbers.classify)
	if err != nil {
		return nil, rulesProblem("the rule set's tests cannot be run", err)
	}
	if len(failures) == 0 {
		return module, nil
	}
	model := problem(http.StatusUnprocessableEntity, "the rule set fails its own tests")
	for _, f := range failures {
		model.Detail += "; " + f.String()
		model.Errors = append(model.Errors, &huma.ErrorDetail{
			Location: fmt.Sprintf("body:%d", f.Line), Message: fmt.Sprintf("test %q: want %s, got %s", f.Name, f.Want, f.Got),
		})
	}
	return nil, model
}

// rulesProblem reports mistakes in a rule set with their places.
func rulesProblem(what string, err error) *huma.ErrorModel {
	model := problem(http.StatusUnprocessableEntity, what)
	mistakes := rules.Errors(err)
	if len(mistakes) == 0 {
		model.Detail += ": " + err.Error()
	}
	for _, m := range mistakes {
		model.Errors = append(model.Errors, &huma.ErrorDetail{
			Location: fmt.Sprintf("body:%d:%d", m.Line, m.Column), Message: m.Message, Value: m.Snippet,
		})
	}
	return model
}

// ruleCatalog is the platform catalog as the rule compiler sees it.
type ruleCatalog struct{ *visit.Catalog }

func (c ruleCatalog) Number(id string) (uint8, bool) {
	e, ok := c.ByID(id)
	return e.Number, ok && !e.Retired
}

func (c ruleCatalog) IsCrawler(id string) bool {
	e, _ := c.ByID(id)
	return id == visit.Bot || e.Kind == visit.Crawler
}

func (c ruleCatalog) IDs() (ids []string) {
	for _, e := range c.Entries() {
		if !e.Retired {
			ids = append(ids, e.ID)
		}
	}
	return ids
}

// classify fills in what the catalog tells from a user agent. Browser and
// version facts of a rule set's tests are given by the tests themselves.
func (c ruleCatalog) classify(userAgent string, v *abi.Visit) {
	p := c.Match([]byte(userAgent))
	v.Platforms, v.Platform, v.OS, v.Device, v.Bot = p.Set, p.Platform, p.OS, p.Device, p.Bot
}

type moveFilterInput struct {
	FilterPath
	WriteInput
	IfMatch string `header:"If-Match" doc:"Refuse with 412 when the filter's ETag is another."`
}

func (s *service) moveFilter(ctx context.Context, in *moveFilterInput, how string, op func(name string, expected *feedpb.Revision) *statepb.Operation) (*filterOutput, error) {
	if !abi.ValidName(in.Name) {
		return nil, problem(http.StatusNotFound, "there is no such filter")
	}
	expected, err := ifMatch(in.IfMatch)
	if err != nil {
		return nil, err
	}
	r := newRequest(in.WriteInput, http.StatusOK, "POST /v1/filters", in.Name, how, in.IfMatch)
	return s.filterChange(ctx, r, in.Name, op(in.Name, expected))
}

func (s *service) filterChange(ctx context.Context, r *request, name string, op *statepb.Operation) (*filterOutput, error) {
	_, w, err := s.change(ctx, r, op)
	if err != nil {
		return nil, err
	}
	body, err := s.readFilter(ctx, name)
	return answer(w, body), err
}

func (s *service) readFilter(ctx context.Context, name string) (body filterBody, err error) {
	found := false
	err = s.backend.Read(ctx, false, func(r raftstore.Reader) error {
		var f state.Filter
		if f, found, err = state.GetFilter(r, name); err != nil || !found {
			return err
		}
		chain, err := state.GetChain(r)
		body = s.showFilter(f, chain)
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

func (s *service) showFilter(f state.Filter, chain state.Chain) filterBody {
	body := filterBody{
		Name: f.GetName(), Current: int(f.GetCurrent()), Staged: int(f.GetStaged()), History: []int{}, Revision: f.Revision,
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
	for _, edge := range s.backend.Edges() {
		for _, status := range edge.Filters {
			if status.GetName() == f.GetName() {
				body.Edges = append(body.Edges, filterOnEdge{
					Edge: edge.ID, Hash: hex.EncodeToString(status.GetHash()), Error: status.GetError(),
				})
			}
		}
	}
	return body
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
		for _, f := range filters {
			out.Body.Filters = append(out.Body.Filters, s.showFilter(f, chain))
		}
		return err
	})
	if err != nil {
		return nil, fromError(err)
	}
	return out, nil
}

func (s *service) listVersions(ctx context.Context, in *FilterPath) (*listVersionsOutput, error) {
	out := &listVersionsOutput{}
	out.Body.Versions = []versionBody{}
	err := s.backend.Read(ctx, false, func(r raftstore.Reader) error {
		versions, err := state.Versions(r, in.Name)
		if err != nil {
			return err
		}
		for _, v := range versions {
			source := []byte{}
			if len(v.GetSourceHash()) > 0 {
				if source, err = state.Module(r, v.GetSourceHash()); err != nil {
					return err
				}
			}
			out.Body.Versions = append(out.Body.Versions, versionBody{
				Number: int(v.GetNumber()), Hash: hex.EncodeToString(v.GetHash()), Size: int(v.GetSize()),
				PushedAt: time.Unix(0, v.GetPushedAt()).UTC(), PushedBy: v.GetPushedBy(),
				Source: strings.ToValidUTF8(string(source), "\uFFFD"),
			})
		}
		return err
	})
	if err != nil {
		return nil, fromError(err)
	}
	if len(out.Body.Versions) == 0 {
		return nil, problem(http.StatusNotFound, "there is no filter "+in.Name)
	}
	return out, nil
}
