package link_test

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"suodi/control/link"
)

// ours answers like a cluster with these domains.
func ours(d link.Domain) bool {
	switch d {
	case "go.example.com", "xn--fsq.example", "203.0.113.7", "[2001:db8::7]":
		return true
	}
	return false
}

var policy = link.DestinationPolicy{
	Schemes:    []string{"weixin", "Alipays", "taobao", "intent", "mailto", "tel", "javascript", "data", "file"},
	OwnDomains: ours,
}

// destinations are public addresses as people paste them, with their canonical
// form where it differs.
var destinations = []struct{ name, in, want string }{
	{"plain", "https://example.com/", ""},
	{"no path", "https://example.com", "https://example.com/"},
	{"no path but query", "https://example.com?a=1", "https://example.com/?a=1"},
	{"no path but fragment", "https://example.com#top", "https://example.com/#top"},
	{"empty query and fragment stay", "https://example.com/?#", ""},
	{"scheme and host in capitals", "HTTPS://WWW.Example.COM/Path/To?Q=V#F", "https://www.example.com/Path/To?Q=V#F"},
	{"surrounding white space", "\t\r\n https://example.com/a \u3000\n", "https://example.com/a"},
	{"default ports", "http://example.com:80/", "http://example.com/"},
	{"default https port", "https://example.com:443", "https://example.com/"},
	{"other port", "https://example.com:8443/x", ""},
	{"the other scheme's port", "http://example.com:443/", ""},
	{"port with zeros", "http://example.com:08080/", "http://example.com:8080/"},
	{"trailing dot", "https://example.com./a", "https://example.com/a"},
	{"IPv4", "http://192.0.2.1:9000/x", ""},
	{"IPv6", "http://[2001:DB8::0:1]:8080/x", "http://[2001:db8::1]:8080/x"},
	{"single label", "http://intranet/wiki", ""},
	{"underscore host", "https://my_shop.example.com/", ""},
	{"German host", "https://Bücher.example/Straße", "https://xn--bcher-kva.example/Stra%C3%9Fe"},
	{"Chinese host", "https://例子.测试/路径?键=值#段", "https://xn--fsqu00a.xn--0zwm56d/%E8%B7%AF%E5%BE%84?%E9%94%AE=%E5%80%BC#%E6%AE%B5"},
	{"ideographic dot", "https://例子。测试/", "https://xn--fsqu00a.xn--0zwm56d/"},
	{"full-width host", "https://ｅｘａｍｐｌｅ．ｃｏｍ/", "https://example.com/"},
	{"Wikipedia", "https://zh.wikipedia.org/wiki/缩地", "https://zh.wikipedia.org/wiki/%E7%BC%A9%E5%9C%B0"},
	{"Wikipedia encoded", "https://zh.wikipedia.org/wiki/%E7%BC%A9%E5%9C%B0#%E6%B3%A8", ""},
	{"Wikipedia with parentheses", "https://en.wikipedia.org/wiki/Go_(programming_language)", ""},
	{"Persian with joiner", "https://fa.wikipedia.org/wiki/می\u200cخواهم", "https://fa.wikipedia.org/wiki/%D9%85%DB%8C%E2%80%8C%D8%AE%D9%88%D8%A7%D9%87%D9%85"},
	{"encoding kept", "https://example.com/a%2Fb%2fc%7E%41?x=%26&y=%3d+%20#%2f", ""},
	{"GBK encoding kept", "https://www.baidu.com/s?wd=%D6%D0%B9%FA", ""},
	{"encoded line break kept", "https://twitter.com/intent/tweet?text=a%0D%0Ab%00", ""},
	{"encoded backslash kept", "https://example.com/a%5Cb?c=%5c", ""},
	{"space in path and query", "https://example.com/a b?c d#e f", "https://example.com/a%20b?c%20d#e%20f"},
	{"quotes and angles", "https://example.com/\"<a>\"?\"<b>\"#\"<c>\"", "https://example.com/%22%3Ca%3E%22?%22%3Cb%3E%22#%22%3Cc%3E%22"},
	{"braces", "https://example.com/{a}|b^`?{a}|b^`'[]#{a}|^", "https://example.com/%7Ba%7D|b%5E%60?{a}|b^`'[]#{a}|^"},
	{"percent alone", "https://example.com/100%/%zz?x=100%&y=%u4e2d#5%", "https://example.com/100%25/%25zz?x=100%&y=%u4e2d#5%25"},
	{"dot segments kept", "https://example.com/a/../b/./c//d", ""},
	{"at sign in path", "https://medium.com/@user/story-123?ref=a@b.c#@x", ""},
	{"URL in query", "https://example.com/login?next=https://a:b@other.example:99/x?y=1", ""},
	{"matrix parameters", "https://example.com/a;b=1;c/d:e,f=g", ""},
	{"hash route", "https://app.example.com/#/inbox?tab=1#x", ""},
	{"text fragment", "https://example.com/#:~:text=hello,world", ""},
	{"YouTube", "https://www.youtube.com/watch?v=dQw4w9WgXcQ&list=PL&index=2&t=42s", ""},
	{"Google Maps", "https://www.google.com/maps/@31.2304,121.4737,12z/data=!3m1!4b1!4m5!3m4!1s0x35b27040b1f53c33:0x295129423c364a1!8m2", ""},
	{"Amazon", "https://www.amazon.com/dp/B08N5WRWNW/ref=sr_1_3?keywords=echo+dot&qid=1700000000&sr=8-3&th=1", ""},
	{"Taobao", "https://item.taobao.com/item.htm?id=520000000000&spm=a21bo.jianhua.201876.1.5af911d9PZ2c2W", ""},
	{"Tmall", "https://detail.tmall.com/item.htm?abbucket=7&id=1&rn=2f&skuId=3&spm=a220m.1000858.1000725.1", ""},
	{"WeChat article", "https://mp.weixin.qq.com/s?__biz=MzA3MDg0ODk2NQ==&mid=2650000000&idx=1&sn=0a&chksm=8&scene=27#wechat_redirect", ""},
	{"WeChat OAuth", "https://open.weixin.qq.com/connect/oauth2/authorize?appid=wx1&redirect_uri=https%3A%2F%2Fexample.com%2Fcb%3Fa%3D1&response_type=code&scope=snsapi_base&state=x#wechat_redirect", ""},
	{"Douyin", "https://v.douyin.com/iRNBho6u/ 7.43", "https://v.douyin.com/iRNBho6u/%207.43"},
	{"Xiaohongshu", "https://www.xiaohongshu.com/explore/64f0?app_platform=ios&xsec_token=AB1=&xhsshare=CopyLink", ""},
	{"Feishu", "https://example.feishu.cn/docx/AbCdEf?from=from_copylink", ""},
	{"GitHub", "https://github.com/golang/go/blob/master/src/net/url/url.go#L100-L120", ""},
	{"GitHub compare", "https://github.com/golang/go/compare/go1.25.0...go1.26.0?expand=1&w=1", ""},
	{"S3 signed", "https://bucket.s3.amazonaws.com/key%20name?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA%2F20260101%2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Signature=ab", ""},
	{"App Store", "https://apps.apple.com/cn/app/%E5%BE%AE%E4%BF%A1/id414478124?l=en&mt=8", ""},
	{"Google Play", "https://play.google.com/store/apps/details?id=com.tencent.mm&referrer=utm_source%3Da%26utm_medium%3Db", ""},
	{"gov.cn", "http://www.gov.cn/zhengce/content/2026-01/01/content_1.htm", ""},
	{"Arabic host", "http://موقع.وزارة-الاتصالات.مصر/", "http://xn--4gbrim.xn----ymcbaaajlc6dj7bxne2c.xn--wgbh1c/"},
	{"Russian host", "https://кремль.рф/", "https://xn--e1ajeds9e.xn--p1ai/"},
	{"emoji host and path", "https://❤️.ws/👍🏽", "https://xn--qei.ws/%F0%9F%91%8D%F0%9F%8F%BD"},
	{"2,000 characters and more", "https://example.com/?q=" + strings.Repeat("0123456789", 210), ""},
	{"2,000 characters with Chinese", "https://example.com/?q=" + strings.Repeat("中0123456", 250), "https://example.com/?q=" + strings.Repeat("%E4%B8%AD0123456", 250)},
	{"longest", "https://example.com/" + strings.Repeat("a", link.MaxURL-20), ""},
	{"userinfo look-alike in query", "https://example.com?@other.example", "https://example.com/?@other.example"},
	{"own domain in query", "https://other.example/?u=https://go.example.com/", ""},
	{"own domain as parent", "https://go.example.com.evil.example/", ""},
	{"app", "weixin://dl/business/?t=AbC", ""},
	{"app alone", "weixin://", ""},
	{"app enabled in capitals", "AliPays://platformapi/startapp?appId=20000067&url=https%3A%2F%2FExample.com", "alipays://platformapi/startapp?appId=20000067&url=https%3A%2F%2FExample.com"},
	{"app host keeps case", "taobao://Item.Taobao.com/Item.htm?id=1", ""},
	{"app text encoded", "taobao://s.taobao.com/搜索?q=春 节", "taobao://s.taobao.com/%E6%90%9C%E7%B4%A2?q=%E6%98%A5%20%E8%8A%82"},
	{"intent", "intent://scan/#Intent;scheme=zxing;package=com.google.zxing.client.android;S.browser_fallback_url=https%3A%2F%2Fexample.com;end", ""},
	{"mail", "mailto:a@example.com?subject=100%", ""},
	{"telephone", "tel:+86-10-1234", ""},
}

func TestParseDestination(t *testing.T) {
	for _, test := range destinations {
		t.Run(test.name, func(t *testing.T) {
			want := test.want
			if want == "" {
				want = test.in
			}
			got, err := link.ParseDestination(test.in, policy)
			if err != nil || got.URL != want {
				t.Fatalf("ParseDestination(%q)\n got %q, %v\nwant %q", test.in, got.URL, err, want)
			}
			checkDestination(t, got)
		})
	}
}

// checkDestination checks what holds for whatever was parsed.
func checkDestination(t *testing.T, d link.Destination) {
	t.Helper()
	again, err := link.ParseDestination(d.URL, policy)
	if err != nil || again != d {
		t.Fatalf("parsing again %+v\n       gives %+v, %v", d, again, err)
	}
	if !link.SafeLocation([]byte(d.URL)) {
		t.Fatalf("%q is not safe to serve", d.URL)
	}
	if strings.ContainsAny(d.URL, "\r\n\t \\\x00") || len(d.URL) > link.MaxURL {
		t.Fatalf("%q is not canonical", d.URL)
	}
	if d.Host == "" {
		return
	}
	u, err := url.Parse(d.URL)
	if err != nil {
		t.Fatalf("net/url: %v", err)
	}
	if host := strings.Trim(string(d.Host), "[]"); u.Hostname() != host || u.User != nil || u.Path == "" ||
		u.Scheme != "http" && u.Scheme != "https" {
		t.Fatalf("net/url reads %q as %+v, host %q", d.URL, u, d.Host)
	}
	if domain, err := link.ParseDomain(u.Hostname()); err != nil || domain != d.Host || ours(domain) {
		t.Fatalf("host of %q is %q, %v", d.URL, domain, err)
	}
}

func TestParseDestinationRefuses(t *testing.T) {
	for _, test := range []struct{ name, in, reason string }{
		{"empty", "", "missing"},
		{"white space", " \n", "missing"},
		{"javascript", "javascript:alert(1)", "javascript"},
		{"javascript in odd case", " JaVaScRiPt:alert(1)", "javascript"},
		{"javascript with slashes", "javascript://example.com/%0aalert(1)", "javascript"},
		{"javascript with tab", "java\tscript:alert(1)", "U+0009"},
		{"javascript with newline", "java\nscript:alert(1)", "U+000A"},
		{"javascript after control", "\x01javascript:alert(1)", "U+0001"},
		{"javascript with NUL", "javascript\x00:alert(1)", "U+0000"},
		{"javascript after zero width space", "\u200bjavascript:alert(1)", "U+200B"},
		{"javascript after byte order mark", "\ufeffjavascript:alert(1)", "U+FEFF"},
		{"javascript in full width", "ｊavascript:alert(1)", "scheme"},
		{"javascript with entity", "javascript&colon;alert(1)", "scheme"},
		{"javascript encoded", "java%73cript:alert(1)", "scheme"},
		{"data", "data:text/html,<script>alert(1)</script>", "data"},
		{"vbscript", "vbscript:msgbox", "vbscript"},
		{"file", "file:///etc/passwd", "file"},
		{"blob", "blob:https://example.com/1", "blob"},
		{"about", "about:blank", "about"},
		{"view-source", "view-source:https://example.com", "view-source"},
		{"filesystem", "filesystem:https://example.com/x", "filesystem"},
		{"scheme not enabled", "ftp://example.com/", "not enabled"},
		{"userinfo", "https://admin@example.com/", "user name"},
		{"password", "https://admin:secret@example.com/", "user name"},
		{"password and backslash", `https://admin:secret@example.com/\a`, "backslash"},
		{"password after backslashes", `https:\\admin:secret@example.com/`, "backslash"},
		{"password, scheme not enabled", "ftp://admin:secret@example.com/", "not enabled"},
		{"password, scheme-relative", "//admin:secret@example.com/", "no scheme"},
		{"empty userinfo", "https://@example.com/", "user name"},
		{"trusted name as user", "https://example.com@evil.example/", "user name"},
		{"user with port", "http://example.com:80@evil.example", "user name"},
		{"two at signs", "http://a@b@c/", "user name"},
		{"user of an app", "weixin://a@b/", "user name"},
		{"full-width at sign", "http://a＠b.example/", "internationalised"},
		{"backslashes", `https:\\example.com`, "backslash"},
		{"backslash in authority", `https://example.com\@evil.example`, "backslash"},
		{"backslash in path", `https://example.com/a\b`, "backslash"},
		{"backslash in query", `https://example.com/?a=\b`, "backslash"},
		{"CR LF", "https://example.com/\r\nSet-Cookie: a=b", "U+000D"},
		{"LF in host", "https://exa\nmple.com/", "U+000A"},
		{"NUL", "https://example.com/\x00", "U+0000"},
		{"DEL", "https://example.com/\x7f", "U+007F"},
		{"C1 control", "https://example.com/\u0085x", "U+0085"},
		{"line separator", "https://example.com/\u2028x", "U+2028"},
		{"right-to-left override", "https://example.com/\u202egpj.exe", "U+202E"},
		{"zero width space", "https://example.com/a\u200bb", "U+200B"},
		{"invalid UTF-8", "https://example.com/\xff", "UTF-8"},
		{"overlong slash", "https://example.com/\xc0\xaf", "UTF-8"},
		{"no host", "http:///x", "no host"},
		{"no host, query", "http://?x", "no host"},
		{"no host, port", "http://:80/", "no host"},
		{"no slashes", "https:example.com", "no host"},
		{"one slash", "https:/example.com", "no host"},
		{"four slashes", "https:////example.com", "no host"},
		{"scheme-relative", "//example.com/x", "no scheme"},
		{"path", "/x", "no scheme"},
		{"no scheme", "example.com/x", "no scheme"},
		{"no scheme but port", "example.com:8080/x", "no scheme"},
		{"localhost with port", "localhost:8080", "no scheme"},
		{"colon first", "://example.com", "no scheme"},
		{"scheme with digit first", "1http://example.com", "no scheme"},
		{"space in scheme", "http ://example.com", "no scheme"},
		{"space in host", "http://exam ple.com/", "no host may have"},
		{"encoded host", "http://ex%61mple.com/", "no host may have"},
		{"encoded NUL in host", "http://%00/", "no host may have"},
		{"encoded line break in host", "http://a%0d%0ab/", "no host may have"},
		{"encoded at sign in host", "http://a%40b/", "no host may have"},
		{"zero width in host", "http://exa\u200bmple.com/", "U+200B"},
		{"joiner in host", "http://exa\u200dmple.com/", "internationalised"},
		{"soft hyphen in host", "http://exa\u00admple.com/", "U+00AD"},
		{"full-width slash in host", "http://good.example／.evil.example/", "internationalised"},
		{"full-width colon in host", "http://a：80/", "internationalised"},
		{"care of sign in host", "http://example.com℀evil.example/", ""},
		{"angle in host", "http://<b>/", "no host may have"},
		{"quote in host", "http://a\"b/", "no host may have"},
		{"semicolon in host", "http://a;b/", "no host may have"},
		{"dots only", "http://../", "host"},
		{"empty label", "http://a..b/", "label"},
		{"two trailing dots", "http://example.com../", "label"},
		{"broken punycode", "http://xn--a/", "internationalised"},
		{"punycode of ASCII", "http://xn--example-.com/", "internationalised"},
		{"mixed directions", "http://aא.example/", "internationalised"},
		{"bracket unclosed", "http://[::1", "brackets"},
		{"bracket closed late", "http://[::1/]", "brackets"},
		{"bracket in the middle", "http://a[::1]/", "brackets"},
		{"bracket after", "http://[::1]a/", "brackets"},
		{"bracket twice", "http://[[::1]]/", ""},
		{"name in brackets", "http://[example.com]/", "IPv6"},
		{"IPv4 in brackets", "http://[127.0.0.1]/", "IPv6"},
		{"zone", "http://[fe80::1%25eth0]/", "IPv6"},
		{"IPv6 without brackets", "http://::1/", "brackets"},
		{"closing bracket", "http://a]/", "brackets"},
		{"port too large", "http://example.com:65536/", "port"},
		{"port zero", "http://example.com:0/", "port"},
		{"port empty", "http://example.com:/", "port"},
		{"port negative", "http://example.com:-1/", "port"},
		{"port with plus", "http://example.com:+80/", "port"},
		{"port in letters", "http://example.com:http/", "port"},
		{"port huge", "http://example.com:99999999999999999999/", "port"},
		{"port in full width", "http://example.com:８０/", "port"},
		{"two ports", "http://example.com:80:80/", "colons"},
		{"IPv6 port invalid", "http://[::1]:x/", "port"},
		{"IPv4 short", "http://127.1/", "number"},
		{"IPv4 decimal", "http://2130706433/", "number"},
		{"IPv4 hexadecimal", "http://0x7f.0.0.1/", "number"},
		{"IPv4 octal", "http://0177.0.0.1/", "number"},
		{"IPv4 too long", "http://1.2.3.4.5/", "number"},
		{"too long", "https://example.com/" + strings.Repeat("a", link.MaxURL-19), "8193 bytes"},
		{"too long when encoded", "https://example.com/" + strings.Repeat("中", 1000), "9020 bytes"},
		{"far too long", "https://example.com/" + strings.Repeat("a", 1<<20), "bytes"},
		{"own domain", "https://go.example.com/x", "own domains"},
		{"own domain in capitals", "https://GO.Example.COM/x", "own domains"},
		{"own domain with port", "http://go.example.com:8080/x", "own domains"},
		{"own domain with trailing dot", "https://go.example.com./x", "own domains"},
		{"own domain with dot and port", "https://go.example.com.:443/x", "own domains"},
		{"own domain in full width", "https://ｇｏ．example。com/", "own domains"},
		{"own IDN domain", "https://例.example/", "own domains"},
		{"own IDN domain as punycode", "https://XN--FSQ.example/", "own domains"},
		{"own address", "http://203.0.113.7/", "own domains"},
		{"own address in full width", "http://２０３.0.113.7:99/", "own domains"},
		{"own address mapped to IPv6", "http://[::ffff:203.0.113.7]/", "own domains"},
		{"own address mapped in hexadecimal", "http://[::ffff:cb00:7107]/", "own domains"},
		{"own IPv6 address spelled out", "http://[2001:0db8:0:0:0:0:0:7]/", "own domains"},
		{"app without anything", "weixin:", "ends after"},
		{"app with brackets", "weixin://[::1]/", "in its host"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := link.ParseDestination(test.in, policy)
			var problem *link.FieldError
			if !errors.As(err, &problem) {
				t.Fatalf("ParseDestination(%q) = %+v, %v; want a FieldError", test.in, got, err)
			}
			if got != (link.Destination{}) || problem.Field != "url" || problem.Hint == "" || !strings.Contains(problem.Reason, test.reason) {
				t.Errorf("ParseDestination(%q): %+v; want a reason with %q", test.in, problem, test.reason)
			}
			if strings.Contains(err.Error(), "secret") || len(err.Error()) > 1000 || strings.ContainsAny(err.Error(), "\r\n\x00") {
				t.Errorf("bad message: %v", err)
			}
		})
	}
}

func TestParseDestinationDefaults(t *testing.T) {
	var none link.DestinationPolicy
	for _, in := range []string{"https://go.example.com/", "http://127.0.0.1:9999/x"} {
		if d, err := link.ParseDestination(in, none); err != nil || d.URL != in {
			t.Errorf("ParseDestination(%q) = %+v, %v", in, d, err)
		}
	}
	if d, err := link.ParseDestination("weixin://dl", none); err == nil {
		t.Errorf("an app scheme nobody enabled gave %+v", d)
	}
}

func TestDestinationHost(t *testing.T) {
	for _, test := range []struct {
		in, unicode string
		mixed       bool
	}{
		{"https://example.com/", "example.com", false},
		{"https://bücher.example/", "bücher.example", false},
		{"https://xn--bcher-kva.example/", "bücher.example", false},
		{"https://кремль.рф/", "кремль.рф", false},
		{"https://аpple.com/", "аpple.com", true},         // Cyrillic а
		{"https://xn--pple-43d.com/", "аpple.com", true},  // the same as punycode
		{"https://gοοgle.com/", "gοοgle.com", true},       // Greek ο
		{"https://почта-mail.ru/", "почта-mail.ru", true}, // honest, and mixed all the same
		{"https://почта.example.com/", "почта.example.com", false},
		{"https://αб.gr/", "αб.gr", true},
		{"https://日本語カタひらabc.jp/", "日本語カタひらabc.jp", false},
		{"https://スーパー.jp/", "スーパー.jp", false},
		{"https://漢ㄅabc.tw/", "漢ㄅabc.tw", false},
		{"https://한漢abc.kr/", "한漢abc.kr", false},
		{"https://한カ.kr/", "한カ.kr", true},
		{"https://漢б.cn/", "漢б.cn", true},
		{"https://ꭰ1-2.example/", "Ꭰ1-2.example", false}, // Cherokee
		{"https://ꭰa.example/", "Ꭰa.example", true},
		{"https://ไทย123.th/", "ไทย123.th", false},
		{"http://192.0.2.1/", "192.0.2.1", false},
		{"http://[2001:db8::1]/", "[2001:db8::1]", false},
		{"weixin://аpple", "", false},
	} {
		d, err := link.ParseDestination(test.in, policy)
		if err != nil || d.HostUnicode != test.unicode || d.MixedScript != test.mixed {
			t.Errorf("ParseDestination(%q) = %+v, %v; want %q, mixed %v", test.in, d, err, test.unicode, test.mixed)
		}
	}
}

func BenchmarkParseDestination(b *testing.B) {
	for _, bench := range []struct{ name, in string }{
		{"ASCII", "https://www.amazon.com/dp/B08N5WRWNW/ref=sr_1_3?keywords=echo+dot&qid=1700000000&sr=8-3&th=1"},
		{"IDN", "https://例子.测试/路径?键=值#段"},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := link.ParseDestination(bench.in, policy); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func FuzzParseDestination(f *testing.F) {
	for _, seed := range destinations {
		if len(seed.in) < 300 {
			f.Add(seed.in)
		}
	}
	for _, seed := range []string{
		"javascript:alert(1)", "http://a@b", "http://[::1", "http://[::ffff:1.2.3.4]:80", "http://%00", "http://xn--a-/", "http://ͅ/",
		"https:\\\\a", "http://a:/", "http://1.2.3.4./", "http://a。/", "tel:%", "http://a#%", "http://aא/", "weixin://%%41",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		d, err := link.ParseDestination(in, policy)
		if err != nil {
			if d != (link.Destination{}) {
				t.Fatalf("%+v beside %v", d, err)
			}
			return
		}
		checkDestination(t, d)
	})
}
