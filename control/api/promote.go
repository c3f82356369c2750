package api

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/rollout"
	"suodi/control/state"
	"suodi/control/state/statepb"
	"suodi/raftstore"
	"suodi/wasm/abi"
)

// canaryFields say on which visits a canary runs and when it is halted.
type canaryFields struct {
	Percent     float64  `json:"percent,omitempty" minimum:"0.01" maximum:"100" doc:"Share of all visits, by visit hash: a visitor stays on one side. Either this or edges."`
	Edges       []string `json:"edges,omitempty" maxItems:"1000" doc:"Ids of the edges that run it on all their visits."`
	MaxFailures *float64 `json:"max_failures,omitempty" minimum:"0" maximum:"1" doc:"It is halted when the share of visits it breaks on is larger than that of the version in force by more than this; default 0.01."`
	MaxChange   *float64 `json:"max_change,omitempty" minimum:"0" maximum:"1" doc:"It is halted when the share of a verdict differs by more than this; default 0.1."`
	MinVisits   *int     `json:"min_visits,omitempty" minimum:"1" maximum:"1000000000" doc:"Visits of each version before shares are compared; default 100."`
}

// promoteFields are what a promote may say.
type promoteFields struct {
	Canary *canaryFields `json:"canary,omitempty" doc:"Run it on some visits first; left out: put it in force everywhere."`
	Chain  *bool         `json:"chain,omitempty" doc:"false: the filter is not appended to the chain, now and later; it runs where it is bound by name. true: it is appended. Left out: it is with its first version, unless somebody binds it, said false or took it out."`
}

// trial returns the fields as they are stored.
func (c *canaryFields) trial() (*statepb.Trial, error) {
	if c == nil {
		return nil, nil // everywhere
	}
	t := &statepb.Trial{
		Share:       uint32(math.Round(c.Percent * state.FullShare / 100)),
		MaxFailures: rollout.DefaultMaxFailures, MaxChange: rollout.DefaultMaxChange, MinVisits: rollout.DefaultMinVisits,
	}
	for i, edge := range c.Edges {
		if edge = strings.TrimSpace(edge); edge == "" || len(edge) > 128 {
			return nil, fieldProblem(http.StatusUnprocessableEntity, fmt.Sprintf("canary.edges[%d]", i), edge, "is no edge's id; GET /v1/fleet lists them")
		}
		t.Edges = append(t.Edges, edge)
	}
	slices.Sort(t.Edges)
	t.Edges = slices.Compact(t.Edges)
	if (len(t.Edges) == 0) == (t.GetShare() == 0) {
		return nil, fieldProblem(http.StatusUnprocessableEntity, "canary", "", "must say either percent or edges")
	}
	if c.MaxFailures != nil {
		t.MaxFailures = *c.MaxFailures
	}
	if c.MaxChange != nil {
		t.MaxChange = *c.MaxChange
	}
	if c.MinVisits != nil {
		t.MinVisits = uint32(*c.MinVisits)
	}
	return t, nil
}

// showTrial is the inverse of trial.
func showTrial(t *statepb.Trial) *canaryFields {
	if t == nil {
		return nil
	}
	visits := int(t.GetMinVisits())
	return &canaryFields{
		Percent: float64(t.GetShare()) * 100 / state.FullShare, Edges: t.GetEdges(),
		MaxFailures: &t.MaxFailures, MaxChange: &t.MaxChange, MinVisits: &visits,
	}
}

type promoteInput struct {
	FilterPath
	WriteInput
	IfMatch string `header:"If-Match" doc:"Refuse with 412 when the filter's ETag is another."`
	Body    *promoteFields
}

func (s *service) promoteFilter(ctx context.Context, in *promoteInput) (*filterOutput, error) {
	if in.Body == nil {
		in.Body = &promoteFields{}
	}
	said, err := json.Marshal(in.Body)
	if err != nil {
		return nil, fromError(err)
	}
	trial, err := in.Body.Canary.trial()
	if err != nil {
		return nil, err
	}
	expected, err := s.toMove(&in.FilterPath, in.IfMatch)
	if err != nil {
		return nil, err
	}
	r := newRequest(in.WriteInput, http.StatusOK, "POST /v1/filters", in.Name, "promote", in.IfMatch, string(said))
	return s.filterChange(ctx, r, in.Name, func() (*statepb.Operation, error) {
		op := &statepb.PromoteFilter{Name: in.Name, Expected: expected, Canary: trial}
		manifest, found, err := s.toPromote(ctx, in.Name)
		if err != nil {
			return nil, err
		}
		if found { // else the state says what is missing
			chain := in.Body.Chain
			op.Placing = &statepb.Placing{Named: chain != nil && !*chain, Append: chain != nil && *chain}
			if err := s.place(ctx, in.Name, manifest, op.Placing); err != nil {
				return nil, err
			}
		}
		return &statepb.Operation{Operation: &statepb.Operation_PromoteFilter{PromoteFilter: op}}, nil
	})
}

// toPromote returns the manifest of the version that a promote is about; found
// is false when there is none.
func (s *service) toPromote(ctx context.Context, name string) (manifest []byte, found bool, err error) {
	err = s.backend.Read(ctx, false, func(r raftstore.Reader) error {
		f, ok, err := state.GetFilter(r, name)
		number := f.GetStaged()
		if canary := f.GetCanary(); canary != nil {
			number = canary.GetVersion()
		}
		if err != nil || !ok || number == 0 {
			return err
		}
		version, err := state.GetVersion(r, name, number)
		manifest, found = version.GetManifest(), true
		return err
	})
	if err != nil {
		return nil, false, fromError(err)
	}
	return manifest, found, nil
}

type rollbackInput struct {
	FilterPath
	WriteInput
	IfMatch string `header:"If-Match" doc:"Refuse with 412 when the filter's ETag is another."`
}

func (s *service) rollbackFilter(ctx context.Context, in *rollbackInput) (*filterOutput, error) {
	expected, err := s.toMove(&in.FilterPath, in.IfMatch)
	if err != nil {
		return nil, err
	}
	r := newRequest(in.WriteInput, http.StatusOK, "POST /v1/filters", in.Name, "rollback", in.IfMatch)
	return s.filterChange(ctx, r, in.Name, func() (*statepb.Operation, error) {
		return &statepb.Operation{Operation: &statepb.Operation_RollbackFilter{
			RollbackFilter: &statepb.RollbackFilter{Name: in.Name, Expected: expected},
		}}, nil
	})
}

func (*service) toMove(in *FilterPath, header string) (*feedpb.Revision, error) {
	if !abi.ValidName(in.Name) {
		return nil, problem(http.StatusNotFound, "there is no such filter")
	}
	return ifMatch(header)
}

// filterChange proposes a change of a filter, again when the chain it was made
// for has changed meanwhile or chunks were forgotten.
func (s *service) filterChange(ctx context.Context, r *request, name string, build func() (*statepb.Operation, error)) (*filterOutput, error) {
	for try := 0; ; try++ {
		result, err := s.propose(ctx, r, try, func() ([]*statepb.Operation, error) {
			op, err := build()
			return []*statepb.Operation{op}, err
		})
		if err != nil {
			return nil, err
		}
		out := result.GetOutcomes()[0]
		stale := out.GetRefusal() == statepb.Refusal_REFUSAL_CHANGED && out.GetDetail() == "chain" ||
			out.GetRefusal() == statepb.Refusal_REFUSAL_UNKNOWN_MODULE
		if stale && try < updateTries {
			continue
		}
		if err := fromRefusal(out); err != nil {
			return nil, err
		}
		w := s.finish(ctx, r, feed.ToRevision(out.GetRevision()))
		body, err := s.readFilter(ctx, name)
		return answer(w, body), err
	}
}
