package state_test

import (
	"slices"
	"testing"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/state"
	"suodi/control/state/statepb"
)

func TestPlacing(t *testing.T) {
	c := seeded(t)
	params := func(want string) {
		t.Helper()
		chain, err := state.GetChain(c)
		check(t, err)
		if got := string(chain.Place("x").GetParams()); got != want {
			t.Errorf("the place gives %q; want %q", got, want)
		}
	}
	placed := func(module, params string, chain *feedpb.Revision, named bool) *statepb.Operation {
		return &statepb.Operation{Operation: &statepb.Operation_StageFilter{StageFilter: &statepb.StageFilter{
			Name: "x", Module: []byte(module), Promote: true,
			Placing: &statepb.Placing{Params: []byte(params), Chain: chain, Named: named},
		}}}
	}
	now := func() *feedpb.Revision {
		chain, err := state.GetChain(c)
		check(t, err)
		return feed.FromRevision(chain.Revision)
	}
	c.refused(placed("one", "{}", at(99), false), statepb.Refusal_REFUSAL_CHANGED)
	c.done(placed("one", "", now(), true))
	if got := c.chain(); !slices.Equal(got, []string{"platform"}) {
		t.Errorf("by name only, and the chain is %q", got)
	}
	c.done(rollback("x"))
	again := placed("one", `{"a":1}`, now(), false)
	again.GetStageFilter().Placing.Append = true
	c.done(again)
	params(`{"a":1}`)
	if got := c.told("x").GetParams(); got != nil {
		t.Errorf("by name it is given %q", got)
	}
	c.done(stage("x", "two", true))
	params(`{"a":1}`)
	c.done(placed("three", `{"a":2}`, now(), false))
	params(`{"a":2}`)
	c.done(placed("four", "", now(), false))
	params("")
}

// That a filter runs by name only is remembered until somebody says otherwise,
// whatever becomes of its versions.
func TestNamedIsRemembered(t *testing.T) {
	place := func(op *statepb.Operation, p *statepb.Placing) *statepb.Operation {
		if stage := op.GetStageFilter(); stage != nil {
			stage.Placing = p
		} else {
			op.GetPromoteFilter().Placing = p
		}
		return op
	}
	named, lacking, add := &statepb.Placing{Named: true}, &statepb.Placing{Lacking: true}, &statepb.Placing{Append: true}
	trial := &statepb.Trial{Share: 1}
	for _, test := range []struct {
		name string
		ops  []*statepb.Operation
		in   bool // the chain, in the end
	}{
		{"a canary is promoted", []*statepb.Operation{place(stageCanary("x", "one", trial), named), promote("x")}, false},
		{"another version after none", []*statepb.Operation{place(stage("x", "one", true), named), rollback("x"), stage("x", "two", true)}, false},
		{"taken out", []*statepb.Operation{
			stage("x", "one", true), putChain(nil, "platform"), rollback("x"), stage("x", "two", true),
		}, false},
		{"taken out before it was in force", []*statepb.Operation{
			stage("x", "one", false), putChain(nil, "platform", "x"), putChain(nil, "platform"), promote("x"),
		}, false},
		{"taken out and put back", []*statepb.Operation{
			stage("x", "one", true), putChain(nil, "platform"), putChain(nil, "platform", "x"), rollback("x"), stage("x", "two", true),
		}, true},
		{"named in the chain", []*statepb.Operation{
			place(stage("x", "one", true), named), putChain(nil, "platform", "x"), rollback("x"), stage("x", "two", true),
		}, true},
		{"said otherwise", []*statepb.Operation{
			place(stage("x", "one", true), named), rollback("x"), place(stage("x", "two", true), add),
		}, true},
		{"said otherwise while in force", []*statepb.Operation{
			place(stage("x", "one", true), named), stage("x", "two", false), place(promote("x"), add),
		}, true},
		{"what lacks params now may have them later", []*statepb.Operation{
			place(stage("x", "one", true), lacking), rollback("x"), stage("x", "two", true),
		}, true},
		{"another filter", []*statepb.Operation{place(stage("y", "one", true), named), stage("x", "two", true)}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := seeded(t)
			for _, op := range test.ops {
				c.done(op)
			}
			if got := slices.Contains(c.chain(), "x"); got != test.in {
				t.Errorf("the chain is %q", c.chain())
			}
		})
	}
}
