package edge_test

import (
	"fmt"
	"testing"
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
}

// TestServeAllocs holds the edge to no heap allocation in a visit, whatever
// becomes of it, once its user agent is known.
func TestServeAllocs(t *testing.T) {
	server := newSite(t)
	for _, p := range paths {
		v := newVisitor(t, server, p.path, agent(t, p.agent))
		if n := testing.AllocsPerRun(100, v.visit); n != 0 {
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
	server := newSite(b)
	for _, p := range paths {
		b.Run(p.name, func(b *testing.B) {
			v := newVisitor(b, server, p.path, agent(b, p.agent))
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
