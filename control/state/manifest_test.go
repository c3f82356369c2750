package state_test

import (
	"slices"
	"testing"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/state"
	"suodi/control/state/statepb"
)

// Edges hear how a filter fails that they cannot load: as the version in force
// says, whatever the one on trial does.
func TestFailModeReachesEdges(t *testing.T) {
	says := func(op *statepb.Operation, manifest string) *statepb.Operation {
		op.GetStageFilter().Manifest = []byte(manifest)
		return op
	}
	c := seeded(t)
	want := func(what string, closed bool) {
		t.Helper()
		if got := c.told("x").GetFailClosed(); got != closed {
			t.Errorf("%s: fail closed is %t", what, got)
		}
	}
	const closed = `{"name":"x","fail":"closed"}`
	c.done(says(stageCanary("x", "one", &statepb.Trial{Share: 1}), closed))
	want("on trial beside none", false)
	c.done(promote("x"))
	want("in force", true)
	c.done(says(stageCanary("x", "two", &statepb.Trial{Share: 1}), `{"name":"x","fail":"open"}`))
	want("an open one on trial", true)
	c.done(promote("x"))
	want("the open one in force", false)
	c.done(rollback("x"))
	want("rolled back", true)
	c.done(says(stage("x", "three", true), ""))
	want("without a manifest", false)
	if c.done(says(stage("x", "four", true), closed)); !c.inChain("x").GetFailClosed() {
		t.Error("the place in the chain does not tell")
	}
}

// inChain returns what edges hear of a filter's place in the chain.
func (c *cluster) inChain(name string) (found *feedpb.Binding) {
	c.t.Helper()
	chain := &feedpb.Chain{}
	check(c.t, state.Bucket(c, feed.BucketChain, func(k, value []byte) bool { return len(k) > 0 || unmarshal(c.t, value, chain) }))
	for _, b := range chain.GetBindings() {
		if b.GetFilter() == name {
			found = b
		}
	}
	return found
}

// A parameter that was secret in any version is so for good.
func TestSecretsAreRemembered(t *testing.T) {
	c := seeded(t)
	for _, test := range []struct {
		manifest string
		want     []string
	}{
		{`{"params":{"b":{"secret":true},"c":{}}}`, []string{"b"}},
		{`{"params":{"c":{"secret":true},"a":{"secret":true},"b":{}}}`, []string{"a", "b", "c"}},
		{`{}`, []string{"a", "b", "c"}},
		{`no JSON`, []string{"a", "b", "c"}},
	} {
		op := stage("x", "module "+test.manifest, false)
		op.GetStageFilter().Manifest = []byte(test.manifest)
		c.done(op)
		if got := c.filter("x").GetSecrets(); !slices.Equal(got, test.want) {
			t.Errorf("after %s: %q; want %q", test.manifest, got, test.want)
		}
	}
}
