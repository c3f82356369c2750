package api_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"suodi/wasm/filters"
)

func TestAuthentication(t *testing.T) {
	n := open(t)
	other := func(token string) *node { return &node{Server: n.Server, t: t, token: token} }
	mistyped := []byte(n.token)
	mistyped[10] ^= 1
	for _, test := range []struct {
		name, header, want string
	}{
		{"no token", "", "Authorization: Bearer TOKEN"},
		{"another scheme", "Basic dTpw", "Bearer TOKEN"},
		{"no text behind Bearer", "Bearer ", "Bearer TOKEN"},
		{"a wrong token", "Bearer correct-horse-battery", "unknown or revoked"},
		{"a mistyped token", "Bearer " + string(mistyped), "mistyped"},
		{"half a token", "Bearer " + n.token[:20], "mistyped"},
		{"a token in two parts", "Bearer " + n.token + " x", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := other("")
			n.t = t
			for _, request := range []string{"GET /v1/links", "POST /v1/links", "GET /metrics", "GET /debug/pprof/", "GET /nowhere", "DELETE /healthz/x"} {
				method, path, _ := strings.Cut(request, " ")
				var headers []string
				if test.header != "" {
					headers = []string{"Authorization", test.header}
				}
				a := n.do(method, path, `{"url":"https://example.org/"}`, headers...).problem(401, test.want)
				if !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "Bearer") {
					t.Errorf("%s: WWW-Authenticate %q", request, a.header.Get("WWW-Authenticate"))
				}
				if strings.Contains(string(a.body), n.Token()[6:]) {
					t.Errorf("%s: the answer shows the token", request)
				}
			}
		})
	}
	if got := n.slugs(""); len(got) != 0 {
		t.Errorf("stored are %q", got)
	}
	n.do("GET", "/v1/links", "", "Authorization", "bearer  "+n.token).want(200)
	for path, want := range map[string]string{"/healthz": "ok", "/readyz": "ready", "/docs": "<html", "/openapi.json": `"openapi"`} {
		if a := other("").do("GET", path, "").want(200); !strings.Contains(string(a.body), want) {
			t.Errorf("%s: %.100s", path, a.body)
		}
	}
	if a := other("").do("GET", "/", "").want(302); a.header.Get("Location") != "/docs" {
		t.Errorf("/ leads to %s", a.header.Get("Location"))
	}
	for path, want := range map[string]string{"/metrics": "go_goroutines", "/debug/pprof/goroutine?debug=1": "goroutine profile", "/debug/pprof/heap": ""} {
		if a := n.do("GET", path, "").want(200); !strings.Contains(string(a.body), want) {
			t.Errorf("%s: %.100s", path, a.body)
		}
	}
}

func TestTokens(t *testing.T) {
	n := open(t)
	list := n.do("GET", "/v1/tokens", "").want(200).is("admin", "tokens", 0, "name")
	admin := list.get("tokens", 0, "id").(string)
	if strings.Contains(string(list.body), n.token) {
		t.Error("the list shows a token")
	}
	n.do("DELETE", "/v1/tokens/"+admin, "").problem(409, "must stay")
	made := n.do("POST", "/v1/tokens", `{"name":"deploy"}`).want(201).is("deploy", "name")
	second := &node{Server: n.Server, t: t, token: made.get("token").(string)}
	second.do("POST", "/v1/links", `{"slug":"a","url":"https://example.org/"}`).want(201).is(made.get("id"), "created_by")
	n.do("GET", "/v1/tokens", "").want(200).is("deploy", "tokens", 1, "name").is(admin, "tokens", 1, "created_by").is("<nil>", "tokens", 1, "token")
	n.do("POST", "/v1/tokens", `{"name":""}`).problem(422, "name")
	n.do("POST", "/v1/tokens", `{"name":"x","scopes":["all"]}`).problem(422, "scopes")
	n.do("POST", "/v1/tokens", `{"name":"x"}`, "Idempotency-Key", "k").problem(400, "Idempotency-Key")
	n.do("DELETE", "/v1/tokens/none", "").problem(404)
	n.do("DELETE", "/v1/tokens/"+made.get("id").(string), "").want(204)
	second.do("GET", "/v1/links", "").problem(401, "revoked")
	n.do("DELETE", "/v1/tokens/"+admin, "").problem(409, "must stay")
	if list := n.do("GET", "/v1/tokens", "").want(200); list.get("tokens", 1) != nil {
		t.Errorf("tokens %s", list.body)
	}
}

func TestRequestsThatFitNothing(t *testing.T) {
	n := open(t)
	for _, test := range []struct {
		method, path string
		allow        string // of a 405; empty: 404
	}{
		{"GET", "/v1/nothing", ""},
		{"GET", "/v1", ""},
		{"GET", "/v1/links/go.example.com", ""},
		{"POST", "/v1/links/go.example.com/a/b/c", ""},
		{"DELETE", "/v1/links", "GET, POST"},
		{"PUT", "/v1/links/go.example.com/a", "GET, PATCH, DELETE"},
		{"PATCH", "/v1/chain", "GET, PUT"},
		{"OPTIONS", "/v1/tokens", "GET, POST"},
		{"POST", "/v1/fleet", "GET"},
		{"POST", "/healthz", "GET"},
		{"DELETE", "/openapi.json", "GET"},
	} {
		a := n.do(test.method, test.path, "{}")
		if test.allow == "" {
			a.problem(404, "/docs")
			continue
		}
		a.problem(405, test.method)
		if got := a.header.Get("Allow"); got != test.allow {
			t.Errorf("%s %s: Allow %q; want %q", test.method, test.path, got, test.allow)
		}
	}
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/xml"} {
		n.do("POST", "/v1/links", `{"url":"https://example.org/"}`, "Content-Type", kind).problem(415)
	}
	n.do("POST", "/v1/links?verbose=1", `{"url":"https://example.org/"}`).problem(422, "verbose")
	n.do("POST", "/v1/links?wait=forever", `{"url":"https://example.org/"}`).problem(422, "wait")
	if got := n.slugs(""); len(got) != 0 {
		t.Errorf("stored are %q", got)
	}
	n.do("POST", "/v1/links?wait=edges", `{"url":"https://example.org/"}`).want(201) // there is no edge to wait for
}

func TestDomains(t *testing.T) {
	n := open(t)
	n.do("GET", "/v1/domains", "").want(200).is("go.example.com", "domains", 0, "name").is("true", "domains", 0, "default")
	first := n.do("GET", "/v1/domains/go.example.com", "").want(200).is("https://go.example.com", "base_url")
	made := n.do("PUT", "/v1/domains/B%C3%BCcher.example", `{"base_url":"http://xn--bcher-kva.example:8080/","not_found_url":"https://example.org/404"}`).want(200).
		is("xn--bcher-kva.example", "name").is("http://xn--bcher-kva.example:8080", "base_url").is("https://example.org/404", "not_found_url")
	n.do("POST", "/v1/links", `{"slug":"a","url":"https://example.org/","domain":"bücher.example"}`).want(201).
		is("http://xn--bcher-kva.example:8080/a", "short_url")
	n.do("POST", "/v1/links", `{"url":"https://xn--bcher-kva.example/x"}`).problem(422, "body.url")
	n.do("PUT", "/v1/domains/xn--bcher-kva.example", `{"default":true}`, "If-Match", made.etag()).want(200).is("true", "default").is("<nil>", "not_found_url")
	n.do("PUT", "/v1/domains/xn--bcher-kva.example", `{"default":true}`, "If-Match", made.etag()).problem(412)
	n.do("GET", "/v1/domains/go.example.com", "").want(200).is("<nil>", "default")
	if now := n.do("GET", "/v1/domains/go.example.com", ""); now.etag() == first.etag() {
		t.Error("a domain that is no longer the default has its old ETag")
	}
	n.do("POST", "/v1/links", `{"slug":"b","url":"https://example.org/"}`).want(201).is("xn--bcher-kva.example", "domain")
	n.do("GET", "/v1/domains/none.example", "").problem(404)
	for _, test := range []struct{ path, body, field string }{
		{"a%20b", `{}`, "domain"},
		{"example.org:80", `{}`, "port"},
		{"c.example", `{"base_url":"ftp://c.example"}`, "base_url"},
		{"c.example", `{"base_url":"https://other.example"}`, "base_url"},
		{"c.example", `{"base_url":"https://user@c.example"}`, "base_url"},
		{"c.example", `{"base_url":"https://c.example/path"}`, "base_url"},
		{"c.example", `{"base_url":"https://c.example:bad"}`, "base_url"},
		{"c.example", `{"not_found_url":"javascript:x"}`, "not_found_url"},
		{"c.example", `{"not_found_url":"https://c.example/404"}`, "not_found_url"},
		{"c.example", `{"owner":"me"}`, "owner"},
		{"c.example", `{"default":"yes"}`, "default"},
	} {
		n.do("PUT", "/v1/domains/"+test.path, test.body).problem(422, test.field)
	}
	if list := n.do("GET", "/v1/domains", ""); list.get("domains", 2) != nil {
		t.Errorf("stored: %s", list.body)
	}
}

func TestPlatforms(t *testing.T) {
	n := open(t)
	shipped := n.do("GET", "/v1/platforms/wechat", "").want(200).is("wechat", "id").is("app", "kind")
	number := shipped.get("number")
	n.do("GET", "/v1/platforms/wechta", "").problem(404, "did you mean wechat?")
	body := `{"zh":"新应用","en":"New app","kind":"app","order":5,"match":["NewApp/",{"prefix":"Dalvik","all":["New"],"none":["Old"]}],"packages":["com.example.new"]}`
	made := n.do("PUT", "/v1/platforms/newapp", body).want(200).is("128", "number").is("NewApp/", "match", 0).is("Dalvik", "match", 1, "prefix")
	if again := n.do("GET", "/v1/platforms/newapp", "").want(200); string(again.body) != string(made.body) || again.etag() != made.etag() {
		t.Errorf("read %s; made %s", again.body, made.body)
	}
	n.do("PUT", "/v1/platforms/second", `{"zh":"二","en":"Second","kind":"app","order":6,"match":["Second/"]}`).want(200).is("129", "number")
	n.do("POST", "/v1/links", `{"slug":"a","url":"https://example.org/","allow":["newapp"]}`).want(201)
	n.do("PUT", "/v1/platforms/newapp", `{"zh":"新","en":"New","kind":"app","order":5,"match":["NewApp/"],"retired":true}`, "If-Match", made.etag()).
		want(200).is("128", "number").is("true", "retired")
	n.do("PUT", "/v1/platforms/newapp", body, "If-Match", made.etag()).problem(412)
	n.do("POST", "/v1/links", `{"url":"https://example.org/","allow":["newapp"]}`).problem(422, "newapp")
	for _, test := range []struct{ path, body, want string }{
		{"xx", `{"zh":"x","en":"X","kind":"toaster","order":1}`, "kind"},
		{"xx", `{"zh":"","en":"X","kind":"app","order":1,"match":["Xx/"]}`, "zh"},
		{"xx", `{"en":"X","kind":"app","order":1,"match":["Xx/"]}`, "zh"},
		{"xx", `{"zh":"x","en":"X","kind":"app","order":-1,"match":["Xx/"]}`, "order"},
		{"xx", `{"zh":"x","en":"X","kind":"app","order":1,"match":["x"]}`, "match"},
		{"xx", `{"zh":"x","en":"X","kind":"app","order":1,"match":[{"any":["x"]}]}`, "match"},
		{"xx", `{"zh":"x","en":"X","kind":"app","order":1,"number":3}`, "number"},
		{"X", `{"zh":"x","en":"X","kind":"app","order":1,"match":["Xx/"]}`, "id"},
	} {
		n.do("PUT", "/v1/platforms/"+test.path, test.body).problem(422, test.want)
	}
	n.do("GET", "/v1/platforms/xx", "").problem(404)
	if again := n.do("GET", "/v1/platforms/wechat", ""); again.get("number") != number || again.etag() != shipped.etag() {
		t.Errorf("wechat was %s, is %s", shipped.body, again.body)
	}
}

// ruleSet is one that denies one platform.
func ruleSet(name, platform string) string {
	return "name: " + name + "\nrules:\n  - when: 'visit.platforms.intersects([\"" + platform + "\"])'\n    then: deny\n"
}

func TestFilters(t *testing.T) {
	n := open(t)
	push := func(name, body string, headers ...string) *answer {
		t.Helper()
		return n.do("POST", "/v1/filters/"+name, body, append([]string{"Content-Type", "application/yaml"}, headers...)...)
	}
	n.do("GET", "/v1/filters", "").want(200).is("platform", "filters", 0, "name").is("1", "filters", 0, "current").is("1", "filters", 0, "chain")
	push("no-wechat", ruleSet("no-wechat", "wechat")).want(201).is("0", "current").is("1", "staged").is("0", "chain")
	n.do("POST", "/v1/filters/no-wechat/rollback", "").problem(409)
	n.do("POST", "/v1/filters/no-wechat/promote", "").want(200).is("1", "current").is("0", "staged").is("2", "chain")
	n.do("POST", "/v1/filters/no-wechat/promote", "").problem(409, "nothing is staged")
	push("no-wechat?promote=all", ruleSet("no-wechat", "qq")).want(201).is("2", "current").is("[1]", "history")
	n.do("POST", "/v1/filters/no-wechat/rollback", "").want(200).is("1", "current").is("[]", "history")
	n.do("GET", "/v1/filters/no-wechat", "").want(200).is("1", "current").is("[]", "edges")
	n.do("GET", "/v1/filters/no-wechat/versions", "").want(200).is("1", "versions", 0, "number").is("2", "versions", 1, "number").
		is(ruleSet("no-wechat", "qq"), "versions", 1, "source")
	n.do("POST", "/v1/filters/platform/rollback", "").problem(409, "platform")
	n.do("GET", "/v1/filters/none", "").problem(404)
	n.do("GET", "/v1/filters/none/versions", "").problem(404)
	n.do("POST", "/v1/filters/none/promote", "").problem(404, "none")
	n.do("POST", "/v1/filters/none/rollback", "").problem(404, "none")

	for _, test := range []struct {
		name, path, body, kind string
		status                 int
		texts                  []string
	}{
		{"a module", "x", string(filters.Platform), "application/wasm", 422, []string{`"platform"`, `"x"`}},
		{"no module", "x", "\x00asm\x01\x00\x00\x00", "application/wasm", 422, []string{"not admitted", "memory"}},
		{"a module cut off", "x", string(filters.Platform[:100]), "application/wasm", 422, []string{"not admitted", "body:0x", "section"}},
		{"too large a module", "x", strings.Repeat("x", 4<<20+1), "application/wasm", 413, nil},
		{"JSON", "x", "{}", "application/json", 415, []string{"application/yaml", "application/wasm"}},
		{"no YAML", "x", "name: [", "application/yaml", 422, []string{"body:"}},
		{"nothing", "x", "", "application/yaml", 400, nil},
		{"another name", "x", ruleSet("y", "qq"), "application/yaml", 422, []string{`"y"`, `"x"`}},
		{"a bad name", "X", ruleSet("X", "qq"), "application/yaml", 422, []string{"filter name"}},
		{"an unknown field", "x", ruleSet("x", "qq") + "colour: red\n", "application/yaml", 422, []string{"body:5:1", "colour"}},
		{"an unknown platform", "x", ruleSet("x", "wechta"), "application/yaml", 422, []string{"body:3:", "wechat"}},
		{"a condition that is no bool", "x", "name: x\nrules:\n  - when: '1'\n    then: deny\n", "application/yaml", 422, []string{"body:3:"}},
		{"an unknown action", "x", "name: x\nrules:\n  - when: 'true'\n    then: explode\n", "application/yaml", 422, []string{"body:4:", "explode"}},
		{"dishonest", "x", "name: x\nrules:\n  - when: visit.bot\n    then: guide\n", "application/yaml", 422, []string{"body:3:"}},
		{
			"a failing test", "x", ruleSet("x", "wechat") + "tests:\n  - name: my own test\n    visit: {user_agent: Lynx}\n    expect: deny\n",
			"application/yaml", 422,
			[]string{"fails its own tests", "my own test", "want deny, got pass"},
		},
		{"an unknown parameter", "x?promote=some", ruleSet("x", "qq"), "application/yaml", 422, []string{"promote"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := &node{Server: n.Server, t: t, token: n.token}
			n.do("POST", "/v1/filters/"+test.path, test.body, "Content-Type", test.kind).problem(test.status, test.texts...)
			n.do("GET", "/v1/filters/x", "").problem(404)
		})
	}
}

func TestChain(t *testing.T) {
	n := open(t)
	first := n.do("GET", "/v1/chain", "").want(200).is("[platform]", "filters")
	n.do("POST", "/v1/filters/a?promote=all", ruleSet("a", "qq"), "Content-Type", "application/yaml").want(201)
	n.do("POST", "/v1/filters/b?promote=all", ruleSet("b", "qq"), "Content-Type", "application/yaml").want(201)
	n.do("PUT", "/v1/chain", `{"filters":["platform","b"]}`, "If-Match", first.etag()).problem(412)
	now := n.do("GET", "/v1/chain", "").want(200).is("[platform a b]", "filters")
	put := n.do("PUT", "/v1/chain", `{"filters":["platform","b"]}`, "If-Match", now.etag()).want(200).is("[platform b]", "filters")
	n.do("GET", "/v1/filters/a", "").want(200).is("0", "chain").is("1", "current")
	n.do("PUT", "/v1/chain", `{"filters":["b","platform"]}`).problem(409, "platform")
	n.do("PUT", "/v1/chain", `{"filters":[]}`).problem(422, "filters")
	n.do("PUT", "/v1/chain", `{"filters":["platform","missing"]}`).problem(404, "missing")
	n.do("PUT", "/v1/chain", `{"filters":["platform"],"x":1}`).problem(422, "body.x")
	if after := n.do("GET", "/v1/chain", "").want(200).is("[platform b]", "filters"); after.etag() != put.etag() {
		t.Errorf("ETag %s after %s", after.etag(), put.etag())
	}
}

func TestOpenAPI(t *testing.T) {
	n := open(t)
	n.token = ""
	a := n.do("GET", "/openapi.json", "").want(200)
	var spec struct {
		OpenAPI string
		Paths   map[string]map[string]json.RawMessage
	}
	if err := json.Unmarshal(a.body, &spec); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(spec.OpenAPI, "3.1") {
		t.Errorf("OpenAPI %s", spec.OpenAPI)
	}
	docs := string(n.do("GET", "/docs", "").want(200).body)
	for path, methods := range map[string]string{
		"/v1/links": "get post", "/v1/links/batch": "post", "/v1/links/{domain}/{slug}": "get patch delete",
		"/v1/links/{domain}/{slug}/qr": "get post", "/v1/links/{domain}/{slug}/qr/placements": "post", "/v1/qr/decode": "post",
		"/v1/domains": "get", "/v1/domains/{domain}": "get put", "/v1/platforms": "get", "/v1/platforms/{id}": "get put",
		"/v1/filters": "get", "/v1/filters/{name}": "get post", "/v1/filters/{name}/promote": "post", "/v1/filters/{name}/rollback": "post",
		"/v1/filters/{name}/versions": "get", "/v1/filters/{name}/versions/{version}": "get",
		"/v1/filters/{name}/versions/{version}/source": "get", "/v1/filters/{name}/diff": "get", "/v1/filters/{name}/history": "get",
		"/v1/links/{domain}/{slug}/explain": "post", "/v1/explain-header": "post", "/v1/chain": "get put", "/v1/tokens": "get post", "/v1/tokens/{id}": "delete", "/v1/fleet": "get",
	} {
		if !strings.Contains(docs, path) {
			t.Errorf("/docs does not show %s", path)
		}
		for _, method := range strings.Fields(methods) {
			if _, ok := spec.Paths[path][method]; !ok {
				t.Errorf("/openapi.json does not tell of %s %s", method, path)
			}
		}
		if len(spec.Paths[path]) != len(strings.Fields(methods)) {
			t.Errorf("/openapi.json tells of more at %s than %s", path, methods)
		}
		delete(spec.Paths, path)
	}
	if len(spec.Paths) != 0 {
		t.Errorf("paths that no test knows: %v", fmt.Sprint(len(spec.Paths)))
	}
	for _, outside := range regexp.MustCompile(`(?i)(src|href)\s*=\s*["']?(https?:)?//[^"' >]*|@import|url\(`).FindAllString(docs, -1) {
		t.Errorf("/docs needs %s", outside)
	}
	if strings.Contains(docs, "<script") {
		t.Error("/docs has a script")
	}
}

func TestFleetIsEmpty(t *testing.T) {
	n := open(t)
	n.do("GET", "/v1/fleet", "").want(200).is("[]", "edges")
}
