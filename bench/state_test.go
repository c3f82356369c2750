package bench_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"suodi/bench"
)

// testStates checks the answers of links that do not redirect, in both
// languages, and that a change takes effect at once.
func testStates(t *testing.T, c *cluster) {
	const away = "https://www.example.net/elsewhere"
	v := c.visitor(t)
	for _, s := range []struct {
		name     string
		fields   fields
		status   int
		location string
		zh, en   string // headings
	}{
		{"paused", fields{"state": "paused"}, 404, "", "这个链接已暂停", "This link is paused"},
		{"paused with fallback", fields{"state": "paused", "fallback_url": away}, 404, "", "这个链接已暂停", "This link is paused"},
		{"archived", fields{"state": "archived"}, 410, "", "这个链接已失效", "This link has ended"},
		{"archived with fallback", fields{"state": "archived", "fallback_url": away}, 302, away, "", ""},
		{"expired", fields{"not_after": "2001-02-03T04:05:06Z"}, 410, "", "这个链接已失效", "This link has ended"},
		{"expired with fallback", fields{"not_after": "2001-02-03T04:05:06Z", "fallback_url": away}, 302, away, "", ""},
		{"not yet expired", fields{"not_after": future(time.Hour), "fallback_url": away}, 302, target, "", ""},
		{"permanent but expired", fields{"status": 301, "not_after": "2001-02-03T04:05:06Z", "fallback_url": away}, 302, away, "", ""},
		{"paused and not open to anyone", fields{"state": "paused", "allow": []string{"wechat"}}, 404, "", "这个链接已暂停", "This link is paused"},
	} {
		m := c.link(s.fields)
		for language, heading := range map[string]string{"zh-CN": s.zh, "en": s.en} {
			a := v.get(m.request(t), browser, language)
			if a.Status != s.status || a.Location != s.location || a.Header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: answered %d to %q, Cache-Control %q", s.name, a.Status, a.Location, a.Header.Get("Cache-Control"))
			}
			if heading == "" {
				continue
			}
			if !strings.Contains(a.Body, "<h1>"+heading+"</h1>") || !strings.Contains(a.Body, `<html lang="`+language+`">`) {
				t.Errorf("%s in %s: page %s", s.name, language, a.Body)
			}
			if wrong := checkPage(a); wrong != "" {
				t.Errorf("%s: %s", s.name, wrong)
			}
		}
	}

	m := c.link(fields{})
	change := func(f fields, status int) {
		t.Helper()
		c.want(http.StatusOK, c.call(http.MethodPatch, m.path()+"?wait=edges", f, nil))
		if a := v.browse(m.request(t)); a.Status != status {
			t.Errorf("after %v the visit answers %d, want %d", f, a.Status, status)
		}
	}
	change(fields{"state": "paused"}, 404)
	change(fields{"state": "active"}, 302)
	change(fields{"allow": []string{"wechat"}}, 403)
	change(fields{"allow": []string{}}, 302)
	change(fields{"state": "archived"}, 410)
	change(fields{"state": "active", "status": 307}, 307)
	soon := time.Now().Add(2 * time.Second).Truncate(time.Second)
	change(fields{"not_after": soon.UTC().Format(time.RFC3339)}, 307)
	eventually(t, "the link expires", func() bool { return v.browse(m.request(t)).Status == 410 })
	if early := time.Until(soon); early > 0 {
		t.Errorf("the link expired %s early", early)
	}
}

// testNotFound checks links that are not there, or no longer.
func testNotFound(t *testing.T, c *cluster) {
	v := c.visitor(t)
	m := c.link(fields{"slug": "will/be/deleted"})
	if a := v.browse("/will/be/deleted"); a.Status != 302 {
		t.Fatalf("before it is deleted: %d", a.Status)
	}
	c.want(http.StatusNoContent, c.call(http.MethodDelete, m.path()+"?wait=edges", nil, nil))
	for _, path := range []string{"/will/be/deleted", "/never-made", "/WILL/be/deleted", "/" + strings.Repeat("x", 129), "/%E7%BC%A9"} {
		a := v.browse(path)
		if a.Status != 404 || !strings.Contains(a.Body, "<h1>There is no such link</h1>") || a.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d %s", path, a.Status, a.Body)
		}
	}
	if r := c.call(http.MethodPost, "/v1/links", fields{"url": target, "slug": "will/be/deleted"}, nil); r.status != http.StatusConflict {
		t.Errorf("a deleted link's slug is given away: %d %s", r.status, r.body)
	}
	c.want(http.StatusNoContent, c.call(http.MethodDelete, m.path()+"?release=true", nil, nil))
	c.link(fields{"slug": "will/be/deleted"})
	if a := v.browse("/will/be/deleted/"); a.Status != 302 {
		t.Errorf("made again: %d", a.Status)
	}
}

// testStatuses checks the four redirects and how long they may be kept.
func testStatuses(t *testing.T, c *cluster) {
	v := c.visitor(t)
	for status, cache := range map[int]string{301: "private, max-age=90", 302: "no-store", 307: "no-store", 308: "private, max-age=90"} {
		a := v.browse(c.link(fields{"status": status}).request(t))
		if a.Status != status || a.Location != target || a.Header.Get("Cache-Control") != cache {
			t.Errorf("%d: answered %d to %s, Cache-Control %q", status, a.Status, a.Location, a.Header.Get("Cache-Control"))
		}
	}
}

// testHead checks that HEAD answers as GET does, without the body.
func testHead(t *testing.T, c *cluster) {
	// The length of an empty body may be left out for HEAD (RFC 9110, 8.6).
	varies := regexp.MustCompile(`(Date: [^\r]*|Content-Length: 0)\r\n`)
	for name, f := range map[string]fields{
		"redirect": {}, "permanent": {"status": 301}, "refuse": {"allow": []string{"wechat"}}, "guide": {"guard": []string{"desktop"}}, "paused": {"state": "paused"},
	} {
		path := c.link(f).request(t)
		ask := func(method string) (head, body string) {
			head, body, _ = strings.Cut(talk(t, c, method+" "+path+" HTTP/1.1\r\nHost: go.example\r\nUser-Agent: "+browser+"\r\nConnection: close\r\n\r\n"), "\r\n\r\n")
			return varies.ReplaceAllString(head, ""), body
		}
		get, _ := ask("GET")
		head, body := ask("HEAD")
		if head != get || body != "" {
			t.Errorf("%s: HEAD answers %q %q, GET %q", name, head, body, get)
		}
	}
}

// outside matches what would make a page load something from elsewhere.
var outside = regexp.MustCompile(`(?i)(https?:)?//|\b(src|href|action|srcset)\s*=|url\(|@import`)

// checkPage says what is wrong with a page; "" when nothing is. The only
// address on it may be the link's own, as text.
func checkPage(a *bench.Answer) string {
	policy := a.Header.Get("Content-Security-Policy")
	switch {
	case !strings.HasPrefix(policy, "default-src 'none'; style-src 'sha256-"), strings.Contains(policy, "unsafe"), strings.Contains(policy, "http"),
		!strings.Contains(policy, "form-action 'none'"), !strings.Contains(policy, "frame-ancestors 'none'"), !strings.Contains(policy, "base-uri 'none'"):
		return "policy " + policy
	case a.Header.Get("Content-Type") != "text/html; charset=utf-8":
		return "type " + a.Header.Get("Content-Type")
	case a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Vary") != "Accept-Language" || a.Header.Get("X-Content-Type-Options") != "nosniff":
		return fmt.Sprint("headers ", a.Header)
	case len(a.Body) > 16<<10:
		return fmt.Sprintf("%d bytes", len(a.Body))
	case !strings.Contains(a.Body, `name="viewport" content="width=device-width`):
		return "no viewport for phones"
	}
	own := regexp.MustCompile(`http://` + regexp.QuoteMeta(domain) + `/[^<"]*`)
	if found := outside.FindString(own.ReplaceAllString(a.Body, "")); found != "" {
		return fmt.Sprintf("the page has %q: %s", found, a.Body)
	}
	return ""
}

// testPages checks the language of pages and that nothing of a request gets
// into them unescaped.
func testPages(t *testing.T, c *cluster) {
	v := c.visitor(t)
	guarded := c.link(fields{"guard": []string{"desktop"}}).request(t)
	for language, want := range map[string]string{
		"": "en", "en-US,en;q=0.9": "en", "zh-CN,zh;q=0.9,en;q=0.8": "zh-CN", "zh-TW": "zh-CN", "zh-Hant-HK;q=0.8, en;q=0.5": "zh-CN",
		"en;q=0.9, zh;q=0.95": "zh-CN", "fr-FR, de": "en", "fr, zh;q=0.1": "zh-CN", "zh;q=0": "en", "*;q=0.5": "en", "\";;;,,q=zh": "en",
	} {
		for _, path := range []string{guarded, "/nothing-here", "/", "/%ff"} {
			a := v.get(path, browser, language)
			if !strings.Contains(a.Body, `<html lang="`+want+`">`) {
				t.Errorf("%s for %q: not in %s: %.200s", path, language, want, a.Body)
			}
			if wrong := checkPage(a); wrong != "" {
				t.Errorf("%s: %s", path, wrong)
			}
		}
	}
	nasty := `?"><script>alert(1)</script>&'><img/src=x>{{.}}`
	for _, path := range []string{guarded + nasty, "/nothing-here" + nasty, "/<script>alert(1)</script>", `/"onload="x`} {
		raw := talk(t, c, "GET "+path+" HTTP/1.1\r\nHost: "+domain+"\r\nUser-Agent: "+browser+" <script>\r\nConnection: close\r\n\r\n")
		_, body, _ := strings.Cut(raw, "\r\n\r\n")
		if strings.Contains(body, "<script>alert") || strings.Contains(body, "<img") || strings.Contains(body, `"onload="`) {
			t.Errorf("%s: gets into the page as it is: %s", path, body)
		}
	}
}

// talk sends bytes to the edge, says that there are no more, and returns
// everything it says until it hangs up.
func talk(t *testing.T, c *cluster, request string) string {
	t.Helper()
	conn, err := net.Dial("tcp", c.edge)
	must(t, err)
	defer func() { _ = conn.Close() }() // everything was read
	must(t, conn.SetDeadline(time.Now().Add(patience)))
	_, werr := io.WriteString(conn, request)
	_ = conn.(*net.TCPConn).CloseWrite() // the edge may have hung up on what it has seen
	answer, err := io.ReadAll(conn)
	if err != nil && len(answer) == 0 {
		t.Fatalf("%.80q: %v, %v", request, werr, err)
	}
	return string(answer)
}
