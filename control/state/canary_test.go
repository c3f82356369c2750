package state_test

import (
	"fmt"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/state"
	"suodi/control/state/statepb"
)

func promoteCanary(name string, trial *statepb.Trial) *statepb.Operation {
	return &statepb.Operation{Operation: &statepb.Operation_PromoteFilter{PromoteFilter: &statepb.PromoteFilter{Name: name, Canary: trial}}}
}

func stageCanary(name, module string, trial *statepb.Trial) *statepb.Operation {
	return &statepb.Operation{Operation: &statepb.Operation_StageFilter{StageFilter: &statepb.StageFilter{
		Name: name, Module: []byte(module), Source: []byte("source of " + module), Promote: true, Canary: trial,
	}}}
}

func halt(name string, started *feedpb.Revision) *statepb.Operation {
	return &statepb.Operation{Operation: &statepb.Operation_HaltCanary{HaltCanary: &statepb.HaltCanary{
		Name: name, Started: started, Reason: "it denies everybody",
	}}}
}

// told returns what edges hear of a filter in the chain and by name; both are
// of one version.
func (c *cluster) told(name string) *feedpb.Binding {
	c.t.Helper()
	chain := &feedpb.Chain{}
	check(c.t, state.Bucket(c, feed.BucketChain, func(k, value []byte) bool { return len(k) > 0 || unmarshal(c.t, value, chain) }))
	find := func(bindings []*feedpb.Binding) *feedpb.Binding {
		i := slices.IndexFunc(bindings, func(b *feedpb.Binding) bool { return b.GetFilter() == name })
		if i < 0 {
			return nil
		}
		return bindings[i]
	}
	inChain, byName := find(chain.GetBindings()), find(chain.GetNamed())
	if inChain != nil && byName != nil && (inChain.GetVersion() != byName.GetVersion() || !proto.Equal(inChain.GetCanary(), byName.GetCanary())) {
		c.t.Errorf("%s runs as %v in the chain and as %v by name", name, inChain, byName)
	}
	return byName
}

func TestCanary(t *testing.T) {
	five := &statepb.Trial{Share: 500}
	c := seeded(t)
	want := func(what string, staged, current, canary uint32, history ...uint32) {
		t.Helper()
		f := c.filter("x")
		if f.GetStaged() != staged || f.GetCurrent() != current || f.GetCanary().GetVersion() != canary || !slices.Equal(f.GetHistory(), history) {
			t.Errorf("%s: %v; want staged %d, current %d, canary %d, history %v", what, f, staged, current, canary, history)
		}
		told := c.told("x")
		if told.GetVersion() != current || told.GetCanary().GetVersion() != canary {
			t.Errorf("%s: edges hear %v", what, told)
		}
	}
	c.done(stage("x", "one", true))
	c.refused(promoteCanary("x", five), statepb.Refusal_REFUSAL_NO_VERSION)
	for name, bad := range map[string]*statepb.Trial{
		"no visits": {}, "more than all": {Share: 10_001}, "share and edges": {Share: 1, Edges: []string{"e"}},
		"too many edges": {Edges: make([]string, 1001)},
	} {
		c.done(stage("x", "two", false))
		t.Run(name, func(*testing.T) {
			c.refused(promoteCanary("x", bad), statepb.Refusal_REFUSAL_MALFORMED)
			c.refused(stageCanary("x", "three", bad), statepb.Refusal_REFUSAL_MALFORMED)
		})
	}
	c.done(promoteCanary("x", five))
	want("started", 0, 1, 2)
	if told := c.told("x").GetCanary(); told.GetShare() != 500 || len(told.GetHash()) != 32 {
		t.Errorf("edges hear %v", told)
	}
	c.done(stage("x", "two", false))
	want("the canary's module again", 0, 1, 2)
	c.done(promoteCanary("x", &statepb.Trial{Edges: []string{"a", "b"}}))
	want("changed", 0, 1, 2)
	if told := c.told("x").GetCanary(); told.GetShare() != 0 || !slices.Equal(told.GetEdges(), []string{"a", "b"}) {
		t.Errorf("edges hear %v", told)
	}
	c.done(stage("x", "three", false))
	want("another one staged meanwhile", 3, 1, 2)
	c.done(promote("x"))
	want("promoted", 3, 2, 0, 1)
	c.done(promoteCanary("x", five))
	want("the next", 0, 2, 3, 1)
	c.done(rollback("x"))
	want("ended by hand", 0, 2, 0, 1)
	c.done(stageCanary("x", "three", five))
	want("tried again", 0, 2, 3, 1)
	c.done(stage("x", "four", true))
	want("another one pushed and promoted", 0, 4, 0, 1, 2)
	c.done(stageCanary("x", "five", five))
	c.done(stageCanary("x", "six", five))
	want("another one pushed as canary", 0, 4, 6, 1, 2)
	c.done(stageCanary("x", "six", &statepb.Trial{Share: 10_000}))
	want("the same pushed for more visits", 0, 4, 6, 1, 2)
	c.done(stage("x", "six", true))
	want("the same pushed for all", 0, 6, 0, 1, 2, 4)
}

// A first version is tried against one that passes every visit.
func TestFirstCanary(t *testing.T) {
	c := seeded(t)
	c.done(stageCanary("x", "one", &statepb.Trial{Share: 100}))
	told := c.told("x")
	if told.GetVersion() != 0 || string(told.GetHash()) != string(state.PassHash()) || told.GetCanary().GetVersion() != 1 {
		t.Errorf("edges hear %v", told)
	}
	if got := c.chain(); !slices.Equal(got, []string{"platform", "x"}) {
		t.Errorf("the chain is %q", got)
	}
	modules := map[string]string{}
	check(t, state.Bucket(c, feed.BucketModules, func(key, value []byte) bool {
		modules[string(key)] = string(value)
		return true
	}))
	if modules[string(state.PassHash())] != string(state.PassModule()) || len(modules) != 3 {
		t.Errorf("edges get %d modules", len(modules))
	}
	c.done(rollback("x"))
	if told := c.told("x"); told != nil {
		t.Errorf("ended, edges hear %v", told)
	}
	c.refused(rollback("x"), statepb.Refusal_REFUSAL_NO_VERSION)
	c.done(stageCanary("x", "one", &statepb.Trial{Share: 100}))
	c.done(promote("x"))
	if told := c.told("x"); told.GetVersion() != 1 || told.GetCanary() != nil {
		t.Errorf("promoted, edges hear %v", told)
	}
	if got := c.chain(); !slices.Equal(got, []string{"platform", "x"}) {
		t.Errorf("the chain is %q", got)
	}
}

func TestHaltCanary(t *testing.T) {
	c := seeded(t)
	c.done(stage("x", "one", true))
	c.refused(halt("y", at(1)), statepb.Refusal_REFUSAL_UNKNOWN_FILTER)
	c.refused(halt("x", at(1)), statepb.Refusal_REFUSAL_CHANGED)
	c.done(stageCanary("x", "two", &statepb.Trial{Share: 100}))
	first := c.filter("x").GetCanary().GetStarted()
	c.done(promoteCanary("x", &statepb.Trial{Share: 200}))
	c.refused(halt("x", first), statepb.Refusal_REFUSAL_CHANGED) // judged on other visits
	c.done(halt("x", c.filter("x").GetCanary().GetStarted()))
	f := c.filter("x")
	if f.GetCanary() != nil || f.GetCurrent() != 1 || f.GetStaged() != 0 {
		t.Errorf("halted: %v", f)
	}
	c.refused(promote("x"), statepb.Refusal_REFUSAL_NO_VERSION) // nobody promotes it by mistake

	events, err := state.Events(c, "x")
	check(t, err)
	var got []string
	for i, e := range events {
		if e.GetNumber() != uint64(i+1) || e.GetBy() != "tester" || e.GetAt() != c.now.UnixNano() {
			t.Errorf("event %v", e)
		}
		got = append(got, fmt.Sprintf("%s %d after %d %d %s", e.GetWhat(), e.GetVersion(), e.GetPrevious(), e.GetTrial().GetShare(), e.GetReason()))
	}
	want := []string{
		"HAPPENED_PUSHED 1 after 0 0 ", "HAPPENED_PROMOTED 1 after 0 0 ",
		"HAPPENED_PUSHED 2 after 0 0 ", "HAPPENED_CANARY_STARTED 2 after 1 100 ", "HAPPENED_CANARY_CHANGED 2 after 1 200 ",
		"HAPPENED_CANARY_HALTED 2 after 1 200 it denies everybody",
	}
	if !slices.Equal(got, want) {
		t.Errorf("events %q; want %q", got, want)
	}
}

func TestEventsAreBounded(t *testing.T) {
	c := seeded(t)
	for i := range 120 {
		c.done(stage("x", fmt.Sprint("module ", i), true))
	}
	events, err := state.Events(c, "x")
	check(t, err)
	if len(events) != 200 || events[199].GetNumber() != 240 {
		t.Errorf("%d events, the last %v", len(events), events[len(events)-1])
	}
}

// What nothing leads to any more goes: version, module and source, unless
// another version has them too.
func TestUnusedVersionsAreForgotten(t *testing.T) {
	c := seeded(t)
	c.done(stage("x", "in force", true))
	c.done(stage("y", "module 0", true)) // the same as one of x
	for i := range 20 {
		c.done(stage("x", fmt.Sprint("module ", i), false))
	}
	versions, err := state.Versions(c, "x")
	check(t, err)
	var numbers []uint32
	for _, v := range versions {
		numbers = append(numbers, v.GetNumber())
	}
	want := []uint32{1, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21}
	if !slices.Equal(numbers, want) {
		t.Errorf("versions %v; want %v", numbers, want)
	}
	kept := map[string]bool{}
	for k, v := range c.values {
		if k[0] == 'M' {
			kept[string(v)] = true
		}
	}
	for text, want := range map[string]bool{
		"in force": true, "source of in force": true, "module 0": true, "module 1": false, "source of module 1": false,
		"module 3": false, "module 4": true, "module 19": true,
	} {
		if kept[text] != want {
			t.Errorf("%q is kept: %t; want %t", text, kept[text], want)
		}
	}
}
