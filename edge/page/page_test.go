package page_test

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"suodi/edge/page"
)

var (
	set   = page.New()
	langs = []page.Lang{page.English, page.Chinese}
)

const (
	maxSize = 6 << 10
	link    = "https://s.example.com/spring"
)

// everyKind calls f for every kind in both languages.
func everyKind(t *testing.T, f func(t *testing.T, kind page.Kind, lang page.Lang)) {
	for kind := page.Guide; kind <= page.TooMany; kind++ {
		for _, lang := range langs {
			t.Run(kind.String()+"/"+lang.String(), func(t *testing.T) { f(t, kind, lang) })
		}
	}
}

func TestPages(t *testing.T) {
	everyKind(t, func(t *testing.T, kind page.Kind, lang page.Lang) {
		full := page.Data{
			Lang: lang, ShortURL: link, Platform: "wechat", PlatformName: "微信", Reason: "Members only",
			DomainName: "s.example.com",
		}
		for _, data := range []page.Data{{Lang: lang}, full} {
			out := set.Render(nil, kind, data)
			if len(out) > maxSize {
				t.Errorf("%d bytes, want at most %d", len(out), maxSize)
			}
			if rest := bytes.ReplaceAll(out, []byte(link), nil); bytes.Contains(rest, []byte("://")) {
				t.Error("the page names a URL other than the short link")
			}
			root := parse(t, out)
			if got := attr(one(t, root, "html"), "lang"); got != lang.String() {
				t.Errorf("lang = %q, want %q", got, lang)
			}
			title, heading := text(one(t, root, "title")), text(one(t, root, "h1"))
			if title == "" || title != heading {
				t.Errorf("title %q, heading %q", title, heading)
			}
			if han := regexp.MustCompile(`\p{Han}`).MatchString(title); han != (lang == page.Chinese) {
				t.Errorf("title %q is in the wrong language", title)
			}
			one(t, root, "main")
			checkNoRequests(t, root)
			checkPolicy(t, kind, root)
		}
	})
}

func TestGuides(t *testing.T) {
	tests := []struct {
		platform, name string
		lang           page.Lang
		want           []string
		arrow, steps   bool
	}{
		{"wechat", "", page.Chinese, []string{"微信", "右上角", "···", "在浏览器打开"}, true, true},
		{"wechat", "", page.English, []string{"WeChat", "top right", "···", "Open in Browser"}, true, true},
		{"wechat", "Weixin", page.English, []string{"inside Weixin."}, true, true},
		{"wecom", "", page.Chinese, []string{"企业微信", "右上角", "在浏览器打开"}, true, true},
		{"douyin", "", page.English, []string{"Douyin", "在浏览器打开", "(Open in browser)"}, true, true},
		{"telegram", "", page.English, []string{"⋮"}, true, true},
		{"xiaohongshu", "", page.Chinese, []string{"小红书", "复制链接"}, false, false},
		{"uc", "", page.Chinese, []string{"请换一个浏览器打开"}, false, false},
		{"browser", "Browser", page.English, []string{"in another browser", "this browser"}, false, false},
		{"some-new-app", "新应用", page.Chinese, []string{"新应用", "在浏览器打开"}, false, true},
		{"some-new-app", "", page.Chinese, []string{"当前应用"}, false, true},
		{"", "", page.English, []string{"this app"}, false, true},
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("%s %s %v", test.platform, test.name, test.lang), func(t *testing.T) {
			root := parse(t, set.Render(nil, page.Guide, page.Data{
				Lang: test.lang, ShortURL: link, Platform: test.platform, PlatformName: test.name,
			}))
			words := text(one(t, root, "main"))
			for _, want := range test.want {
				if !strings.Contains(words, want) {
					t.Errorf("%q is missing from %q", want, words)
				}
			}
			if got := len(all(root, "ol")) == 1; got != test.steps {
				t.Errorf("steps: %v, want %v", got, test.steps)
			}
			arrow := false
			for _, svg := range all(root, "svg") {
				arrow = arrow || attr(svg, "class") == "arrow"
			}
			if arrow != test.arrow {
				t.Errorf("arrow: %v, want %v", arrow, test.arrow)
			}
		})
	}
}

// Without JavaScript there is no button, and the link is text.
func TestGuideWithoutScript(t *testing.T) {
	root := parse(t, set.Render(nil, page.Guide, page.Data{ShortURL: link}))
	if !has(one(t, root, "button"), "hidden") {
		t.Error("the button shows before the script runs")
	}
	if got := text(one(t, root, "code")); got != link {
		t.Errorf("link is %q", got)
	}
	if n := len(all(root, "a")); n != 0 {
		t.Errorf("%d anchors: tapping one would only reopen the guide", n)
	}
	root = parse(t, set.Render(nil, page.Guide, page.Data{}))
	if len(all(root, "button"))+len(all(root, "code")) != 0 {
		t.Error("without a link there is something to copy")
	}
}

func TestRefusedShowsReasonAndPlatform(t *testing.T) {
	for _, test := range []struct {
		data page.Data
		want string
		not  string
	}{
		{page.Data{Reason: "Members only"}, "Members only", "came from"},
		{page.Data{Platform: "wechat"}, "came from WeChat", ""},
		{page.Data{Platform: "wechat", PlatformName: "Weixin"}, "came from Weixin", "WeChat"},
		{page.Data{Platform: "browser"}, "not open here", "came from"},
		{page.Data{Platform: "unheard-of"}, "not open here", "came from"},
	} {
		words := text(one(t, parse(t, set.Render(nil, page.Refused, test.data)), "main"))
		if !strings.Contains(words, test.want) || test.not != "" && strings.Contains(words, test.not) {
			t.Errorf("%+v: %q", test.data, words)
		}
	}
}

// Pages about requests that no link answered to repeat nothing of them.
func TestNothingIsReflected(t *testing.T) {
	for _, kind := range []page.Kind{page.NotFound, page.BadRequest, page.Root, page.Unavailable, page.TooMany} {
		plain := set.Render(nil, kind, page.Data{})
		got := set.Render(nil, kind, page.Data{ShortURL: link, Platform: "qq", PlatformName: "QQ", Reason: "told"})
		if !bytes.Equal(got, plain) {
			t.Errorf("%v repeats what it was given", kind)
		}
	}
}

func TestHostileDataIsInert(t *testing.T) {
	hostile := []string{
		`<script>alert(1)</script>`,
		`</title></style></script></main><h1>You have won</h1>`,
		`"><img src=x onerror=alert(1)>`,
		`' onmouseover='alert(1)`,
		`<!--`, `-->`, `]]>`, `<![CDATA[`, `<svg/onload=alert(1)>`, `&lt;b&gt;&amp;`, `&#60;b&#62;`,
		`{{.Reason}} {{template "content"}}`, "javascript:alert(1)",
		"\u202egnp.exe\u2066\u2069\u200f\u061c",
		"a\x00b\x1b[31mc\x7f\u0085\u2028\u2029d\r\nSet-Cookie: x=1",
		"\xff\xfe\xc0\xaf broken \xf0\x9f", "\ue000\ue001\ue000",
		strings.Repeat("<", 10_000), "👩‍👩‍👧 ü 链接",
	}
	everyKind(t, func(t *testing.T, kind page.Kind, lang page.Lang) {
		plain := page.Data{Lang: lang, ShortURL: "x", Platform: "wechat", PlatformName: "x", Reason: "x", DomainName: "x"}
		want := skeleton(parse(t, set.Render(nil, kind, plain)))
		for _, evil := range hostile {
			data := page.Data{Lang: lang, ShortURL: evil, Platform: "wechat", PlatformName: evil, Reason: evil, DomainName: evil}
			out := set.Render(nil, kind, data)
			if got := skeleton(parse(t, out)); got != want {
				t.Errorf("%q changes the page:\n%s", evil, got)
			}
			if !bytes.Equal(bytes.ToValidUTF8(out, nil), out) || bytes.ContainsAny(out, "\x00\x1b\x7f\r\u202e\u2066\u2028") {
				t.Errorf("%q leaves bytes that do not belong in a page", evil)
			}
			data.Platform = evil
			set.Render(nil, kind, data)
		}
	})
}

func TestDynamicText(t *testing.T) {
	tests := []struct{ name, in, asText, asURL string }{
		{"plain", "https://s.cn/a?b=1&c='\"<>", "https://s.cn/a?b=1&c='\"<>", "https://s.cn/a?b=1&c='\"<>"},
		{"Chinese", "https://s.cn/活动", "https://s.cn/活动", "https://s.cn/活动"},
		{"already encoded", "/%E6%B4%BB%20", "/%E6%B4%BB%20", "/%E6%B4%BB%20"},
		{"white space", "a b\tc\u3000d", "a b c d", "a%20b%09c%E3%80%80d"},
		{"controls", "a\x00b\x7fc", "abc", "a%00b%7Fc"},
		{"override", "a\u202eb", "ab", "a%E2%80%AEb"},
		{"invisible", "a\u200bb", "a\u200bb", "a%E2%80%8Bb"},
		{"not UTF-8", "a\xffb", "a\ufffdb", "a%FFb"},
		{"a real U+FFFD", "a\ufffdb", "a\ufffdb", "a\ufffdb"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			root := parse(t, set.Render(nil, page.Guide, page.Data{ShortURL: test.in, PlatformName: test.in, Reason: test.in}))
			if got := text(one(t, root, "code")); got != test.asURL {
				t.Errorf("link %q, want %q", got, test.asURL)
			}
			for _, bdi := range all(root, "bdi") {
				if got := text(bdi); got != test.asText {
					t.Errorf("text %q, want %q", got, test.asText)
				}
			}
		})
	}
}

func TestStatus(t *testing.T) {
	want := map[page.Kind]int{
		page.Guide: 200, page.Refused: 403, page.NotFound: 404, page.Paused: 404, page.Expired: 410, page.Banned: 451,
		page.Unavailable: 503, page.BadRequest: 400, page.Root: 404, page.TooMany: 429,
	}
	for kind, status := range want {
		if got := page.Status(kind); got != status {
			t.Errorf("Status(%v) = %d, want %d", kind, got, status)
		}
	}
}

func TestHeaders(t *testing.T) {
	for kind := page.Guide; kind <= page.TooMany; kind++ {
		got := make(map[string]string)
		for _, h := range set.Headers(kind) {
			got[h.Name] = h.Value
		}
		for name, value := range map[string]string{
			"Content-Type":            "text/html; charset=utf-8",
			"Content-Security-Policy": set.ContentSecurityPolicy(kind),
			"Cache-Control":           "no-store",
			"Vary":                    "Accept-Language",
			"X-Content-Type-Options":  "nosniff",
			"Referrer-Policy":         "no-referrer",
			"X-Robots-Tag":            "noindex",
		} {
			if got[name] != value {
				t.Errorf("%v: %s is %q, want %q", kind, name, got[name], value)
			}
		}
	}
}

func TestUnknownLanguageIsEnglish(t *testing.T) {
	if !bytes.Equal(set.Render(nil, page.Root, page.Data{Lang: 200}), set.Render(nil, page.Root, page.Data{})) {
		t.Error("another page")
	}
}

func TestRenderAppends(t *testing.T) {
	out := set.Render([]byte("before"), page.Root, page.Data{})
	if !bytes.HasPrefix(out, []byte("before<!doctype html>")) {
		t.Errorf("starts with %.30q", out)
	}
}

func TestRenderDoesNotAllocate(t *testing.T) {
	dst := make([]byte, 0, 8<<10)
	data := page.Data{
		Lang: page.Chinese, ShortURL: link + "?a=<b>&\u202e活动", Platform: "wechat", Reason: "仅限会员", DomainName: "s.example.com",
	}
	for kind := page.Guide; kind <= page.TooMany; kind++ {
		n := testing.AllocsPerRun(100, func() {
			dst = set.Render(dst[:0], kind, data)
			_ = set.Headers(kind)
			_ = set.ContentSecurityPolicy(kind)
			_ = page.Status(kind)
		})
		if n != 0 {
			t.Errorf("%v: %v allocations", kind, n)
		}
	}
}

func BenchmarkRender(b *testing.B) {
	data := page.Data{Lang: page.Chinese, ShortURL: link, Platform: "wechat", PlatformName: "微信"}
	for _, kind := range []page.Kind{page.Guide, page.Refused, page.NotFound} {
		b.Run(kind.String(), func(b *testing.B) {
			dst := make([]byte, 0, 8<<10)
			b.ReportAllocs()
			for b.Loop() {
				dst = set.Render(dst[:0], kind, data)
			}
		})
	}
}

func BenchmarkNew(b *testing.B) {
	for b.Loop() {
		page.New()
	}
}
