package api

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"suodi/control/feed"
	"suodi/control/link"
	"suodi/control/state"
	"suodi/control/state/statepb"
	"suodi/raftstore"
)

// ChainFields are the fields of the chain that a request may give.
type ChainFields struct {
	Filters []string                   `json:"filters" minItems:"1" maxItems:"64" uniqueItems:"true" doc:"Names of the filters in the order they run; platform stands first."`
	Params  map[string]json.RawMessage `json:"params,omitempty" doc:"Parameters that filters are given, by the filter's name. A secret one given as *** stays as it is; a filter that is left out keeps what it has."`
}

// chainBody is the chain as the API gives it.
type chainBody struct {
	ChainFields
	Revision link.Revision `json:"revision" doc:"Revision of the last change, as epoch.index."`
}

type chainOutput = output[chainBody]

type putChainInput struct {
	WriteInput
	IfMatch string `header:"If-Match" doc:"Refuse with 412 when the chain's ETag is another."`
	Body    ChainFields
	RawBody []byte
}

func (s *service) chain(api huma.API) {
	huma.Register(api, operation("get-chain", http.MethodGet, "/v1/chain", "Show the chain of filters", "filters"),
		func(ctx context.Context, _ *struct{}) (*chainOutput, error) {
			body, err := s.readChain(ctx)
			return answer(found(body.Revision), body), err
		})
	huma.Register(api, operation("put-chain", http.MethodPut, "/v1/chain", "Say which filters run, in order, with which parameters", "filters"), s.putChain)
}

func (s *service) readChain(ctx context.Context) (body chainBody, err error) {
	body.Filters, body.Params = []string{}, map[string]json.RawMessage{}
	err = s.backend.Read(ctx, false, func(r raftstore.Reader) error {
		chain, takers, err := chainAndTakers(r)
		for _, place := range chain.GetPlaces() {
			body.Filters = append(body.Filters, place.GetFilter())
			if params := takers[place.GetFilter()].show(place.GetParams()); params != nil {
				body.Params[place.GetFilter()] = params
			}
		}
		body.Revision = chain.Revision
		return err
	})
	if err != nil {
		return body, fromError(err)
	}
	return body, nil
}

func chainAndTakers(r raftstore.Reader) (chain state.Chain, takers map[string]taker, err error) {
	if chain, err = state.GetChain(r); err != nil {
		return chain, nil, err
	}
	takers, err = readTakers(r)
	return chain, takers, err
}

func (s *service) putChain(ctx context.Context, in *putChainInput) (*chainOutput, error) {
	want, err := ifMatch(in.IfMatch)
	if err != nil {
		return nil, err
	}
	r := newRequest(in.WriteInput, http.StatusOK, "PUT /v1/chain", in.IfMatch, string(in.RawBody))
	for try := 0; ; try++ {
		result, err := s.propose(ctx, r, try, func() ([]*statepb.Operation, error) {
			places, revision, err := s.places(ctx, &in.Body)
			if err != nil {
				return nil, err
			}
			put := &statepb.PutChain{Places: places, Expected: want}
			if want == nil { // secrets that stay were read at this revision
				put.Expected = feed.FromRevision(revision)
			}
			return []*statepb.Operation{{Operation: &statepb.Operation_PutChain{PutChain: put}}}, nil
		})
		if err != nil {
			return nil, err
		}
		out := result.GetOutcomes()[0]
		if out.GetRefusal() == statepb.Refusal_REFUSAL_CHANGED && want == nil && try < updateTries {
			continue
		}
		if err := fromRefusal(out); err != nil {
			return nil, err
		}
		w := s.finish(ctx, r, feed.ToRevision(out.GetRevision()))
		body, err := s.readChain(ctx)
		return answer(w, body), err
	}
}

// places makes the chain's places, with params in the form filters are handed,
// and returns the chain's revision for which they are made.
func (s *service) places(ctx context.Context, fields *ChainFields) (places []*statepb.Place, revision link.Revision, err error) {
	var problems link.Problems
	for _, name := range slices.Sorted(maps.Keys(fields.Params)) {
		if !slices.Contains(fields.Filters, name) {
			problems = append(problems, &link.FieldError{Field: "params." + name, Reason: "is for a filter that is not in filters", Hint: "name it there or leave it out"})
		}
	}
	err = s.backend.Read(ctx, false, func(r raftstore.Reader) error {
		chain, takers, err := chainAndTakers(r)
		if err != nil {
			return err
		}
		revision = chain.Revision
		for _, name := range fields.Filters {
			place := &statepb.Place{Filter: name}
			places = append(places, place)
			t, ok := takers[name]
			if !ok { // the state refuses it
				continue
			}
			had := chain.Place(name)
			if _, given := fields.Params[name]; !given && had != nil {
				place.Params = had.GetParams()
				continue
			}
			params, wrong := t.canonical("params."+name, fields.Params[name], had.GetParams())
			if wrong != nil {
				problems = append(problems, wrong)
			}
			place.Params = params
		}
		return nil
	})
	if err != nil {
		return nil, revision, fromError(err)
	}
	if len(problems) > 0 {
		return nil, revision, fromError(problems)
	}
	return places, revision, nil
}
