package state_test

import (
	"bytes"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/link"
	"suodi/control/state"
	"suodi/control/state/statepb"
)

func putSecret(b byte) *statepb.Operation {
	return &statepb.Operation{Operation: &statepb.Operation_PutSecret{PutSecret: &statepb.PutSecret{Secret: bytes.Repeat([]byte{b}, 32)}}}
}

func binding(slug string, filters ...string) *statepb.Link {
	l := newLink(slug, "https://example.org/")
	for _, name := range filters {
		l.Filters = append(l.Filters, &feedpb.FilterBinding{Name: name, Params: []byte(`{"of":"` + name + `"}`)})
	}
	return l
}

func TestBound(t *testing.T) {
	c := seeded(t)
	want := func(what, filter string, links int, domains ...string) {
		t.Helper()
		got, err := state.Bound(c, filter)
		check(t, err)
		if got.Links != links || !slices.Equal(got.Domains, domains) {
			t.Errorf("%s: %s is bound by %+v", what, filter, got)
		}
	}
	c.done(createLink(binding("a", "x", "y")), createLink(binding("b", "x")), createLink(binding("c", "xy")))
	want("created", "x", 2)
	want("created", "y", 1)
	c.done(updateLink(binding("a", "y", "z"), nil))
	want("updated", "x", 1)
	want("updated", "z", 1)
	c.done(deleteLink("a", false, nil))
	want("deleted", "y", 0)
	c.done(deleteLink("a", true, nil), deleteLink("b", true, nil))
	want("released", "x", 0)
	c.done(changeDomain(&statepb.Domain{Name: "go.example.com", TimeZone: "Asia/Shanghai", Filters: binding("", "y").GetFilters()}, nil))
	want("bound by a domain", "y", 0, "go.example.com")

	// A filter that somebody binds is not appended to the chain by its first promote.
	c.done(stage("y", "one", true), stage("xy", "one", true), stage("w", "one", true))
	if got := c.chain(); !slices.Equal(got, []string{"platform", "w"}) {
		t.Errorf("the chain is %q", got)
	}
}

func TestBindingsReachEdges(t *testing.T) {
	c := seeded(t)
	out := c.done(createLink(binding("a", "x", "y")))
	l := state.ToLink(out.GetLink(), revision(out.GetRevision()))
	want := []link.Binding{{Filter: "x", Params: []byte(`{"of":"x"}`)}, {Filter: "y", Params: []byte(`{"of":"y"}`)}}
	if !slices.EqualFunc(l.Filters, want, func(a, b link.Binding) bool {
		return a.Filter == b.Filter && bytes.Equal(a.Params, b.Params)
	}) {
		t.Errorf("bindings %v", l.Filters)
	}
	flat := link.AppendKey(nil, []byte("go.example.com"), []byte("a"))
	check(t, state.Bucket(c, link.Bucket(flat), func(_, value []byte) bool {
		f := link.Record(value).Filters()
		if !f.Next() || string(f.Name()) != "x" || string(f.Params()) != `{"of":"x"}` || !f.Next() || f.Next() {
			t.Errorf("the record has %q", value)
		}
		return true
	}))
	c.done(changeDomain(&statepb.Domain{Name: "go.example.com", TimeZone: "Asia/Shanghai", Filters: binding("", "y").GetFilters()}, nil))
	check(t, state.Bucket(c, feed.BucketDomains, func(_, value []byte) bool {
		d := &feedpb.Domain{}
		check(t, proto.Unmarshal(value, d))
		if d.GetTimeZone() != "Asia/Shanghai" || len(d.GetFilters()) != 1 || string(d.GetFilters()[0].GetParams()) != `{"of":"y"}` {
			t.Errorf("edges hear %v", d)
		}
		return true
	}))

	// Links that bind differently are not equal.
	if out := c.done(findOrCreate(binding("b", "x", "y"))); !out.GetFound() {
		t.Error("an equal link was not found")
	}
	other := binding("c", "x", "y")
	other.Filters[1].Params = nil
	if out := c.done(findOrCreate(other)); out.GetFound() {
		t.Error("a link with other params passed for equal")
	}
}

func TestSecret(t *testing.T) {
	c := newCluster(t)
	c.refused(&statepb.Operation{Operation: &statepb.Operation_PutSecret{PutSecret: &statepb.PutSecret{Secret: []byte("short")}}},
		statepb.Refusal_REFUSAL_MALFORMED)
	if secret, err := state.Secret(c); secret != nil || err != nil {
		t.Errorf("a secret %x, %v", secret, err)
	}
	c.done(putSecret(1))
	c.refused(putSecret(2), statepb.Refusal_REFUSAL_EXISTS)
	secret, err := state.Secret(c)
	check(t, err)
	heard := snapshotOf(t, c)["4099 736563726574"]
	if !bytes.Equal(secret, bytes.Repeat([]byte{1}, 32)) || heard != string(secret) {
		t.Errorf("secret %x, edges hear %x", secret, heard)
	}
}
