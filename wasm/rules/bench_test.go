package rules_test

import (
	"testing"

	"suodi/wasm/abi"
	"suodi/wasm/filters"
	"suodi/wasm/meter"
	"suodi/wasm/rules"
)

// tenRules is a set such as an admin may write; the visit below fits none.
const tenRules = `
name: ten
rules:
  - {when: 'size(link.allow) > 0 && !visit.platforms.intersects(link.allow)', then: deny, reason: no}
  - {when: 'visit.platforms.intersects(link.guard)', then: guide, reason: open}
  - {when: 'visit.country in ["US", "GB", "DE"]', then: deny}
  - {when: 'visit.hour < 6 && visit.weekday in [6, 7]', then: deny}
  - {when: 'visit.platform == "alipay" || visit.os == "windows"', then: guide}
  - {when: 'visit.host == "t.example.com"', then: deny}
  - {when: 'visit.path.startsWith("/internal/")', then: deny}
  - {when: 'visit.platforms.intersects(["quark", "weibo"]) && visit.os_major < 12', then: guide}
  - {when: 'visit.slug in ["spring", "summer", "autumn"]', then: deny}
  - {when: 'visit.date >= 20270101', then: deny}
`

const userAgent = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) " +
	"Mobile/15E148 MicroMessenger/8.0.49(0x18003137) NetType/WIFI Language/zh_CN"

var tenVisit = abi.Visit{
	Facts:    abi.AllFacts,
	Platform: 2, OS: 63, OSMajor: 17, BrowserMajor: 8, Device: abi.DeviceMobile,
	Weekday: 4, Hour: 9, Date: 20261001, Time: 1790818200, Country: [2]byte{'C', 'N'},
	Platforms: shipped.set("wechat", "ios", "mobile"), Allow: shipped.set("ios", "android"), Guard: shipped.set("qq"),
	Host: []byte("s.example.com"), Slug: []byte("winter"), Path: []byte("/winter"), UserAgent: []byte(userAgent),
}

// benchmarkCall measures one call, and with the visit encoded before it.
func benchmarkCall(b *testing.B, m *rules.Module, v *abi.Visit, want abi.Action) {
	g, _ := start(b, newRuntime(b), m)
	if got := g.run(b, v).Action(); got != want {
		b.Fatalf("got %s, want %s", got, want)
	}
	ctx := b.Context()
	n, err := v.Encode(g.buffer, g.needs, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("call", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			g.stack[0] = uint64(n)
			if err := g.filter.CallWithStack(ctx, g.stack[:]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("encode+call", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			n, err := v.Encode(g.buffer, g.needs, nil)
			if err != nil {
				b.Fatal(err)
			}
			g.stack[0] = uint64(n)
			if err := g.filter.CallWithStack(ctx, g.stack[:]); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkEmptyCall is the part of a call that no rule can change.
func BenchmarkEmptyCall(b *testing.B) {
	_, m := compile(b, oneRule("false"))
	benchmarkCall(b, m, &tenVisit, abi.Pass)
}

// BenchmarkPlatformCall is the shipped filter on a visit whose link has both
// sets and that passes.
func BenchmarkPlatformCall(b *testing.B) {
	_, m := compile(b, filters.PlatformSource)
	benchmarkCall(b, m, &tenVisit, abi.Pass)
}

func BenchmarkTenRules(b *testing.B) {
	_, m := compile(b, tenRules)
	benchmarkCall(b, m, &tenVisit, abi.Pass)
}

// BenchmarkStrings measures the string functions on a user agent.
func BenchmarkStrings(b *testing.B) {
	for _, bench := range []struct{ name, when string }{
		{"contains", `visit.user_agent.contains("NetType/5G")`},
		{"equal", `visit.user_agent == "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X)"`},
		{"startsWith", `visit.user_agent.startsWith("Mozilla/5.0 (Linux")`},
		{"endsWith", `visit.user_agent.endsWith("zh_TW")`},
		{"lowerAscii contains", `visit.user_agent.lowerAscii().contains("nettype/5g")`},
		{"lowerAscii equal", `visit.host.lowerAscii() == "t.example.com"`},
		{"matches", `visit.user_agent.matches("MicroMessenger/(6|7)[.]")`},
		{"matches without its prefix", `visit.user_agent.matches("BytedanceWebview/[0-9]")`},
		{"matches anchored", `visit.path.matches("^/docs/[a-z]+$")`},
		{"size", `size(visit.user_agent) > 1000`},
	} {
		b.Run(bench.name, func(b *testing.B) {
			_, m := compile(b, oneRule(bench.when))
			benchmarkCall(b, m, &tenVisit, abi.Pass)
		})
	}
}

// BenchmarkFunctions measures the functions that are not of strings.
func BenchmarkFunctions(b *testing.B) {
	for _, bench := range []struct{ name, when string }{
		{"inCIDR", `inCIDR(visit.ip, ["10.0.0.0/8", "172.16.0.0/12", "2001:db8::/32"])`},
		{"hour", `hour(visit.time, "Asia/Shanghai") == 3`},
		{"date", `date(visit.time, "America/New_York") == 3`},
		{"arithmetic", `visit.hour * 60 + visit.os_major > 3000`},
		{"hash", `visit.hash % 100 > 99`},
	} {
		b.Run(bench.name, func(b *testing.B) {
			_, m := compile(b, oneRule(bench.when))
			benchmarkCall(b, m, &tenVisit, abi.Pass)
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	for _, bench := range []struct{ name, source string }{{"platform", filters.PlatformSource}, {"ten", tenRules}} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				rs, err := rules.Parse([]byte(bench.source))
				if err != nil {
					b.Fatal(err)
				}
				if _, err := rules.Compile(rs, shipped); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkReady is what a push costs before the filter can answer: compile,
// admit and instantiate.
func BenchmarkReady(b *testing.B) {
	for b.Loop() {
		_, m := compile(b, tenRules)
		admitted, err := meter.Admit(m.Wasm, meter.Options{})
		if err != nil {
			b.Fatal(err)
		}
		_, module := start(b, newRuntime(b), &rules.Module{Wasm: admitted.Metered, Manifest: m.Manifest})
		if err := module.Close(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
