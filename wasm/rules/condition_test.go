package rules_test

import (
	"net/netip"
	"testing"

	"suodi/wasm/abi"
)

// TestConditions says what conditions mean, one by one.
func TestConditions(t *testing.T) {
	visit := abi.Visit{
		Facts:    abi.AllFacts,
		Platform: 2, OS: 63, OSMajor: 17, BrowserMajor: 300, Device: abi.DeviceMobile,
		Weekday: 6, Hour: 23, Date: 20261001, Time: -5, Country: [2]byte{'C', 'N'},
		Platforms: shipped.set("wechat", "ios", "mobile", "quark"),
		Allow:     shipped.set("ios"),
		Guard:     abi.Set{},
		Browser:   []byte("WeChat"), Region: []byte("广东"), Language: []byte("zh-CN"), Host: []byte("s.example.com"),
		IP: netip.MustParseAddr("203.0.113.77").As16(), Hash: 2_000_003 << 1,
		Slug: []byte("a"), Path: []byte("/docs/intro/page"), Query: []byte("utm_source=wechat&x=1"),
		UserAgent: []byte("Mozilla/5.0 MicroMessenger/8.0.49 bad \xff\xe5\x9b"), Referrer: []byte("https://s.example.com/docs/intro/page"),
	}
	for _, c := range []struct {
		when string
		want bool
	}{
		{`true`, true},
		{`false || (true && !false)`, true},
		{`visit.platforms.intersects(link.allow)`, true},
		{`visit.platforms.intersects(link.guard)`, false},
		{`link.allow.intersects(["ios", "android"])`, true},
		{`visit.platforms.intersects(["android", "quark"])`, true},
		{`visit.platforms.intersects(["android"])`, false},
		{`visit.platforms.intersects([])`, false},
		{`"quark" in visit.platforms`, true},
		{`"webview" in visit.platforms`, false},
		{`!("wechat" in visit.platforms)`, false},
		{`size(visit.platforms) == 4`, true},
		{`size(link.guard) > 0`, false},
		{`size(link.guard) == 0 && size(link.allow) != 0`, true},
		{`size(link.allow) >= 1 && size(link.guard) < 1 && size(link.guard) <= 0`, true},
		{`0 == link.guard.size()`, true},
		{`0 < size(link.allow)`, true},
		{`visit.platforms == link.allow`, false},
		{`visit.platforms != link.allow`, true},
		{`link.guard == link.guard`, true},
		{`visit.platform == "wechat"`, true},
		{`"qq" != visit.platform`, true},
		{`visit.platform in ["qq", "wechat"]`, true},
		{`visit.os in ["android", "windows"]`, false},
		{`visit.os == "ios"`, true},
		{`visit.device == "mobile"`, true},
		{`visit.device in ["unknown", "desktop"]`, false},
		{`visit.bot`, false},
		{`visit.bot == false`, true},
		{`visit.hour >= 22 || visit.hour < 6`, true},
		{`visit.weekday in [6, 7]`, true},
		{`visit.weekday in []`, false},
		{`visit.date == 20261001`, true},
		{`visit.time < 0 && visit.time == -5 && visit.time > -6`, true},
		{`visit.os_major <= 17 && visit.browser_major == 300`, true},
		{`(visit.bot ? visit.hour : size(visit.slug)) == 1`, true},
		{`size(visit.slug) in [2, 1]`, true},
		{`visit.country == "CN"`, true},
		{`visit.country in ["US", "JP"]`, false},
		{`visit.country.startsWith("C") && visit.country.endsWith("N") && size(visit.country) == 2`, true},
		{`visit.language.startsWith(visit.country)`, false},
		{`visit.language.endsWith(visit.country)`, true},
		{`visit.region == "广东" && size(visit.region) == 2`, true},
		{`visit.host in ["example.com", "s.example.com"]`, true},
		{`visit.host in ["example.com", "t.example.com", ""]`, false},
		{`visit.path.startsWith("/docs/") && !visit.path.startsWith("/docs/intro/page/")`, true},
		{`visit.path.endsWith("/page") && visit.path.endsWith("")`, true},
		{`visit.query.contains("=wechat&") && !visit.query.contains("wechat=")`, true},
		{`visit.query.contains("x=1") && visit.query.contains("") && !visit.query.contains("x=12")`, true},
		{`visit.referrer.contains(visit.host) && visit.referrer.endsWith(visit.path)`, true},
		{`visit.path == visit.referrer`, false},
		{`size(visit.user_agent) == 41`, true},
		{`visit.requested_with == ""`, true},
		{`size(visit.requested_with) == 0 && visit.requested_with in [""]`, true},
		{`"s.example.com:8080".startsWith(visit.host)`, true},
		{`"abc".contains("bc") && "abc" != "abd" && size("缩地") == 2`, true},
		{`(visit.bot ? visit.host : visit.path) == "/docs/intro/page"`, true},
		{`(visit.bot ? "a" : visit.country) in ["CN", "TW"]`, true},
		{`(visit.hour > 12 ? "late" : "early").startsWith("la")`, true},
		{`inCIDR(visit.ip, "203.0.113.0/24") && inCIDR(visit.ip, "203.0.113.77")`, true},
		{`inCIDR(visit.ip, "203.0.113.64/29")`, false},
		{`inCIDR(visit.ip, ["10.0.0.0/8", "203.0.113.76/31"])`, true},
		{`inCIDR(visit.ip, "::ffff:203.0.113.0/120") && inCIDR(visit.ip, "0.0.0.0/0")`, true},
		{`inCIDR(visit.ip, "::/0") || inCIDR(visit.ip, [])`, false},
		{`visit.hash == 2000003 && visit.hash % 100 < 5`, true},
		{`hour(1790818200, "Asia/Shanghai") == 9 && date(1790818200, "America/New_York") == 20260930`, true},
		{`weekday(1790818200, "UTC") == 4`, true},
	} {
		t.Run(c.when, func(t *testing.T) {
			_, m := compile(t, oneRule(c.when))
			g, _ := start(t, newRuntime(t), m)
			if got := g.run(t, &visit).Action() == abi.Deny; got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}
