package wasm_test

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"suodi/wasm"
	"suodi/wasm/abi"
	"suodi/wasm/filters"
	"suodi/wasm/rules"
)

// ios and wechat are the platforms that the rule sets of these tests name.
const (
	ios    = 1
	wechat = 2
)

type platforms struct{}

func (platforms) Number(id string) (uint8, bool) {
	n, ok := map[string]uint8{"ios": ios, "wechat": wechat}[id]
	return n, ok
}
func (platforms) IsCrawler(string) bool { return false }
func (platforms) IDs() []string         { return []string{"ios", "wechat"} }

func compile(t testing.TB, source string) []byte {
	t.Helper()
	set, err := rules.Parse([]byte(source))
	if err != nil {
		t.Fatal(err)
	}
	module, err := rules.Compile(set, platforms{})
	if err != nil {
		t.Fatal(err)
	}
	return module.Wasm
}

// wechatIs is a rule set that does one thing to visits with WeChat.
func wechatIs(then string) string {
	return "name: wechat-is\nrules:\n  - when: '\"wechat\" in visit.platforms'\n    then: " + then + "\n"
}

func newHost(t testing.TB, slots int) *wasm.Host {
	t.Helper()
	return hostWith(t, wasm.Config{Slots: slots, Go: true})
}

func hostWith(t testing.TB, config wasm.Config) *wasm.Host {
	t.Helper()
	h, err := wasm.NewHost(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func bind(modules ...[]byte) []wasm.Binding {
	bindings := make([]wasm.Binding, len(modules))
	for i, m := range modules {
		bindings[i] = wasm.Binding{Name: fmt.Sprintf("filter-%d", i), Module: m}
	}
	return bindings
}

func install(t testing.TB, h *wasm.Host, bindings ...wasm.Binding) {
	t.Helper()
	if err := h.Install(t.Context(), wasm.Plan{Chain: bindings}); err != nil {
		t.Fatal(err)
	}
}

// run sends one visit through the chain in force.
func run(h *wasm.Host, fill func(*abi.Visit)) wasm.Outcome {
	slot := h.Acquire(0)
	defer slot.Release()
	slot.Visit = abi.Visit{}
	fill(&slot.Visit)
	out := slot.Run(slot.Chain(), 0)
	out.URL = bytes.Clone(out.URL)
	return out
}

func onWeChat(v *abi.Visit) {
	v.Facts |= abi.FactPlatforms
	v.Platforms.Add(wechat)
	v.Platforms.Add(ios)
}

func guarded(v *abi.Visit) {
	onWeChat(v)
	v.Facts |= abi.FactLink
	v.Guard.Add(wechat)
}

func bot(v *abi.Visit) {
	v.Facts |= abi.FactPlatforms
	v.Bot = true
}

func TestChainRunsInOrder(t *testing.T) {
	h := newHost(t, 1)
	if out := run(h, guarded); out.Action != abi.Pass || out.At != 0 || h.Chain().Len() != 0 {
		t.Errorf("without filters: %+v", out)
	}
	deny, allow := compile(t, wechatIs("deny")), compile(t, wechatIs("allow"))
	for _, test := range []struct {
		name   string
		chain  [][]byte
		visit  func(*abi.Visit)
		action abi.Action
		at     int
	}{
		{"the first decides", [][]byte{filters.Platform, deny}, guarded, abi.Guide, 0},
		{"the first passes", [][]byte{filters.Platform, deny}, onWeChat, abi.Deny, 1},
		{"allow ends the chain", [][]byte{allow, deny}, onWeChat, abi.Allow, 0},
		{"the other order", [][]byte{deny, allow}, onWeChat, abi.Deny, 0},
		{"all pass", [][]byte{filters.Platform, deny}, func(*abi.Visit) {}, abi.Pass, 2},
		{"one filter twice", [][]byte{filters.Platform, filters.Platform}, onWeChat, abi.Pass, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			install(t, h, bind(test.chain...)...)
			out := run(h, test.visit)
			if out.Action != test.action || out.At != test.at || out.Err != nil {
				t.Errorf("%+v; want %s at %d", out, test.action, test.at)
			}
		})
	}
	if got, want := h.Chain().Needs(), abi.FactPlatforms|abi.FactLink; got != want {
		t.Errorf("the chain needs %v; want %v", got.Names(), want.Names())
	}
}

func TestInstallRefuses(t *testing.T) {
	importing := func(module, name string, what ...byte) []byte {
		return guest{imports: [][]byte{join(text(module), text(name), what)}}.encode()
	}
	for _, test := range []struct {
		name   string
		module []byte
		want   string // a part of the error
	}{
		{"nothing", nil, "no WebAssembly"},
		{"garbage", []byte("#!/bin/sh"), "no WebAssembly"},
		{"cut off", filters.Platform[:len(filters.Platform)/2], "are left"},
		{"too large", make([]byte, 4<<20+1), "limit"},
		{"imports a function", importing("env", "clock", 0, 0), "imports env.clock"},
		{"imports a global", importing("env", "g", 3, 0x7f, 0), "imports env.g"},
		{"without memory", guest{omit: abi.ExportMemory}.encode(), abi.ExportMemory},
		{"without suodi_abi", guest{omit: abi.ExportVersion}.encode(), abi.ExportVersion},
		{"without suodi_visit", guest{omit: abi.ExportVisit}.encode(), abi.ExportVisit},
		{"without suodi_filter", guest{omit: abi.ExportFilter}.encode(), abi.ExportFilter},
		{"another signature", guest{unsigned: true}.encode(), "the ABI wants (i32) -> (i64)"},
		{"memory over the limit", guest{pages: 65}.encode(), "65 pages"},
		{"memory that grows", guest{body: join([]byte{0x41, 1, 0x40, 0, 0x1a}, i64Const(0))}.encode(), "memory.grow"},
		{"another ABI version", guest{version: 2}.encode(), "ABI version 2"},
		{"buffer outside memory", guest{address: 64<<10 - abi.BufferSize + 1}.encode(), "does not fit"},
		{"buffer at a negative address", guest{address: -1}.encode(), "does not fit"},
		{"traps on an empty visit", guest{body: unreachable}.encode(), "empty visit"},
		{"traps at the start", guest{start: unreachable}.encode(), "instantiate"},
		{"traps in suodi_rule", guest{rule: unreachable}.encode(), "suodi_rule on an empty visit"},
		{"damaged manifest", guest{manifest: `{"name"`}.encode(), "manifest"},
		{"manifest of another ABI", guest{manifest: `{"name":"x","abi":7}`}.encode(), "abi 7"},
		{"manifest with an unknown fact", guest{manifest: `{"name":"x","abi":1,"needs":["shoes"]}`}.encode(), "shoes"},
		{"manifest that promises purity", guest{
			manifest: `{"name":"x","abi":1,"class":"pure"}`, body: join(i32Const(0), i32Const(0), []byte{0x36, 2, 0}, i64Const(0)),
		}.encode(), "class pure"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHost(t, 2)
			install(t, h, bind(filters.Platform)...)
			before := h.Chain()
			err := h.Install(t.Context(), wasm.Plan{Chain: []wasm.Binding{
				{Name: "good", Module: compile(t, wechatIs("deny"))}, {Name: "wrong", Module: test.module},
			}})
			if !errors.Is(err, wasm.ErrRefused) || !strings.Contains(err.Error(), "wrong") || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v; want ErrRefused that names the filter and %q", err, test.want)
			}
			if h.Chain() != before {
				t.Error("the chain has changed")
			}
			if out := run(h, guarded); out.Action != abi.Guide {
				t.Errorf("the old chain says %+v", out)
			}
		})
	}
	t.Run("params", func(t *testing.T) {
		h := newHost(t, 1)
		err := h.Install(t.Context(), wasm.Plan{Chain: []wasm.Binding{{Name: "p", Module: filters.Platform, Params: make([]byte, abi.MaxParams+1)}}})
		if !errors.Is(err, wasm.ErrRefused) || h.Chain().Len() != 0 {
			t.Errorf("error %v, %d filters", err, h.Chain().Len())
		}
	})
}

// What the refused modules have in common is good when nothing is spoilt.
func TestGuestIsAFilter(t *testing.T) {
	h := newHost(t, 1)
	install(t, h, bind(guest{}.encode(), guest{start: []byte{0x01}}.encode())...)
	if out := run(h, guarded); out.Action != abi.Pass || out.At != 2 {
		t.Errorf("%+v", out)
	}
	if got := h.Chain().Needs(); got != abi.AllFacts {
		t.Errorf("without a manifest a filter needs %v", got.Names())
	}
}

func TestInstallKeepsFiltersByHash(t *testing.T) {
	h := newHost(t, 2)
	install(t, h, bind(filters.Platform)...)
	_, platform := h.Chain().At(0)
	install(t, h, bind(compile(t, wechatIs("deny")), bytes.Clone(filters.Platform))...)
	if _, moved := h.Chain().At(1); moved != platform {
		t.Error("the same module was loaded again")
	}
	if name, first := h.Chain().At(0); name != "filter-0" || first.Manifest().Name != "wechat-is" || first.Hash() == platform.Hash() {
		t.Errorf("first is %s, %s", name, first.Manifest().Name)
	}
	if platform.Hash() != wasm.HashOf(filters.Platform) {
		t.Errorf("hash %s", platform.Hash())
	}
	if err := h.Install(t.Context(), wasm.Plan{Chain: bind(filters.Platform, []byte("garbage"))}); err == nil {
		t.Fatal("garbage was installed")
	}
	// A refused chain closed nothing that is in force.
	if out := run(h, guarded); out.Action != abi.Deny {
		t.Errorf("%+v", out)
	}
	install(t, h)
	install(t, h, bind(filters.Platform)...)
	if out := run(h, guarded); out.Action != abi.Guide {
		t.Errorf("loaded again after it was closed: %+v", out)
	}
}

// Every visit runs one whole chain: the old or the new one.
func TestInstallWhileVisitsRun(t *testing.T) {
	h := newHost(t, 3)
	deny, allow := compile(t, wechatIs("deny")), compile(t, wechatIs("allow"))
	chains := [][]wasm.Binding{
		bind(filters.Platform, deny),
		bind(allow),
	}
	want := []abi.Action{abi.Deny, abi.Allow}
	lengths := map[int]abi.Action{2: abi.Deny, 1: abi.Allow}
	install(t, h, chains[0]...)
	var stop atomic.Bool
	var visits atomic.Int64
	var visitors sync.WaitGroup
	for v := range 4 {
		visitors.Go(func() {
			for !stop.Load() {
				slot := h.Acquire(uint64(v))
				chain := slot.Chain()
				slot.Visit = abi.Visit{}
				onWeChat(&slot.Visit)
				out := slot.Run(chain, 0)
				if out.Err != nil || out.Action != lengths[chain.Len()] || out.At != chain.Len()-1 {
					t.Errorf("%d filters said %+v", chain.Len(), out)
				}
				slot.Release()
				visits.Add(1)
			}
		})
	}
	for i := range 24 {
		install(t, h, chains[i%2]...)
		if out := run(h, onWeChat); out.Action != want[i%2] {
			t.Errorf("after installing chain %d: %+v", i%2, out)
		}
		if i%10 == 5 {
			if err := h.Install(t.Context(), wasm.Plan{Chain: bind(deny, []byte("garbage"))}); err == nil {
				t.Error("garbage was installed")
			}
		}
	}
	for visits.Load() < 1000 {
		runtime.Gosched()
	}
	stop.Store(true)
	visitors.Wait()
	for i := range h.Chain().Len() {
		if _, f := h.Chain().At(i); f.Failures() != 0 {
			t.Errorf("filter %d failed %d times", i, f.Failures())
		}
	}
}

func TestClose(t *testing.T) {
	h := newHost(t, 2)
	install(t, h, bind(filters.Platform)...)
	for range 2 {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}
	if err := h.Install(t.Context(), wasm.Plan{Chain: bind(filters.Platform)}); !errors.Is(err, wasm.ErrClosed) {
		t.Errorf("Install after Close: %v", err)
	}
	if out := run(h, guarded); out.Action != abi.Pass || out.Err != nil {
		t.Errorf("a visit after Close: %+v", out)
	}
}
