package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"testing"
	"time"

	"suodi/control"
)

// node is a control node with a client of its API.
type node struct {
	*control.Server
	t     testing.TB
	token string
}

func open(t testing.TB) *node {
	t.Helper()
	s, err := control.Open(t.Context(), control.Config{
		Dir: t.TempDir(), API: "127.0.0.1:0", Feed: "127.0.0.1:0", Raft: "127.0.0.1:0", BaseURL: "https://go.example.com", Version: "test",
		JudgeEvery: 20 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return &node{Server: s, t: t, token: s.Token()}
}

// answer is what the API said.
type answer struct {
	t      testing.TB
	what   string
	status int
	header http.Header
	body   []byte
}

// do sends a request; headers are names and values in turn.
func (n *node) do(method, path, body string, headers ...string) *answer {
	n.t.Helper()
	return n.send(method, path, strings.NewReader(body), headers...)
}

func (n *node) send(method, path string, body io.Reader, headers ...string) *answer {
	n.t.Helper()
	r, err := http.NewRequestWithContext(n.t.Context(), method, n.APIURL()+path, body)
	if err != nil {
		n.t.Fatal(err)
	}
	if n.token != "" {
		r.Header.Set("Authorization", "Bearer "+n.token)
	}
	if method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(r)
	if err != nil {
		n.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	if err != nil {
		n.t.Fatal(err)
	}
	return &answer{t: n.t, what: method + " " + path, status: resp.StatusCode, header: resp.Header, body: got}
}

// want checks the status.
func (a *answer) want(status int) *answer {
	a.t.Helper()
	if a.status != status {
		a.t.Errorf("%s: %d; want %d: %.600s", a.what, a.status, status, a.body)
	}
	return a
}

// problem checks that the answer is a problem with a status, and that it tells
// every text.
func (a *answer) problem(status int, texts ...string) *answer {
	a.t.Helper()
	a.want(status)
	if kind, _, err := mime.ParseMediaType(a.header.Get("Content-Type")); err != nil || kind != "application/problem+json" {
		a.t.Errorf("%s: content type %q", a.what, a.header.Get("Content-Type"))
	}
	var p struct {
		Title, Detail string
		Status        int
	}
	if err := json.Unmarshal(a.body, &p); err != nil || p.Status != status || p.Title == "" || p.Detail == "" {
		a.t.Errorf("%s: problem %s, %v", a.what, a.body, err)
	}
	for _, text := range texts {
		if !strings.Contains(a.unescaped(), text) {
			a.t.Errorf("%s: the problem does not tell %q: %.600s", a.what, text, a.body)
		}
	}
	return a
}

// unescaped is the body without what JSON escapes for the sake of HTML.
func (a *answer) unescaped() string {
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&", `\"`, `"`).Replace(string(a.body))
}

// get returns a value of the body by its path of names and indexes.
func (a *answer) get(path ...any) any {
	a.t.Helper()
	decoder := json.NewDecoder(bytes.NewReader(a.body))
	var v any
	if err := decoder.Decode(&v); err != nil {
		a.t.Fatalf("%s: %v: %s", a.what, err, a.body)
	}
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			l, _ := v.([]any)
			if p >= len(l) {
				return nil
			}
			v = l[p]
		}
	}
	return v
}

// is checks a value of the body, as fmt prints it.
func (a *answer) is(want any, path ...any) *answer {
	a.t.Helper()
	if got := a.get(path...); fmt.Sprint(got) != fmt.Sprint(want) {
		a.t.Errorf("%s: %v is %v; want %v", a.what, path, got, want)
	}
	return a
}

func (a *answer) etag() string { return a.header.Get("ETag") }

// slugs lists the slugs of all links, newest first.
func (n *node) slugs(query string) (slugs []string) {
	n.t.Helper()
	cursor := ""
	for {
		page := n.do("GET", "/v1/links?limit=1000"+query+cursor, "").want(200)
		links, _ := page.get("links").([]any)
		for _, l := range links {
			slugs = append(slugs, l.(map[string]any)["slug"].(string))
		}
		next, _ := page.get("next_cursor").(string)
		if next == "" {
			return slugs
		}
		cursor = "&cursor=" + next
	}
}

func quote(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}
