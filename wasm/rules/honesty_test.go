package rules_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"suodi/wasm/abi"
	"suodi/wasm/rules"
)

// TestHonesty: of rules that do not deny, whatever filters come after them, a
// crawler gets what a person with its app, system and form gets.
func TestHonesty(t *testing.T) {
	t.Parallel()
	runtime := newRuntime(t)
	random := rand.NewChaCha8([32]byte([]byte("the same rules in every test run")))
	compiled, refused, moved := 0, 0, 0
	for compiled < 600 {
		data := make([]byte, 2048)
		if _, err := random.Read(data); err != nil {
			t.Fatal(err)
		}
		c := &choices{data}
		var source strings.Builder
		source.WriteString("name: honest\nparams: {limit: {type: int}, other_limit: {type: int}, word: {type: string}, on: {type: bool}}\nrules:\n")
		for range 3 {
			then := []string{"then: allow", "then: guide", "then: route, to: https://example.com/"}[c.n(3)]
			when := c.condition(2)
			if c.n(2) == 0 { // what the rule is about, more often than not
				when = fmt.Sprintf("(%s) %s visit.platform %s %q", when, pick(c, "&&", "||"), pick(c, "==", "!="), pick(c, "browser", "wechat", "quark", "ios"))
			}
			fmt.Fprintf(&source, "  - {%s, when: %q}\n", then, when)
		}
		rs, err := rules.Parse([]byte(source.String()))
		if err != nil {
			t.Fatal(err)
		}
		m, err := rules.Compile(rs, shipped)
		if err != nil {
			for _, e := range rules.Errors(err) {
				if !strings.Contains(e.Message, "may not test for bots") {
					t.Fatalf("%v\n%s", err, &source)
				}
			}
			refused++
			continue
		}
		compiled++
		g, module := start(t, runtime, m)
		for range 16 {
			person := c.visit()
			for _, id := range []string{"bot", "googlebot", "baiduspider"} {
				n, _ := shipped.Number(id)
				for _, s := range []*abi.Set{&person.Platforms, &person.Allow, &person.Guard} {
					s[n>>6] &^= 1 << (n & 63)
				}
			}
			person.Bot, person.App = false, pick(c, shipped.number("browser"), shipped.number("wechat"), shipped.number("quark"))
			person.Platform = person.App
			person.Platforms.Add(person.App)
			crawler := *person
			crawler.Bot, crawler.Platform = true, shipped.number("googlebot")
			crawler.Platforms.Add(crawler.Platform)
			crawler.Platforms.Add(shipped.number("bot"))
			want := g.run(t, person)
			if got := g.run(t, &crawler); got != want {
				t.Fatalf("%s\na person %+v\ngets %s, a crawler %s", &source, person, want.Action(), got.Action())
			}
			if want.Action() != abi.Pass {
				moved++
			}
		}
		if err := module.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("%d refused, %d verdicts of %d other than pass", refused, moved, 16*compiled)
	if refused == 0 || moved < compiled {
		t.Error("the generator has become poor")
	}
}

// TestPlatformOfPeople: visit.platform is the crawler in a deny rule, and what
// the crawler came with in a guide rule.
func TestPlatformOfPeople(t *testing.T) {
	rs, m := compile(t, `
name: people
rules:
  - {when: 'visit.hour == 1 && visit.platform == "googlebot"', then: deny}
  - {when: 'visit.platform == "wechat"', then: guide}
tests:
  - {name: a robot may be refused, visit: {user_agent: Googlebot/2.1, hour: 1}, expect: deny}
  - {name: WeChat, visit: {user_agent: MicroMessenger/8}, expect: guide}
  - {name: a robot in WeChat, visit: {user_agent: MicroMessenger/8 Googlebot/2.1}, expect: guide}
  - {name: said outright, visit: {platform: wechat}, expect: guide}
  - {name: a robot said outright, visit: {user_agent: MicroMessenger/8, platform: googlebot}, expect: guide}
  - {name: no robot, visit: {user_agent: Mozilla/5.0, hour: 1}, expect: pass}
`)
	failures, err := rs.Test(t.Context(), m, shipped, classify)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range failures {
		t.Error(f)
	}
}
