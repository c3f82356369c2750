package useragent_test

import (
	"math/rand/v2"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/ua-parser/uap-go/uaparser"
	"gopkg.in/yaml.v3"

	"suodi/wasm/visit/useragent"
)

var shared = sync.OnceValues(useragent.New)

func parser(t testing.TB) *useragent.Parser {
	t.Helper()
	p, err := shared()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func readDefinitions(t testing.TB, text []byte) (d uaparser.RegexDefinitions) {
	t.Helper()
	if err := yaml.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	d.Device = nil
	return d
}

// newOracle returns uap-go with some rules.
func newOracle(t testing.TB, rules []byte) *uaparser.Parser {
	t.Helper()
	oracle, err := uaparser.New(uaparser.WithRegexDefinitions(readDefinitions(t, rules)), uaparser.WithCacheSize(1))
	if err != nil {
		t.Fatal(err)
	}
	return oracle
}

var sharedOracle = sync.OnceValue(func() *uaparser.Parser {
	return newOracle(&testing.T{}, uaparser.DefinitionYaml)
})

// compare fails the test if an answer differs from uap-go's.
func compare(t testing.TB, p *useragent.Parser, oracle *uaparser.Parser, agent string) {
	t.Helper()
	browser, system := p.Parse(agent)
	wantBrowser := useragent.Browser(*oracle.ParseUserAgent(agent))
	wantSystem := useragent.OS(*oracle.ParseOs(agent))
	if browser != wantBrowser || system != wantSystem {
		t.Errorf("agent %q\n got %q %q\nwant %q %q", agent, browser, system, wantBrowser, wantSystem)
	}
}

func compareAll(t *testing.T, agents []string) {
	t.Helper()
	p, oracle := parser(t), sharedOracle()
	if raceDetector {
		agents = sample(agents, 100)
	}
	var workers sync.WaitGroup
	for half := range 2 {
		workers.Go(func() {
			for i := half; i < len(agents); i += 2 {
				compare(t, p, oracle, agents[i])
			}
		})
	}
	workers.Wait()
	t.Logf("%d user agents", len(agents))
}

// sample returns about n of all, evenly spread.
func sample(all []string, n int) (some []string) {
	step := max(len(all)/n, 1)
	for i := 0; i < len(all); i += step {
		some = append(some, all[i])
	}
	return some
}

func TestAgents(t *testing.T) { compareAll(t, agents(t)) }

func TestMutatedAgents(t *testing.T) {
	random, all := newRandom(), agents(t)
	made := make([]string, *mutated)
	for i := range made {
		made[i] = mutate(random, all[random.IntN(len(all))])
	}
	compareAll(t, made)
}

func TestGeneratedAgents(t *testing.T) {
	g := newGenerator(t)
	made := make([]string, *generated)
	for i := range made {
		made[i] = g.agent(g.random.IntN(len(g.trees)))
	}
	compareAll(t, made)
}

// TestRulesAlone compares every rule with its own regexp, so that no rule
// hides behind those before it.
func TestRulesAlone(t *testing.T) {
	p, g := parser(t), newGenerator(t)
	oracle := definitions(t)
	all := agents(t)
	rule, matches := 0, 0
	check := func(expr string, replacements ...string) {
		re := regexp.MustCompile(expr)
		if !p.Compiled(rule) {
			t.Errorf("rule %d, %s, is left to regexp", rule, expr)
		}
		for i := range *perRule {
			agent := g.agent(rule)
			if i%4 == 3 {
				agent = all[g.random.IntN(len(all))]
			}
			if checkRule(t, p, rule, agent, re, replacements) {
				matches++
			}
		}
		rule++
	}
	for _, r := range oracle.UA {
		check(r.Expr, r.FamilyReplacement, r.V1Replacement, r.V2Replacement, r.V3Replacement)
	}
	for _, r := range oracle.OS {
		check(r.Expr, r.OSReplacement, r.V1Replacement, r.V2Replacement, r.V3Replacement, r.V4Replacement)
	}
	if _, all := p.Rules(); rule != all {
		t.Errorf("got %d rules, want %d", all, rule)
	}
	if tried := rule * *perRule; matches < tried/2 {
		t.Errorf("only %d of %d texts matched: the generator is no good", matches, tried)
	} else {
		t.Logf("%d of %d texts matched", matches, tried)
	}
}

// checkRule compares one rule with its regexp and reports whether it matches.
func checkRule(t *testing.T, p *useragent.Parser, rule int, agent string, re *regexp.Regexp, replacements []string) bool {
	t.Helper()
	got, matched := p.Match(rule, agent)
	indexes := re.FindStringSubmatchIndex(agent)
	if matched != (indexes != nil) {
		t.Errorf("rule %d, %s\nagent %q: got %v", rule, re, agent, matched)
		return matched
	}
	if indexes == nil {
		return false
	}
	if !p.Nominated(rule, agent) {
		t.Errorf("rule %d, %s\nagent %q: matches without what it requires", rule, re, agent)
	}
	var want [5]string
	for i, replacement := range replacements {
		if replacement == "" {
			replacement = "$" + string(rune('1'+i))
		}
		want[i] = string(re.ExpandString(nil, replacement, agent, indexes))
	}
	if got != want {
		t.Errorf("rule %d, %s\nagent %q\n got %q\nwant %q", rule, re, agent, got, want)
	}
	return true
}

// TestRulesOfOtherKinds has rules that uap-core might come to have.
func TestRulesOfOtherKinds(t *testing.T) {
	const rules = `
user_agent_parsers:
  - regex: '(kiss)/(\d+)'
    regex_flag: 'i'
  - regex: '(oBo)/(\d+)'
    regex_flag: 'i'
  - regex: '^(.{0,3})-empty/(\d+)'
  - regex: '(?P<name>twice)/(?P<version>\d+)'
    family_replacement: '${name} $name $$'
    v1_replacement: '$version$1'
  - regex: '(?:ab|cd)+(x)'
  - regex: '(é+)t'
  - regex: '[^a-zé](lone)'
  - regex: '(one)|(two)'
    family_replacement: '1:$1 2:$2'
  - regex: '(lazy.*?)[ab]'
  - regex: '(lazy.??)c'
  - regex: '\B(in)\B'
  - regex: '(?m)^(line)$'
  - regex: '(?s)(s.)(.)'
  - regex: '([fF]ol[dD]s{2})'
  - regex: '(q)|^'
    family_replacement: '$1'
os_parsers:
  - regex: '(a*)(a|ab)(c|bcd)(d*)'
  - regex: '()(z)$'
    os_replacement: '<$2>'
    os_v1_replacement: '$0'
    os_v2_replacement: '$10'
`
	p, err := useragent.NewFromRules(rules)
	if err != nil {
		t.Fatal(err)
	}
	oracle := newOracle(t, []byte(rules))
	words := []string{
		"KISS/1", "\u212aiSS/1", "ki\u017fs/2", "Obo/3", "-empty/4", "a-empty/5", "abcd-empty/6", "twice/7", "abcdx", "ét", "éét",
		"\xffét", "lone", "élone", "-lone", "\xfflone", "one", "two", "lazy", "a", "b", "c", "xinx", "in", "line", "\n", "s\n ", "s\xc3é",
		"folDss", "aabcd", "abcd", "z", "é", "\xc3", "",
	}
	random := newRandom()
	for range 5000 {
		agent := ""
		for range 1 + random.IntN(4) {
			agent += words[random.IntN(len(words))]
		}
		compare(t, p, oracle, agent)
	}
}

func TestRulesThatAreNone(t *testing.T) {
	for _, rules := range []string{"{", "user_agent_parsers: [{regex: '('}]", "os_parsers: [{regex: 'a{2000}'}]"} {
		if _, err := useragent.NewFromRules(rules); err == nil {
			t.Errorf("%s: no error", rules)
		}
	}
}

// TestNoFamily is about the rules before CFNetwork, the only ones that can
// name no family.
func TestNoFamily(t *testing.T) {
	p, oracle := parser(t), sharedOracle()
	for _, agent := range []string{
		"", "/1 CFNetwork", "/1.2.3 CFNetwork/4.5", "-iPad/1.2 CFNetwork/711.0.6", "-iPhone/7 CFNetwork", "-iPad/1 CFNetwork -iPhone/2 CFNetwork",
		strings.Repeat("x", 200) + "/1 CFNetwork", strings.Repeat("x", 201) + "/1 CFNetwork", strings.Repeat("é", 200) + "/1 CFNetwork",
		strings.Repeat("\xff", 201) + "/1 CFNetwork", "\n/1 CFNetwork",
	} {
		compare(t, p, oracle, agent)
	}
}

func TestConcurrentParse(t *testing.T) {
	p, all := parser(t), agents(t)
	var workers sync.WaitGroup
	for range 4 {
		workers.Go(func() {
			for _, agent := range all {
				browser, system := p.Parse(agent)
				if again, too := p.Parse(agent); browser != again || system != too {
					t.Errorf("agent %q: got %q %q, then %q %q", agent, browser, system, again, too)
				}
			}
		})
	}
	workers.Wait()
}

func TestParseAllocs(t *testing.T) {
	if raceDetector {
		t.Skip("under the race detector sync.Pool forgets at random; make test runs this without it")
	}
	p := parser(t)
	for _, agent := range lines(t, "testdata/browsers.txt") {
		if n := testing.AllocsPerRun(20, func() { p.Parse(agent) }); n != 0 {
			t.Errorf("agent %q: %v allocations", agent, n)
		}
	}
}

// TestHeapAllocs checks what a parser keeps.
func TestHeapAllocs(t *testing.T) {
	inUse := func() uint64 {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return stats.HeapAlloc
	}
	before := inUse()
	p, err := useragent.New()
	if err != nil {
		t.Fatal(err)
	}
	for _, agent := range lines(t, "testdata/rules.txt") {
		p.Parse(agent)
	}
	after := inUse()
	runtime.KeepAlive(p)
	if kept := int64(after - before); kept > 8<<20 {
		t.Errorf("keeps %d bytes, want at most 8 MiB", kept)
	} else {
		t.Logf("keeps %d bytes", kept)
	}
}

func FuzzParse(f *testing.F) {
	for _, agent := range sample(agents(f), 100) {
		f.Add(agent)
	}
	p, oracle := parser(f), sharedOracle()
	f.Fuzz(func(t *testing.T, agent string) { compare(t, p, oracle, agent) })
}

// FuzzRules makes user agents from the rules' own syntax trees.
func FuzzRules(f *testing.F) {
	g := newGenerator(f)
	for i := 0; i < len(g.trees); i += 20 {
		f.Add(uint64(i), uint64(i))
	}
	p, oracle := parser(f), sharedOracle()
	f.Fuzz(func(t *testing.T, rule, seed uint64) {
		own := generator{random: rand.New(rand.NewPCG(seed, rule)), trees: g.trees}
		compare(t, p, oracle, own.agent(int(rule%uint64(len(g.trees)))))
	})
}
