package rules_test

import (
	"bytes"
	"context"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"

	"suodi/wasm/abi"
	"suodi/wasm/rules"
)

const officeSource = `
name: office
fail: closed
rules:
  - name: night
    when: visit.hour < 8 && visit.platforms.intersects(["wechat", "qq"])
    then: deny
    reason: {zh: 夜间关闭, en: Closed at night}
  - when: visit.host == "s.example.com" || visit.host == "s.example.com"
    then: allow
  - when: '"wechat" in link.guard'
    then: guide
    reason: Open in your browser
  - when: visit.country == "CN"
    then: route
    to: https://cn.example.com/
`

func TestParse(t *testing.T) {
	rs, err := rules.Parse([]byte(officeSource))
	if err != nil {
		t.Fatal(err)
	}
	if rs.Name != "office" || rs.Fail != abi.FailClosed || len(rs.Rules) != 4 {
		t.Fatalf("got %+v", rs)
	}
	night := rs.Rules[0]
	if night.Name != "night" || night.Then != abi.Deny || night.Line != 5 ||
		night.When != `visit.hour < 8 && visit.platforms.intersects(["wechat", "qq"])` ||
		night.Reason != (abi.Text{Zh: "夜间关闭", En: "Closed at night"}) {
		t.Errorf("got %+v", night)
	}
	if guide := rs.Rules[2]; guide.Reason != (abi.Text{Zh: "Open in your browser", En: "Open in your browser"}) {
		t.Errorf("got %+v", guide)
	}
	if route := rs.Rules[3]; route.Then != abi.Route || route.To != "https://cn.example.com/" {
		t.Errorf("got %+v", route)
	}
}

func TestManifest(t *testing.T) {
	_, m := compile(t, officeSource)
	want := abi.Manifest{
		Name: "office", ABI: 1, Class: abi.Pure, Fail: abi.FailClosed,
		Needs: []string{"platforms", "link", "country", "clock", "host"},
		Rules: []string{
			"night", `visit.host == "s.example.com" || visit.host == "s.example.co…`, `"wechat" in link.guard`, `visit.country == "CN"`,
		},
		Codes: map[string]abi.Reason{
			"1": {Text: abi.Text{Zh: "夜间关闭", En: "Closed at night"}},
			"2": {Text: abi.Text{Zh: "Open in your browser", En: "Open in your browser"}},
		},
	}
	if !reflect.DeepEqual(m.Manifest, want) {
		t.Errorf("got %+v\nwant %+v", m.Manifest, want)
	}
	ctx := t.Context()
	compiled, err := newRuntime(t).CompileModule(ctx, m.Wasm)
	if err != nil {
		t.Fatal(err)
	}
	if n := len(compiled.ImportedFunctions()) + len(compiled.ImportedMemories()); n != 0 {
		t.Errorf("%d imports", n)
	}
	manifest, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	// The section as wazero would give it, and as abi reads it.
	runtime := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler().WithCustomSections(true))
	t.Cleanup(func() {
		if err := runtime.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if compiled, err = runtime.CompileModule(ctx, m.Wasm); err != nil {
		t.Fatal(err)
	}
	sections := compiled.CustomSections()
	if len(sections) != 1 || sections[0].Name() != abi.ManifestSection || !bytes.Equal(sections[0].Data(), manifest) {
		t.Fatalf("custom sections: %v", sections)
	}
	if parsed, err := abi.ParseManifest(sections[0].Data()); err != nil || !reflect.DeepEqual(parsed, want) {
		t.Errorf("parsed %+v, %v", parsed, err)
	}
}

func TestNeeds(t *testing.T) {
	for when, want := range map[string]string{
		`true`:                             "",
		`visit.platforms == link.allow`:    "platforms,link",
		`visit.os_major > 1`:               "versions",
		`visit.region == "x"`:              "country",
		`visit.slug == visit.query`:        "slug,query",
		`visit.requested_with == "a"`:      "requested_with",
		`size(visit.user_agent) > 1`:       "user_agent",
		`visit.referrer.endsWith("x")`:     "referrer",
		`visit.language in ["zh-CN"]`:      "language",
		`visit.path != "/" && visit.bot`:   "platforms,path",
		`visit.weekday in [6, 7] || false`: "clock",
	} {
		_, m := compile(t, oneRule(when))
		if got := strings.Join(m.Manifest.Needs, ","); got != want {
			t.Errorf("%s: needs %q, want %q", when, got, want)
		}
	}
}

// TestRule: suodi_rule numbers the rules, whatever their verdicts' codes are.
func TestRule(t *testing.T) {
	_, m := compile(t, officeSource)
	g, _ := start(t, newRuntime(t), m)
	for want, v := range []abi.Visit{
		{Hour: 9},
		{Hour: 3, Platforms: shipped.set("qq"), Country: [2]byte{'C', 'N'}},
		{Hour: 9, Host: []byte("s.example.com"), Guard: shipped.set("wechat")},
		{Hour: 9, Guard: shipped.set("wechat")},
		{Hour: 9, Country: [2]byte{'C', 'N'}},
	} {
		v.Facts = abi.AllFacts
		verdict := g.run(t, &v)
		if got := g.explain(t); got != uint64(want) {
			t.Errorf("rule %d, want %d", got, want)
		}
		if again := g.run(t, &v); again != verdict {
			t.Errorf("asking changed the verdict from %#x to %#x", verdict, again)
		}
	}
}

func TestManifestTooLarge(t *testing.T) {
	var b strings.Builder
	b.WriteString("name: large\nrules:\n")
	for range 140 {
		b.WriteString("  - {then: deny, when: true, reason: " + strings.Repeat("x", rules.MaxReason) + "}\n")
	}
	rs, err := rules.Parse([]byte(b.String()))
	if err != nil {
		t.Fatal(err)
	}
	_, err = rules.Compile(rs, shipped)
	if found := rules.Errors(err); len(found) != 1 || !strings.HasPrefix(found[0].Message, "names, reasons and params take") {
		t.Errorf("got %v", err)
	}
}

func TestRoute(t *testing.T) {
	_, m := compile(t, officeSource)
	g, _ := start(t, newRuntime(t), m)
	verdict := g.run(t, &abi.Visit{Facts: abi.AllFacts, Hour: 12, Country: [2]byte{'C', 'N'}})
	url, ok := g.memory.Read(verdict.Address(), verdict.Code())
	if verdict.Action() != abi.Route || !ok || string(url) != "https://cn.example.com/" {
		t.Errorf("got %s to %q", verdict.Action(), url)
	}
}

func TestSameBytes(t *testing.T) {
	for _, source := range []string{officeSource, casesSource, tenRules} {
		_, first := compile(t, source)
		for range 5 {
			if _, again := compile(t, source); !bytes.Equal(first.Wasm, again.Wasm) {
				t.Fatal("the same source gave other bytes")
			}
		}
		assertPure(t, first.Wasm)
	}
}

// TestManyLiterals reaches over one page of memory, and the limit.
func TestManyLiterals(t *testing.T) {
	source := func(size int) string {
		var b strings.Builder
		b.WriteString("name: many\nrules:\n")
		for n := 0; n*2000 < size; n++ {
			literal := strings.Repeat(string(rune('a'+n)), 2000)
			b.WriteString("  - {then: deny, when: 'visit.query == \"" + literal + "\"'}\n")
		}
		return b.String()
	}
	_, m := compile(t, source(48000))
	g, _ := start(t, newRuntime(t), m)
	v := abi.Visit{Facts: abi.AllFacts, Query: bytes.Repeat([]byte("x"), 2000)}
	if got := g.run(t, &v); got.Action() != abi.Deny {
		t.Errorf("got %s", got.Action())
	}
	v.Query[1999] = 'y'
	if got := g.run(t, &v); got.Action() != abi.Pass {
		t.Errorf("got %s", got.Action())
	}
	rs, err := rules.Parse([]byte(source(52000)))
	if err != nil {
		t.Fatal(err)
	}
	_, err = rules.Compile(rs, shipped)
	if found := rules.Errors(err); len(found) == 0 || found[0].Message != "the rules hold more than 49152 bytes of strings" {
		t.Errorf("got %v", err)
	}
}

// TestMostRules compiles as many rules as there may be.
func TestMostRules(t *testing.T) {
	var b strings.Builder
	b.WriteString("name: most\nrules:\n")
	for range rules.MaxRules - 1 {
		b.WriteString(`  - {then: deny, when: 'visit.hour > 24 || visit.path.startsWith("/a") || "wechat" in visit.platforms'}` + "\n")
	}
	b.WriteString("  - {then: allow, when: true}\n")
	_, m := compile(t, b.String())
	g, _ := start(t, newRuntime(t), m)
	if got := g.run(t, &abi.Visit{Facts: abi.AllFacts, Path: []byte("/b")}); got.Action() != abi.Allow {
		t.Errorf("got %s", got.Action())
	}
}
