package api

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/link"
	"suodi/control/rollout"
	"suodi/control/state"
	"suodi/control/state/statepb"
	"suodi/raftstore"
	"suodi/wasm/abi"
	"suodi/wasm/meter"
	"suodi/wasm/rules"
)

// maxInline is how large a module, its source and its manifest may be together,
// in bytes, to go into the Raft entry that stages them; a larger module goes in
// chunks before it.
const maxInline = 384 << 10

type pushFilterInput struct {
	FilterPath
	WriteInput
	ContentType string  `header:"Content-Type"`
	IfMatch     string  `header:"If-Match" doc:"Refuse with 412 when the filter's ETag is another."`
	Promote     string  `query:"promote" enum:"all,canary" doc:"all: also put it in force everywhere; canary: on a share of visits."`
	Percent     float64 `query:"percent" minimum:"0.01" maximum:"100" doc:"With promote=canary: the share of visits it gets; default 5."`
	Chain       string  `query:"chain" enum:"no,yes" doc:"With promote. no: the filter is not appended to the chain, now and later; it runs where it is bound by name. yes: it is appended. Left out: it is with its first version, unless somebody binds it, said no or took it out."`
	Forecast    string  `query:"forecast" enum:"0,1" doc:"Say what it would have changed of recent visits. Left out: when an edge can tell; 1: say it if not; 0: do not."`
	RawBody     []byte
}

// pushed is a version that is good to be staged.
type pushed struct {
	module, source []byte // the source of a rule set
	manifest       []byte // JSON; empty for a module without one
	memory         uint32 // pages that one instance takes
	needs          abi.Facts
}

func (s *service) pushFilter(ctx context.Context, in *pushFilterInput) (*filterOutput, error) {
	if !abi.ValidName(in.Name) {
		return nil, problem(http.StatusUnprocessableEntity, fmt.Sprintf("filter name %q: want lower case letters, digits, - and _, a letter first, at most 63", in.Name))
	}
	expected, err := ifMatch(in.IfMatch)
	if err != nil {
		return nil, err
	}
	switch {
	case in.Percent != 0 && in.Promote != "canary":
		return nil, problem(http.StatusUnprocessableEntity, "percent is the share of visits of a canary; give it with promote=canary")
	case in.Chain != "" && in.Promote == "":
		return nil, problem(http.StatusUnprocessableEntity, "chain says where a promoted filter runs; give it with promote, or to POST /v1/filters/{name}/promote")
	case in.Percent == 0:
		in.Percent = 5
	}
	p, err := s.admit(ctx, in)
	if err != nil {
		return nil, err
	}
	forecast := s.startForecast(ctx, in.Name, p, in.Forecast)
	defer forecast.stop()
	r := newRequest(in.WriteInput, http.StatusCreated, "POST /v1/filters", in.Name, in.Promote,
		fmt.Sprint(in.Percent), in.Chain, in.IfMatch, string(in.RawBody))
	out, err := s.filterChange(ctx, r, in.Name, func() (*statepb.Operation, error) {
		stage := &statepb.StageFilter{Name: in.Name, Source: p.source, Manifest: p.manifest, Memory: p.memory, Promote: in.Promote != "", Expected: expected}
		if len(p.module)+len(p.source)+len(p.manifest) <= maxInline {
			stage.Module = p.module
		} else if err := s.unchanged(ctx, in.Name, expected); err != nil {
			return nil, err
		} else if stage.ModuleHash, err = s.upload(ctx, p.module); err != nil {
			return nil, err
		}
		if in.Promote != "" {
			stage.Placing = &statepb.Placing{Named: in.Chain == "no", Append: in.Chain == "yes"}
			if err := s.place(ctx, in.Name, p.manifest, stage.Placing); err != nil {
				return nil, err
			}
		}
		if in.Promote == "canary" {
			if stage.Canary, err = (&canaryFields{Percent: in.Percent}).trial(); err != nil {
				return nil, err
			}
		}
		return &statepb.Operation{Operation: &statepb.Operation_StageFilter{StageFilter: stage}}, nil
	})
	if err != nil {
		return nil, err
	}
	out.Body.Forecast = forecast.wait()
	return out, nil
}

// admit makes a module of what is pushed, or takes it for one, and checks it as
// an edge will.
func (s *service) admit(ctx context.Context, in *pushFilterInput) (*pushed, error) {
	p := &pushed{}
	switch kind, _, _ := mime.ParseMediaType(in.ContentType); kind {
	case "application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml":
		if len(in.RawBody) > rules.MaxSource {
			return nil, problem(http.StatusRequestEntityTooLarge, fmt.Sprintf("the rule set is %d bytes long; at most %d", len(in.RawBody), rules.MaxSource))
		}
		platforms, err := s.readPlatforms(ctx)
		if err != nil {
			return nil, err
		}
		module, err := compile(ctx, in.Name, in.RawBody, platforms)
		if err != nil {
			return nil, err
		}
		p.module, p.source = module.Wasm, in.RawBody
	case "application/wasm":
		p.module = in.RawBody
	default:
		return nil, problem(http.StatusUnsupportedMediaType,
			fmt.Sprintf("Content-Type is %q; send a rule set as application/yaml or a module as application/wasm", in.ContentType))
	}
	module, err := meter.Admit(p.module, meter.Options{})
	if err != nil {
		return nil, admitProblem(err)
	}
	// Loading it runs it on an empty visit, as edges do.
	if _, err := s.runner.Run(ctx, p.module, nil, nil); err != nil {
		return nil, problem(http.StatusUnprocessableEntity, "the module does not stand its first test: "+err.Error())
	}
	p.memory = rollout.Memory(module)
	p.needs = abi.AllFacts
	if !module.HasManifest {
		return p, nil
	}
	if module.Manifest.Name != in.Name {
		return nil, problem(http.StatusUnprocessableEntity,
			fmt.Sprintf("the module's manifest names it %q, but it is pushed as %q; make the names equal", module.Manifest.Name, in.Name))
	}
	p.needs = module.Manifest.Facts()
	if p.manifest, err = json.Marshal(module.Manifest); err != nil {
		return nil, fromError(fmt.Errorf("encode manifest: %w", err))
	}
	return p, nil
}

// placeInModule is where a module is at fault.
type placeInModule struct {
	Section  string `json:"section"`
	Offset   int    `json:"offset"`
	Function *int   `json:"function,omitempty"`
}

// admitProblem reports why a module is not admitted, and where.
func admitProblem(err error) *huma.ErrorModel {
	model := problem(http.StatusUnprocessableEntity, "the module is not admitted: "+err.Error())
	var wrong *meter.Error
	if errors.As(err, &wrong) {
		at := placeInModule{Section: wrong.Section, Offset: wrong.Offset}
		if wrong.Function >= 0 {
			at.Function = &wrong.Function
		}
		model.Errors = append(model.Errors, &huma.ErrorDetail{
			Location: fmt.Sprintf("body:%#x", wrong.Offset), Message: wrong.Message, Value: at,
		})
	}
	return model
}

// unchanged refuses what was made for another revision of a filter before
// anything is uploaded for it. The state says so for good.
func (s *service) unchanged(ctx context.Context, name string, expected *feedpb.Revision) error {
	if expected == nil {
		return nil
	}
	var f state.Filter
	err := s.backend.Read(ctx, false, func(r raftstore.Reader) (err error) {
		f, _, err = state.GetFilter(r, name)
		return err
	})
	switch {
	case err != nil:
		return fromError(err)
	case f.Revision != feed.ToRevision(expected):
		return fromRefusal(&statepb.Outcome{Refusal: statepb.Refusal_REFUSAL_CHANGED})
	}
	return nil
}

// upload sends something in chunks ahead of the command that names it by the
// hash returned. What came before is passed over.
func (s *service) upload(ctx context.Context, whole []byte) ([]byte, error) {
	if len(whole) > state.MaxUpload {
		return nil, problem(http.StatusRequestEntityTooLarge, fmt.Sprintf("%d bytes; at most %d", len(whole), state.MaxUpload))
	}
	hash := sha256.Sum256(whole)
	for at := 0; at < len(whole); at += state.MaxChunk {
		result, err := s.backend.Propose(ctx, &statepb.Command{Actor: actor(ctx), Operations: []*statepb.Operation{
			{Operation: &statepb.Operation_PutChunk{PutChunk: &statepb.PutChunk{
				Hash: hash[:], Size: uint32(len(whole)), Offset: uint32(at), Data: whole[at:min(at+state.MaxChunk, len(whole))],
			}}},
		}})
		if err != nil {
			return nil, fromError(err)
		}
		if err := fromRefusal(result.GetOutcomes()[0]); err != nil {
			return nil, err
		}
	}
	return hash[:], nil
}

// place completes what a version with this manifest is given in the chain: what
// the chain gives the filter now, as far as it may, and what the version has as
// defaults. A filter that nothing in the chain gives what it requires runs by
// name for now.
func (s *service) place(ctx context.Context, name string, manifest []byte, placing *statepb.Placing) error {
	var chain state.Chain
	var f state.Filter
	err := s.backend.Read(ctx, false, func(r raftstore.Reader) (err error) {
		if chain, err = state.GetChain(r); err != nil {
			return err
		}
		f, _, err = state.GetFilter(r, name)
		return err
	})
	if err != nil {
		return fromError(err)
	}
	params, err := declared(manifest, f.GetSecrets())
	if err != nil {
		return fromError(err)
	}
	placing.Chain = feed.FromRevision(chain.Revision)
	place := chain.Place(name)
	placing.Params, err = complete(params, place.GetParams())
	var one *abi.ParamError
	switch {
	case err == nil:
	case place == nil && !placing.GetAppend() && errors.As(err, &one):
		placing.Params, placing.Lacking = nil, true
	case place == nil:
		return problem(http.StatusConflict,
			"the filter cannot be appended to the chain without what it requires ("+err.Error()+"); PUT /v1/chain with it and its params")
	case errors.As(err, &one) && gives(place.GetParams(), one.Name):
		return problem(http.StatusConflict,
			"what the chain gives the filter does not suit this version ("+err.Error()+"); a parameter of another type needs another name, or take the filter out of the chain with PUT /v1/chain while you promote it")
	default:
		return problem(http.StatusConflict,
			"what the chain gives the filter does not suit this version ("+err.Error()+"); PUT /v1/chain with params that do, then promote it")
	}
	return nil
}

// gives reports whether stored params have a value for a parameter.
func gives(stored []byte, name string) bool {
	values := map[string]json.RawMessage{}
	if len(stored) > 0 && json.Unmarshal(stored, &values) != nil {
		return false
	}
	_, ok := values[name]
	return ok
}

// complete returns stored params with what a version declares filled in and
// checked. Those that it does not declare stay: the version that they are for
// may come back.
func complete(params map[string]abi.Param, stored []byte) ([]byte, error) {
	known, all := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	if len(stored) > 0 {
		if err := json.Unmarshal(stored, &all); err != nil {
			return nil, fmt.Errorf("stored parameters: %w", err)
		}
	}
	for name, value := range all {
		if _, ok := params[name]; ok {
			known[name] = value
		}
	}
	canonical, err := abi.CanonicalParams(params, object(known))
	if err != nil {
		return nil, err
	}
	if len(canonical) > 0 {
		if err := json.Unmarshal(canonical, &all); err != nil {
			return nil, fmt.Errorf("canonical parameters: %w", err)
		}
	}
	whole := object(all)
	if len(whole) > link.MaxParams {
		return nil, fmt.Errorf("parameters take %d bytes; the limit is %d", len(whole), link.MaxParams)
	}
	return whole, nil
}
