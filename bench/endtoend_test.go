package bench_test

import (
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"suodi/bench"
	"suodi/wasm/visit/samples"
)

// TestEndToEnd makes links through the API of a running control plane and
// visits them at a running edge.
func TestEndToEnd(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	for name, test := range map[string]func(*testing.T, *cluster){
		"destinations": testDestinations,
		"promises":     testPromises,
		"agents":       testAgents,
		"crawlers":     testCrawlers,
		"platform":     testNewPlatform,
		"states":       testStates,
		"not found":    testNotFound,
		"statuses":     testStatuses,
		"head":         testHead,
		"pages":        testPages,
		"bad input":    testBadInput,
		"connections":  testConnections,
		"smoke":        testSmoke,
		"load":         testLoad,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			part := *c
			part.t = t
			test(t, &part)
		})
	}
}

// testDestinations makes a link of every public address of the corpus and
// checks where it leads, to the byte.
func testDestinations(t *testing.T, c *cluster) {
	data, err := os.ReadFile("testdata/destinations.tsv")
	must(t, err)
	v := c.visitor(t)
	count, long := 0, 0
	for line := range strings.Lines(string(data)) {
		parts := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(parts) != 3 {
			t.Fatalf("line %d has %d fields", count+1, len(parts))
		}
		name, typed, canonical := parts[0], parts[1], parts[2]
		m := c.link(fields{"url": typed, "title": name})
		if m.URL != canonical {
			t.Errorf("%s: stored as\n%s, want\n%s", name, m.URL, canonical)
		}
		answer := v.browse(m.request(t))
		if answer.Status != http.StatusFound || answer.Location != canonical {
			t.Errorf("%s: visit of %s answers %d to\n%s, want\n%s", name, m.ShortURL, answer.Status, answer.Location, canonical)
		}
		count++
		if len(canonical) >= 2000 {
			long++
		}
	}
	if count < 40 || long < 3 {
		t.Errorf("the corpus has %d addresses, %d of them long", count, long)
	}
}

// testPromises checks what the first page of the documentation promises, agent
// by agent.
func testPromises(t *testing.T, c *cluster) {
	v := c.visitor(t)
	ios := c.link(fields{"allow": []string{"ios"}}).request(t)
	wechat := c.link(fields{"guard": []string{"wechat"}}).request(t)
	agents := map[string]string{}
	for _, a := range samples.All() {
		agents[a.Name] = a.UserAgent
	}
	for _, p := range []struct {
		path, agent string
		want        int
	}{
		{ios, "wechat-ios", 302},
		{ios, "safari-ipad", 302},
		{ios, "chrome-android", 403},
		{ios, "wechat-android", 403},
		{ios, "googlebot", 403},
		{wechat, "wechat-android", 200},
		{wechat, "wechat-ios", 200},
		{wechat, "wechat-windows", 200},
		{wechat, "wechat-mac", 200},
		{wechat, "wechat-harmonyos", 200},
		{wechat, "wechat-ios-miniprogram", 200},
		{wechat, "wechat-android-x5", 200},
		{wechat, "wecom-ios", 302},
		{wechat, "qqbrowser-android", 302},
		{wechat, "safari-iphone", 302},
		{wechat, "baiduspider-mobile", 302},
	} {
		if agents[p.agent] == "" {
			t.Fatalf("there is no sample %s", p.agent)
		}
		if a := v.get(p.path, agents[p.agent], "zh-CN"); a.Status != p.want {
			t.Errorf("%s on %s: %d, want %d", p.agent, p.path, a.Status, p.want)
		}
	}
	// Who says nothing at all is not held to be an app.
	raw := "GET " + wechat + " HTTP/1.1\r\nHost: " + domain + "\r\nConnection: close\r\n"
	if said := talk(t, c, raw+"\r\n"); !strings.HasPrefix(said, "HTTP/1.1 302 ") {
		t.Errorf("without any user agent: %.100q", said)
	}
}

// sets are an allow and a guard set, and the link that has them.
type sets struct{ allow, guard []string }

// want says what the sets imply for a visitor with some platforms: DESIGN's
// rules, applied here to what people judged the agents to be.
func (s sets) want(platforms []string) string {
	has := func(id string) bool { return slices.Contains(platforms, id) }
	switch {
	case len(s.allow) > 0 && !slices.ContainsFunc(s.allow, has):
		return "refuse"
	case slices.ContainsFunc(s.guard, has):
		return "guide"
	}
	return "redirect"
}

// agentSets are the links that every sample visits.
var agentSets = []sets{
	{},
	{allow: []string{"ios"}},
	{allow: []string{"wechat", "alipay", "browser"}},
	{allow: []string{"desktop", "tablet"}},
	{allow: []string{"bot"}},
	{guard: []string{"wechat"}},
	{guard: []string{"wechat", "qq"}},
	{guard: []string{"android"}},
	{guard: []string{"miniprogram", "webview", "googlebot", "harmonyos"}},
	{allow: []string{"ios"}, guard: []string{"wechat", "qq"}},
	{allow: []string{"mobile", "wecom"}, guard: []string{"douyin", "weibo", "macos"}},
}

// testAgents has every sample visit links with all sorts of sets.
func testAgents(t *testing.T, c *cluster) {
	agents := samples.All()
	if len(agents) < 60 {
		t.Fatalf("there are %d samples", len(agents))
	}
	v := c.visitor(t)
	seen := map[string]int{}
	for _, s := range agentSets {
		m := c.link(fields{"allow": s.allow, "guard": s.guard})
		for i, agent := range agents {
			language := []string{"en", "zh-CN,zh;q=0.9,en;q=0.8"}[i%2]
			want := s.want(agent.Platforms)
			seen[want]++
			answer := v.get(m.request(t), agent.UserAgent, language)
			if wrong := checkAnswer(answer, want, agent, m, language); wrong != "" {
				t.Errorf("%s (%s) on allow %v guard %v, want %s: %s", agent.Name, agent.Platforms, s.allow, s.guard, want, wrong)
			}
		}
	}
	if len(seen) != 3 {
		t.Errorf("only these came up: %v", seen)
	}
}

// checkAnswer says what is wrong with what a sample got; "" when nothing is.
func checkAnswer(a *bench.Answer, want string, agent samples.Agent, m made, language string) string {
	chinese := strings.HasPrefix(language, "zh")
	pick := func(zh, en string) string {
		if chinese {
			return zh
		}
		return en
	}
	if want == "redirect" {
		switch {
		case a.Status != http.StatusFound || a.Location != target:
			return fmt.Sprintf("%d to %q", a.Status, a.Location)
		case a.Body != "" || a.Header.Get("Cache-Control") != "no-store":
			return fmt.Sprintf("body %q, Cache-Control %q", a.Body, a.Header.Get("Cache-Control"))
		}
		return ""
	}
	status, heading, reason := http.StatusForbidden, pick("这个链接在这里打不开", "This link is not open here"),
		pick("此链接不对这个平台开放", "This link is not open to this platform")
	if want == "guide" {
		status, heading, reason = http.StatusOK, pick("请在浏览器中打开", "Open this in a browser"),
			pick("请在浏览器中打开此链接", "Please open this link in your browser")
		if isBrowser(agent.Platforms) {
			heading = pick("请换一个浏览器打开", "Open this in another browser")
		}
		if !strings.Contains(a.Body, m.ShortURL) {
			return "the guide does not show the link: " + a.Body
		}
	}
	if a.Status != status || a.Location != "" {
		return fmt.Sprintf("%d to %q, want %d", a.Status, a.Location, status)
	}
	for _, part := range []string{
		`<html lang="` + pick("zh-CN", "en") + `">`, "<title>" + heading + "</title>", "<h1>" + heading + "</h1>", reason,
	} {
		if !strings.Contains(a.Body, part) {
			return fmt.Sprintf("the page lacks %q: %s", part, a.Body)
		}
	}
	return checkPage(a)
}

// isBrowser reports whether a visitor is in a browser already.
func isBrowser(platforms []string) bool {
	return slices.ContainsFunc([]string{"browser", "baidu", "quark", "uc", "qqbrowser"}, func(id string) bool {
		return slices.Contains(platforms, id)
	})
}

// testCrawlers checks that a crawler gets, to the byte, what a person with the
// same app, system and form gets.
func testCrawlers(t *testing.T, c *cluster) {
	v := c.visitor(t)
	kinds := func(platforms []string) string { // without what makes it a crawler
		var rest []string
		for _, id := range platforms {
			if slices.Contains([]string{"browser", "android", "ios", "mobile", "tablet", "desktop", "macos", "linux", "windows", "otheros"}, id) {
				rest = append(rest, id)
			}
		}
		return strings.Join(rest, ",")
	}
	people := map[string]samples.Agent{}
	for _, agent := range samples.All() {
		if agent.Platform == "browser" {
			people[kinds(agent.Platforms)] = agent
		}
	}
	compared := 0
	for _, s := range []sets{{}, {allow: []string{"ios"}}, {guard: []string{"android", "windows", "macos", "linux", "otheros"}}} {
		m := c.link(fields{"allow": s.allow, "guard": s.guard})
		for _, crawler := range samples.All() {
			person, found := people[kinds(crawler.Platforms)]
			if !found || !slices.Contains(crawler.Platforms, "bot") || slices.Contains(crawler.Platforms, "whatsapp") {
				continue
			}
			got := v.get(m.request(t), crawler.UserAgent, "zh")
			want := v.get(m.request(t), person.UserAgent, "zh")
			if got.Status != want.Status || got.Location != want.Location || got.Body != want.Body {
				t.Errorf("allow %v guard %v: %s gets %d %s %q, but %s gets %d %s %q", s.allow, s.guard,
					crawler.Name, got.Status, got.Location, got.Body, person.Name, want.Status, want.Location, want.Body)
			}
			compared++
		}
	}
	if compared < 30 {
		t.Errorf("only %d visits of crawlers were compared", compared)
	}
}

// testNewPlatform adds an app to the catalog and expects a running edge to know
// it at once.
func testNewPlatform(t *testing.T, c *cluster) {
	v := c.visitor(t)
	agent := browser + " TianyanReader/3.1"
	entry := fields{"zh": "天眼阅读", "en": "Tianyan Reader", "kind": "app", "order": 5, "match": []string{"TianyanReader/"}}
	r := c.call(http.MethodPost, "/v1/links", fields{"url": target, "guard": []string{"tianyan"}}, nil)
	if r.status != http.StatusUnprocessableEntity || !strings.Contains(r.body, "tianyan") {
		t.Errorf("a link with an unknown platform is answered %d %s", r.status, r.body)
	}
	var added struct{ Number int }
	c.want(http.StatusOK, c.call(http.MethodPut, "/v1/platforms/tianyan?wait=edges", entry, &added))
	if added.Number < 128 {
		t.Errorf("the platform got number %d of the shipped catalog's", added.Number)
	}
	m := c.link(fields{"guard": []string{"tianyan"}})
	if a := v.get(m.request(t), agent, "zh"); a.Status != http.StatusOK || !strings.Contains(a.Body, "天眼阅读") {
		t.Errorf("the new app is answered %d %s", a.Status, a.Body)
	}
	if a := v.browse(m.request(t)); a.Status != http.StatusFound {
		t.Errorf("a browser is answered %d", a.Status)
	}
	entry["match"] = []string{"SomethingElse/"}
	c.want(http.StatusOK, c.call(http.MethodPut, "/v1/platforms/tianyan?wait=edges", entry, nil))
	if a := v.get(m.request(t), agent, "zh"); a.Status != http.StatusFound {
		t.Errorf("after the entry has changed, the app is answered %d", a.Status)
	}
}
