package rollout_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"suodi/control/rollout"
	"suodi/wasm/abi"
	"suodi/wasm/rules"
)

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// platforms are two platforms for rules to name.
type platforms struct{}

func (platforms) Number(id string) (uint8, bool) { return 2, id == "wechat" }
func (platforms) IsCrawler(string) bool          { return false }
func (platforms) IDs() []string                  { return []string{"wechat"} }

func name(n uint8) string { return fmt.Sprint("platform ", n) }

// compiled is the module of a rule set with one rule.
func compiled(t testing.TB, when, then string) []byte {
	t.Helper()
	set, err := rules.Parse([]byte("name: x\nrules:\n  - when: " + when + "\n    then: " + then + "\n"))
	check(t, err)
	module, err := rules.Compile(set, platforms{})
	check(t, err)
	return module.Wasm
}

func sample(t testing.TB) []abi.Visit {
	t.Helper()
	var records [][]byte
	for i := range 10 {
		v := abi.Visit{
			Facts: abi.FactPlatforms | abi.FactCountry | abi.FactUserAgent | abi.FactIP, Platform: 2,
			Country: [2]byte{'C', 'N'}, UserAgent: fmt.Append(nil, "agent ", i, strings.Repeat("\xff", 500*(i%2))), IP: [16]byte{15: 77},
		}
		if i%2 == 1 {
			v.Platforms.Add(2)
		}
		var buf [abi.BufferSize]byte
		n, err := v.Encode(buf[:], abi.AllFacts, nil)
		check(t, err)
		records = append(records, buf[:n])
	}
	return rollout.Decode(append(records, []byte("no visit")))
}

func TestForecast(t *testing.T) {
	visits := sample(t)
	if len(visits) != 10 {
		t.Fatalf("%d visits are read", len(visits))
	}
	run := func(module []byte) []rollout.Decision {
		t.Helper()
		decisions, err := rollout.HostRunner{}.Run(t.Context(), module, nil, visits)
		check(t, err)
		return decisions
	}
	before := run(compiled(t, `visit.platforms.intersects(["wechat"])`, "guide"))
	after := run(compiled(t, `visit.country == "CN"`, "deny"))
	f := rollout.Compare(visits, before, after, abi.FactCountry|abi.FactClock, name)
	if f.Visits != 10 || f.Changed != 10 || !maps.Equal(f.FromTo, map[string]int{"pass→deny": 5, "guide→deny": 5}) {
		t.Errorf("forecast %+v", f)
	}
	if len(f.Examples) != 5 || f.Examples[0].Before != "pass" || f.Examples[1].Before != "guide" {
		t.Fatalf("examples %+v", f.Examples)
	}
	for _, e := range f.Examples {
		if e.Platform != "platform 2" || e.Country != "CN" || e.After != "deny" || len(e.UserAgent) > 3*256 || !strings.HasPrefix(e.UserAgent, "agent") {
			t.Errorf("example %+v", e)
		}
	}
	if !slices.Equal(f.MissingFacts, []string{"clock"}) {
		t.Errorf("missing facts %q", f.MissingFacts)
	}
	same := rollout.Compare(visits, before, before, 0, name)
	if same.Changed != 0 || len(same.FromTo) != 0 || len(same.Examples) != 0 || len(same.MissingFacts) != 0 {
		t.Errorf("nothing changes: %+v", same)
	}
}

func TestCompareShowsRoutes(t *testing.T) {
	before := []rollout.Decision{{Action: abi.Route, URL: "https://a.example/"}, {Action: abi.Pass}}
	after := []rollout.Decision{{Action: abi.Route, URL: "https://b.example/"}, {Action: abi.Pass, Failed: true}}
	f := rollout.Compare(make([]abi.Visit, 2), before, after, 0, name)
	if f.Changed != 2 || f.FromTo["route→route"] != 1 || f.FromTo["pass→broken (pass)"] != 1 || f.Examples[0].After != "route to https://b.example/" {
		t.Errorf("%+v", f)
	}
}

func TestHostRunnerRefuses(t *testing.T) {
	if _, err := (rollout.HostRunner{}).Run(t.Context(), []byte("no module"), nil, nil); err == nil {
		t.Error("garbage runs")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := (rollout.HostRunner{}).Run(ctx, compiled(t, "true", "deny"), nil, sample(t)); err == nil {
		t.Error("it runs on though nobody waits")
	}
}
