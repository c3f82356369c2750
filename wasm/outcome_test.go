package wasm_test

import (
	"bytes"
	"errors"
	"testing"

	"suodi/wasm"
	"suodi/wasm/abi"
	"suodi/wasm/filters"
)

func TestBrokenFilter(t *testing.T) {
	open, closed := `{"name":"x","abi":1,"needs":["platforms"]}`, `{"name":"x","abi":1,"needs":["platforms"],"fail":"closed"}`
	for _, test := range []struct {
		name string
		do   []byte // to bots
	}{
		{"traps", unreachable},
		{"unknown action", returns(9)},
		{"route to nothing", returns(abi.NewRoute(visitAddress, 0))},
		{"route outside memory", returns(abi.NewRoute(64<<10-3, 4))},
		{"route at the end of the address space", returns(abi.NewRoute(1<<32-1, 2))},
		{"route longer than any URL", returns(abi.NewRoute(0, abi.BufferSize+1))},
		{"writes outside memory", []byte{0x41, 0x7f, 0x41, 0, 0x36, 2, 0}},
		{"recurses for ever", []byte{0x20, 0, 0x10, 2, 0x1a}},
	} {
		for _, mode := range []struct {
			name, manifest string
			action         abi.Action
			at             int
		}{{"open", open, abi.Pass, 2}, {"closed", closed, abi.Deny, 0}, {"no manifest", "", abi.Pass, 2}} {
			t.Run(test.name+"/"+mode.name, func(t *testing.T) {
				h := newHost(t, 1)
				broken := guest{manifest: mode.manifest, body: whenBot(test.do)}.encode()
				install(t, h, bind(broken, filters.Platform)...)
				_, filter := h.Chain().At(0)
				for n := range 3 {
					out := run(h, bot)
					if out.Action != mode.action || out.At != mode.at || (out.Err != nil) != (mode.action == abi.Deny) {
						t.Errorf("visit %d: %+v", n, out)
					}
					if got := filter.Failures(); got != uint64(n+1) {
						t.Errorf("%d failures after %d visits", got, n+1)
					}
					// The discarded instance is back for the next visit.
					if out := run(h, onWeChat); out.Action != abi.Allow || out.At != 0 {
						t.Errorf("after the failure: %+v", out)
					}
				}
			})
		}
	}
}

// After a closed filter broke, a caller who knows better goes on behind it.
func TestRunFromAPlace(t *testing.T) {
	h := newHost(t, 1)
	broken := guest{manifest: `{"name":"x","abi":1,"needs":["platforms"],"fail":"closed"}`, body: whenBot(unreachable)}.encode()
	install(t, h, bind(broken, filters.Platform)...)
	slot := h.Acquire(7)
	defer slot.Release()
	guarded(&slot.Visit)
	slot.Visit.Bot = true
	out := slot.Run(slot.Chain(), 0)
	if out.Err == nil || out.At != 0 {
		t.Fatalf("%+v", out)
	}
	if out = slot.Run(slot.Chain(), out.At+1); out.Action != abi.Guide || out.At != 1 || out.Code == 0 {
		t.Errorf("behind it: %+v", out)
	}
}

func TestRoute(t *testing.T) {
	h := newHost(t, 1)
	install(t, h, bind(compile(t, wechatIs("route\n    to: https://cn.example.com/a?b=1")))...)
	if out := run(h, onWeChat); out.Action != abi.Route || string(out.URL) != "https://cn.example.com/a?b=1" || out.Code != 0 {
		t.Errorf("%+v, URL %s", out, out.URL)
	}
}

func TestParamsReachTheFilter(t *testing.T) {
	h := newHost(t, 1)
	module := guest{body: denyParamsLength}.encode()
	install(t, h,
		wasm.Binding{Name: "passes", Module: filters.Platform},
		wasm.Binding{Name: "counts", Module: module, Params: []byte(`{"a":12}`)})
	if out := run(h, func(*abi.Visit) {}); out.Code != 8 {
		t.Errorf("%+v; want 8 bytes of params", out)
	}
	install(t, h, wasm.Binding{Name: "counts", Module: module}) // the same filter with other params
	if out := run(h, func(*abi.Visit) {}); out.Code != 0 || out.Action != abi.Deny {
		t.Errorf("%+v; want no params", out)
	}
}

// A guest finds nothing of earlier visits behind the one it is given.
func TestNothingOfThePreviousVisitIsLeft(t *testing.T) {
	long := func(v *abi.Visit) {
		v.Facts = abi.AllFacts
		v.Host, v.UserAgent = bytes.Repeat([]byte("h"), 3000), bytes.Repeat([]byte("u"), 3000)
	}
	tooLong := func(v *abi.Visit) {
		v.Facts = abi.AllFacts
		v.Host, v.UserAgent = bytes.Repeat([]byte("h"), 5000), bytes.Repeat([]byte("u"), 5000)
	}
	short := func(v *abi.Visit) {
		v.Facts = abi.FactHost
		v.Host = []byte("go.example.com")
	}
	h := newHost(t, 1)
	install(t, h, bind(guest{body: countTail}.encode())...)
	for _, visit := range []struct {
		name     string
		fill     func(*abi.Visit)
		tooLarge bool
	}{
		{"first", short, false},
		{"long", long, false},
		{"short after long", short, false},
		{"short after short", short, false},
		{"empty", func(*abi.Visit) {}, false},
		{"too long", tooLong, true},
		{"short after too long", short, false},
	} {
		out := run(h, visit.fill)
		if visit.tooLarge {
			if !errors.Is(out.Err, abi.ErrTooLarge) || out.Action != abi.Deny {
				t.Errorf("%s: %+v; want ErrTooLarge", visit.name, out)
			}
			continue
		}
		if out.Action != abi.Deny || out.Code != 0 {
			t.Errorf("%s: %+v; the guest finds %d bytes", visit.name, out, out.Code)
		}
	}
	if _, f := h.Chain().At(0); f.Failures() != 0 {
		t.Errorf("a visit too large is held against the filter: %d failures", f.Failures())
	}
}

func TestVisitDoesNotAllocate(t *testing.T) {
	h := newHost(t, 4)
	restored := guest{body: join(remembers(nil), []byte{0x1a}, i64Const(0))}.encode() // passes
	install(t, h, bind(restored, filters.Platform, compile(t, wechatIs("deny")))...)
	var want abi.Action
	visit := func(fill func(*abi.Visit)) func() {
		return func() {
			slot := h.Acquire(3)
			slot.Visit.Facts = 0
			fill(&slot.Visit)
			if out := slot.Run(slot.Chain(), 0); out.Action != want {
				t.Fatalf("%+v", out)
			}
			slot.Release()
		}
	}
	for name, test := range map[string]struct {
		fill   func(*abi.Visit)
		action abi.Action
	}{
		"denied by the last": {onWeChat, abi.Deny},
		"guided before":      {guarded, abi.Guide},
	} {
		want = test.action
		if n := testing.AllocsPerRun(200, visit(test.fill)); n != 0 {
			t.Errorf("%s: %v allocations a visit", name, n)
		}
	}
}

// TestRouteTemplate: the host replaces what the filter may not write.
func TestRouteTemplate(t *testing.T) {
	h := newHost(t, 1)
	source := "params: {to: {type: string}}\n" + wechatIs(`route
    to: "https://cn.example.com/{slug}?to={params.to}"`)
	install(t, h, wasm.Binding{Name: "wechat-is", Module: compile(t, source), Params: []byte(`{"to":"a&b"}`)})
	out := run(h, func(v *abi.Visit) {
		onWeChat(v)
		v.Facts, v.Slug = abi.AllFacts, []byte("夏")
	})
	if out.Action != abi.Route || string(out.URL) != "https://cn.example.com/%E5%A4%8F?to=a%26b" || out.Err != nil {
		t.Errorf("%+v, URL %s", out, out.URL)
	}
}

// TestTemplateSeesWhatItsFilterNeeds: a template is no way to facts that a
// filter did not ask for, and those that it did not are there for the next.
func TestTemplateSeesWhatItsFilterNeeds(t *testing.T) {
	const template = "https://a.example/{slug}?r={referrer}&p={params.p}"
	g := routing(template, abi.NewTemplate(urlAddress, uint32(len(template))))
	for needs, want := range map[string]string{
		`["platforms"]`:                   "https://a.example/?r=&p=",
		`["platforms","slug"]`:            "https://a.example/s?r=&p=",
		`["platforms","referrer"]`:        "https://a.example/?r=secret&p=",
		`["platforms","slug","referrer"]`: "https://a.example/s?r=secret&p=",
	} {
		h := newHost(t, 1)
		g.manifest = `{"name":"x","abi":1,"needs":` + needs + `}`
		install(t, h, bind(g.encode())...)
		slot := h.Acquire(0)
		slot.Visit = abi.Visit{Facts: abi.AllFacts, Bot: true, Slug: []byte("s"), Referrer: []byte("secret")}
		if out := slot.Run(slot.Chain(), 0); string(out.URL) != want || slot.Visit.Facts != abi.AllFacts {
			t.Errorf("needs %s: got %s, facts %v; want %s", needs, out.URL, slot.Visit.Facts.Names(), want)
		}
		slot.Release()
	}
}
