package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"suodi/control/link"
	"suodi/control/state"
	"suodi/control/state/statepb"
	"suodi/raftstore"
)

// ChainFields are the fields of the chain that a request may give.
type ChainFields struct {
	Filters []string `json:"filters" minItems:"1" maxItems:"64" uniqueItems:"true" doc:"Names of the filters in the order they run; platform stands first."`
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
		func(ctx context.Context, _ *struct{}) (*chainOutput, error) { return s.readChain(ctx) })
	huma.Register(api, operation("put-chain", http.MethodPut, "/v1/chain", "Say which filters run, in order", "filters"), s.putChain)
}

func (s *service) readChain(ctx context.Context) (*chainOutput, error) {
	body := chainBody{ChainFields: ChainFields{Filters: []string{}}}
	err := s.backend.Read(ctx, false, func(r raftstore.Reader) error {
		chain, err := state.GetChain(r)
		for _, place := range chain.GetPlaces() {
			body.Filters = append(body.Filters, place.GetFilter())
		}
		body.Revision = chain.Revision
		return err
	})
	if err != nil {
		return nil, fromError(err)
	}
	return answer(found(body.Revision), body), nil
}

func (s *service) putChain(ctx context.Context, in *putChainInput) (*chainOutput, error) {
	expected, err := ifMatch(in.IfMatch)
	if err != nil {
		return nil, err
	}
	var places []*statepb.Place
	for _, name := range in.Body.Filters {
		places = append(places, &statepb.Place{Filter: name})
	}
	r := newRequest(in.WriteInput, http.StatusOK, "PUT /v1/chain", in.IfMatch, string(in.RawBody))
	_, w, err := s.change(ctx, r, &statepb.Operation{Operation: &statepb.Operation_PutChain{
		PutChain: &statepb.PutChain{Places: places, Expected: expected},
	}})
	if err != nil {
		return nil, err
	}
	out, err := s.readChain(ctx)
	if err != nil {
		return nil, err
	}
	return answer(w, out.Body), nil
}
