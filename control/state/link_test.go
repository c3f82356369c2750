package state_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"suodi/control/link"
	"suodi/control/state"
	"suodi/control/state/statepb"
)

func (c *cluster) link(slug string) *link.Link {
	c.t.Helper()
	l, err := state.GetLink(c, link.Key{Domain: "go.example.com", Slug: link.Slug(slug)})
	check(c.t, err)
	return l
}

func (c *cluster) list(q state.LinkQuery) (slugs []string, next uint64) {
	c.t.Helper()
	links, next, err := state.ListLinks(c, q)
	check(c.t, err)
	for _, l := range links {
		slugs = append(slugs, string(l.Slug))
	}
	return slugs, next
}

func TestLinkLife(t *testing.T) {
	c := seeded(t)
	full := newLink("a", "https://example.org/1")
	full.Allow, full.Tags, full.Title, full.NotAfter = []string{"ios"}, []string{"x"}, "Title", 1_900_000_000
	created := c.done(createLink(full))
	l := c.link("a")
	if l == nil || l.URL != "https://example.org/1" || l.CreatedBy != "tester" || !l.CreatedAt.Equal(c.now) || !l.UpdatedAt.Equal(c.now) ||
		l.Revision != revision(created.GetRevision()) || l.NotAfter.Unix() != 1_900_000_000 || !slices.Equal(l.Allow, []string{"ios"}) {
		t.Fatalf("created %+v", l)
	}
	if l.Guard == nil || l.Tags == nil {
		t.Error("lists that are empty are nil")
	}
	if back := state.ToLink(state.FromLink(l), l.Revision); back.URL != l.URL || back.NotAfter.Unix() != l.NotAfter.Unix() || back.Title != l.Title {
		t.Errorf("stored and read: %+v", back)
	}

	c.refused(createLink(newLink("a", "https://example.org/other")), statepb.Refusal_REFUSAL_EXISTS)
	elsewhere := newLink("b", "https://example.org/")
	elsewhere.Domain = "unknown.example"
	if out := c.refused(createLink(elsewhere), statepb.Refusal_REFUSAL_UNKNOWN_DOMAIN); out.GetDetail() != "unknown.example" {
		t.Errorf("detail %q", out.GetDetail())
	}
	strange := newLink("b", "https://example.org/")
	strange.Guard = []string{"palm"}
	if out := c.refused(createLink(strange), statepb.Refusal_REFUSAL_UNKNOWN_PLATFORM); out.GetDetail() != "palm" {
		t.Errorf("detail %q", out.GetDetail())
	}

	c.now = c.now.Add(time.Minute)
	c.refused(updateLink(newLink("a", "https://example.org/2"), at(1)), statepb.Refusal_REFUSAL_CHANGED)
	c.refused(updateLink(newLink("none", "https://example.org/2"), nil), statepb.Refusal_REFUSAL_NOT_FOUND)
	strange = newLink("a", "https://example.org/2")
	strange.Allow = []string{"palm"}
	c.refused(updateLink(strange, nil), statepb.Refusal_REFUSAL_UNKNOWN_PLATFORM)
	updated := c.done(updateLink(newLink("a", "https://example.org/2"), created.GetRevision()))
	changed := c.link("a")
	if changed.URL != "https://example.org/2" || changed.ID != l.ID || !changed.CreatedAt.Equal(l.CreatedAt) ||
		!changed.UpdatedAt.Equal(c.now) || changed.Revision.Compare(l.Revision) <= 0 {
		t.Errorf("updated %+v", changed)
	}

	c.refused(deleteLink("a", false, created.GetRevision()), statepb.Refusal_REFUSAL_CHANGED)
	c.refused(deleteLink("none", true, nil), statepb.Refusal_REFUSAL_NOT_FOUND)
	c.done(deleteLink("a", false, updated.GetRevision()))
	if c.link("a") != nil {
		t.Error("a deleted link is still shown")
	}
	if slugs, _ := c.list(state.LinkQuery{Limit: 10}); len(slugs) != 0 {
		t.Errorf("a deleted link is listed: %q", slugs)
	}
	c.refused(deleteLink("a", false, nil), statepb.Refusal_REFUSAL_NOT_FOUND)
	c.refused(updateLink(newLink("a", "https://example.org/3"), nil), statepb.Refusal_REFUSAL_NOT_FOUND)
	c.refused(createLink(newLink("a", "https://example.org/3")), statepb.Refusal_REFUSAL_RESERVED)
	c.done(deleteLink("a", true, nil))
	again := c.done(createLink(newLink("a", "https://example.org/4")))
	if got := c.link("a"); got.ID == l.ID || got.URL != "https://example.org/4" || again.GetLink().GetId() <= created.GetLink().GetId() {
		t.Errorf("created anew %+v", got)
	}
	c.done(deleteLink("a", true, nil)) // from being there to being free in one step
	for k := range c.values {
		if strings.ContainsAny(k[:1], "LNF") {
			t.Errorf("the released link left %q", k)
		}
	}
}

func TestFindOrCreate(t *testing.T) {
	c := seeded(t)
	create := func(slug, url string) string {
		t.Helper()
		return c.done(createLink(newLink(slug, url))).GetLink().GetSlug()
	}
	find := func(slug, url, want string) {
		t.Helper()
		out := c.done(findOrCreate(newLink(slug, url)))
		if got := out.GetLink().GetSlug(); got != want || out.GetFound() != (want != slug) {
			t.Errorf("%s for %s: got %s, found %t; want %s", slug, url, got, out.GetFound(), want)
		}
	}
	find("a", "https://example.org/", "a")
	find("b", "https://example.org/", "a")
	find("c", "https://example.org/other", "c")
	titled := newLink("d", "https://example.org/")
	titled.Title = "another link"
	if out := c.done(findOrCreate(titled)); out.GetFound() {
		t.Error("links with different titles are equal")
	}

	// Of several equal links one is found as long as there is one.
	create("twin-1", "https://twin.example/")
	create("twin-2", "https://twin.example/")
	c.done(deleteLink("twin-2", false, nil))
	find("twin-3", "https://twin.example/", "twin-1")
	create("twin-4", "https://twin.example/")
	c.done(updateLink(newLink("twin-1", "https://elsewhere.example/"), nil))
	find("twin-5", "https://twin.example/", "twin-4")
	c.done(updateLink(newLink("twin-4", "https://twin.example/"), nil)) // a change that changes nothing
	find("twin-6", "https://twin.example/", "twin-4")
	c.done(deleteLink("twin-4", false, nil))
	find("twin-7", "https://twin.example/", "twin-7") // what is in the trash is not found

	refusedUpdate := newLink("a", "https://example.org/")
	refusedUpdate.Guard = []string{"palm"}
	c.refused(updateLink(refusedUpdate, nil), statepb.Refusal_REFUSAL_UNKNOWN_PLATFORM)
	find("e", "https://example.org/", "a")
}

func TestListLinks(t *testing.T) {
	c := seeded(t)
	c.done(putDomain("other.example"))
	for i := range 25 {
		l := newLink(fmt.Sprintf("s%02d", i), fmt.Sprintf("https://example.org/%d", i))
		if i%5 == 0 {
			l.Domain = "other.example"
		}
		if i%2 == 0 {
			l.Tags = []string{"even", "number"}
		}
		if i == 7 {
			l.Title = "Lucky Number"
		}
		if i < 10 {
			c.done(createLink(l))
		} else { // several in one command keep their order
			c.done(createLink(l), createLink(newLink(fmt.Sprintf("t%02d", i), "https://example.net/")))
		}
	}
	all, next := c.list(state.LinkQuery{Limit: 100})
	if len(all) != 40 || next != 0 || all[0] != "t24" || all[1] != "s24" || all[39] != "s00" {
		t.Errorf("all: %q, next %d", all, next)
	}
	for _, test := range []struct {
		name  string
		query state.LinkQuery
		want  int
	}{
		{"domain", state.LinkQuery{Domain: "other.example"}, 5},
		{"tag", state.LinkQuery{Tag: "even"}, 13},
		{"no such tag", state.LinkQuery{Tag: "eve"}, 0},
		{"text in a slug", state.LinkQuery{Text: "s1"}, 10},
		{"text in a URL", state.LinkQuery{Text: "example.net"}, 15},
		{"text in a title, any case", state.LinkQuery{Text: "lucky"}, 1},
		{"all at once", state.LinkQuery{Domain: "go.example.com", Tag: "number", Text: "example.org/2"}, 3},
	} {
		t.Run(test.name, func(t *testing.T) {
			q := test.query
			q.Limit = 100
			if whole, _ := c.list(q); len(whole) != test.want {
				t.Errorf("%d links: %q; want %d", len(whole), whole, test.want)
			}
			// Page by page it is the same.
			whole, _ := c.list(q)
			var paged []string
			for q.Limit = 3; ; {
				page, next := c.list(q)
				if len(page) > 3 {
					t.Fatalf("a page of %d", len(page))
				}
				paged = append(paged, page...)
				if q.After = next; next == 0 {
					break
				}
			}
			if !slices.Equal(paged, whole) {
				t.Errorf("in pages %q; want %q", paged, whole)
			}
		})
	}
}

// What changes between two pages neither repeats nor hides the others.
func TestListLinksWhileTheyChange(t *testing.T) {
	c := seeded(t)
	for i := range 10 {
		c.done(createLink(newLink(fmt.Sprintf("s%d", i), "https://example.org/")))
	}
	first, next := c.list(state.LinkQuery{Limit: 4})
	c.done(createLink(newLink("new", "https://example.org/")))
	c.done(deleteLink("s6", false, nil)) // the last one of the page
	c.done(deleteLink("s4", false, nil))
	c.done(updateLink(newLink("s2", "https://example.org/2"), nil))
	rest, next := c.list(state.LinkQuery{Limit: 100, After: next})
	got := append(first, rest...)
	if want := []string{"s9", "s8", "s7", "s6", "s5", "s3", "s2", "s1", "s0"}; !slices.Equal(got, want) || next != 0 {
		t.Errorf("pages %q; want %q", got, want)
	}
}

func TestFormatID(t *testing.T) {
	for _, id := range []uint64{0, 1, 31, 32, 1 << 52, 1<<64 - 1} {
		text := state.FormatID(id)
		if got, err := state.ParseID(text); err != nil || got != id || len(text) != 13 {
			t.Errorf("%d is %q, read as %d, %v", id, text, got, err)
		}
	}
	if state.FormatID(5) >= state.FormatID(6) || state.FormatID(1<<40) <= state.FormatID(31) {
		t.Error("texts are not in the order of ids")
	}
	for _, text := range []string{"", "0", "00000000000000", "000000000000!", "zzzzzzzzzzzzz", "000000000000"} {
		if id, err := state.ParseID(text); !errors.Is(err, state.ErrBadID) {
			t.Errorf("%q is read as %d, %v", text, id, err)
		}
	}
}
