package rules_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"suodi/wasm/abi"
	"suodi/wasm/rules"
)

// catalog is a platform catalog for tests: ids by number.
type catalog map[uint8]string

var shipped = catalog{
	1: "browser", 2: "wechat", 3: "wecom", 4: "qq", 5: "alipay", 8: "douyin", 9: "weibo",
	63: "ios", 64: "android", 65: "windows", 66: "macos", 70: "mobile", 71: "tablet", 72: "desktop",
	128: "bot", 129: "googlebot", 191: "baiduspider", 192: "webview", 255: "quark",
}

func (c catalog) Number(id string) (uint8, bool) {
	for n, known := range c {
		if known == id {
			return n, true
		}
	}
	return 0, false
}

func (c catalog) number(id string) uint8 {
	n, ok := c.Number(id)
	if !ok {
		panic("no platform " + id)
	}
	return n
}

func (c catalog) IsCrawler(id string) bool {
	return id == "bot" || id == "googlebot" || id == "baiduspider"
}

func (c catalog) IDs() []string {
	var ids []string
	for n := range 256 {
		if id, ok := c[uint8(n)]; ok {
			ids = append(ids, id)
		}
	}
	return ids
}

// set returns the set of the ids.
func (c catalog) set(ids ...string) (s abi.Set) {
	for _, id := range ids {
		n, ok := c.Number(id)
		if !ok {
			panic("no platform " + id)
		}
		s.Add(n)
	}
	return s
}

// classify is a small stand-in for the real classifier.
func classify(userAgent string, v *abi.Visit) {
	number := func(id string) uint8 {
		n, _ := shipped.Number(id)
		return n
	}
	app := "browser"
	for _, t := range [][2]string{{"wxwork/", "wecom"}, {"MicroMessenger/", "wechat"}, {"AlipayClient/", "alipay"}} {
		if strings.Contains(userAgent, t[0]) {
			app = t[1]
			break
		}
	}
	v.Platforms = shipped.set(app)
	v.Platform, v.App = number(app), number(app)
	for _, t := range [][2]string{{"iPhone", "ios"}, {"Android", "android"}, {"Windows", "windows"}, {"Macintosh", "macos"}} {
		if strings.Contains(userAgent, t[0]) {
			v.OS = number(t[1])
			v.Platforms.Add(v.OS)
			break
		}
	}
	v.Device = abi.DeviceDesktop
	if v.OS == number("ios") || v.OS == number("android") {
		v.Device = abi.DeviceMobile
	}
	v.Platforms.Add(number(map[abi.Device]string{abi.DeviceDesktop: "desktop", abi.DeviceMobile: "mobile"}[v.Device]))
	if strings.Contains(userAgent, "Googlebot/") {
		v.Bot = true
		v.Platform = number("googlebot")
		v.Platforms.Add(number("bot"))
		v.Platforms.Add(v.Platform)
	}
}

// compile parses and compiles a rule set that must be right.
func compile(t testing.TB, source string) (*rules.RuleSet, *rules.Module) {
	t.Helper()
	rs, err := rules.Parse([]byte(source))
	if err != nil {
		t.Fatalf("parse:\n%v\n%s", err, source)
	}
	m, err := rules.Compile(rs, shipped)
	if err != nil {
		t.Fatalf("compile:\n%v\n%s", err, source)
	}
	return rs, m
}

// guest is a running module.
type guest struct {
	memory api.Memory
	buffer []byte
	filter api.Function
	rule   api.Function
	needs  abi.Facts
	params []byte // for the next runs
	stack  [1]uint64
}

// newRuntime returns a runtime that compiles, as an edge's does.
func newRuntime(t testing.TB) wazero.Runtime {
	t.Helper()
	runtime := wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfigCompiler())
	t.Cleanup(func() {
		if err := runtime.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return runtime
}

// start instantiates a module and checks its exports.
func start(t testing.TB, runtime wazero.Runtime, m *rules.Module) (*guest, api.Module) {
	t.Helper()
	ctx := t.Context()
	module, err := runtime.InstantiateWithConfig(ctx, m.Wasm, wazero.NewModuleConfig().WithName(""))
	if err != nil {
		t.Fatalf("instantiate: %v", err)
	}
	result, err := module.ExportedFunction(abi.ExportVersion).Call(ctx)
	if err != nil || result[0] != abi.Version {
		t.Fatalf("%s: %v, %v", abi.ExportVersion, result, err)
	}
	result, err = module.ExportedFunction(abi.ExportVisit).Call(ctx)
	if err != nil {
		t.Fatal(err)
	}
	buffer, ok := module.ExportedMemory(abi.ExportMemory).Read(uint32(result[0]), abi.BufferSize)
	if !ok {
		t.Fatalf("visit buffer at %d is outside the memory", result[0])
	}
	return &guest{
		memory: module.Memory(),
		buffer: buffer,
		filter: module.ExportedFunction(abi.ExportFilter),
		rule:   module.ExportedFunction(abi.ExportRule),
		needs:  m.Manifest.Facts(),
	}, module
}

// run encodes v and calls the filter.
func (g *guest) run(t testing.TB, v *abi.Visit) abi.Verdict {
	t.Helper()
	n, err := v.Encode(g.buffer, g.needs, g.params)
	if err != nil {
		t.Fatal(err)
	}
	clear(g.buffer[n:])
	g.stack[0] = uint64(n)
	if err := g.filter.CallWithStack(t.Context(), g.stack[:]); err != nil {
		t.Fatal(err)
	}
	return abi.Verdict(g.stack[0])
}

// oneRule is a rule set of one condition that allows when it holds.
func oneRule(when string) string {
	return fmt.Sprintf("name: one\nrules:\n  - then: deny\n    when: %q\n", when)
}

// explain asks which rule decides the visit that the filter ran on last.
func (g *guest) explain(t testing.TB) uint64 {
	t.Helper()
	g.stack[0] = abi.HeadSize
	if err := g.rule.CallWithStack(t.Context(), g.stack[:]); err != nil {
		t.Fatal(err)
	}
	return g.stack[0]
}
