package wasm_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"suodi/wasm"
	"suodi/wasm/abi"
	"suodi/wasm/filters"
)

// says is a filter with one verdict.
func says(v abi.Verdict) []byte { return guest{body: verdict(v)}.encode() }

func TestCanary(t *testing.T) {
	h := newHost(t, 1)
	current, canary := says(abi.NewVerdict(abi.Guide, 1)), says(abi.NewVerdict(abi.Guide, 2))
	with := func(share uint32) {
		t.Helper()
		install(t, h, wasm.Binding{
			Name: "f", Version: 4, Module: current,
			Canary: &wasm.Canary{Version: 5, Module: canary, Share: share},
		})
	}
	for _, test := range []struct {
		name   string
		share  uint32
		visit  func(*abi.Visit)
		canary bool
	}{
		{"none", 0, hashed(0), false},
		{"below the share", 500, hashed(499), true},
		{"at the share", 500, hashed(500), false},
		{"the remainder counts", 500, hashed(30_499), true},
		{"its lower half does not", 500, func(v *abi.Visit) { v.Facts, v.Hash = abi.FactHash, 501<<32|1 }, false},
		{"a visit without a hash", 9_999, func(v *abi.Visit) { v.Hash = 0 }, false},
		{"all", wasm.MaxShare, hashed(9_999), true},
		{"all, without a hash", wasm.MaxShare, func(*abi.Visit) {}, true},
		{"more than all", 1 << 31, hashed(9_999), true},
	} {
		t.Run(test.name, func(t *testing.T) {
			with(test.share)
			out := run(h, test.visit)
			want := wasm.Outcome{Version: 4, Code: 1}
			if test.canary {
				want = wasm.Outcome{Version: 5, Code: 2, Canary: true}
			}
			if out.Version != want.Version || out.Code != want.Code || out.Canary != want.Canary || out.Err != nil {
				t.Errorf("%+v; want %+v", out, want)
			}
		})
	}
	with(1)
	if needs := h.Chain().Needs(); needs&abi.FactHash == 0 {
		t.Error("a chain with a canary does not need the visit hash")
	}
	uses := h.Chain().Uses()
	if len(uses) != 2 || uses[0].Version != 4 || uses[0].Canary || uses[1].Version != 5 || !uses[1].Canary || uses[1].Name != "f" ||
		uses[0].Filter.Hash() != wasm.HashOf(current) || uses[1].Filter.Hash() != wasm.HashOf(canary) {
		t.Errorf("in force are %+v", uses)
	}
}

func TestNamed(t *testing.T) {
	h := newHost(t, 1)
	plan := wasm.Plan{
		Chain: bind(filters.Platform),
		Named: []wasm.Binding{
			{Name: "counts", Version: 2, Module: guest{body: denyParamsLength, manifest: `{"name":"x","abi":1,"needs":["clock"]}`}.encode()},
			{Name: "breaks", Module: guest{body: whenBot(unreachable)}.encode(), Canary: &wasm.Canary{Module: says(0), Share: 1}},
		},
	}
	if err := h.Install(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	slot := h.Acquire(0)
	defer slot.Release()
	chain := slot.Chain()
	if chain.Len() != 1 || chain.Needs() != abi.FactPlatforms|abi.FactLink {
		t.Errorf("%d filters that need %v", chain.Len(), chain.Needs().Names())
	}
	for _, name := range []string{"platform", "filter-0", "", "count"} {
		if place, ok := chain.Named([]byte(name)); ok {
			t.Errorf("%q is named, at %d", name, place)
		}
	}
	counts, found := chain.Named([]byte("counts"))
	breaks, also := chain.Named([]byte("breaks"))
	if !found || !also || counts < chain.Len() || breaks < chain.Len() || counts == breaks {
		t.Fatalf("places %d, %d", counts, breaks)
	}
	if chain.NeedsAt(counts) != abi.FactClock || chain.NeedsAt(breaks) != abi.AllFacts {
		t.Errorf("they need %v and %v", chain.NeedsAt(counts).Names(), chain.NeedsAt(breaks).Names())
	}
	if name, f := chain.At(counts); name != "counts" || f.Hash() != wasm.HashOf(plan.Named[0].Module) {
		t.Errorf("at its place is %s", name)
	}
	slot.Visit = abi.Visit{}
	for _, params := range []string{"", `{"a":12}`, `{"a":1}`} {
		if out := slot.Call(chain, counts, []byte(params)); out.Action != abi.Deny || int(out.Code) != len(params) || out.At != counts || out.Version != 2 {
			t.Errorf("with %d bytes of params: %+v", len(params), out)
		}
	}
	for deadline := time.Now().Add(10 * time.Second); wasm.Instances(h, counts) < 1+4; { // the mender is at work
		if time.Now().After(deadline) {
			t.Fatal("no spare instances are made")
		}
	}
	if n := testing.AllocsPerRun(100, func() {
		place, _ := chain.Named([]byte("counts"))
		slot.Call(chain, place, nil)
	}); n != 0 {
		t.Errorf("a call allocates %v times", n)
	}
	bot(&slot.Visit)
	if out := slot.Call(chain, breaks, nil); out.Action != abi.Pass || out.Err == nil || out.At != breaks {
		t.Errorf("a named filter that breaks: %+v", out)
	}
	if out := slot.Run(chain, 0); out.Action != abi.Pass || out.At != 1 || out.Filter != nil {
		t.Errorf("named filters ran in the chain: %+v", out)
	}
}

func TestPlanIsRefused(t *testing.T) {
	good, bad := says(0), guest{body: unreachable}.encode()
	for _, test := range []struct {
		name string
		plan wasm.Plan
		want []string
	}{
		{"a bad canary", wasm.Plan{Chain: []wasm.Binding{{Name: "f", Module: good, Canary: &wasm.Canary{Version: 9, Module: bad, Share: 1}}}}, []string{"filter f", "canary version 9"}},
		{"a bad named filter", wasm.Plan{Named: []wasm.Binding{{Name: "n", Module: bad}}}, []string{"filter n"}},
		{"one name twice", wasm.Plan{Named: []wasm.Binding{{Name: "n", Module: good}, {Name: "n", Module: good}}}, []string{"filter n", "this name"}},
		{"params of a named filter", wasm.Plan{Named: []wasm.Binding{{Name: "n", Module: good, Params: []byte("{}")}}}, []string{"filter n", "where it is bound"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHost(t, 1)
			install(t, h, bind(filters.Platform)...)
			before := h.Chain()
			err := h.Install(t.Context(), test.plan)
			if !errors.Is(err, wasm.ErrRefused) {
				t.Fatalf("error %v", err)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %v does not say %q", err, want)
				}
			}
			if h.Chain() != before {
				t.Error("the chain has changed")
			}
		})
	}
}

// tallyOf is what the version in force at a place has said, if no other place
// before it runs the same.
func tallyOf(h *wasm.Host, place int) wasm.Tally { return h.Chain().Uses()[place].Tally() }

// One module in force under two names is counted for each, and one version in
// two places once for both.
func TestTallyByNameAndVersion(t *testing.T) {
	h := newHost(t, 1)
	module := guest{manifest: `{"name":"x","abi":1,"needs":["platforms"]}`, body: whenBot(returns(abi.NewVerdict(abi.Pass, 0)))}.encode()
	plan := wasm.Plan{
		Chain: []wasm.Binding{
			{Name: "a", Version: 1, Module: module, Canary: &wasm.Canary{Version: 2, Module: module, Share: wasm.MaxShare / 2}},
			{Name: "b", Version: 1, Module: module},
		},
		Named: []wasm.Binding{{Name: "a", Version: 1, Module: module, Canary: &wasm.Canary{Version: 2, Module: module, Share: wasm.MaxShare / 2}}},
	}
	if err := h.Install(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	for _, fill := range []func(*abi.Visit){bot, bot, onWeChat, hashed(1)} {
		run(h, fill)
	}
	slot := h.Acquire(0)
	place, _ := slot.Chain().Named([]byte("a"))
	slot.Call(slot.Chain(), place, nil)
	slot.Release()
	var got []string
	for _, use := range h.Chain().Uses() {
		got = append(got, fmt.Sprintf("%s %d %t: %d %d", use.Name, use.Version, use.Canary, use.Tally().Passed, use.Tally().Allowed))
	}
	if want := "a 1 false: 2 1, a 2 true: 0 2, b 1 false: 2 0"; strings.Join(got, ", ") != want {
		t.Errorf("%s; want %s", strings.Join(got, ", "), want)
	}
}

func TestTally(t *testing.T) {
	h := newHost(t, 3)
	erred := says(abi.NewVerdict(abi.Pass, 0).WithErred())
	breaks := guest{body: whenBot(unreachable), manifest: `{"name":"x","abi":1,"needs":["platforms"]}`}.encode()
	install(t, h, bind(filters.Platform, erred, breaks)...)
	visits := []func(*abi.Visit){guarded, onWeChat, onWeChat, bot, func(v *abi.Visit) {
		onWeChat(v)
		v.Facts |= abi.FactLink
		v.Allow.Add(9)
	}}
	for range 4 {
		for i, fill := range visits {
			slot := h.Acquire(uint64(i))
			slot.Visit = abi.Visit{}
			fill(&slot.Visit)
			slot.Run(slot.Chain(), 0)
			slot.Release()
		}
	}
	var tallies []wasm.Tally
	for _, use := range h.Chain().Uses() {
		tallies = append(tallies, use.Tally())
	}
	want := []wasm.Tally{{Passed: 12, Guided: 4, Denied: 4}, {Passed: 12, Erred: 12}, {Allowed: 8, Failed: 4}}
	for i := range want {
		if tallies[i] != want[i] {
			t.Errorf("filter %d: %+v; want %+v", i, tallies[i], want[i])
		}
	}
	// A version that is put back counts on, and one that is gone keeps its tally.
	gone := h.Chain().Uses()[1]
	install(t, h, bind(filters.Platform)...)
	if got := gone.Tally(); got != want[1] {
		t.Errorf("out of force: %+v", got)
	}
	install(t, h, wasm.Binding{Name: "filter-1", Module: erred})
	run(h, bot)
	again := h.Chain().Uses()[0]
	if got := again.Tally(); again.Filter == gone.Filter || got != (wasm.Tally{Passed: 13, Erred: 13}) {
		t.Errorf("in force again: %+v", got)
	}
}

// What turns out to be of no use is a failure in place of the verdict.
func TestFail(t *testing.T) {
	for mode, want := range map[string]abi.Action{"open": abi.Pass, "closed": abi.Deny} {
		h := newHost(t, 1)
		set := "name: r\nfail: " + mode + "\nrules:\n  - { when: true, then: route, to: 'https://cn.example.com/' }\n"
		install(t, h, bind(compile(t, set))...)
		slot := h.Acquire(0)
		out := slot.Run(slot.Chain(), 0)
		if out.Action != abi.Route || out.Fuel <= 0 {
			t.Fatalf("%+v", out)
		}
		if tally := tallyOf(h, 0); tally != (wasm.Tally{}) {
			t.Errorf("%s: counted before its URL is known to be of use: %+v", mode, tally)
		}
		reason := errors.New("leads nowhere")
		failed := slot.Fail(slot.Chain(), out, reason)
		if failed.Action != want || failed.At != 0 || !errors.Is(failed.Err, reason) || failed.URL != nil {
			t.Errorf("%s: %+v", mode, failed)
		}
		if tally := tallyOf(h, 0); tally != (wasm.Tally{Failed: 1}) || out.Filter.Failures() != 1 {
			t.Errorf("%s: %+v, %d failures", mode, tally, out.Filter.Failures())
		}
		if out = slot.Run(slot.Chain(), 0); out.Action != abi.Route {
			t.Fatalf("%+v", out)
		}
		slot.Accept(slot.Chain(), &out)
		if tally := tallyOf(h, 0); tally != (wasm.Tally{Failed: 1, Routed: 1}) {
			t.Errorf("%s: %+v", mode, tally)
		}
		slot.Release()
	}
}

// Readers of tallies disturb no visit and see no tally shrink.
func TestTallyWhileVisitsRun(t *testing.T) {
	h := newHost(t, 2)
	install(t, h, bind(filters.Platform)...)
	var stop atomic.Bool
	done := make(chan struct{})
	go func() {
		defer close(done)
		for !stop.Load() {
			run(h, guarded)
		}
	}()
	for last := uint64(0); last < 1000; {
		guided := tallyOf(h, 0).Guided
		if guided < last {
			t.Errorf("%d became %d", last, guided)
		}
		last = guided
	}
	stop.Store(true)
	<-done
}
