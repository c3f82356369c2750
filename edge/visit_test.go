package edge_test

import (
	"os"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"
	"golang.org/x/text/unicode/norm"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/link"
	"suodi/edge"
	"suodi/wasm"
	"suodi/wasm/rules"
	"suodi/wasm/visit"
)

// status has a desktop browser visit a path.
func status(t *testing.T, server *edge.Server, path string) int {
	t.Helper()
	v := newVisitor(t, server, path, agent(t, "chrome-android"))
	v.visit()
	return v.ctx.Response.StatusCode()
}

// change feeds the edge one more revision.
func change(t testing.TB, server *edge.Server, entries ...*feedpb.Entry) {
	t.Helper()
	_, held := server.Replica().Held()
	check(t, server.Replica().Delta(&feedpb.Delta{
		Previous: feed.FromRevision(held), Revision: feed.FromRevision(link.Revision{Epoch: held.Epoch, Index: held.Index + 1}),
		Entries: entries,
	}))
}

func linkEntry(t *testing.T, slug string) *feedpb.Entry {
	t.Helper()
	record, err := link.EncodeRecord(link.RecordFields{
		Kind: link.KindRedirect, State: link.StateActive, Status: 302, Destination: destination, Revision: link.Revision{Epoch: 1, Index: 2},
	})
	check(t, err)
	key := link.Key{Domain: siteDomain, Slug: link.Slug(slug)}.Bytes()
	return &feedpb.Entry{Bucket: uint32(link.Bucket(key)), Key: key, Value: record}
}

// A path is taken whole: neither cut to a slug's length nor refused because
// its decomposed form is longer.
func TestLongPaths(t *testing.T) {
	server := newSite(t)
	longest := strings.Repeat("x", link.MaxSlug)
	hangul := strings.Repeat("각", 42) // 126 bytes composed, 378 decomposed
	change(t, server, linkEntry(t, longest), linkEntry(t, hangul))
	for _, test := range []struct {
		name, path string
		want       int
	}{
		{"the longest slug", "/" + longest, fasthttp.StatusFound},
		{"with a slash behind", "/" + longest + "/", fasthttp.StatusFound},
		{"with more behind", "/" + longest + "/anything/at/all", fasthttp.StatusNotFound},
		{"one byte more", "/" + longest + "x", fasthttp.StatusNotFound},
		{"far too long", "/" + strings.Repeat("x", 5000), fasthttp.StatusNotFound},
		{"composed", "/" + link.Slug(hangul).Escaped(), fasthttp.StatusFound},
		{"decomposed", "/" + link.Slug(norm.NFD.String(hangul)).Escaped(), fasthttp.StatusFound},
		{"slashes alone", "//", fasthttp.StatusNotFound},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := status(t, server, test.path); got != test.want {
				t.Errorf("%d; want %d", got, test.want)
			}
		})
	}
}

// A platform that this edge cannot read leaves links, domains and the last
// good catalog in force, and is reported.
func TestUnreadablePlatform(t *testing.T) {
	server := newSite(t)
	change(t, server,
		&feedpb.Entry{Bucket: feed.BucketPlatforms, Key: []byte{200}, Value: marshal(t, &feedpb.Platform{Number: 200, Id: "odd", Zh: "x", En: "x", Kind: "of-tomorrow"})},
		&feedpb.Entry{Bucket: feed.BucketDomains, Key: []byte("b.example"), Value: marshal(t, &feedpb.Domain{Name: "b.example", NotFoundUrl: elsewhere})},
	)
	if got := status(t, server, "/plain"); got != fasthttp.StatusFound {
		t.Errorf("a link gets %d", got)
	}
	if got := status(t, server, "/ios"); got != fasthttp.StatusForbidden {
		t.Errorf("a link that allows ios gets %d on Android", got)
	}
	v := newVisitor(t, server, "/nothing", agent(t, "chrome-android"))
	v.ctx.Request.Header.SetHost("b.example")
	v.visit()
	if got := string(v.ctx.Response.Header.Peek("Location")); got != elsewhere {
		t.Errorf("the domain that came with it sends to %q", got)
	}
}

// shippedNumbers is the shipped catalog as the rule compiler sees it.
type shippedNumbers struct{ *visit.Catalog }

func (c shippedNumbers) Number(id string) (uint8, bool) {
	e, ok := c.ByID(id)
	return e.Number, ok
}
func (shippedNumbers) IsCrawler(string) bool { return false }
func (shippedNumbers) IDs() []string         { return nil }

// A filter that routes to where no link may lead has failed: the visit follows
// the fail mode.
func TestBadRoute(t *testing.T) {
	for mode, want := range map[string]int{"open": fasthttp.StatusFound, "closed": fasthttp.StatusForbidden} {
		t.Run(mode, func(t *testing.T) {
			server := newSite(t)
			set, err := rules.Parse([]byte("name: loop\nfail: " + mode + "\nrules:\n  - { when: true, then: route, to: \"https://" + siteDomain + "/plain\" }\n"))
			check(t, err)
			module, err := rules.Compile(set, shippedNumbers{visit.Shipped()})
			check(t, err)
			hash := wasm.HashOf(module.Wasm)
			change(t, server,
				&feedpb.Entry{Bucket: feed.BucketModules, Key: hash[:], Value: module.Wasm},
				&feedpb.Entry{Bucket: feed.BucketChain, Value: marshal(t, &feedpb.Chain{Bindings: []*feedpb.Binding{{Filter: "loop", Hash: hash[:]}}})},
			)
			v := newVisitor(t, server, "/plain", agent(t, "chrome-android"))
			v.visit()
			if got := v.ctx.Response.StatusCode(); got != want {
				t.Errorf("%d; want %d", got, want)
			}
			if got := string(v.ctx.Response.Header.Peek("Location")); mode == "open" && got != destination {
				t.Errorf("leads to %q", got)
			}
		})
	}
}

// A filter cannot lead a visit to a script, nor write headers: what it gives is
// checked like any destination, and here it fails open.
func TestHostileRoute(t *testing.T) {
	for _, name := range []string{"route-to-script", "route-with-crlf"} {
		module, err := os.ReadFile("../wasm/testdata/hostile/visit-" + name + ".wasm")
		check(t, err)
		server := newSite(t)
		hash := wasm.HashOf(module)
		change(t, server,
			&feedpb.Entry{Bucket: feed.BucketModules, Key: hash[:], Value: module},
			&feedpb.Entry{Bucket: feed.BucketChain, Value: marshal(t, &feedpb.Chain{Bindings: []*feedpb.Binding{{Filter: "hostile", Hash: hash[:]}}})},
		)
		v := newVisitor(t, server, "/plain", agent(t, "googlebot")) // it attacks bots
		v.visit()
		header := &v.ctx.Response.Header
		if got := string(header.Peek("Location")); v.ctx.Response.StatusCode() != fasthttp.StatusFound || got != destination {
			t.Errorf("%s: %d, leads to %q", name, v.ctx.Response.StatusCode(), got)
		}
		if cookie := header.Peek("Set-Cookie"); len(cookie) > 0 {
			t.Errorf("%s: sets the cookie %q", name, cookie)
		}
	}
}
