package rules_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"

	"suodi/wasm/abi"
	"suodi/wasm/rules"
	"suodi/wasm/visit"
	"suodi/wasm/visit/samples"
)

// TestHonesty: of rules that do not deny, whatever filters come after them, a
// crawler gets what a person with its app, system and form gets.
func TestHonesty(t *testing.T) {
	t.Parallel()
	runtime := newRuntime(t)
	random := rand.NewChaCha8([32]byte([]byte("the same rules in every test run")))
	pairs := realPairs(t)
	compiled, refused, moved := 0, 0, 0
	sets := 600
	if raceDetector {
		sets = 100
	}
	for compiled < sets {
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
			if c.n(3) == 0 {
				when = aboutAgent(c, pairs)
			}
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
			pair := pick(c, pairs...)
			crawler := *person
			pair.dress(person, pair.worn)
			pair.dress(&crawler, pair.agent)
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

// pair is a crawler's user agent, and what a person with its browser sends.
type pair struct {
	agent, worn string
	classifier  *visit.Classifier
}

func realPairs(t *testing.T) (pairs []pair) {
	classifier, err := visit.NewClassifier(visit.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, agent := range samples.All() {
		if worn, crawler := visit.Worn(agent.UserAgent); crawler && worn != "" {
			pairs = append(pairs, pair{agent.UserAgent, worn, classifier})
		}
	}
	if len(pairs) < 15 {
		t.Fatalf("%d pairs", len(pairs))
	}
	return pairs
}

// dress gives v the user agent, and the browser that filters see.
func (p pair) dress(v *abi.Visit, agent string) {
	there := v.Facts
	v.UserAgent = []byte(agent)
	p.classifier.Classify(&visit.Evidence{UserAgent: v.UserAgent}, abi.FactVersions, v)
	v.Facts = there
}

// aboutAgent makes a condition of a piece of a real agent, or of its browser.
func aboutAgent(c *choices, pairs []pair) string {
	p := pick(c, pairs...)
	fact, text := "visit.user_agent", pick(c, p.agent, p.worn)
	if c.n(3) == 0 {
		fact, text = "visit.browser", pick(c, "Chrome Mobile", "Chrome", "Safari", "Other", "Googlebot", "bingbot", "Applebot")
	}
	piece := text[c.n(len(text)):]
	piece = piece[:1+c.n(min(len(piece), 20))]
	if c.n(4) == 0 {
		fact, piece, text = fact+".lowerAscii()", strings.ToLower(piece), strings.ToLower(text)
	}
	when := pick(c,
		fmt.Sprintf("%s.contains(%q)", fact, piece), fmt.Sprintf("%s.startsWith(%q)", fact, text[:1+c.n(len(text))]),
		fmt.Sprintf("%s.endsWith(%q)", fact, text[c.n(len(text)):]), fmt.Sprintf("%s == %q", fact, text), fmt.Sprintf("%s in [%q, \"\"]", fact, text),
		fmt.Sprintf("%s.matches(%q)", fact, regexp.QuoteMeta(piece)), fmt.Sprintf("%s.matches(%q)", fact, "^"+regexp.QuoteMeta(piece)),
		fmt.Sprintf("%s.matches(%q)", fact, strings.Map(func(r rune) rune {
			if r < '0' || c.n(4) == 0 || strings.ContainsRune(`[\]()?|{}^$`, r) {
				return '.'
			}
			return r
		}, piece)),
		fmt.Sprintf("size(%s) == %d", fact, len(text)), fmt.Sprintf("%q.contains(%s)", "<"+text+">", fact), fmt.Sprintf("visit.browser_major < %d", 1+c.n(200)))
	return pick(c, when, when, "!("+when+")")
}

// TestHonestyOfTests: tests of the user agent that find crawlers are refused
// however they are written, others are not, and those of the browser see none.
func TestHonestyOfTests(t *testing.T) {
	t.Parallel()
	refused := []string{
		`visit.user_agent.matches("[Gg]oogle.ot")`, `visit.user_agent.contains("oglebo")`, `visit.user_agent.contains("+http")`,
		`visit.user_agent.contains("Google-Read-Aloud")`, `visit.user_agent.contains("ia_archiver")`, `visit.user_agent.contains("(compatible; ")`,
		`visit.user_agent.lowerAscii().contains("OGLEBO".lowerAscii())`, `visit.user_agent.endsWith(" Mobile Safari/537.36")`,
		`visit.user_agent == "CCBot/2.0 (https://commoncrawl.org/faq/)"`, `visit.user_agent in ["a", "Java/1.8.0_292"]`, `visit.user_agent.startsWith("curl/")`,
		`"a Java/1.8.0_292 b".contains(visit.user_agent)`, `!visit.user_agent.matches("^[^@]*$")`, `visit.user_agent.matches("[.](org|com)/")`,
		`size(visit.user_agent) == 149`, `visit.user_agent.contains(visit.slug)`, `visit.query.contains(visit.user_agent)`, `visit.user_agent == visit.path`,
		`(visit.hour == 1 ? visit.user_agent : visit.path).contains("oglebo")`, `visit.user_agent.contains(visit.hour == 1 ? "oglebo" : "Mobile")`,
		`visit.user_agent.contains(visit.hour == 1 ? visit.slug : "Mobile")`, `visit.browser == "Googlebot"`,
	}
	admitted := []string{
		`visit.user_agent.contains("MicroMessenger")`, `visit.user_agent.startsWith("Mozilla")`, `visit.user_agent.contains("Chrome/")`,
		`!visit.user_agent.matches("Android [0-9]+[.;]")`, `visit.user_agent.lowerAscii().contains("iphone")`, `visit.user_agent.contains("CUBOT")`,
		`visit.user_agent == ""`, `visit.user_agent.matches("Windows NT (6|10)[.]")`, `visit.referrer.contains("bot")`, `size(visit.path) == 9`,
		`visit.browser == "Chrome"`, `visit.browser != "Chrome Mobile"`, `visit.browser.startsWith("Goog")`, `visit.browser.matches("^Goo")`,
		`size(visit.browser) == 9`, `visit.browser_major < 5`, `visit.browser in ["Safari", "Chrome"]`, `visit.browser.contains(visit.slug)`,
	}
	runtime, pairs := newRuntime(t), realPairs(t)
	for _, then := range []string{"guide", "route, to: 'https://example.com/{slug}?b={browser}&m={browser_major}'", "allow"} {
		for _, when := range append(refused, admitted...) {
			rs, err := rules.Parse(fmt.Appendf(nil, "name: h\nrules:\n  - {when: '%s', then: %s}\n  - {when: 'true', then: guide}\n", when, then))
			if err != nil {
				t.Fatal(err)
			}
			m, err := rules.Compile(rs, shipped)
			if slices.Contains(refused, when) {
				if err == nil || !strings.Contains(err.Error(), "may not test for bots") {
					t.Errorf("%s: %s: got %v", then, when, err)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s: %v", then, err)
				continue
			}
			g, module := start(t, runtime, m)
			for _, p := range pairs {
				v := abi.Visit{Facts: abi.AllFacts}
				p.dress(&v, p.worn)
				want := g.run(t, &v)
				p.dress(&v, p.agent)
				if got := g.run(t, &v); got != want {
					t.Errorf("%s: a person is told %s, %s is told %s", when, want.Action(), p.agent, got.Action())
				}
			}
			if err := module.Close(t.Context()); err != nil {
				t.Error(err)
			}
		}
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
