package bench_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"suodi/bench"
)

const (
	domain = "go.example"
	token  = "end-to-end-admin-token-0123456789abcdef"
	target = "https://www.example.org/a%20page?of=links&to=follow#here"
)

// cluster is a control plane and an edge, each a process of its own, on
// addresses and with data that outlive them.
type cluster struct {
	t    *testing.T
	dir  string
	api  string // URL
	edge string // host:port where visitors are answered

	feed, raft, admin string
	control, node     *process // node is the edge's
}

// newCluster starts both and waits until the edge serves.
func newCluster(t *testing.T) *cluster {
	t.Helper()
	c := &cluster{
		t: t, dir: t.TempDir(), api: "http://" + freeAddress(t), edge: freeAddress(t),
		feed: freeAddress(t), raft: freeAddress(t), admin: freeAddress(t),
	}
	c.startControl()
	c.startEdge()
	c.awaitFeed()
	return c
}

func (c *cluster) startControl() {
	c.t.Helper()
	c.control = launch(c.t, []string{"SUODI_TOKEN=" + token}, program(c.t, "suodi"), "serve",
		"--data", filepath.Join(c.dir, "control"), "--api", strings.TrimPrefix(c.api, "http://"), "--feed", c.feed, "--raft", c.raft,
		"--base-url", "http://"+domain, "--log-level", "warn")
}

func (c *cluster) startEdge() {
	c.t.Helper()
	c.node = launch(c.t, nil, program(c.t, "suodi-edge"), "--data", filepath.Join(c.dir, "edge"), "--listen", c.edge,
		"--admin", c.admin, "--upstream", c.feed, "--id", "edge-1", "--log-level", "warn")
}

// awaitFeed waits until the edge follows the control plane.
func (c *cluster) awaitFeed() {
	c.t.Helper()
	eventually(c.t, "the edge is ready and connected", func() bool {
		status, text := c.adminGet("/readyz")
		return status == http.StatusOK && strings.Contains(text, "at revision")
	})
	eventually(c.t, "the control plane lists the edge", func() bool {
		var fleet struct{ Edges []struct{ Revision string } }
		return c.call(http.MethodGet, "/v1/fleet", nil, &fleet).status == http.StatusOK && len(fleet.Edges) == 1
	})
}

func (c *cluster) adminGet(path string) (int, string) {
	response, err := http.Get("http://" + c.admin + path)
	if err != nil {
		return 0, err.Error()
	}
	body, err := io.ReadAll(response.Body)
	must(c.t, err)
	must(c.t, response.Body.Close())
	return response.StatusCode, string(body)
}

// reply is what the API answered.
type reply struct {
	status int
	header http.Header
	body   string
	err    error // of the connection
}

// source is a body that is not JSON.
type source struct{ kind, text string }

// call sends a request to the API and reads an answer that is no refusal into
// result, unless that is nil.
func (c *cluster) call(method, path string, body, result any) reply {
	c.t.Helper()
	kind, sent := "application/json", []byte(nil)
	switch b := body.(type) {
	case nil:
	case source:
		kind, sent = b.kind, []byte(b.text)
	default:
		var err error
		sent, err = json.Marshal(b)
		must(c.t, err)
	}
	request, err := http.NewRequestWithContext(c.t.Context(), method, c.api+path, bytes.NewReader(sent))
	must(c.t, err)
	if body != nil {
		request.Header.Set("Content-Type", kind)
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := client.Do(request)
	if err != nil {
		return reply{err: err}
	}
	data, err := io.ReadAll(response.Body)
	_ = response.Body.Close() // the body was read, or the control plane was killed
	r := reply{status: response.StatusCode, header: response.Header, body: string(data), err: err}
	if result != nil && r.status < 300 && err == nil {
		if err := json.Unmarshal(data, result); err != nil {
			c.t.Fatalf("%s %s answered %q: %v", method, path, data, err)
		}
	}
	return r
}

// client keeps no connection that a killed process would leave behind broken.
var client = &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}

// fields are what a link is made of.
type fields map[string]any

// made is a link as the API gave it.
type made struct {
	Domain, Slug, URL string
	ShortURL          string `json:"short_url"`
}

func (m made) path() string { return "/v1/links/" + m.Domain + "/" + url.PathEscape(m.Slug) }

// request is what visitors of the link send.
func (m made) request(t *testing.T) (target string) {
	t.Helper()
	u, err := url.Parse(m.ShortURL)
	must(t, err)
	return u.EscapedPath()
}

// link makes a link and waits until the edge has it.
func (c *cluster) link(f fields) (m made) {
	c.t.Helper()
	if f["url"] == nil {
		f["url"] = target
	}
	c.want(http.StatusCreated, c.call(http.MethodPost, "/v1/links?wait=edges&wait_timeout=30", f, &m))
	return m
}

// want fails the test when the API did not answer as it should.
func (c *cluster) want(status int, r reply) reply {
	c.t.Helper()
	if r.err != nil || r.status != status {
		c.t.Fatalf("the API answered %d %s (%v), want %d", r.status, r.body, r.err, status)
	}
	return r
}

// visitor opens connections to the edge.
func (c *cluster) visitor(t *testing.T) *visitor {
	t.Helper()
	v, err := bench.NewVisitor("http://"+c.edge, patience)
	must(t, err)
	t.Cleanup(func() { _ = v.Close() }) // the edge may have hung up already
	return &visitor{t: t, v: v}
}

// visitor is somebody with one connection.
type visitor struct {
	t *testing.T
	v *bench.Visitor
}

// get visits a path of the domain.
func (v *visitor) get(path, userAgent, language string) *bench.Answer {
	v.t.Helper()
	answer, err := v.v.Visit(bench.Visit{Host: domain, Target: path, UserAgent: userAgent, Language: language})
	if err != nil {
		v.t.Fatalf("visit of %s: %v", path, err)
	}
	return answer
}

// browse visits a path as a browser.
func (v *visitor) browse(path string) *bench.Answer {
	v.t.Helper()
	return v.get(path, browser, "en")
}

const browser = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"

// future is a time as the API takes it.
func future(d time.Duration) string { return time.Now().Add(d).UTC().Format(time.RFC3339) }
