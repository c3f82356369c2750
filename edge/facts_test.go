package edge_test

import (
	"slices"
	"testing"

	"github.com/valyala/fasthttp"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/link"
	"suodi/edge"
	"suodi/wasm/abi"
	"suodi/wasm/visit"
)

// visitWith has a user agent visit a path with more headers: names and values.
func visitWith(t *testing.T, server *edge.Server, path, userAgent string, headers ...string) int {
	t.Helper()
	v := newVisitor(t, server, path, userAgent)
	for pair := range slices.Chunk(headers, 2) {
		v.ctx.Request.Header.Add(pair[0], pair[1])
	}
	v.visit()
	return v.ctx.Response.StatusCode()
}

// A guarded app is guided also where only another header than the user agent
// gives it away; what is not the first of its kind or no app's package changes
// nothing.
func TestEvidenceOfHeaders(t *testing.T) {
	server := newSite(t)
	android := agent(t, "chrome-android")
	const linux = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
	for _, test := range []struct {
		name, path, agent string
		headers           []string
		want              int
	}{
		{"a browser", "/guarded", android, nil, fasthttp.StatusFound},
		{"wechat's package", "/guarded", android, []string{"X-Requested-With", "com.tencent.mm"}, fasthttp.StatusOK},
		{"lower case", "/guarded", android, []string{"x-requested-with", "com.tencent.mm"}, fasthttp.StatusOK},
		{"another package first", "/guarded", android, []string{"X-Requested-With", "com.example", "X-Requested-With", "com.tencent.mm"}, fasthttp.StatusFound},
		{"a script", "/guarded", android, []string{"X-Requested-With", "XMLHttpRequest"}, fasthttp.StatusFound},
		{"linux", "/both", linux, nil, fasthttp.StatusForbidden},
		{"android as linux", "/both", linux, []string{"Sec-CH-UA-Platform", `"Android"`, "Sec-CH-UA-Mobile", "?1"}, fasthttp.StatusFound},
		{"windows is not allowed", "/both", "", []string{"Sec-CH-UA-Platform", `"Windows"`}, fasthttp.StatusForbidden},
		{"android is", "/both", "", []string{"Sec-CH-UA-Platform", `"Android"`}, fasthttp.StatusFound},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := visitWith(t, server, test.path, test.agent, test.headers...); got != test.want {
				t.Errorf("%d; want %d", got, test.want)
			}
		})
	}
}

// A platform that is added, changed or retired counts from the next visit on,
// its tokens and its packages, also for user agents that are remembered.
func TestCatalogReachesVisits(t *testing.T) {
	server := newSite(t)
	var guard abi.Set
	guard.Add(200)
	record, err := link.EncodeRecord(link.RecordFields{
		Kind: link.KindRedirect, State: link.StateActive, Status: 302, Destination: destination, Revision: link.Revision{Epoch: 1, Index: 2},
		Guard: link.Platforms(guard),
	})
	check(t, err)
	key := link.Key{Domain: siteDomain, Slug: "game"}.Bytes()
	change(t, server, &feedpb.Entry{Bucket: uint32(link.Bucket(key)), Key: key, Value: record})

	browser, game := agent(t, "chrome-android"), "Game/1.0 (Android)"
	expect := func(byToken, byPackage int) {
		t.Helper()
		if got := visitWith(t, server, "/game", game); got != byToken {
			t.Errorf("by its token: %d; want %d", got, byToken)
		}
		if got := visitWith(t, server, "/game", browser, "X-Requested-With", "com.example.game"); got != byPackage {
			t.Errorf("by its package: %d; want %d", got, byPackage)
		}
	}
	put := func(alter func(*visit.Entry)) {
		t.Helper()
		entry := visit.Entry{
			Number: 200, ID: "game", Zh: "游戏", En: "Game", Kind: visit.App, Order: 5,
			Match: []visit.Alternative{{All: []string{"Game/"}}}, Packages: []string{"com.example.game"},
		}
		alter(&entry)
		change(t, server, &feedpb.Entry{Bucket: feed.BucketPlatforms, Key: []byte("game"), Value: marshal(t, feed.FromEntry(entry))})
	}
	expect(fasthttp.StatusFound, fasthttp.StatusFound)
	put(func(*visit.Entry) {})
	expect(fasthttp.StatusOK, fasthttp.StatusOK)
	put(func(e *visit.Entry) { e.Packages = nil })
	expect(fasthttp.StatusOK, fasthttp.StatusFound)
	put(func(e *visit.Entry) { e.Match = nil })
	expect(fasthttp.StatusFound, fasthttp.StatusOK)
	put(func(e *visit.Entry) { e.Retired = true })
	expect(fasthttp.StatusFound, fasthttp.StatusFound)
}
