package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"suodi/control/state"
	"suodi/control/state/statepb"
	"suodi/raftstore"
)

// eventBody is one thing that happened to a filter.
type eventBody struct {
	Number   int           `json:"number"`
	At       time.Time     `json:"at"`
	By       string        `json:"by" doc:"Id of the token that asked for it; system: the control plane itself."`
	What     string        `json:"what" enum:"pushed,promoted,canary started,canary changed,canary ended,canary halted,rolled back" doc:"What happened."`
	Version  int           `json:"version" doc:"That it happened to; rolled back: the one in force from then on, 0 for none."`
	Previous int           `json:"previous" doc:"In force until then; 0: none."`
	Reason   string        `json:"reason,omitempty" doc:"Why a canary was halted."`
	Canary   *canaryFields `json:"canary,omitempty"`
}

type historyOutput struct {
	Body struct {
		Events []eventBody `json:"events" doc:"Newest first; the last 200 are kept."`
	}
}

var happened = map[statepb.Happened]string{
	statepb.Happened_HAPPENED_PUSHED:         "pushed",
	statepb.Happened_HAPPENED_PROMOTED:       "promoted",
	statepb.Happened_HAPPENED_CANARY_STARTED: "canary started",
	statepb.Happened_HAPPENED_CANARY_CHANGED: "canary changed",
	statepb.Happened_HAPPENED_CANARY_ENDED:   "canary ended",
	statepb.Happened_HAPPENED_CANARY_HALTED:  "canary halted",
	statepb.Happened_HAPPENED_ROLLED_BACK:    "rolled back",
}

func (s *service) history(api huma.API) {
	huma.Register(api, operation("get-filter-history", http.MethodGet, "/v1/filters/{name}/history", "Show what happened to a filter", "filters"), s.getHistory)
}

func (s *service) getHistory(ctx context.Context, in *FilterPath) (*historyOutput, error) {
	out := &historyOutput{}
	out.Body.Events = []eventBody{}
	err := s.backend.Read(ctx, false, func(r raftstore.Reader) error {
		events, err := state.Events(r, in.Name)
		for _, e := range slices.Backward(events) {
			out.Body.Events = append(out.Body.Events, eventBody{
				Number: int(e.GetNumber()), At: time.Unix(0, e.GetAt()).UTC(), By: e.GetBy(), What: happened[e.GetWhat()],
				Version: int(e.GetVersion()), Previous: int(e.GetPrevious()), Reason: e.GetReason(), Canary: showTrial(e.GetTrial()),
			})
		}
		return err
	})
	if err != nil {
		return nil, fromError(err)
	}
	if len(out.Body.Events) == 0 {
		return nil, problem(http.StatusNotFound, "there is no filter "+in.Name)
	}
	return out, nil
}
