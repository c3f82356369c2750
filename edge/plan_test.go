package edge_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/valyala/fasthttp"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/link"
	"suodi/edge"
	"suodi/wasm/abi"
)

// junk is a module that cannot be loaded.
var junk = []byte("\x00asm\x01\x00\x00\x00junk")

// reported is what the edge says of its filters: "name version: error", with +
// for a canary, in the order told, without the platform filter.
func reported(server *edge.Server) string {
	var all []string
	for _, s := range server.Replica().Filters() {
		if s.GetName() == "platform" {
			continue
		}
		line := fmt.Sprintf("%s %d", s.GetName(), s.GetVersion())
		if s.GetCanary() {
			line += "+"
		}
		if s.GetError() != "" {
			line += " refused"
		}
		if len(s.GetHash()) > 0 {
			line += " runs"
		}
		all = append(all, line)
	}
	return strings.Join(all, ", ")
}

// A filter that cannot be loaded, and that was never in force, refuses its
// visits where it fails closed.
func TestFailClosedWithoutModule(t *testing.T) {
	for _, closed := range []bool{true, false} {
		t.Run(fmt.Sprint(closed), func(t *testing.T) {
			server := newSite(t)
			lost, bad := binding("lost", 1, compile(t, "lost", passAll)), binding("bad", 2, junk)
			lost.FailClosed, bad.FailClosed = closed, closed
			bring(t, server, &feedpb.Chain{Named: []*feedpb.Binding{lost, bad}}, junk)
			want := fasthttp.StatusFound
			runs := ""
			if closed {
				want, runs = fasthttp.StatusForbidden, " runs"
			}
			for _, name := range []string{"lost", "bad"} {
				bindLink(t, server, name, link.Binding{Filter: name})
				if got := status(t, server, "/"+name); got != want {
					t.Errorf("%s: a visit gets %d, want %d", name, got, want)
				}
			}
			if got, want := reported(server), "lost 1 refused"+runs+", bad 2 refused"+runs; got != want {
				t.Errorf("%s; want %s", got, want)
			}
			// It is no version that was in force.
			if kept, err := os.ReadFile(filepath.Join(server.Dir(), "filters.json")); err == nil && strings.Contains(string(kept), `"bad"`) {
				t.Errorf("kept for the next start: %s", kept)
			}
			chain := &feedpb.Chain{Bindings: []*feedpb.Binding{lost}}
			chain.Bindings[0].Params = make([]byte, abi.MaxParams+1)
			bring(t, server, chain)
			if got := status(t, server, "/plain"); got != want {
				t.Errorf("in the chain: a visit gets %d, want %d", got, want)
			}
		})
	}
}

// A part of a plan that is refused though its module runs holds up nothing
// else, and is not taken for good.
func TestRefusedParams(t *testing.T) {
	server := newSite(t)
	deny, pass := compile(t, "no", denyAll), compile(t, "let", passAll)
	no := binding("no", 1, deny)
	no.Params = []byte(`{"x":"` + strings.Repeat("a", abi.MaxParams) + `"}`)
	bring(t, server, &feedpb.Chain{Bindings: []*feedpb.Binding{no, binding("let", 1, pass)}}, pass, deny)
	if got, want := reported(server), "no 1 refused, let 1 runs"; got != want {
		t.Errorf("%s; want %s", got, want)
	}
	if got := status(t, server, "/plain"); got != fasthttp.StatusFound {
		t.Errorf("a visit gets %d", got)
	}
	kept, err := os.ReadFile(filepath.Join(server.Dir(), "filters.json"))
	check(t, err)
	if strings.Contains(string(kept), `"no"`) || !strings.Contains(string(kept), `"let"`) {
		t.Errorf("kept for the next start: %s", kept)
	}
}

// When no part of a plan can be put in force, what is new in it is reported so
// and nothing is taken for good.
func TestWholePlanRefused(t *testing.T) {
	server := newSite(t)
	deny, pass := compile(t, "no", denyAll), compile(t, "let", passAll)
	bring(t, server, &feedpb.Chain{Bindings: []*feedpb.Binding{binding("let", 1, pass)}}, pass)
	check(t, server.CloseHost())
	bring(t, server, &feedpb.Chain{Bindings: []*feedpb.Binding{binding("let", 2, deny)}}, deny)
	if got, want := reported(server), "let 2 refused"; got != want {
		t.Errorf("%s; want %s", got, want)
	}
	kept, err := os.ReadFile(filepath.Join(server.Dir(), "filters.json"))
	check(t, err)
	if strings.Contains(string(kept), `"version":2`) {
		t.Errorf("kept for the next start: %s", kept)
	}
}

// A canary has no place where its filter is left out.
func TestCanaryWithoutCurrent(t *testing.T) {
	server := newSite(t)
	b := binding("try", 1, junk)
	b.Canary = canary(2, compile(t, "try", denyAll), 10_000)
	bring(t, server, &feedpb.Chain{Bindings: []*feedpb.Binding{b}}, junk, compile(t, "try", denyAll))
	if got, want := reported(server), "try 1 refused, try 2+ refused"; got != want {
		t.Errorf("%s; want %s", got, want)
	}
}

// A filter of the chain that is named as well is told once, and routes are
// counted when they lead somewhere.
func TestToldOnce(t *testing.T) {
	server := newSite(t)
	pass, route := compile(t, "let", passAll), compile(t, "go", routeAll)
	bring(t, server, &feedpb.Chain{
		Bindings: []*feedpb.Binding{binding("let", 1, pass)}, Named: []*feedpb.Binding{binding("let", 1, pass), binding("go", 3, route)},
	}, pass, route)
	if got, want := reported(server), "let 1 runs, go 3 runs"; got != want {
		t.Errorf("%s; want %s", got, want)
	}
	bindLink(t, server, "both", link.Binding{Filter: "let"}, link.Binding{Filter: "go"})
	for range 3 {
		status(t, server, "/both")
	}
	tell := func() string {
		var told []string
		for _, tally := range server.Replica().(feed.Reporter).Tallies()[1:] {
			told = append(told, fmt.Sprintf("%s %d: %d %d %d", tally.GetName(), tally.GetVersion(), tally.GetPassed(), tally.GetRouted(), tally.GetFailed()))
		}
		return strings.Join(told, ", ")
	}
	if got, want := tell(), "let 1: 6 0 0, go 3: 0 3 0"; got != want {
		t.Errorf("%s; want %s", got, want)
	}
	change(t, server, &feedpb.Entry{
		Bucket: feed.BucketDomains, Key: []byte("routed.example"), Value: marshal(t, &feedpb.Domain{Name: "routed.example"}),
	})
	if status(t, server, "/both"); tell() != "let 1: 8 0 0, go 3: 0 3 1" { // a route to a domain of ours is none
		t.Error(tell())
	}
}
