package control

import (
	"context"
	"fmt"

	"suodi/control/feed"
	"suodi/control/rollout"
	"suodi/control/state"
	"suodi/control/state/statepb"
	"suodi/raftstore"
)

// fleet is the node as the guard of canaries sees it.
type fleet struct {
	store *raftstore.Store
	feed  *feed.Server
}

func (f *fleet) Leads() bool {
	_, _, self := f.store.Leader()
	return self
}

func (f *fleet) Canaries() (canaries []rollout.Canary, err error) {
	err = view(f.store, func(v *raftstore.View) error {
		filters, err := state.Filters(v)
		for _, filter := range filters {
			c := filter.GetCanary()
			if c == nil {
				continue
			}
			t := c.GetTrial()
			canaries = append(canaries, rollout.Canary{
				Filter: filter.GetName(), Started: feed.ToRevision(c.GetStarted()),
				InForce: filter.GetCurrent(), Version: c.GetVersion(), Edges: t.GetEdges(),
				Thresholds: rollout.Thresholds{
					MaxFailures: t.GetMaxFailures(), MaxChange: t.GetMaxChange(), MinVisits: uint64(t.GetMinVisits()),
				},
			})
		}
		return err
	})
	return canaries, err
}

func (f *fleet) Readings(filter string) (readings []rollout.Reading) {
	for _, edge := range f.feed.Edges() {
		r := rollout.Reading{Edge: edge.ID, Boot: edge.Boot, Errors: map[uint32]string{}}
		for _, status := range edge.Filters {
			if status.GetName() == filter && status.GetError() != "" {
				r.Errors[status.GetVersion()] = status.GetError()
			}
		}
		if edge.Reported {
			r.Tallies = map[uint32]rollout.Tally{}
		}
		for _, t := range edge.Tallies {
			if t.GetName() == filter {
				r.Tallies[t.GetVersion()] = rollout.Tally{
					Passed: t.GetPassed(), Allowed: t.GetAllowed(), Denied: t.GetDenied(), Guided: t.GetGuided(),
					Routed: t.GetRouted(), Failed: t.GetFailed(), Erred: t.GetErred(),
				}
			}
		}
		readings = append(readings, r)
	}
	return readings
}

// Halt proposes the halt. That the canary is not the one any more is as good as
// halted.
func (f *fleet) Halt(ctx context.Context, c rollout.Canary, reason string) error {
	result, err := propose(ctx, f.store, &statepb.Command{Actor: system, Operations: []*statepb.Operation{
		{Operation: &statepb.Operation_HaltCanary{HaltCanary: &statepb.HaltCanary{
			Name: c.Filter, Started: feed.FromRevision(c.Started), Reason: reason,
		}}},
	}})
	if err != nil {
		return err
	}
	switch out := result.GetOutcomes()[0]; out.GetRefusal() {
	case statepb.Refusal_REFUSAL_UNSPECIFIED, statepb.Refusal_REFUSAL_CHANGED:
		return nil
	default:
		return fmt.Errorf("%s: %s", out.GetRefusal(), out.GetDetail())
	}
}
