package visit_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"suodi/wasm/abi"
	"suodi/wasm/visit"
)

func TestShippedHasEveryPlatform(t *testing.T) {
	want := map[visit.Kind]string{
		visit.App: "wecom wechat dingtalk alipay taobao qq qzone weibo douyin tiktok toutiao kuaishou xiaohongshu feishu " +
			"bilibili zhihu baidu quark uc qqbrowser telegram line facebook messenger instagram threads x whatsapp " +
			"kakaotalk naver snapchat linkedin pinterest",
		visit.General: "browser webview miniprogram bot",
		visit.OS:      "ios android harmonyos windows macos linux chromeos otheros",
		visit.Form:    "mobile tablet desktop",
		visit.Crawler: "googlebot bingbot baiduspider sogou so360 bytespider yandexbot duckduckbot applebot facebookbot " +
			"twitterbot linkedinbot slackbot discordbot telegrambot whatsappbot skypebot gptbot claudebot ccbot " +
			"perplexitybot monitor script otherbot",
	}
	got := map[visit.Kind][]string{}
	for _, e := range visit.Shipped().Entries() {
		got[e.Kind] = append(got[e.Kind], e.ID)
		if e.Number >= visit.FirstAssigned {
			t.Errorf("%s has number %d, which clusters give", e.ID, e.Number)
		}
	}
	for kind, ids := range want {
		wanted := strings.Fields(ids)
		slices.Sort(wanted)
		slices.Sort(got[kind])
		if !slices.Equal(got[kind], wanted) {
			t.Errorf("%s: got %v, want %v", kind, got[kind], wanted)
		}
	}
}

// Numbers are in every link's sets and in every filter: they never change.
func TestShippedNumbersStay(t *testing.T) {
	for id, number := range map[string]uint8{
		"wecom": 1, "wechat": 2, "dingtalk": 3, "alipay": 4, "taobao": 5, "qq": 6, "qzone": 7, "weibo": 8, "douyin": 9,
		"tiktok": 10, "toutiao": 11, "kuaishou": 12, "xiaohongshu": 13, "feishu": 14, "bilibili": 15, "zhihu": 16,
		"baidu": 17, "quark": 18, "uc": 19, "qqbrowser": 20, "telegram": 21, "line": 22, "messenger": 23,
		"instagram": 24, "threads": 25, "facebook": 26, "x": 27, "whatsapp": 28, "kakaotalk": 29, "naver": 30,
		"snapchat": 31, "linkedin": 32, "pinterest": 33, "browser": 48, "webview": 49, "miniprogram": 50, "bot": 51,
		"windows": 56, "otheros": 57, "harmonyos": 58, "ios": 59, "android": 60, "chromeos": 61, "macos": 62, "linux": 63,
		"tablet": 64, "mobile": 65, "desktop": 66, "googlebot": 72, "bingbot": 73, "baiduspider": 74, "sogou": 75,
		"so360": 76, "bytespider": 77, "yandexbot": 78, "duckduckbot": 79, "applebot": 80, "facebookbot": 81,
		"twitterbot": 82, "linkedinbot": 83, "slackbot": 84, "discordbot": 85, "telegrambot": 86, "whatsappbot": 87,
		"skypebot": 88, "gptbot": 89, "claudebot": 90, "ccbot": 91, "perplexitybot": 92, "monitor": 93, "script": 94,
		"otherbot": 95,
	} {
		e, ok := visit.Shipped().ByID(id)
		if !ok || e.Number != number {
			t.Errorf("%s: got number %d, want %d", id, e.Number, number)
		}
		if e, ok = visit.Shipped().ByNumber(number); !ok || e.ID != id {
			t.Errorf("%d: got %q, want %q", number, e.ID, id)
		}
	}
}

func TestCatalogLookups(t *testing.T) {
	c := visit.Shipped()
	if _, ok := c.ByID("nobody"); ok {
		t.Error("found an id that is not there")
	}
	if _, ok := c.ByNumber(0); ok {
		t.Error("found number 0")
	}
	var set abi.Set
	for _, n := range []uint8{2, 59, 65, 200} {
		set.Add(n)
	}
	if got, want := c.IDs(set), []string{"ios", "mobile", "wechat"}; !slices.Equal(got, want) {
		t.Errorf("IDs: got %v, want %v", got, want)
	}
	e, _ := c.ByID("wechat")
	e.Match[0].All[0], e.Packages[0] = "changed", "changed"
	if again, _ := c.ByID("wechat"); reflect.DeepEqual(e, again) {
		t.Error("an entry that was given out changes the catalog's")
	}
}

func TestEntriesReencode(t *testing.T) {
	want := visit.Shipped().Entries()
	asYAML, err := yaml.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := visit.ParseEntries(asYAML); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("YAML differs after reading it back: %v", err)
	}
	asJSON, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got []visit.Entry
	if err := json.Unmarshal(asJSON, &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("JSON differs after reading it back: %v", err)
	}
}

func TestParseEntriesRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"unknown field":                "- {number: 1, id: a, colour: red}",
		"unknown field in alternative": "- {number: 1, id: a, match: [{any: [x]}]}",
		"two documents":                "[]\n---\n[]",
		"no list":                      "id: a",
		"nothing":                      "",
		"number too large":             "- {number: 256}",
	} {
		if _, err := visit.ParseEntries([]byte(text)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	for _, text := range []string{`{"any":["x"]}`, `1`, `"a`} {
		if err := json.Unmarshal([]byte(text), new(visit.Alternative)); err == nil {
			t.Errorf("%s: no error", text)
		}
	}
}

func TestEntryValidate(t *testing.T) {
	long := strings.Repeat("x", 65)
	valid := func() visit.Entry {
		return visit.Entry{
			Number: 200, ID: "new", Zh: "新", En: "New", Kind: visit.App, Order: 5,
			Match:    []visit.Alternative{{All: []string{"New/"}}},
			Packages: []string{"com.example.new_app"},
		}
	}
	if e := valid(); e.Validate() != nil {
		t.Fatal(e.Validate())
	}
	for _, test := range []struct {
		name, want string
		change     func(*visit.Entry)
	}{
		{"id", `platform "New": id: `, func(e *visit.Entry) { e.ID = "New" }},
		{"no id", `platform "": id: `, func(e *visit.Entry) { e.ID = "" }},
		{"number", `platform "new": number: `, func(e *visit.Entry) { e.Number = 0 }},
		{"no name", `platform "new": zh: `, func(e *visit.Entry) { e.Zh = "" }},
		{"long name", `platform "new": en: `, func(e *visit.Entry) { e.En = long }},
		{"control character", `platform "new": en: `, func(e *visit.Entry) { e.En = "a\nb" }},
		{"invalid UTF-8", `platform "new": zh: `, func(e *visit.Entry) { e.Zh = "\xff" }},
		{"kind", `platform "new": kind: `, func(e *visit.Entry) { e.Kind = "thing" }},
		{"order", `platform "new": order: `, func(e *visit.Entry) { e.Order = -1 }},
		{"nothing to match", `platform "new": match: `, func(e *visit.Entry) { e.Match, e.Packages = nil, nil }},
		{"too many alternatives", `platform "new": match: `, func(e *visit.Entry) {
			e.Match = make([]visit.Alternative, 33)
		}},
		{"empty alternative", `platform "new": match[1]: `, func(e *visit.Entry) {
			e.Match = append(e.Match, visit.Alternative{None: []string{"xx"}})
		}},
		{"too many tokens", `platform "new": match[0].all: `, func(e *visit.Entry) {
			e.Match[0].All = slices.Repeat([]string{"ab"}, 9)
		}},
		{"short token", `platform "new": match[0].all[0]: `, func(e *visit.Entry) { e.Match[0].All[0] = "x" }},
		{"long token", `platform "new": match[0].none[0]: `, func(e *visit.Entry) { e.Match[0].None = []string{long} }},
		{"token not ASCII", `platform "new": match[0].prefix: `, func(e *visit.Entry) { e.Match[0].Prefix = "微信" }},
		{"token not printable", `platform "new": match[0].all[0]: `, func(e *visit.Entry) { e.Match[0].All[0] = "a\x00b" }},
		{"package", `platform "new": packages[0]: `, func(e *visit.Entry) { e.Packages[0] = "example" }},
		{"package of no app", `platform "new": packages: `, func(e *visit.Entry) { e.Kind = visit.Crawler }},
		{"browser with alternatives", `platform "browser": match: `, func(e *visit.Entry) {
			e.ID, e.Kind, e.Packages = "browser", visit.General, nil
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := valid()
			test.change(&e)
			if err := e.Validate(); err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got %v, want %s…", err, test.want)
			}
			if _, err := visit.NewCatalog(append(visit.Shipped().Entries(), e)); err == nil {
				t.Error("NewCatalog took it")
			}
		})
	}
}

func TestNewCatalogRefuses(t *testing.T) {
	for _, test := range []struct {
		name, want string
		change     func([]visit.Entry) []visit.Entry
	}{
		{"same id", "id: ", func(es []visit.Entry) []visit.Entry {
			e := es[0]
			e.Number = 200
			return append(es, e)
		}},
		{"same number", "number: ", func(es []visit.Entry) []visit.Entry {
			e := es[0]
			e.ID = "new"
			return append(es, e)
		}},
		{"same package", "packages: ", func(es []visit.Entry) []visit.Entry {
			e := es[0]
			e.ID, e.Number = "new", 200
			return append(es, e)
		}},
		{"required missing", `platform "bot": `, func(es []visit.Entry) []visit.Entry {
			return slices.DeleteFunc(es, func(e visit.Entry) bool { return e.ID == visit.Bot })
		}},
		{"required retired", `platform "desktop": retired: `, func(es []visit.Entry) []visit.Entry {
			i := slices.IndexFunc(es, func(e visit.Entry) bool { return e.ID == visit.Desktop })
			es[i].Retired = true
			return es
		}},
		{"required of another kind", `platform "otheros": kind: `, func(es []visit.Entry) []visit.Entry {
			i := slices.IndexFunc(es, func(e visit.Entry) bool { return e.ID == visit.OtherOS })
			es[i].Kind = visit.Form
			return es
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := visit.NewCatalog(test.change(visit.Shipped().Entries()))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want …%s…", err, test.want)
			}
		})
	}
}
