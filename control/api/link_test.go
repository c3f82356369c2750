package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
)

func TestLinks(t *testing.T) {
	n := open(t)
	made := n.do("POST", "/v1/links", `{"url":"HTTPS://Example.org","slug":"夏/天","allow":["ios","android","ios"],"guard":["wechat"],
		"title":"Summer","tags":["b","a"],"campaign":"c","status":307,"not_after":"2100-01-01T00:00:00+08:00","fallback_url":"https://example.net/"}`).
		want(201).is("go.example.com", "domain").is("夏/天", "slug").is("https://example.org/", "url").
		is("https://go.example.com/%E5%A4%8F/%E5%A4%A9", "short_url").is("[android ios]", "allow").is("[wechat]", "guard").
		is("[a b]", "tags").is("307", "status").is("active", "state").is("2099-12-31T16:00:00Z", "not_after").
		is("https://example.net/", "fallback_url").is("redirect", "kind").is("example.org", "url_host").is("false", "mixed_script")
	if made.etag() != quote(fmt.Sprint(made.get("revision"))) {
		t.Errorf("ETag %s of revision %v", made.etag(), made.get("revision"))
	}
	const path = "/v1/links/go.example.com/%E5%A4%8F%2F%E5%A4%A9"
	got := n.do("GET", path, "").want(200)
	if string(got.body) != string(made.body) || got.etag() != made.etag() {
		t.Errorf("read %s, %s; made %s, %s", got.body, got.etag(), made.body, made.etag())
	}
	n.do("GET", path+"?stale=ok", "").want(200)

	changed := n.do("PATCH", path, `{"url":"https://example.org/2","state":"paused","title":null,"allow":[],"guard":null,"not_after":null,"status":null}`,
		"If-Match", made.etag(), "Content-Type", "application/merge-patch+json").want(200).
		is("https://example.org/2", "url").is("paused", "state").is("", "title").is("[]", "allow").is("[]", "guard").
		is("<nil>", "not_after").is("302", "status").is("c", "campaign").is("[a b]", "tags").is("https://example.net/", "fallback_url")
	if changed.get("id") != made.get("id") || changed.get("created_at") != made.get("created_at") || changed.etag() == made.etag() {
		t.Errorf("changed %s", changed.body)
	}
	n.do("PATCH", path, `{"title":"x"}`, "If-Match", made.etag()).problem(412, "If-Match")
	n.do("PATCH", path, `{"title":"x"}`, "If-Match", "*").want(200)
	n.do("PATCH", path, `{"title":"y"}`).want(200).is("y", "title")
	n.do("PATCH", path, `{"url":null}`).problem(422, "url", "missing")
	n.do("PATCH", path, `{"slug":"other"}`).problem(422, "slug")
	n.do("PATCH", path, `{"state":"open"}`).problem(422, "state", "active")
	for _, tag := range []string{"1.5", `"x"`, `W/"1.5"`, `"1.5", "1.6"`, `"01.5"`} {
		n.do("PATCH", path, `{}`, "If-Match", tag).problem(400, "If-Match")
	}
	n.do("DELETE", path, "", "If-Match", made.etag()).problem(412)
	n.do("DELETE", path, "").want(204)
	n.do("GET", path, "").problem(404)
	n.do("DELETE", path, "").problem(404)
	n.do("PATCH", path, `{}`).problem(404)
	n.do("POST", "/v1/links", `{"url":"https://example.org/","slug":"夏/天"}`).problem(409, "slug", "release=true")
	n.do("DELETE", path+"?release=true", "").want(204)
	n.do("POST", "/v1/links", `{"url":"https://example.org/","slug":"夏/天"}`).want(201)

	generated := n.do("POST", "/v1/links", `{"url":"https://例子.example/?q=中"}`).want(201).
		is("https://xn--fsqu00a.example/?q=%E4%B8%AD", "url").is("例子.example", "url_host")
	if slug, _ := generated.get("slug").(string); len(slug) != 7 {
		t.Errorf("generated slug %q", slug)
	}
	found := n.do("POST", "/v1/links", `{"url":"https://例子.example/?q=中","find_or_create":true}`).want(200)
	if found.get("slug") != generated.get("slug") {
		t.Errorf("found %s", found.body)
	}
	n.do("POST", "/v1/links", `{"url":"https://fresh.example/","find_or_create":true}`).want(201)
	n.do("POST", "/v1/links", `{"url":"https://fresh.example/","slug":"x","find_or_create":true}`).problem(422, "slug")
}

func TestListLinks(t *testing.T) {
	n := open(t)
	n.do("PUT", "/v1/domains/b.example", `{}`).want(200)
	for i := range 12 {
		domain := []string{"go.example.com", "b.example"}[i%2]
		n.do("POST", "/v1/links", fmt.Sprintf(`{"slug":"s%d","url":"https://example.org/%d","domain":%q,"tags":["t%d"]}`, i, i, domain, i%3)).want(201)
	}
	for _, test := range []struct{ query, want string }{
		{"", "[s11 s10 s9 s8 s7 s6 s5 s4 s3 s2 s1 s0]"},
		{"&domain=b.example", "[s11 s9 s7 s5 s3 s1]"},
		{"&domain=B.EXAMPLE", "[s11 s9 s7 s5 s3 s1]"},
		{"&tag=t1", "[s10 s7 s4 s1]"},
		{"&q=ORG/1", "[s11 s10 s1]"},
		{"&q=nothing", "[]"},
		{"&stale=ok&domain=go.example.com&tag=t0", "[s6 s0]"},
	} {
		if got := fmt.Sprint(n.slugs(test.query)); got != test.want {
			t.Errorf("%s: %s; want %s", test.query, got, test.want)
		}
	}
	page := n.do("GET", "/v1/links?limit=5", "").want(200)
	if l, _ := page.get("links").([]any); len(l) != 5 {
		t.Errorf("a page of %d", len(l))
	}
	n.do("GET", "/v1/links?limit=0", "").problem(422, "limit")
	n.do("GET", "/v1/links?limit=1001", "").problem(422, "limit")
	n.do("GET", "/v1/links?limit=x", "").problem(422, "limit")
	n.do("GET", "/v1/links?cursor=!", "").problem(400, "cursor")
	n.do("GET", "/v1/links?cursor=0000000000000", "").problem(400, "cursor")
	n.do("GET", "/v1/links?domain=a:b", "").problem(422, "domain")
	n.do("GET", "/v1/links?page=2", "").problem(422, "page")
}

// Pages show every link that was there when the first was read, once.
func TestCursorsUnderConcurrentCreates(t *testing.T) {
	n := open(t)
	want := map[string]bool{}
	for i := range 60 {
		slug := fmt.Sprintf("old%d", i)
		want[slug] = true
		n.do("POST", "/v1/links", fmt.Sprintf(`{"slug":%q,"url":"https://example.org/"}`, slug)).want(201)
	}
	stop := make(chan struct{})
	var creators sync.WaitGroup
	for c := range 2 {
		creators.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
					n.do("POST", "/v1/links", fmt.Sprintf(`{"slug":"new%d-%d","url":"https://example.org/"}`, c, i)).want(201)
				}
			}
		})
	}
	seen := map[string]int{}
	for cursor := ""; ; {
		page := n.do("GET", "/v1/links?limit=7"+cursor, "").want(200)
		for _, l := range page.get("links").([]any) {
			seen[l.(map[string]any)["slug"].(string)]++
		}
		next, _ := page.get("next_cursor").(string)
		if next == "" {
			break
		}
		cursor = "&cursor=" + next
	}
	close(stop)
	creators.Wait()
	for slug, times := range seen {
		if times != 1 {
			t.Errorf("%s came %d times", slug, times)
		}
		delete(want, slug)
	}
	if len(want) != 0 {
		t.Errorf("%d links were not shown", len(want))
	}
}

// Nobody's change is lost when two change different fields at once.
func TestConcurrentPatches(t *testing.T) {
	n := open(t)
	n.do("POST", "/v1/links", `{"slug":"a","url":"https://example.org/"}`).want(201)
	var clients sync.WaitGroup
	for _, body := range []string{`{"title":"t"}`, `{"campaign":"c"}`, `{"tags":["x"]}`} {
		clients.Go(func() { n.do("PATCH", "/v1/links/go.example.com/a", body).want(200) })
	}
	clients.Wait()
	n.do("GET", "/v1/links/go.example.com/a", "").want(200).is("t", "title").is("c", "campaign").is("[x]", "tags")
}

// Whatever is wrong with a link, the answer says which field and why, and
// nothing is stored.
func TestBadLinks(t *testing.T) {
	n := open(t)
	n.do("POST", "/v1/links", `{"slug":"taken","url":"https://example.org/"}`).want(201)
	url := func(u string) string { return `{"slug":"bad","url":` + quote(u) + `}` }
	slug := func(s string) string { return `{"url":"https://example.org/","slug":` + quote(s) + `}` }
	for _, test := range []struct {
		name, body string
		status     int
		texts      []string
	}{
		{"no body", ``, 400, nil},
		{"no JSON", `{"url":`, 400, nil},
		{"text behind", `{"url":"https://example.org/"} x`, 400, nil},
		{"an array", `[]`, 422, nil},
		{"a string", `"https://example.org/"`, 422, nil},
		{"null", `null`, 422, nil},
		{"no URL", `{}`, 422, []string{"url"}},
		{"an unknown field", `{"url":"https://example.org/","colour":"red"}`, 422, []string{"colour"}},
		{"a number for a text", `{"url":5}`, 422, []string{"url", "string"}},
		{"a text for a list", `{"url":"https://example.org/","allow":"ios"}`, 422, []string{"allow", "array"}},
		{"no time", `{"url":"https://example.org/","not_after":"tomorrow"}`, 422, []string{"not_after"}},
		{"a time before 1970", `{"url":"https://example.org/","not_after":"1960-01-01T00:00:00Z"}`, 422, []string{"not_after"}},

		{"slug of 129 bytes", slug(strings.Repeat("x", 129)), 422, []string{"body.slug", "129 bytes", "128"}},
		{"slug of 129 bytes in 43 characters", slug(strings.Repeat("夏", 43)), 422, []string{"body.slug"}},
		{"slug of a megabyte nearly", slug(strings.Repeat("x", 1<<20-100)), 422, []string{"body.slug", "too long"}},
		{"slug favicon.ico", slug("favicon.ico"), 422, []string{"body.slug", "reserved"}},
		{"slug Robots.TXT", slug("Robots.TXT"), 422, []string{"body.slug", "reserved"}},
		{"slug with a dot first", slug(".well-known/x"), 422, []string{"body.slug", "reserved"}},
		{"slug with a plus last", slug("a+"), 422, []string{"body.slug", "preview"}},
		{"slug with a slash last", slug("a/"), 422, []string{"body.slug"}},
		{"slug ..", slug("a/../b"), 422, []string{"body.slug"}},
		{"slug with CR", slug("a\rb"), 422, []string{"body.slug"}},
		{"slug with LF", slug("a\nb"), 422, []string{"body.slug"}},
		{"slug with NUL", slug("a\x00b"), 422, []string{"body.slug"}},
		{"slug with an encoded line end", slug("a%0d%0aSet-Cookie:x"), 422, []string{"body.slug", "%"}},
		{"slug with an encoded NUL", slug("a%00"), 422, []string{"body.slug", "%"}},
		{"slug with a backslash", slug(`a\b`), 422, []string{"body.slug"}},
		{"slug with an invisible character", slug("a\u202eb"), 422, []string{"body.slug"}},
		{"taken slug", slug("taken"), 409, []string{"body.slug", "taken"}},

		{"javascript:", url("javascript:alert(1)"), 422, []string{"body.url", "javascript"}},
		{"JavaScript: with a tab", url("java\tscript:alert(1)"), 422, []string{"body.url"}},
		{"data:", url("data:text/html,x"), 422, []string{"body.url", "data"}},
		{"vbscript:", url("vbscript:x"), 422, []string{"body.url"}},
		{"file:", url("file:///etc/passwd"), 422, []string{"body.url"}},
		{"an app nobody enabled", url("weixin://dl/x"), 422, []string{"body.url"}},
		{"no scheme", url("example.org"), 422, []string{"body.url", "https://example.org"}},
		{"userinfo", url("https://user:secret@example.org/"), 422, []string{"body.url"}},
		{"backslash", url(`https://example.org\@evil.example/`), 422, []string{"body.url", "backslash"}},
		{"CR in the URL", url("https://example.org/a\rb"), 422, []string{"body.url"}},
		{"LF in the URL", url("https://example.org/a\nLocation:x"), 422, []string{"body.url"}},
		{"NUL in the URL", url("https://example.org/\x00"), 422, []string{"body.url"}},
		{"LF in the host, encoded", url("https://example.org%0a/"), 422, []string{"body.url"}},
		{"own domain", url("https://go.example.com/x"), 422, []string{"body.url"}},
		{"own domain, disguised", url("https://GO.Example.COM.:443/x"), 422, []string{"body.url"}},
		{"own domain as fallback", `{"url":"https://example.org/","fallback_url":"https://go.example.com/"}`, 422, []string{"body.fallback_url"}},
		{"URL too long", url("https://example.org/" + strings.Repeat("x", 8192)), 422, []string{"body.url", "8192"}},

		{"unknown platform", `{"url":"https://example.org/","allow":["wechta"]}`, 422, []string{"body.allow", "wechta", "did you mean wechat?"}},
		{"unknown platform to guard", `{"url":"https://example.org/","guard":["ios","douyinn"]}`, 422, []string{"body.guard", "douyinn", "did you mean douyin?"}},
		{"unknown domain", `{"url":"https://example.org/","domain":"go.example.con"}`, 422, []string{"body.domain", "did you mean go.example.com?"}},
		{"a domain that is none", `{"url":"https://example.org/","domain":"a b"}`, 422, []string{"body.domain"}},
		{"status", `{"url":"https://example.org/","status":200}`, 422, []string{"body.status", "307"}},
		{"state", `{"url":"https://example.org/","state":"banned"}`, 422, []string{"state", "paused"}},
		{"title", `{"url":"https://example.org/","title":` + quote(strings.Repeat("x", 201)) + `}`, 422, []string{"body.title", "200"}},
		{"tags", `{"url":"https://example.org/","tags":["` + strings.Repeat("x", 65) + `"]}`, 422, []string{"body.tags[0]", "64"}},
		{"everything at once", `{"slug":".x","url":"data:,","allow":["palm"],"status":99}`, 422, []string{"body.slug", "body.url", "body.allow", "body.status"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := &node{Server: n.Server, t: t, token: n.token}
			a := n.do("POST", "/v1/links", test.body).problem(test.status, test.texts...)
			if strings.Contains(string(a.body), "secret") {
				t.Errorf("the answer repeats credentials: %s", a.body)
			}
			if len(a.body) > 4<<10 {
				t.Errorf("an answer of %d bytes", len(a.body))
			}
			if strings.HasPrefix(test.body, "{\"") && test.status != 409 {
				n.do("PATCH", "/v1/links/go.example.com/taken", test.body).problem(a.status)
			}
			if got := n.slugs(""); !slices.Equal(got, []string{"taken"}) {
				t.Errorf("stored are %q", got)
			}
			n.do("GET", "/v1/links/go.example.com/taken", "").want(200).is("https://example.org/", "url")
		})
	}
}

func TestBadPaths(t *testing.T) {
	n := open(t)
	for path, status := range map[string]int{
		"/v1/links/go.example.com/none":                        404,
		"/v1/links/other.example/none":                         404,
		"/v1/links/go.example.com/a%00":                        422,
		"/v1/links/go.example.com/a%0d%0ab":                    422,
		"/v1/links/go.example.com/%ff":                         422,
		"/v1/links/go.example.com/..%2f..%2fetc":               422,
		"/v1/links/a%20b/none":                                 422,
		"/v1/links/go.example.com/" + strings.Repeat("x", 129): 422,
	} {
		n.do("GET", path, "").problem(status)
		n.do("DELETE", path, "").problem(status)
		n.do("PATCH", path, "{}").problem(status)
	}
}

func TestIdempotencyKey(t *testing.T) {
	n := open(t)
	first := n.do("POST", "/v1/links", `{"url":"https://example.org/"}`, "Idempotency-Key", "k1").want(201)
	again := n.do("POST", "/v1/links", `{"url":"https://example.org/"}`, "Idempotency-Key", "k1").want(201)
	if string(again.body) != string(first.body) || again.etag() != first.etag() {
		t.Errorf("repeated: %s; first %s", again.body, first.body)
	}
	n.do("POST", "/v1/links", `{"url":"https://example.org/other"}`, "Idempotency-Key", "k1").problem(422, "Idempotency-Key")
	n.do("DELETE", "/v1/links/go.example.com/x", "", "Idempotency-Key", "k1").problem(422, "Idempotency-Key")
	n.do("POST", "/v1/links", `{"url":"https://example.org/"}`, "Idempotency-Key", strings.Repeat("k", 256)).problem(422, "Idempotency-Key")
	if got := n.slugs(""); len(got) != 1 {
		t.Errorf("stored are %q", got)
	}
	path := "/v1/links/go.example.com/" + first.get("slug").(string)
	patched := n.do("PATCH", path, `{"title":"x"}`, "Idempotency-Key", "k2", "If-Match", first.etag()).want(200)
	if again := n.do("PATCH", path, `{"title":"x"}`, "Idempotency-Key", "k2", "If-Match", first.etag()).want(200); again.etag() != patched.etag() {
		t.Errorf("a repeated change is a second one: %s after %s", again.etag(), patched.etag())
	}
	n.do("DELETE", path, "", "Idempotency-Key", "k3").want(204)
	n.do("DELETE", path, "", "Idempotency-Key", "k3").want(204)

	// Many at once with one key make one link.
	var clients sync.WaitGroup
	bodies := make([]string, 8)
	for i := range bodies {
		clients.Go(func() {
			bodies[i] = string(n.do("POST", "/v1/links", `{"url":"https://race.example/"}`, "Idempotency-Key", "race").want(201).body)
		})
	}
	clients.Wait()
	for _, body := range bodies {
		if body != bodies[0] {
			t.Errorf("one key made %s and %s", bodies[0], body)
		}
	}

	// Another token's key is another key.
	other := n.do("POST", "/v1/tokens", `{"name":"other"}`).want(201)
	n2 := &node{Server: n.Server, t: t, token: other.get("token").(string)}
	if second := n2.do("POST", "/v1/links", `{"url":"https://example.org/"}`, "Idempotency-Key", "k1").want(201); second.get("slug") == first.get("slug") {
		t.Error("a token got what another token's key made")
	}
}

func TestBatch(t *testing.T) {
	n := open(t)
	n.do("POST", "/v1/links", `{"slug":"taken","url":"https://example.org/found"}`).want(201)
	rows := []struct {
		row    string
		status int
		text   string // of the problem
	}{
		{`{"url":"https://example.org/1","slug":"one"}`, 201, ""},
		{`{"url":5}`, 422, "url is a number"},
		{`{"url":"https://example.org/","colour":"red"}`, 422, "colour"},
		{`"text"`, 422, "want an object"},
		{`null`, 422, "url"},
		{`{"url":"https://example.org/","slug":"taken"}`, 409, "taken"},
		{`{"url":"https://example.org/","slug":"one"}`, 409, "taken"}, // by the first row
		{`{"url":"javascript:x"}`, 422, "javascript"},
		{`{"url":"https://example.org/","allow":["wechta"]}`, 422, "did you mean wechat?"},
		{`{"url":"https://example.org/found","find_or_create":true}`, 200, ""},
		{`{"url":"https://example.org/2"}`, 201, ""},
		{`{"url":"https://example.org/","slug":"x","find_or_create":true}`, 422, "find_or_create"},
		{`{"url":"https://example.org/","not_after":"never"}`, 422, "never"},
	}
	var body []string
	for _, row := range rows {
		body = append(body, row.row)
	}
	request := `{"links":[` + strings.Join(body, ",") + `]}`
	out := n.do("POST", "/v1/links/batch", request, "Idempotency-Key", "batch").want(200).is("2", "created").is("10", "failed")
	for i, row := range rows {
		out.is(i, "results", i, "row").is(row.status, "results", i, "status")
		switch problem := fmt.Sprint(out.get("results", i, "problem")); {
		case row.text == "" && out.get("results", i, "link", "slug") == nil:
			t.Errorf("row %d has no link: %s", i, problem)
		case row.text != "" && !strings.Contains(problem, row.text):
			t.Errorf("row %d: %s; want %q", i, problem, row.text)
		}
	}
	out.is("taken", "results", 9, "link", "slug")
	if got := n.slugs(""); len(got) != 3 {
		t.Errorf("stored are %q", got)
	}
	again := n.do("POST", "/v1/links/batch", request, "Idempotency-Key", "batch").want(200)
	if string(again.body) != string(out.body) {
		t.Errorf("repeated: %s\nfirst: %s", again.body, out.body)
	}
	if got := n.slugs(""); len(got) != 3 {
		t.Errorf("after a repeated batch, stored are %q", got)
	}
	for _, test := range []struct {
		name, body string
		status     int
	}{
		{"no rows", `{"links":[]}`, 422},
		{"no links", `{}`, 422},
		{"links no list", `{"links":{}}`, 422},
		{"an unknown field", `{"links":[{}],"x":1}`, 422},
		{"no JSON", `{"links":[{]}`, 400},
		{"a row too many", `{"links":[` + strings.Repeat(`{},`, 10_000) + `{}]}`, 422},
		{"a body over the limit", `{"links":[` + strings.Repeat(" ", 8<<20) + `{}]}`, 413},
	} {
		t.Run(test.name, func(t *testing.T) {
			(&node{Server: n.Server, t: t, token: n.token}).do("POST", "/v1/links/batch", test.body).problem(test.status)
		})
	}
}

// A batch repeated with its key answers for its own rows, also when what was
// wrong with one of them is not any more.
func TestBatchRepeatedAfterTheCatalogChanged(t *testing.T) {
	n := open(t)
	const request = `{"links":[{"slug":"a","url":"https://example.org/","allow":["newapp"]},{"slug":"b","url":"https://example.org/"},{"slug":"c","url":"https://example.org/"}]}`
	n.do("POST", "/v1/links/batch", request, "Idempotency-Key", "k").want(200).is("2", "created").is("422", "results", 0, "status").is("b", "results", 1, "link", "slug")
	n.do("PUT", "/v1/platforms/newapp", `{"zh":"新","en":"New","kind":"app","order":1,"match":["NewApp/"]}`).want(200)
	again := n.do("POST", "/v1/links/batch", request, "Idempotency-Key", "k").want(200)
	for i, slug := range []string{"a", "b", "c"} {
		if got := again.get("results", i, "link", "slug"); got != nil && got != slug {
			t.Errorf("row %d answers with link %v", i, got)
		}
		if again.get("results", i, "status") == float64(0) {
			t.Errorf("row %d has no answer: %s", i, again.body)
		}
	}
}

func TestLargeBatch(t *testing.T) {
	n := open(t)
	var body strings.Builder
	body.WriteString(`{"links":[`)
	for i := range 10_000 {
		if i > 0 {
			body.WriteByte(',')
		}
		fmt.Fprintf(&body, `{"slug":"s%d","url":"https://example.org/%d?%s"}`, i, i, strings.Repeat("q", 400))
	}
	body.WriteString(`]}`)
	out := n.do("POST", "/v1/links/batch", body.String()).want(200).is("10000", "created").is("0", "failed")
	out.is("s9999", "results", 9999, "link", "slug").is("9999", "results", 9999, "row")
	if got := n.slugs(""); len(got) != 10_000 || got[0] != "s9999" || got[9999] != "s0" {
		t.Errorf("%d links are stored", len(got))
	}
}

func TestBodyLimit(t *testing.T) {
	n := open(t)
	big := strings.Repeat("x", 1<<20)
	n.do("POST", "/v1/links", `{"url":"https://example.org/","title":"`+big+`"}`).problem(413)
	n.do("PUT", "/v1/domains/a.example", `{"base_url":"`+big+`"}`).problem(413)
	n.do("POST", "/v1/filters/x", big+"x", "Content-Type", "application/yaml").problem(413)
	// A body of no known length, too.
	n.send("POST", "/v1/links", &endless{}).problem(413)
	if got := n.slugs(""); len(got) != 0 {
		t.Errorf("stored are %q", got)
	}
}

type endless struct{ sent int }

func (e *endless) Read(p []byte) (int, error) {
	if e.sent > 16<<20 {
		return 0, http.ErrBodyNotAllowed
	}
	for i := range p {
		p[i] = ' '
	}
	e.sent += len(p)
	return len(p), nil
}
