package edge_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/link"
	"suodi/edge"
	"suodi/wasm"
	"suodi/wasm/abi"
	"suodi/wasm/rules"
	"suodi/wasm/visit"
)

// compile makes a module of the rules of a set.
func compile(t testing.TB, name, ruleText string) []byte {
	t.Helper()
	set, err := rules.Parse([]byte("name: " + name + "\nrules:\n" + ruleText))
	check(t, err)
	module, err := rules.Compile(set, shippedNumbers{visit.Shipped()})
	check(t, err)
	return module.Wasm
}

// Rules that tests push, one deciding line each.
const (
	denyAll  = "  - { name: nobody, when: \"true\", then: deny, reason: Closed }\n"
	passAll  = "  - { when: \"visit.bot && !visit.bot\", then: deny }\n"
	routeAll = "  - { when: \"true\", then: route, to: \"https://routed.example/here\" }\n"
)

// fleetSecret is the secret of the tests' fleet.
var fleetSecret = bytes.Repeat([]byte{7}, feed.SecretSize)

// bring tells the edge a chain with its modules, and the fleet's secret.
func bring(t testing.TB, server *edge.Server, chain *feedpb.Chain, modules ...[]byte) {
	t.Helper()
	entries := []*feedpb.Entry{{Bucket: feed.BucketChain, Key: []byte(feed.SecretKey), Value: fleetSecret}}
	for _, m := range modules {
		hash := wasm.HashOf(m)
		entries = append(entries, &feedpb.Entry{Bucket: feed.BucketModules, Key: hash[:], Value: m})
	}
	change(t, server, append(entries, &feedpb.Entry{Bucket: feed.BucketChain, Value: marshal(t, chain)})...)
}

func binding(name string, version uint32, module []byte) *feedpb.Binding {
	hash := wasm.HashOf(module)
	return &feedpb.Binding{Filter: name, Version: version, Hash: hash[:]}
}

func canary(version uint32, module []byte, share uint32, edges ...string) *feedpb.BindingCanary {
	hash := wasm.HashOf(module)
	return &feedpb.BindingCanary{Version: version, Hash: hash[:], Share: share, Edges: edges}
}

// bindLink adds a link that binds filters.
func bindLink(t testing.TB, server *edge.Server, slug string, bindings ...link.Binding) {
	t.Helper()
	bindLinkOn(t, server, siteDomain, slug, bindings...)
}

// bindLinkOn is bindLink for a domain.
func bindLinkOn(t testing.TB, server *edge.Server, domain link.Domain, slug string, bindings ...link.Binding) {
	t.Helper()
	_, held := server.Replica().Held()
	record, err := link.EncodeRecord(link.RecordFields{
		Kind: link.KindRedirect, State: link.StateActive, Status: 302, Destination: destination, Filters: bindings,
		Revision: link.Revision{Epoch: held.Epoch, Index: held.Index + 1},
	})
	check(t, err)
	key := link.Key{Domain: domain, Slug: link.Slug(slug)}.Bytes()
	change(t, server, &feedpb.Entry{Bucket: uint32(link.Bucket(key)), Key: key, Value: record})
}

// TestWhereFiltersRun asks links that bind filters themselves, by their domain
// and not at all, on domains that do and do not.
func TestWhereFiltersRun(t *testing.T) {
	server := newSite(t)
	deny, route := compile(t, "no", denyAll), compile(t, "go", routeAll)
	bring(t, server, &feedpb.Chain{Named: []*feedpb.Binding{binding("no", 1, deny), binding("go", 1, route)}}, deny, route)
	bindLink(t, server, "denies", link.Binding{Filter: "no"})
	bindLink(t, server, "routes", link.Binding{Filter: "go"}, link.Binding{Filter: "no"})
	bindLink(t, server, "gone", link.Binding{Filter: "of-yesterday"})
	get := func(path string) (int, string) {
		v := newVisitor(t, server, path, agent(t, "chrome-android"))
		v.visit()
		return v.ctx.Response.StatusCode(), string(v.ctx.Response.Header.Peek("Location"))
	}
	for _, test := range []struct {
		path     string
		status   int
		location string
	}{
		{"/plain", 302, destination},
		{"/denies", 403, ""},
		{"/routes", 302, "https://routed.example/here"}, // the first verdict ends it
		{"/gone", 302, destination},                     // a filter that is not in force passes
	} {
		if status, location := get(test.path); status != test.status || location != test.location {
			t.Errorf("%s: %d to %q, want %d to %q", test.path, status, location, test.status, test.location)
		}
	}
	change(t, server, &feedpb.Entry{Bucket: feed.BucketDomains, Key: []byte(siteDomain), Value: marshal(t, &feedpb.Domain{
		Name: siteDomain, Default: true, Filters: []*feedpb.FilterBinding{{Name: "no"}},
	})})
	for _, path := range []string{"/plain", "/routes"} {
		if status, _ := get(path); status != 403 {
			t.Errorf("%s on a domain that denies: %d", path, status)
		}
	}
}

// TestCanary sends visits from many addresses: a share of them, always the
// same, gets the canary, and an edge that is named gives it to all.
func TestCanary(t *testing.T) {
	server := newSite(t)
	current, next := compile(t, "try", passAll), compile(t, "try", denyAll)
	denied := func(c *feedpb.BindingCanary) (n int, by string) {
		b := binding("try", 1, current)
		b.Canary = c
		bring(t, server, &feedpb.Chain{Bindings: []*feedpb.Binding{b}}, current, next)
		for i := range 1000 {
			v := newVisitor(t, server, "/plain", fmt.Sprintf("Mozilla/5.0 (Linux; Android 10; %d)", i))
			if v.visit(); v.ctx.Response.StatusCode() == 403 {
				n++
				by += fmt.Sprint(i, " ")
			}
		}
		return n, by
	}
	if n, _ := denied(nil); n != 0 {
		t.Errorf("without a canary %d are denied", n)
	}
	tenth, who := denied(canary(2, next, 1000))
	if tenth < 60 || tenth > 140 { // 100 ± 4 standard deviations
		t.Errorf("a canary for a tenth gets %d of 1,000", tenth)
	}
	if _, again := denied(canary(2, next, 1000)); again != who {
		t.Error("other visits get the canary the second time")
	}
	if n, _ := denied(canary(2, next, 0, "another-edge")); n != 0 {
		t.Errorf("a canary for another edge gets %d", n)
	}
	if n, _ := denied(canary(2, next, 0, "another-edge", "edge-test")); n != 1000 {
		t.Errorf("a canary for this edge gets %d of 1,000", n)
	}
	var counts []string
	for _, tally := range server.Replica().(feed.Reporter).Tallies() {
		counts = append(counts, fmt.Sprintf("%s %d: %d %d", tally.GetName(), tally.GetVersion(), tally.GetPassed(), tally.GetDenied()))
	}
	want := fmt.Sprintf("try 1: %d 0, try 2: 0 %d", 4000-2*tenth, 1000+2*tenth)
	if got := strings.Join(counts[1:], ", "); got != want {
		t.Errorf("the edge reports %q, want %q", got, want)
	}
}

// TestLastGood has a version come that cannot run: it is refused and reported,
// the one before stays, over a restart too, and other filters are not held up.
func TestLastGood(t *testing.T) {
	dir := t.TempDir()
	server := openOffline(t, dir)
	feedSite(t, server)
	good, bad, other := compile(t, "shop", denyAll), junk, compile(t, "other", passAll)
	bring(t, server, &feedpb.Chain{Bindings: []*feedpb.Binding{binding("shop", 1, good)}}, good)
	withCanary := binding("other", 4, other)
	withCanary.Canary = canary(5, bad, 500)
	bring(t, server, &feedpb.Chain{Bindings: []*feedpb.Binding{binding("shop", 2, bad), withCanary}}, bad, other)
	expect := func(when string) {
		t.Helper()
		if got := status(t, server, "/plain"); got != 403 {
			t.Errorf("%s: a visit gets %d", when, got)
		}
		goodHash, otherHash := wasm.HashOf(good), wasm.HashOf(other)
		for _, want := range []struct {
			name    string
			version uint32
			canary  bool
			hash    []byte
			wrong   bool
		}{
			{"shop", 2, false, goodHash[:], true},
			{"other", 4, false, otherHash[:], false},
			{"other", 5, true, nil, true},
		} {
			found := false
			for _, s := range server.Replica().Filters() {
				if s.GetName() == want.name && s.GetVersion() == want.version && s.GetCanary() == want.canary {
					found = bytes.Equal(s.GetHash(), want.hash) && (s.GetError() != "") == want.wrong
				}
			}
			if !found {
				t.Errorf("%s: %s version %d is reported otherwise: %v", when, want.name, want.version, server.Replica().Filters())
			}
		}
	}
	expect("when it comes")
	check(t, server.Close())
	server = openOffline(t, dir)
	expect("after a restart")
	// The feed has taken the good version away with what needed it: nothing but
	// the edge itself knows it any more.
	hash := wasm.HashOf(good)
	change(t, server, &feedpb.Entry{Bucket: feed.BucketModules, Key: hash[:]})
	check(t, server.Close())
	server = openOffline(t, dir)
	expect("when the good module is gone")
}

func openOffline(t *testing.T, dir string) *edge.Server {
	t.Helper()
	server, err := edge.Offline(edge.Config{Dir: dir, ID: "edge-test"})
	check(t, err)
	t.Cleanup(func() { check(t, server.Close()) })
	return server
}

// TestExplain asks why in both ways and holds the answers to what visits get,
// and to leaving nothing behind.
func TestExplain(t *testing.T) {
	server := newSite(t)
	deny, route, pass := compile(t, "no", denyAll), compile(t, "go", routeAll), compile(t, "let", passAll)
	bring(t, server, &feedpb.Chain{
		Bindings: []*feedpb.Binding{binding("let", 3, pass)},
		Named:    []*feedpb.Binding{binding("no", 7, deny), binding("go", 2, route)},
	}, deny, route, pass)
	bindLink(t, server, "denies", link.Binding{Filter: "no"})
	bindLink(t, server, "routes", link.Binding{Filter: "go"})
	key, err := feed.DeriveKey(fleetSecret, feed.PurposeExplain)
	check(t, err)
	header := feed.SignExplain(key, time.Now().Add(time.Minute))
	before := fmt.Sprint(server.Replica().(feed.Reporter).Tallies())

	for _, test := range []struct {
		slug, agent, answer string
		status              int
		location            string
		filters             string // name, version and action of each
	}{
		{"plain", "chrome-android", "redirected", 302, destination, "platform 0 pass, let 3 pass"},
		{"denies", "chrome-android", "refused", 403, "", "platform 0 pass, let 3 pass, no 7 deny"},
		{"routes", "chrome-android", "redirected", 302, "https://routed.example/here", "platform 0 pass, let 3 pass, go 2 route"},
		{"guarded", "wechat-android", "guided", 200, "", "platform 0 guide"},
		{"nowhere", "chrome-android", "not-found", 404, "", ""},
		{"paused", "chrome-android", "paused", 404, "", ""},
		{"活动/春节", "chrome-android", "redirected", 302, destination, "platform 0 pass, let 3 pass"},
	} {
		t.Run(test.slug, func(t *testing.T) {
			asked, err := server.Replica().(feed.Answerer).Explain(t.Context(), &feedpb.ExplainVisit{
				Domain: siteDomain, Slug: test.slug, UserAgent: agent(t, test.agent), Country: "de", Ip: "192.0.2.9", Language: "zh-CN",
			})
			check(t, err)
			v := newVisitor(t, server, "/"+link.Slug(test.slug).Escaped(), agent(t, test.agent))
			v.ctx.Request.Header.Set(feed.ExplainHeader, header)
			v.visit()
			var signed feed.Explanation
			if err := json.Unmarshal(v.ctx.Response.Body(), &signed); err != nil {
				t.Fatalf("%v: %d %s", err, v.ctx.Response.StatusCode(), v.ctx.Response.Body())
			}
			for way, e := range map[string]feed.Explanation{"asked": *asked, "signed": signed} {
				var filters []string
				for _, f := range e.Filters {
					filters = append(filters, fmt.Sprint(f.Name, " ", f.Version, " ", f.Action))
				}
				if e.Answer != test.answer || e.Status != test.status || e.Location != test.location || strings.Join(filters, ", ") != test.filters {
					t.Errorf("%s: %s %d to %q by %q", way, e.Answer, e.Status, e.Location, filters)
				}
				if e.Edge != "edge-test" || e.Domain != siteDomain || e.Slug != test.slug || e.Revision.IsZero() || len(e.Steps) == 0 {
					t.Errorf("%s: %+v", way, e)
				}
			}
			if len(asked.Filters) > 0 && (asked.Facts["country"] != "DE" || asked.Facts["ip"] != "192.0.2.9" || len(asked.Platforms) == 0) {
				t.Errorf("facts %v, platforms %v", asked.Facts, asked.Platforms)
			}
		})
	}
	if after := fmt.Sprint(server.Replica().(feed.Reporter).Tallies()); after != before {
		t.Errorf("explaining was counted:\n%s\n%s", before, after)
	}
	for name, bad := range map[string]string{
		"unsigned": "v1." + strings.Split(header, ".")[1] + ".AAAA", "expired": feed.SignExplain(key, time.Now().Add(-time.Second)),
		"of another fleet": feed.SignExplain(bytes.Repeat([]byte{1}, 32), time.Now().Add(time.Minute)), "empty": "", "junk": "tell me",
	} {
		v := newVisitor(t, server, "/plain", agent(t, "chrome-android"))
		v.ctx.Request.Header.Set(feed.ExplainHeader, bad)
		if v.visit(); v.ctx.Response.StatusCode() != fasthttp.StatusFound {
			t.Errorf("%s header: %d; want what any visit gets", name, v.ctx.Response.StatusCode())
		}
	}
}

// TestClockOfDomain has rules go by the time of the domain's zone.
func TestClockOfDomain(t *testing.T) {
	server := newSite(t)
	night := compile(t, "night", "  - { when: \"visit.hour == 8 && visit.date == 20260101\", then: deny }\n")
	bring(t, server, &feedpb.Chain{Bindings: []*feedpb.Binding{binding("night", 1, night)}}, night)
	at := time.Date(2026, 1, 1, 0, 30, 0, 0, time.UTC).Unix()
	for zone, want := range map[string]int{"": 302, "Asia/Shanghai": 403, "Europe/Berlin": 302} {
		change(t, server, &feedpb.Entry{Bucket: feed.BucketDomains, Key: []byte(siteDomain), Value: marshal(t, &feedpb.Domain{
			Name: siteDomain, Default: true, TimeZone: zone,
		})})
		e, err := server.Replica().(feed.Answerer).Explain(t.Context(), &feedpb.ExplainVisit{Domain: siteDomain, Slug: "plain", Time: at})
		check(t, err)
		if e.Status != want {
			t.Errorf("half past midnight UTC in %q: %d, want %d", zone, e.Status, want)
		}
	}
}

// TestSample asks for recent visits: they hold all facts but the address's end.
func TestSample(t *testing.T) {
	server := openSite(t, func(c *edge.Config) { c.Dir = filepath.Join(t.TempDir(), "edge") })
	bring(t, server, &feedpb.Chain{})
	deadline := time.Now().Add(10 * time.Second)
	for {
		askOnce(t, server, "/ios?x=1", "User-Agent: "+agent(t, "wechat-ios"), "Referer: https://a.example/")
		visits, err := server.Replica().(feed.Answerer).Sample(t.Context(), 3)
		check(t, err)
		if len(visits) == 3 {
			var v abi.Visit
			_, err := v.Decode(visits[0])
			check(t, err)
			if v.Facts != abi.AllFacts || string(v.Slug) != "ios" || string(v.Query) != "x=1" || string(v.Referrer) != "https://a.example/" ||
				v.IP != [16]byte{10: 0xff, 11: 0xff, 12: 127} || v.Allow == (abi.Set{}) || v.OSMajor == 0 {
				t.Errorf("%+v", v)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d visits were kept", len(visits))
		}
	}
}
