package bench_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// TestRules pushes rule sets to a running cluster: the edge must answer by the
// one in force, without a restart, and by no other.
func TestRules(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	v := c.visitor(t)
	guarded := c.link(fields{"guard": []string{"wechat"}}).request(t)
	wechat := "Mozilla/5.0 (Linux; Android 14; wv) AppleWebKit/537.36 Chrome/116.0.0.0 Mobile Safari/537.36 MicroMessenger/8.0.47 NetType/WIFI"
	answers := func(want int, part string) {
		t.Helper()
		if a := v.get(guarded, wechat, "en"); a.Status != want || !strings.Contains(a.Body, part) {
			t.Errorf("WeChat is answered %d %s, want %d with %q", a.Status, a.Body, want, part)
		}
		if a := v.browse(guarded); a.Status != 302 {
			t.Errorf("a browser is answered %d", a.Status)
		}
	}
	type version struct {
		Number int
		Hash   string
	}
	type filter struct {
		Current, Staged, Chain int
		Edges                  []struct{ Edge, Hash, Error string }
	}
	state := func() (f filter) {
		t.Helper()
		c.want(http.StatusOK, c.call(http.MethodGet, "/v1/filters/platform", nil, &f))
		return f
	}
	first := state()
	if first.Current != 1 || first.Chain != 1 || len(first.Edges) != 1 || first.Edges[0].Error != "" {
		t.Fatalf("the platform filter begins as %+v", first)
	}
	answers(200, "Open this in a browser")

	// Another version refuses where the first guides. Staged, it changes
	// nothing; promoted, it is in force at once.
	refusing := source{"application/yaml", `
name: platform
fail: closed
rules:
  - when: size(link.allow) > 0 && !visit.platforms.intersects(link.allow)
    then: deny
  - when: visit.platforms.intersects(link.guard)
    then: deny
    reason: { zh: 换了规则, en: The rules have changed }
tests:
  - name: guarded WeChat is refused
    visit: { user_agent: "Mozilla/5.0 (iPhone) MicroMessenger/8.0.49" }
    link: { guard: [wechat] }
    expect: deny
`}
	c.want(http.StatusCreated, c.call(http.MethodPost, "/v1/filters/platform?wait=edges", refusing, nil))
	if f := state(); f.Current != 1 || f.Staged != 2 {
		t.Errorf("after a push: %+v", f)
	}
	answers(200, "Open this in a browser")
	var promoted filter
	c.want(http.StatusOK, c.call(http.MethodPost, "/v1/filters/platform/promote?wait=edges", nil, &promoted))
	answers(403, "The rules have changed")
	var listed struct{ Versions []version }
	c.want(http.StatusOK, c.call(http.MethodGet, "/v1/filters/platform/versions", nil, &listed))
	if len(listed.Versions) != 2 || promoted.Current != 2 || len(promoted.Edges) != 1 || promoted.Edges[0].Hash != listed.Versions[1].Hash {
		t.Errorf("after promote: %+v; versions %+v", promoted, listed)
	}
	c.want(http.StatusOK, c.call(http.MethodPost, "/v1/filters/platform/rollback?wait=edges", nil, nil))
	answers(200, "Open this in a browser")
	if r := c.call(http.MethodPost, "/v1/filters/platform/rollback", nil, nil); r.status != http.StatusConflict {
		t.Errorf("the platform filter rolls back to none: %d %s", r.status, r.body)
	}
	// Both in one step, and by a filter of one's own behind it.
	refusing.text = strings.ReplaceAll(refusing.text, "have changed", "changed again")
	c.want(http.StatusCreated, c.call(http.MethodPost, "/v1/filters/platform?promote=all&wait=edges", refusing, nil))
	answers(403, "The rules changed again")
	c.want(http.StatusOK, c.call(http.MethodPost, "/v1/filters/platform/rollback?wait=edges", nil, nil))
	answers(200, "Open this in a browser")
	own := source{"application/yaml", "name: no-desktop\nrules:\n  - when: '\"desktop\" in visit.platforms'\n    then: deny\n    reason: { en: Phones only }\n"}
	c.want(http.StatusCreated, c.call(http.MethodPost, "/v1/filters/no-desktop?promote=all&wait=edges", own, nil))
	if a := v.browse(guarded); a.Status != 403 || !strings.Contains(a.Body, "Phones only") {
		t.Errorf("the second filter of the chain: %d %s", a.Status, a.Body)
	}
	c.want(http.StatusOK, c.call(http.MethodPost, "/v1/filters/no-desktop/rollback?wait=edges", nil, nil))
	answers(200, "Open this in a browser")

	place := regexp.MustCompile(`"location":"body:\d+(:\d+)?"`)
	before := state()
	for name, b := range map[string]struct {
		source
		status int
		says   string
		place  bool
	}{
		"YAML":          {source{"application/yaml", "name: platform\nrules:\n  - when: [\n"}, 422, "", true},
		"CEL":           {source{"application/yaml", "name: platform\nrules:\n  - when: visit.platforms.intersects(link.guard\n    then: deny\n"}, 422, "", true},
		"unknown field": {source{"application/yaml", "name: platform\nrules:\n  - wen: 'true'\n    then: deny\n"}, 422, "wen", true},
		"platform":      {source{"application/yaml", "name: platform\nrules:\n  - when: '\"wechta\" in visit.platforms'\n    then: deny\n"}, 422, "wechat", true},
		"own test":      {source{"application/yaml", strings.Replace(refusing.text, "expect: deny", "expect: guide", 1)}, 422, "guarded WeChat is refused", true},
		"about bots":    {source{"application/yaml", "name: platform\nrules:\n  - when: visit.bot\n    then: guide\n"}, 422, "bot", true},
		"another name":  {source{"application/yaml", "name: other\nrules:\n  - when: 'true'\n    then: deny\n"}, 422, "other", false},
		"module":        {source{"application/wasm", "\x00asm\x01\x00\x00\x00"}, 422, "not admitted", false},
		"JSON":          {source{"application/json", "{}"}, 415, "application/yaml", false},
		"nothing":       {source{"application/yaml", ""}, 400, "body is required", false},
		"too large":     {source{"application/yaml", "#" + strings.Repeat("x", 2<<20)}, 413, "", false},
	} {
		r := c.call(http.MethodPost, "/v1/filters/platform?promote=all", b.source, nil)
		if r.status != b.status || !strings.Contains(r.body, b.says) || r.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: answered %d %s, want %d with %q", name, r.status, r.body, b.status, b.says)
		}
		if b.place && !place.MatchString(r.body) {
			t.Errorf("%s: no place in %s", name, r.body)
		}
	}
	if after := state(); after.Current != before.Current || after.Staged != before.Staged {
		t.Errorf("what was refused changed %+v into %+v", before, after)
	}
	answers(200, "Open this in a browser")

	// A restarted edge runs what is in force, also without the control plane.
	c.want(http.StatusCreated, c.call(http.MethodPost, "/v1/filters/platform?promote=all&wait=edges", refusing, nil))
	c.node.kill()
	c.control.kill()
	c.startEdge()
	answers(403, "The rules changed again")
}
