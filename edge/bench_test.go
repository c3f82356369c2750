package edge_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/link"
	"suodi/edge"
)

// paths are the ways a visit can go that must cost no heap, and what each
// answers.
var paths = []struct {
	name, path, agent string
	status            int
}{
	{"plain", "/plain", "chrome-android", 302},
	{"permanent", "/permanent", "chrome-android", 308},
	{"platform-filter", "/both", "chrome-iphone", 302},
	{"platform-filter-wechat", "/ios", "wechat-ios", 302},
	{"unicode-slug", "/%E6%B4%BB%E5%8A%A8/%E6%98%A5%E8%8A%82?from=wechat", "chrome-android", 302},
	{"guide", "/guarded", "wechat-android", 200},
	{"guide-long", "/guarded?from=singlemessage&isappinstalled=0&scene=1&clicktime=1700000000&enterid=1700000000", "wechat-ios", 200},
	{"refuse", "/ios", "chrome-android", 403},
	{"not-found", "/nowhere", "chrome-android", 404},
	{"paused", "/paused", "chrome-android", 404},
	{"expired", "/expired", "chrome-android", 410},
	{"fallback", "/fallback", "chrome-android", 302},
	{"root", "/", "chrome-android", 404},
	{"route", "/routes", "chrome-android", 302},
	{"bound", "/bound", "chrome-android", 302},
	{"bound-deny", "/denies", "chrome-android", 403},
	{"canary", "/tries", "chrome-android", 302},
	{"domain-filter", boundDomain + "/plain", "chrome-android", 302},
}

// boundDomain is a domain that binds filters.
const boundDomain = "bound.example"

// newFilterSite is newSite with filters in force, of which links and a domain
// bind some.
func newFilterSite(tb testing.TB) *edge.Server {
	tb.Helper()
	server := newSite(tb)
	deny, route, pass := compile(tb, "no", denyAll), compile(tb, "go", routeAll), compile(tb, "let", passAll)
	try := binding("try", 1, pass)
	try.Canary = canary(2, pass, 5000)
	bring(tb, server, &feedpb.Chain{
		Named: []*feedpb.Binding{binding("no", 1, deny), binding("go", 1, route), binding("let", 1, pass), try},
	}, deny, route, pass)
	bindLink(tb, server, "denies", link.Binding{Filter: "no"})
	bindLink(tb, server, "routes", link.Binding{Filter: "go"})
	bindLink(tb, server, "bound", link.Binding{Filter: "let"})
	bindLink(tb, server, "tries", link.Binding{Filter: "try"})
	change(tb, server, &feedpb.Entry{Bucket: feed.BucketDomains, Key: []byte(boundDomain), Value: marshal(tb, &feedpb.Domain{
		Name: boundDomain, Filters: []*feedpb.FilterBinding{{Name: "let"}},
	})})
	bindLinkOn(tb, server, boundDomain, "plain")
	return server
}

// newPathVisitor is newVisitor for one of paths, whose path may begin with a
// domain.
func newPathVisitor(tb testing.TB, server *edge.Server, path, userAgent string) *visitor {
	tb.Helper()
	domain, rest, _ := strings.Cut(path, "/")
	v := newVisitor(tb, server, "/"+rest, userAgent)
	if domain != "" {
		v.ctx.Request.Header.SetHost(domain)
	}
	return v
}

// TestServeAllocs holds the edge to no heap allocation in a visit, whatever
// becomes of it, once its user agent is known.
func TestServeAllocs(t *testing.T) {
	server := newFilterSite(t)
	for _, p := range paths {
		v := newPathVisitor(t, server, p.path, agent(t, p.agent))
		n := testing.AllocsPerRun(100, v.visit)
		// The first visit to a named filter has spare instances made behind it.
		for deadline := time.Now().Add(5 * time.Second); n != 0 && time.Now().Before(deadline); {
			n = testing.AllocsPerRun(100, v.visit)
		}
		if n != 0 {
			t.Errorf("%s: %v allocations, want none", p.name, n)
		}
		if got := v.ctx.Response.StatusCode(); got != p.status {
			t.Errorf("%s: status %d, want %d", p.name, got, p.status)
		}
	}
}

// BenchmarkServe times a visit from the parsed request to the finished answer.
// unknown-agent never sees the same user agent twice.
func BenchmarkServe(b *testing.B) {
	server := newFilterSite(b)
	for _, p := range paths {
		b.Run(p.name, func(b *testing.B) {
			v := newPathVisitor(b, server, p.path, agent(b, p.agent))
			b.ReportAllocs()
			for b.Loop() {
				v.visit()
			}
			if got := v.ctx.Response.StatusCode(); got != p.status {
				b.Fatalf("status %d, want %d", got, p.status)
			}
		})
	}
	b.Run("unknown-agent", func(b *testing.B) {
		v := newVisitor(b, server, "/both", agent(b, "chrome-iphone"))
		prefix := agent(b, "chrome-iphone") + " "
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			v.ctx.Request.Header.SetUserAgentBytes(fmt.Appendf(nil, "%s%x", prefix, i))
			v.visit()
		}
	})
}
