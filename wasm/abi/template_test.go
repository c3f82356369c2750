package abi_test

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"suodi/wasm/abi"
)

func TestAppendURL(t *testing.T) {
	v := fullVisit()
	v.Slug, v.Query, v.Path = []byte("夏/a b"), []byte("a=1&b=%20&c=é#{slug}"), []byte("/x%2Fy/%zz?")
	const params = `{"a":"slug","b":"","limit":-3,"n":true,"slug":"x&y"}`
	for _, c := range []struct{ template, want string }{
		{"https://example.com/", "https://example.com/"},
		{"https://example.com/{slug}", "https://example.com/%E5%A4%8F/a%20b"},
		{"https://example.com/?s={slug}", "https://example.com/?s=%E5%A4%8F%2Fa%20b"},
		{"https://example.com/{path}", "https://example.com/x%2Fy/%25zz%3F"},
		{"https://example.com/?p={path}", "https://example.com/?p=x%252Fy%2F%25zz%3F"},
		{"https://example.com/?{query}", "https://example.com/?a=1&b=%20&c=%C3%A9%23%7Bslug%7D"},
		{"https://example.com/?z=1&{query}", "https://example.com/?z=1&a=1&b=%20&c=%C3%A9%23%7Bslug%7D"},
		{"https://example.com/?q={query}", "https://example.com/?q=a%3D1%26b%3D%2520%26c%3D%C3%A9%23%7Bslug%7D"},
		{"https://example.com/?{slug}{query}", "https://example.com/?%E5%A4%8F%2Fa%20ba%3D1%26b%3D%2520%26c%3D%C3%A9%23%7Bslug%7D"},
		{"https://example.com/{query}", "https://example.com/a%3D1%26b%3D%2520%26c%3D%C3%A9%23%7Bslug%7D"},
		{"https://example.com?{country}-{region}", "https://example.com?CN-CN-SH"},
		{"https://example.com#{language}/{slug}", "https://example.com#zh-CN/%E5%A4%8F%2Fa%20b"},
		{"https://example.com/{device}/{os_major}/{browser}/{browser_major}", "https://example.com/tablet/4660/Chrome/17185"},
		{"https://example.com/{hour}/{weekday}/{date}/{time}", "https://example.com/23/7/20261122/1234605616436508552"},
		{"https://example.com/{host}?r={referrer}&w={requested_with}", "https://example.com/go.example.com?r=https%3A%2F%2Fexample.org%2F&w=com.tencent.mm"},
		{"https://example.com/{params.slug}/{params.limit}/{params.n}/{params.b}/{params.x}/{params.a}", "https://example.com/x%26y/-3/true///slug"},
	} {
		got, err := abi.AppendURL(make([]byte, 0, 200), []byte(c.template), v, []byte(params))
		if err != nil || string(got) != strings.ReplaceAll(c.want, "é", "%C3%A9") {
			t.Errorf("%s: got %s, %v; want %s", c.template, got, err, c.want)
		}
	}
	for _, c := range []struct {
		template string
		room     int
		want     error
	}{
		{"https://example.com/{slug}", 30, abi.ErrTooLarge},
		{"https://example.com/{ip}", 200, abi.ErrTemplate},
		{"https://example.com/{user_agent}", 200, abi.ErrTemplate},
		{"https://example.com/{slug", 200, abi.ErrTemplate},
		{"https://{host}/", 200, abi.ErrTemplate},
		{"https://example.com{path}", 200, abi.ErrTemplate},
		{"{slug}://example.com/", 200, abi.ErrTemplate},
		{"https:{slug}", 200, abi.ErrTemplate},
		{"https://example.com/{params.}", 200, abi.ErrTemplate},
		{"https://example.com/{params.A}", 200, abi.ErrTemplate},
		{"https://example.com/{params.1}", 200, abi.ErrTemplate},
		{"https://example.com/{params.a b}", 200, abi.ErrTemplate},
		{"https://example.com/{params." + strings.Repeat("a", 64) + "}", 200, abi.ErrTemplate},
		{"https://example.com/" + strings.Repeat("{path}", abi.MaxPlaceholders+1), 999, abi.ErrTemplate},
		{"https://example.com/" + strings.Repeat("{params.a}", 1000), 999, abi.ErrTemplate},
	} {
		if got, err := abi.AppendURL(make([]byte, 0, c.room), []byte(c.template), v, []byte(params)); !errors.Is(err, c.want) || len(got) != 0 {
			t.Errorf("%s: got %q, %v; want %v", c.template, got, err, c.want)
		}
	}
	got, err := abi.AppendURL(make([]byte, 0, 99), []byte("https://example.com/{slug}{country}"), &abi.Visit{Slug: []byte("a")}, nil)
	if err != nil || string(got) != "https://example.com/" {
		t.Errorf("facts that are absent: got %s, %v", got, err)
	}
}

// TestAppendURLReadsParams: names are told from values and from other names.
func TestAppendURLReadsParams(t *testing.T) {
	const params = `{"a":"b-","aa":-7,"b":"","b-":"c","c":true,"d":":1,","e_9":"{a}"}`
	for name, want := range map[string]string{
		"a": "b-", "aa": "-7", "b": "", "b-": "c", "c": "true", "d": ":1,", "e_9": "{a}", "e": "", "f": "", "aaa": "",
	} {
		got, err := abi.AppendURL(make([]byte, 0, 99), []byte("https://example.com/?"+name+"={params."+name+"}"), &abi.Visit{}, []byte(params))
		if want = "https://example.com/?" + name + "=" + url.QueryEscape(want); err != nil || string(got) != want {
			t.Errorf("%s: got %s, %v; want %s", name, got, err, want)
		}
	}
}

// hardest are templates that take long.
func hardest() map[string]struct{ template, params string } {
	var params strings.Builder
	params.WriteByte('{')
	for i := 0; params.Len() < abi.MaxParams-10; i++ {
		fmt.Fprintf(&params, `"%c%c":1,`, 'a'+i/26, 'a'+i%26)
	}
	params.WriteString(`"zzz":1}`)
	return map[string]struct{ template, params string }{
		"overfull":      {strings.Repeat("{path}", abi.MaxPlaceholders), ""},
		"far overfull":  {strings.Repeat("{path}", 1360), ""},
		"empty":         {strings.Repeat("{params.x}", abi.MaxPlaceholders), params.String()},
		"last of many":  {strings.Repeat("{params.zzz}", abi.MaxPlaceholders), params.String()},
		"not there":     {strings.Repeat("{params.zzzz}", abi.MaxPlaceholders), params.String()},
		"many literals": {strings.Repeat("a", 8000), ""},
	}
}

// TestAppendURLStops: what does not fit is not worked out. Written out, the
// longest of these templates is 28 MB.
func TestAppendURLStops(t *testing.T) {
	v := &abi.Visit{Facts: abi.AllFacts, Path: []byte("/" + strings.Repeat("\x80", 7000))}
	room := make([]byte, 0, abi.BufferSize)
	for name, c := range hardest() {
		fastest := time.Hour
		for range 5 {
			began := time.Now()
			if got, err := abi.AppendURL(room, []byte("https://example.com/"+c.template), v, []byte(c.params)); err != nil && len(got) != 0 {
				t.Errorf("%s: %d bytes and %v", name, len(got), err)
			}
			fastest = min(fastest, time.Since(began))
		}
		if t.Logf("%s: %v", name, fastest); fastest > 5*time.Millisecond { // with the race detector; 0.1 ms without
			t.Errorf("%s takes %v", name, fastest)
		}
	}
}

func BenchmarkAppendURLHardest(b *testing.B) {
	v := &abi.Visit{Facts: abi.AllFacts, Path: []byte("/" + strings.Repeat("\x80", 7000))}
	room := make([]byte, 0, abi.BufferSize)
	for name, c := range hardest() {
		template, params := []byte("https://example.com/"+c.template), []byte(c.params)
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, _ = abi.AppendURL(room, template, v, params)
			}
		})
	}
}

func TestAppendURLDoesNotAllocate(t *testing.T) {
	v, room := fullVisit(), make([]byte, 0, abi.BufferSize)
	template, params := []byte("https://example.com/{slug}?c={country}&{query}&h={hour}&p={params.a}"), []byte(`{"a":1}`)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := abi.AppendURL(room, template, v, params); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// FuzzAppendURL looks for visits that change where a template leads.
func FuzzAppendURL(f *testing.F) {
	f.Add("a/../../x", "/x?y", "a=1&b=2", `@evil.example`)
	f.Add("//evil.example", "//evil.example/", "#", "\\\r\n\x00%")
	f.Fuzz(func(t *testing.T, slug, path, query, word string) {
		v := &abi.Visit{
			Facts: abi.AllFacts, Slug: []byte(slug), Path: []byte(path), Query: []byte(query), Host: []byte(word), Region: []byte(word),
		}
		template := "https://example.com/a/{slug}/{path}?s={slug}&w={host}&{query}&r={region}&q={query}&end=1#{path}"
		got, err := abi.AppendURL(make([]byte, 0, 1<<20), []byte(template), v, nil)
		if err != nil {
			return
		}
		u, err := url.Parse(string(got))
		if err != nil || u.Scheme != "https" || u.Host != "example.com" || !strings.HasPrefix(u.Path, "/a/") {
			t.Fatalf("%s: %v", got, err)
		}
		values := u.Query()
		if values["s"][0] != slug || values["w"][0] != word || values["end"][0] != "1" {
			t.Fatalf("%s: %v", got, values)
		}
		if last := values["q"]; last[len(last)-1] != query {
			t.Fatalf("%s: the query is %q", got, last)
		}
	})
}

// FuzzTemplate looks for templates and parameters that take AppendURL beyond
// its room, that it does not end on, or that lead to another host than the
// template says.
func FuzzTemplate(f *testing.F) {
	f.Add("a/{slug}?{query}&p={params.a}#{country}", `{"a":"b","b":1}`, "/x")
	f.Add("{params.}", `{"":"b"}`, "")
	f.Add("{params.a}", `{"a":`, "")
	f.Add("{params.a}", `"a""a"a`, "")
	f.Add(strings.Repeat("{path}", 99), `{}`, strings.Repeat("\x80", 99))
	f.Fuzz(func(t *testing.T, template, params, word string) {
		v := &abi.Visit{
			Facts: abi.AllFacts, Slug: []byte(word), Path: []byte(word), Query: []byte(word), Host: []byte(word),
			Language: []byte(word), Browser: []byte(word), Referrer: []byte(word), RequestedWith: []byte(word),
		}
		room := make([]byte, 0, abi.BufferSize)
		got, err := abi.AppendURL(room, []byte("https://example.com/"+template), v, []byte(params))
		switch {
		case err == nil && (len(got) > cap(room) || !strings.HasPrefix(string(got), "https://example.com/")):
			t.Fatalf("%d bytes: %.100s", len(got), got)
		case err != nil && (len(got) != 0 || !errors.Is(err, abi.ErrTemplate) && !errors.Is(err, abi.ErrTooLarge)):
			t.Fatalf("%.100s: %v", got, err)
		}
		_, _ = abi.AppendURL(room, []byte(template), v, []byte(params))
	})
}
