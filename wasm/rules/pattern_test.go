package rules_test

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"suodi/wasm/abi"
	"suodi/wasm/rules"
)

// patterns are regular expressions of every kind that RE2 has.
var patterns = []string{
	``, `a`, `^`, `$`, `^$`, `^a`, `a$`, `^a$`, `a|b`, `^(a|b)+$`, `[^a]`, `.`, `^.$`, `^..$`, `(?s)^.$`, `(?s).\z`, `\n`, `(?m)^a$`, `(?m)a$`,
	`(?i)mozilla`, `(?i)k`, `(?i)é`, `[k-s]+`, `(?i)[k-s]+x`, `\bab\b`, `\Bab`, `ab\B`, `^\b`, `\b$`, `\B`, `^\B$`, `\b`, `(?m)^\b.`, `\w+\W`, `\d{3}`,
	`a{2,4}b`, `(ab)*c`, `(?:a|ab)(?:c|bcd)$`, `a.c`, `缩`, `[缩地]`, `^[^缩]+$`, `[\x{80}-\x{7ff}]`, `[\x{800}-\x{ffff}]`, `[\x{10000}-\x{10ffff}]`,
	`\x{FFFD}`, `^\x{FFFD}+$`, `[^\x{FFFD}]`, `𠮷$`, `\pL+$`, `\p{Greek}`, `\p{Han}{2}`, `\PL`, `[[:alpha:]]`, `^\s*$`, `MicroMessenger/(7|8)\.`,
	`^/docs/[a-z0-9-]+/?$`, `(^|&)utm_source=(wechat|qq)(&|$)`, `iPhone OS (9|1[0-5])_`, `a*?b`, `x*`, `(x*)*y`, `\Aab`, `b\z`, `(?U)a+`, `\Qa.b\E`,
	`[\x{d7ff}-\x{e000}]`, `\x{10ffff}`, `[^\n]$`, `(a|(?m:^))b`, `\x00`, `[é-ü]`,
}

func (c *choices) pattern(depth int) string {
	kinds := 6
	if depth > 0 {
		kinds = 12
	}
	switch c.n(kinds) {
	case 0, 1:
		return pick(c, "a", "b", "ab", "é", "缩", "𠮷", "x", "/", "M")
	case 2:
		return pick(c, ".", `\w`, `\W`, `\d`, `\s`, `[^a]`, `[a-c]`, `\pL`, `[é-缩]`, `[^\x{80}-\x{10ffff}]`, `\x{fffd}`)
	case 3:
		return pick(c, "^", "$", `\b`, `\B`, `\A`, `\z`, "(?m:^)", "(?m:$)")
	case 4:
		return pick(c, "(?s:.)", "(?i:m)", "(?i:k)", "(?i:É)", "")
	case 5:
		return pick(c, patterns...)
	case 6, 7:
		return fmt.Sprintf("(%s|%s)", c.pattern(depth-1), c.pattern(depth-1))
	case 8, 9:
		return c.pattern(depth-1) + c.pattern(depth-1)
	case 10:
		return fmt.Sprintf("(?:%s)%s", c.pattern(depth-1), pick(c, "*", "+", "?", "{2}", "{1,3}", "*?"))
	}
	return fmt.Sprintf("(?%s:%s)", pick(c, "i", "m", "s", "U"), c.pattern(depth-1))
}

// agreePattern compares one pattern with package regexp on some texts.
func agreePattern(t *testing.T, expression string, texts ...string) {
	t.Helper()
	p, err := rules.NewPattern(expression)
	reference, bad := regexp.Compile(expression)
	if err != nil {
		if bad == nil && !strings.HasPrefix(err.Error(), "the pattern") {
			t.Errorf("%q refused: %v", expression, err)
		}
		return
	}
	if bad != nil {
		t.Fatalf("%q accepted: %v", expression, bad)
	}
	for _, text := range texts {
		if got, want := p.Match(text), reference.MatchString(text); got != want {
			t.Fatalf("%q on %q: %t, want %t", expression, text, got, want)
		}
	}
}

func TestPatternsAgreeWithRegexp(t *testing.T) {
	t.Parallel()
	random := rand.NewChaCha8([32]byte([]byte("the same patterns in every run..")))
	var texts []string
	for _, a := range wireFragments {
		for _, b := range wireFragments {
			texts = append(texts, a+b, a+"\n"+b)
		}
	}
	for _, expression := range patterns {
		agreePattern(t, expression, texts...)
	}
	rounds := 2_500
	if raceDetector {
		rounds = 250
	}
	for range rounds {
		data := make([]byte, 96)
		if _, err := random.Read(data); err != nil {
			t.Fatal(err)
		}
		c := &choices{data}
		expression := c.pattern(4)
		var texts []string
		for range 10 {
			texts = append(texts, string(c.bytes()))
		}
		agreePattern(t, expression, texts...)
	}
}

func FuzzPattern(f *testing.F) {
	for _, expression := range patterns {
		f.Add(expression, "Mozilla/5.0 ab\nab \xff\xe7\xbc")
	}
	f.Fuzz(func(t *testing.T, expression, text string) {
		if len(expression) > 100 {
			return
		}
		agreePattern(t, expression, text)
	})
}

func TestPatternsThatAreRefused(t *testing.T) {
	for expression, want := range map[string]string{
		`(`:            "not a regular expression: missing closing ): \"(\"",
		`a**`:          "not a regular expression: invalid nested repetition operator: \"**\"",
		`(?=a)`:        "not a regular expression: invalid or unsupported Perl syntax: \"(?=\"",
		`a.{30}`:       "the pattern needs more than 2000 states: look for less, or use contains",
		`\pL{200}`:     "the pattern needs",
		`a{150}`:       "",
		`.{900}.{900}`: "the pattern needs",
	} {
		_, err := rules.NewPattern(expression)
		switch {
		case want == "" && err != nil:
			t.Errorf("%q: %v", expression, err)
		case want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)):
			t.Errorf("%q: %v, want %s", expression, err, want)
		}
	}
}

// TestPatternSizes notes what ordinary patterns take.
func TestPatternSizes(t *testing.T) {
	for expression, most := range map[string]int{
		`(?i)micromessenger/(7|8)\.`:            1400,
		`^/docs/[a-z0-9-]+/?$`:                  700,
		`(^|&)utm_source=(wechat|qq)(&|$)`:      1500,
		`iPhone OS (9|1[0-5])_`:                 1000,
		`\p{Han}`:                               20_000,
		`\b(sale|spring-[0-9]{4}|winter)\b`:     2000,
		`Android (4|5|6|7|8|9|10)(\.|;)`:        1500,
		`^(mp|work)\.weixin\.qq\.com(:[0-9]+)?`: 1500,
	} {
		p, err := rules.NewPattern(expression)
		if err != nil {
			t.Errorf("%q: %v", expression, err)
			continue
		}
		t.Logf("%q: %d bytes", expression, p.Size())
		if p.Size() > most {
			t.Errorf("%q takes %d bytes; want at most %d", expression, p.Size(), most)
		}
	}
}

// TestLowerASCII says what folding means, bytes at the edges included.
func TestLowerASCII(t *testing.T) {
	visit := abi.Visit{
		Facts: abi.AllFacts, Host: []byte("S.Example.COM"), Slug: []byte("s.eXample.com"), Path: []byte("@AZ[`az{\xc3\x81\xc1Z"), Country: [2]byte{'C', 'N'},
	}
	for _, c := range []struct {
		when string
		want bool
	}{
		{`visit.host.lowerAscii() == "s.example.com"`, true},
		{`visit.host.lowerAscii() == "S.example.com"`, false},
		{`visit.host.lowerAscii() == visit.slug.lowerAscii() && visit.host != visit.slug`, true},
		{`visit.host.lowerAscii() == visit.slug`, false},
		{`visit.host.lowerAscii() in ["a", "s.example.com"]`, true},
		{`visit.host.lowerAscii().startsWith("s.ex") && visit.host.lowerAscii().endsWith("e.com")`, true},
		{`visit.host.lowerAscii().contains("example") && !visit.host.contains("example")`, true},
		{`visit.host.lowerAscii().contains("examples")`, false},
		{`visit.host.lowerAscii().lowerAscii() == "S.EXAMPLE.com".lowerAscii()`, true},
		{`visit.path.lowerAscii() == "@az[` + "`" + `az{\u00c1"`, false}, // its last bytes are not UTF-8
		{`visit.path.lowerAscii().startsWith("@az[` + "`" + `az{\u00c1")`, true},
		{`visit.path.lowerAscii().endsWith("z") && !visit.path.endsWith("z")`, true},
		{`size(visit.host.lowerAscii()) == 13`, true},
		{`visit.country.lowerAscii() == "cn"`, true},
		{`(visit.hour == 0 ? visit.host.lowerAscii() : visit.host) == "s.example.com"`, true},
		{`(visit.hour == 1 ? visit.host.lowerAscii() : visit.host) == "s.example.com"`, false},
		{`visit.host.lowerAscii().matches("^s[.]example[.]com$") && !visit.host.matches("^s[.]example")`, true},
		{`visit.host.matches("(?i)^s[.]example")`, true},
		{`visit.requested_with.lowerAscii() == ""`, true},
		{`visit.requested_with.matches("^$") && visit.host.matches("") && !visit.host.matches("a^")`, true},
	} {
		t.Run(c.when, func(t *testing.T) {
			_, m := compile(t, oneRule(c.when))
			assertPure(t, m.Wasm)
			g, _ := start(t, newRuntime(t), m)
			if got := g.run(t, &visit); got.Erred() || (got.Action() == abi.Deny) != c.want {
				t.Errorf("got %s, error %t", got.Action(), got.Erred())
			}
		})
	}
}
