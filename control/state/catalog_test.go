package state_test

import (
	"fmt"
	"slices"
	"testing"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/state"
	"suodi/control/state/statepb"
)

func (c *cluster) defaults() (names []string) {
	c.t.Helper()
	domains, err := state.Domains(c)
	check(c.t, err)
	for _, d := range domains {
		if d.GetDefault() {
			names = append(names, d.GetName())
		}
	}
	return names
}

func TestDomains(t *testing.T) {
	c := newCluster(t)
	want := func(name string) {
		t.Helper()
		if got := c.defaults(); !slices.Equal(got, []string{name}) {
			t.Errorf("default domains %q; want %s", got, name)
		}
	}
	first := c.done(putDomain("b.example"))
	want("b.example") // the first is the default without asking
	c.done(putDomain("a.example"))
	want("b.example")
	c.done(changeDomain(&statepb.Domain{Name: "a.example", Default: true, BaseUrl: "https://a.example"}, nil))
	want("a.example")
	c.done(changeDomain(&statepb.Domain{Name: "a.example"}, nil)) // one of them stays the default
	want("a.example")
	c.refused(changeDomain(&statepb.Domain{Name: "b.example", Default: true}, first.GetRevision()), statepb.Refusal_REFUSAL_CHANGED)
	out := c.refused(changeDomain(&statepb.Domain{Name: "b.example"}, &feedpb.Revision{}), statepb.Refusal_REFUSAL_CHANGED)
	if out.GetRevision().GetIndex() == 0 {
		t.Error("the refusal does not tell the revision")
	}
	c.refused(changeDomain(&statepb.Domain{Name: "c.example"}, at(1)), statepb.Refusal_REFUSAL_CHANGED)
	c.done(changeDomain(&statepb.Domain{Name: "c.example", Default: true}, &feedpb.Revision{}))
	want("c.example")
	domains, err := state.Domains(c)
	check(t, err)
	for i, name := range []string{"a.example", "b.example", "c.example"} {
		if domains[i].GetName() != name {
			t.Errorf("domain %d is %s; want %s", i, domains[i].GetName(), name)
		}
	}
}

// A number belongs to its id for ever.
func TestPlatformNumbers(t *testing.T) {
	c := newCluster(t)
	number := func(op *statepb.Operation) uint32 { t.Helper(); return c.done(op).GetPlatform().GetNumber() }
	if n := number(putPlatform("shipped", 7)); n != 7 {
		t.Errorf("a shipped entry got %d", n)
	}
	if a, b := number(putPlatform("a", 0)), number(putPlatform("b", 0)); a != 128 || b != 129 {
		t.Errorf("added entries got %d and %d", a, b)
	}
	if n := number(changePlatform(&feedpb.Platform{Id: "a", Retired: true, Kind: "app"}, nil)); n != 128 {
		t.Errorf("retired, a got %d", n)
	}
	if n := number(putPlatform("c", 0)); n != 130 {
		t.Errorf("after a was retired c got %d", n)
	}
	if n := number(putPlatform("b", 200)); n != 129 {
		t.Errorf("asking for 200, b got %d", n)
	}
	c.refused(putPlatform("d", 7), statepb.Refusal_REFUSAL_FULL)
	c.refused(putPlatform("d", 128), statepb.Refusal_REFUSAL_FULL)
	c.refused(putPlatform("d", 256), statepb.Refusal_REFUSAL_FULL)
	c.refused(putPlatform("d", 1<<31), statepb.Refusal_REFUSAL_FULL)
	c.refused(changePlatform(&feedpb.Platform{Id: "a"}, &feedpb.Revision{}), statepb.Refusal_REFUSAL_CHANGED)
	c.refused(changePlatform(&feedpb.Platform{Id: "a"}, at(1)), statepb.Refusal_REFUSAL_CHANGED)

	for i := 131; i <= 255; i++ {
		if n := number(putPlatform(fmt.Sprintf("n%d", i), 0)); n != uint32(i) {
			t.Fatalf("number %d for %d", n, i)
		}
	}
	if out := c.refused(putPlatform("one-too-many", 0), statepb.Refusal_REFUSAL_FULL); out.GetDetail() != "one-too-many" {
		t.Errorf("detail %q", out.GetDetail())
	}
	c.done(changePlatform(&feedpb.Platform{Id: "n255", Zh: "改", Kind: "app"}, nil)) // a change needs no number
	if n := number(putPlatform("shipped-later", 8)); n != 8 {
		t.Errorf("a shipped entry got %d", n)
	}
	platforms, err := state.Platforms(c)
	check(t, err)
	ids := map[uint32]string{}
	for i, p := range platforms {
		if ids[p.GetNumber()] != "" || i > 0 && platforms[i-1].GetNumber() >= p.GetNumber() {
			t.Errorf("%s has the number of %s, or is out of order", p.GetId(), ids[p.GetNumber()])
		}
		ids[p.GetNumber()] = p.GetId()
	}
	if len(platforms) != 130 || ids[128] != "a" || ids[255] != "n255" {
		t.Errorf("%d platforms, 128 is %s, 255 is %s", len(platforms), ids[128], ids[255])
	}
}

func (c *cluster) filter(name string) *statepb.Filter {
	c.t.Helper()
	f, found, err := state.GetFilter(c, name)
	check(c.t, err)
	if !found {
		c.t.Fatalf("there is no filter %s", name)
	}
	return f.Filter
}

func (c *cluster) chain() (names []string) {
	c.t.Helper()
	chain, err := state.GetChain(c)
	check(c.t, err)
	for _, place := range chain.GetPlaces() {
		names = append(names, place.GetFilter())
	}
	return names
}

func TestFilterVersions(t *testing.T) {
	c := seeded(t)
	want := func(what string, newest, staged, current uint32, history ...uint32) {
		t.Helper()
		f := c.filter("x")
		if f.GetNewest() != newest || f.GetStaged() != staged || f.GetCurrent() != current || !slices.Equal(f.GetHistory(), history) {
			t.Errorf("%s: %v; want newest %d, staged %d, current %d, history %v", what, f, newest, staged, current, history)
		}
	}
	c.refused(promote("x"), statepb.Refusal_REFUSAL_UNKNOWN_FILTER)
	c.refused(rollback("x"), statepb.Refusal_REFUSAL_UNKNOWN_FILTER)
	c.done(stage("x", "one", false))
	want("staged", 1, 1, 0)
	c.refused(rollback("x"), statepb.Refusal_REFUSAL_NO_VERSION)
	c.done(stage("x", "one", false))
	want("the same again", 1, 1, 0)
	c.done(stage("x", "two", false))
	want("another", 2, 2, 0)
	if got := c.chain(); !slices.Equal(got, []string{"platform"}) {
		t.Errorf("staging changed the chain to %q", got)
	}
	c.done(promote("x"))
	want("promoted", 2, 0, 2)
	c.refused(promote("x"), statepb.Refusal_REFUSAL_NO_VERSION)
	c.done(stage("x", "two", true))
	want("what is in force again", 2, 0, 2)
	c.done(stage("x", "one", true))
	want("an old module is a new version", 3, 0, 3, 2)
	c.done(rollback("x"))
	want("rolled back", 3, 0, 2)
	c.done(stage("x", "one", false))
	want("staged after it was rolled back", 3, 3, 2)
	c.done(rollback("x"))
	want("rolled back to none", 3, 3, 0)
	c.refused(rollback("x"), statepb.Refusal_REFUSAL_NO_VERSION)
	c.done(promote("x"))
	want("promoted again", 3, 0, 3)

	versions, err := state.Versions(c, "x")
	check(t, err)
	for i, module := range []string{"one", "two", "one"} {
		got, err := state.Module(c, versions[i].GetHash())
		check(t, err)
		source, err := state.Module(c, versions[i].GetSourceHash())
		check(t, err)
		if versions[i].GetNumber() != uint32(i+1) || string(got) != module || string(source) != "source of "+module ||
			versions[i].GetPushedBy() != "tester" || versions[i].GetSize() != 3 {
			t.Errorf("version %v of %s", versions[i], got)
		}
	}
	c.done(stage("xy", "other", false)) // a name that begins with another's
	if versions, err := state.Versions(c, "x"); len(versions) != 3 || err != nil {
		t.Errorf("%d versions, %v", len(versions), err)
	}
	filters, err := state.Filters(c)
	check(t, err)
	if len(filters) != 3 || filters[0].GetName() != "platform" || filters[2].GetName() != "xy" {
		t.Errorf("filters %v", filters)
	}
}

func TestFilterHistoryIsBounded(t *testing.T) {
	c := seeded(t)
	for i := range 110 {
		c.done(stage("x", fmt.Sprintf("module %d", i), true))
	}
	if f := c.filter("x"); len(f.GetHistory()) != 100 || f.GetHistory()[99] != 109 {
		t.Errorf("%d versions back, the last %d", len(f.GetHistory()), f.GetHistory()[len(f.GetHistory())-1])
	}
}

func TestPlatformFilterStays(t *testing.T) {
	c := seeded(t)
	c.refused(rollback(state.PlatformFilter), statepb.Refusal_REFUSAL_KEPT)
	c.done(stagePlatform("v2"))
	c.done(rollback(state.PlatformFilter))
	c.refused(rollback(state.PlatformFilter), statepb.Refusal_REFUSAL_KEPT)
	if f := c.filter(state.PlatformFilter); f.GetCurrent() != 1 {
		t.Errorf("in force is version %d", f.GetCurrent())
	}
	c.done(stage("x", "one", true))
	for name, chain := range map[string][]string{"empty": {}, "without it": {"x"}, "behind another": {"x", "platform"}} {
		t.Run(name, func(*testing.T) { c.refused(putChain(nil, chain...), statepb.Refusal_REFUSAL_KEPT) })
	}
}

func TestChain(t *testing.T) {
	c := seeded(t)
	want := func(what string, names ...string) {
		t.Helper()
		if got := c.chain(); !slices.Equal(got, names) {
			t.Errorf("%s: the chain is %q; want %q", what, got, names)
		}
	}
	want("at first", "platform")
	c.done(stage("x", "one", true))
	want("a first promote", "platform", "x")
	c.done(stage("y", "one of y", true))
	c.done(putChain(nil, "platform", "y", "x"))
	want("another order", "platform", "y", "x")
	c.done(stage("x", "two", true))
	want("another version", "platform", "y", "x")
	c.done(putChain(nil, "platform", "y"))
	c.done(stage("x", "three", true))
	want("a new version of one that was taken out", "platform", "y")
	c.done(stage("z", "z", false))
	c.done(putChain(nil, "platform", "z", "y"))
	want("bound before its first promote", "platform", "z", "y")
	c.done(promote("z"))
	want("promoted where it stands", "platform", "z", "y")

	if out := c.refused(putChain(nil, "platform", "missing"), statepb.Refusal_REFUSAL_UNKNOWN_FILTER); out.GetDetail() != "missing" {
		t.Errorf("detail %q", out.GetDetail())
	}
	chain, err := state.GetChain(c)
	check(t, err)
	c.done(putChain(feed.FromRevision(chain.Revision), "platform"))
	c.refused(putChain(feed.FromRevision(chain.Revision), "platform", "z"), statepb.Refusal_REFUSAL_CHANGED)
}

// Edges hear of the modules in force, and of nothing else.
func TestChainOnEdges(t *testing.T) {
	c := seeded(t)
	want := func(what string, filters ...string) {
		t.Helper()
		chain := &feedpb.Chain{}
		modules := map[string]string{}
		check(t, state.Bucket(c, feed.BucketChain, func(_, value []byte) bool { return unmarshal(t, value, chain) }))
		check(t, state.Bucket(c, feed.BucketModules, func(key, value []byte) bool {
			modules[string(key)] = string(value)
			return true
		}))
		var got []string
		for _, b := range chain.GetBindings() {
			got = append(got, b.GetFilter()+": "+modules[string(b.GetHash())])
		}
		for _, b := range chain.GetNamed() {
			got = append(got, "by name "+b.GetFilter()+": "+modules[string(b.GetHash())])
		}
		for _, b := range slices.Concat(chain.GetBindings(), chain.GetNamed()) {
			delete(modules, string(b.GetHash()))
		}
		if !slices.Equal(got, filters) || len(modules) != 0 {
			t.Errorf("%s: edges run %q and have %d modules more; want %q", what, got, len(modules), filters)
		}
	}
	want("at first", "platform: platform v1")
	c.done(stage("x", "one", false))
	want("staged", "platform: platform v1")
	c.done(promote("x"))
	want("promoted", "platform: platform v1", "x: one", "by name x: one")
	c.done(stage("x", "two", true))
	want("replaced", "platform: platform v1", "x: two", "by name x: two")
	c.done(putChain(nil, "platform"))
	want("taken out", "platform: platform v1", "by name x: two")
	c.done(putChain(nil, "platform", "x"))
	c.done(rollback("x"), rollback("x"))
	want("in the chain without a version in force", "platform: platform v1")
	head, err := state.Head(c)
	check(t, err)
	c.done(stage("x", "three", false), putChain(nil, "platform"))
	if now, err := state.Head(c); now != head || err != nil {
		t.Errorf("edges hear of what does not concern them: %s after %s, %v", now, head, err)
	}
}
