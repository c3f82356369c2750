package meter_test

import (
	"fmt"
	"strings"
	"testing"

	"suodi/wasm/abi"
	"suodi/wasm/filters"
	"suodi/wasm/rules"
)

// ruleSets are rule sets of many kinds of conditions; none matches the visits
// of the test in all its rules.
var ruleSets = map[string]string{
	"ten": `
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
`,
	"strings": `
name: strings
rules:
  - {when: 'visit.user_agent.contains("BadBrowser")', then: deny}
  - {when: 'visit.query.endsWith("x=1")', then: allow}
  - {when: 'size(visit.slug) > 20', then: deny}
`,
	"many": "name: many\nrules:\n" + strings.Repeat(
		"  - {when: 'visit.slug == \"winter\" && visit.path.startsWith(\"/a\") && visit.country in [\"CN\", \"FR\"] && visit.hour < 4', then: deny}\n", 256),
	"large": "name: large\nrules:\n" + strings.Repeat(
		"  - {when: 'visit.hour < 1"+strings.Repeat(" || visit.slug == \"winter\" && visit.hour < 3", 40)+"', then: deny}\n", 40),
}

// numbers is a catalog that gives every id the same numbers as the sorted list
// below; ids that are not in it do not exist.
type numbers struct{}

var platformIDs = []string{"wechat", "qq", "alipay", "quark", "weibo", "ios", "android", "windows", "mobile", "desktop", "browser", "bot"}

func (numbers) Number(id string) (uint8, bool) {
	for i, known := range platformIDs {
		if known == id {
			return uint8(i + 1), true
		}
	}
	return 0, false
}

func (numbers) IsCrawler(id string) bool { return id == "bot" }
func (numbers) IDs() []string            { return platformIDs }

func compileRules(t testing.TB, source string) []byte {
	t.Helper()
	set, err := rules.Parse([]byte(source))
	if err != nil {
		t.Fatal(err)
	}
	m, err := rules.Compile(set, numbers{})
	if err != nil {
		t.Fatal(err)
	}
	return m.Wasm
}

func someVisits() []*abi.Visit {
	var visits []*abi.Visit
	for i := range 64 {
		v := &abi.Visit{
			Facts: abi.AllFacts, Platform: uint8(i % 12), OS: uint8(6 + i%3), OSMajor: uint16(i), Weekday: uint8(1 + i%7),
			Hour: uint8(i % 24), Date: 20261001 + uint32(i)*500, Country: [2]byte{"CUGF"[i%4], "NSBR"[i%4]},
			Host: []byte([]string{"s.example.com", "t.example.com"}[i%2]), Slug: []byte([]string{"winter", "spring", "夏"}[i%3]),
			Path:  []byte([]string{"/winter", "/internal/x"}[i/2%2]),
			Query: []byte([]string{"", "a=1&x=1"}[i/4%2]), UserAgent: []byte([]string{"Mozilla/5.0", "BadBrowser/1"}[i/8%2]),
		}
		v.Platforms.Add(uint8(1 + i%12))
		if i%5 == 0 {
			v.Allow.Add(uint8(1 + i%3))
		}
		if i%7 == 0 {
			v.Guard.Add(uint8(1 + i%4))
		}
		visits = append(visits, v)
	}
	return visits
}

// TestRuleSets: what our compiler makes is admitted as pure and decides every
// visit as without metering.
func TestRuleSets(t *testing.T) {
	modules := map[string][]byte{"platform": filters.Platform}
	for name, source := range ruleSets {
		modules[name] = compileRules(t, source)
	}
	for name, module := range modules {
		t.Run(name, func(t *testing.T) {
			m := admit(t, module)
			if m.Class != abi.Pure || !m.HasManifest {
				t.Errorf("class %s, manifest %t", m.Class, m.HasManifest)
			}
			plain, metered := start(t, module), start(t, m.Metered)
			verdicts := map[string]int{}
			most := int64(0)
			for i, v := range someVisits() {
				want, got := plain.decide(v), metered.decide(v)
				if want != got {
					t.Errorf("visit %d: metered %s; want %s", i, got, want)
				}
				verdicts[want]++
				most = max(most, m.Fuel-metered.fuel())
			}
			t.Logf("%d bytes, metered %d; at most %d units; verdicts %v", len(module), len(m.Metered), most, verdicts)
			if most > m.Fuel/2 {
				t.Error("a rule set uses more than half of the fuel")
			}
		})
	}
}

func (g *guest) decide(v *abi.Visit) string {
	g.t.Helper()
	address, err := g.mod.ExportedFunction(abi.ExportVisit).Call(g.t.Context())
	if err != nil {
		g.t.Fatal(err)
	}
	buffer, ok := g.mod.Memory().Read(uint32(address[0]), abi.BufferSize)
	if !ok {
		g.t.Fatal("no buffer")
	}
	n, err := v.Encode(buffer, abi.AllFacts, nil)
	if err != nil {
		g.t.Fatal(err)
	}
	verdict, err := g.call(uint64(n))
	return fmt.Sprintf("%s %d %v", abi.Verdict(verdict).Action(), abi.Verdict(verdict).Code(), err)
}
