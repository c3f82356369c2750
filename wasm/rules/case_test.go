package rules_test

import (
	"strings"
	"testing"

	"suodi/wasm/abi"
	"suodi/wasm/rules"
)

const casesSource = `
name: cases
rules:
  - when: visit.bot
    then: deny
    reason: {zh: 机器人, en: A robot}
  - when: visit.platforms.intersects(link.guard)
    then: guide
    reason: In the app
  - when: visit.hour == 9 && visit.weekday == 4 && visit.date == 20261001 && visit.time == 1790818200
    then: allow
  - when: visit.platform == "quark" && visit.os == "ios" && visit.device == "tablet"
    then: deny
  - when: visit.country == "CN" && visit.host == "s.example.com" && visit.os_major > 16 && visit.browser == "Safari"
    then: route
    to: https://cn.example.com/welcome?a=1
tests:
  - name: nothing
    expect: pass
  - name: the country is unknown and the device classified
    visit: {host: s.example.com, os_major: 17, browser: Safari}
    expect: pass
  - name: routed
    visit: {host: s.example.com, os_major: 17, browser: Safari, country: CN}
    expect: route
    to: https://cn.example.com/welcome?a=1
  - name: classified
    visit: {user_agent: "Mozilla/5.0 (Linux; Android 14) MicroMessenger/8.0.49"}
    link: {guard: [wechat]}
    expect: guide
    code: 2
    reason: In the app
  - name: a robot
    visit: {user_agent: "Mozilla/5.0 (compatible; Googlebot/2.1)"}
    expect: deny
    reason: 机器人
  - name: said outright
    visit: {user_agent: "Googlebot/2.1", bot: false, platform: quark, os: ios, device: tablet}
    expect: deny
    code: 0
  - name: platforms said outright
    visit: {user_agent: "MicroMessenger/8.0", platforms: [qq]}
    link: {guard: [wechat]}
    expect: pass
  - name: a time in its zone
    visit: {time: 2026-10-01T09:30:00+08:00}
    expect: allow
  - name: the same in numbers
    visit: {time: 1790818200, hour: 9, weekday: 4, date: 20261001}
    expect: allow
`

func TestCases(t *testing.T) {
	rs, m := compile(t, casesSource)
	failures, err := rs.Test(t.Context(), m, shipped, classify)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range failures {
		t.Error(f)
	}
	if len(rs.Tests) != 9 {
		t.Errorf("%d tests were read", len(rs.Tests))
	}
}

func TestCasesThatFail(t *testing.T) {
	rs, m := compile(t, `
name: cases
rules:
  - {when: visit.bot, then: deny, reason: {zh: 机器人, en: A robot}}
  - {when: visit.hour == 1, then: route, to: "https://example.com/a"}
tests:
  - {name: verdict, visit: {hour: 1}, expect: allow}
  - {name: code, visit: {bot: true}, expect: deny, code: 2}
  - {name: reason, visit: {bot: true}, expect: deny, reason: Robots}
  - {name: no reason, visit: {hour: 1}, expect: deny, reason: A robot}
  - {name: url, visit: {hour: 1}, expect: route, to: "https://example.com/b"}
  - {name: right, visit: {bot: true}, expect: deny, code: 1, reason: A robot}
`)
	failures, err := rs.Test(t.Context(), m, shipped, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range failures {
		got = append(got, f.String())
	}
	want := `line 7: test "verdict": want allow, got route
line 8: test "code": want deny, code 2, got deny, code 1
line 9: test "reason": want deny, reason "Robots", got deny, reason "A robot"
line 10: test "no reason": want deny, reason "A robot", got route
line 11: test "url": want route to https://example.com/b, got route to https://example.com/a`
	if strings.Join(got, "\n") != want {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), want)
	}
}

func TestCasesOfAnotherCatalog(t *testing.T) {
	rs, m := compile(t, casesSource)
	_, err := rs.Test(t.Context(), m, catalog{1: "browser"}, nil)
	if found := rules.Errors(err); len(found) != 1 || !strings.HasPrefix(found[0].Message, `unknown platform "wechat"`) {
		t.Errorf("got %v", err)
	}
}

func TestCasesOfPagesAndTemplates(t *testing.T) {
	rs, m := compile(t, `
name: templates
params: {campaign: {type: string, default: a&b}}
rules:
  - {when: visit.hour == 1, then: deny, page: not-found}
  - {when: visit.hour == 2, then: deny, page: not-found, reason: gone}
  - {when: visit.hour == 3, then: deny, reason: closed}
  - {when: visit.hour == 4, then: route, to: "https://cn.example.com/{slug}?c={country}&q={query}&u={params.campaign}"}
  - {when: visit.hour == 5, then: route, to: "https://cn.example.com/{path}?{query}"}
  - {when: visit.hour == 6, then: route, to: "https://cn.example.com?h={hour}"}
tests:
  - {name: a page, visit: {hour: 1}, expect: deny, page: not-found, code: 1}
  - {name: and a reason, visit: {hour: 2}, expect: deny, page: not-found, reason: gone}
  - {name: no page, visit: {hour: 3}, expect: deny, page: not-found}
  - {name: filled, visit: {hour: 4, slug: 夏/天, country: CN, query: "x=1&y=%20"}, expect: route,
     to: "https://cn.example.com/%E5%A4%8F/%E5%A4%A9?c=CN&q=x%3D1%26y%3D%2520&u=a%26b"}
  - {name: as it was, visit: {hour: 5, path: /a%20b/c, query: "x=1&y=%20"}, expect: route, to: "https://cn.example.com/a%20b/c?x=1&y=%20"}
  - {name: without a path, visit: {hour: 6}, expect: route, to: "https://cn.example.com?h=6"}
  - {name: absent, visit: {hour: 4}, params: {campaign: ""}, expect: route, to: "https://cn.example.com/?c=ZZ&q=&u="}
`)
	failures, err := rs.Test(t.Context(), m, shipped, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(failures) != 1 || failures[0].String() != `line 14: test "no page": want deny, page not-found, got deny` {
		t.Errorf("got %v", failures)
	}
	if m.Manifest.Codes["1"] != (abi.Reason{Page: abi.PageNotFound}) || m.Manifest.Codes["3"].Page != abi.PageStandard {
		t.Errorf("codes %+v", m.Manifest.Codes)
	}
	if got := strings.Join(m.Manifest.Needs, ","); got != "country,clock,slug,path,query" {
		t.Errorf("needs %s", got)
	}
	assertPure(t, m.Wasm)
}
