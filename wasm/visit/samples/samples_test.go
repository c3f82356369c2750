package samples_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"suodi/wasm/visit"
	"suodi/wasm/visit/samples"
)

func TestRead(t *testing.T) {
	got, err := samples.Read(strings.NewReader("# a comment\n\none\twechat\twechat,ios\tMozilla/5.0 \twith a tab\r\nno agent\tbrowser\tbrowser\t\n"))
	want := []samples.Agent{
		{Name: "one", Platform: "wechat", Platforms: []string{"ios", "wechat"}, UserAgent: "Mozilla/5.0 \twith a tab"},
		{Name: "no agent", Platform: "browser", Platforms: []string{"browser"}},
	}
	if err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, %v", got, err)
	}
	for text, want := range map[string]string{
		"a\tb\tb\tc\nMozilla/5.0":             "line 2: 1 fields: want name",
		"a\twechat\tios,android\tx":           "line 1: platform \"wechat\" is not among",
		"\n" + strings.Repeat("x", 1<<20):     "line 2: ",
		"\n\na\twechat\twechat,ios\n# not it": "line 3: 3 fields",
	} {
		if _, err := samples.Read(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: got %v, want …%s…", text, err, want)
		}
	}
}

func TestAllHaveTheirOwnNames(t *testing.T) {
	seen := map[string]bool{}
	for _, agent := range samples.All() {
		if seen[agent.Name] || agent.Name == "" {
			t.Errorf("%q is no name of its own", agent.Name)
		}
		seen[agent.Name] = true
	}
}

// TestCompare has a judge that takes one of two WeChats for QQ, a bot for a
// browser and forgets a system.
func TestCompare(t *testing.T) {
	agents := []samples.Agent{
		{Name: "1", Platform: "wechat", Platforms: []string{"ios", "wechat"}, UserAgent: "a"},
		{Name: "2", Platform: "wechat", Platforms: []string{"ios", "wechat"}, UserAgent: "b"},
		{Name: "3", Platform: "bot", Platforms: []string{"bot", "browser"}, UserAgent: "c"},
		{Name: "4", Platform: "browser", Platforms: []string{"browser", "ios"}, UserAgent: "d"},
	}
	got := samples.Compare(agents, func(userAgent string) (string, []string) {
		switch userAgent {
		case "a":
			return "wechat", []string{"wechat", "ios"}
		case "b":
			return "qq", []string{"ios", "qq"}
		default:
			return "browser", []string{"browser"}
		}
	})
	want := samples.Table{
		Agents: 4, Right: 1,
		Platforms: []samples.Row{
			{Platform: "bot", Expected: 1, Precision: 1},
			{Platform: "browser", Expected: 2, Found: 2, Right: 2, Precision: 1, Recall: 1},
			{Platform: "ios", Expected: 3, Found: 2, Right: 2, Precision: 1, Recall: 2.0 / 3},
			{Platform: "qq", Found: 1, Recall: 1},
			{Platform: "wechat", Expected: 2, Found: 1, Right: 1, Precision: 1, Recall: 0.5},
		},
		Confusions: []samples.Confusion{{Expected: "bot", Got: "browser", Agents: 1}, {Expected: "wechat", Got: "qq", Agents: 1}},
		Wrong: []samples.Wrong{
			{Agent: agents[1], Got: []string{"ios", "qq"}}, {Agent: agents[2], Got: []string{"browser"}}, {Agent: agents[3], Got: []string{"browser"}},
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v\nwant %+v", got, want)
	}
}

// TestShippedIsNotConfused holds the shipped catalog to the samples, and has it
// err where an entry is taken away.
func TestShippedIsNotConfused(t *testing.T) {
	if got := samples.Compare(samples.All(), visit.Shipped().Judge); got.Right != got.Agents || len(got.Confusions) > 0 {
		t.Errorf("got %+v", got)
	}
	entries := visit.Shipped().Entries()
	i := slices.IndexFunc(entries, func(e visit.Entry) bool { return e.ID == "wecom" })
	entries[i].Retired = true
	without, err := visit.NewCatalog(entries)
	if err != nil {
		t.Fatal(err)
	}
	got := samples.Compare(samples.All(), without.Judge)
	if !slices.Equal(got.Confusions, []samples.Confusion{{Expected: "wecom", Got: "wechat", Agents: 3}}) || len(got.Wrong) != 3 {
		t.Errorf("without WeCom: got %+v", got)
	}
}
