package api_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/link"
)

const secretParams = `{"limit":{"type":"int","default":3},"key":{"type":"string","secret":true}}`

func TestChainParams(t *testing.T) {
	n := open(t)
	n.push("x?promote=all", module(manifest("x", secretParams), 0)).want(201).is("int", "params", "limit", "type")
	n.do("GET", "/v1/chain", "").want(200).is("map[limit:3]", "params", "x")
	n.do("PUT", "/v1/chain", `{"filters":["platform","x"],"params":{"x":{"limit":4,"key":"open sesame"}}}`).want(200).is("map[key:*** limit:4]", "params", "x")
	given := func(want string) {
		t.Helper()
		e := n.connect("reader")
		e.await("what is given", func() bool { return string(e.chain().GetBindings()[1].GetParams()) == want })
	}
	n.do("PUT", "/v1/chain", `{"filters":["platform","x"],"params":{"x":{"limit": 5, "key":"***"}}}`).want(200)
	given(`{"key":"open sesame","limit":5}`)
	n.do("PUT", "/v1/chain", `{"filters":["platform","x"]}`).want(200).is("map[key:*** limit:5]", "params", "x")
	for body, want := range map[string]string{
		`{"x":{"limit":"4"}}`:    "params.x.limit",
		`{"x":{"shoe":1}}`:       "params.x.shoe",
		`{"x":[1]}`:              "params.x",
		`{"y":{}}`:               "params.y",
		`{"platform":{"key":1}}`: "params.platform.key",
	} {
		n.do("PUT", "/v1/chain", `{"filters":["platform","x"],"params":`+body+`}`).problem(422, want)
	}
	// What only the version staged takes is given ahead, and must suit it.
	n.push("x", module(manifest("x", `{"limit":{"type":"string","default":"a"},"hat":{"type":"int","default":1}}`), 0)).want(201)
	n.do("PUT", "/v1/chain", `{"filters":["platform","x"],"params":{"x":{"limit":"abc"}}}`).problem(422, "params.x.limit", "not of type int")
	n.do("PUT", "/v1/chain", `{"filters":["platform","x"],"params":{"x":{"hat":"abc"}}}`).problem(422, "params.x.hat", "not of type int")
	n.do("POST", "/v1/filters/x/promote", "").problem(409, "limit", "another name")
	n.do("POST", "/v1/filters/x/promote", `{"canary":{"percent":5}}`).problem(409, "limit", "another name")
	n.do("PUT", "/v1/chain", `{"filters":["platform","x"],"params":{"x":{"limit":5}}}`).want(200).is("map[limit:5]", "params", "x")
	given(`{"limit":5}`) // and not what the version staged has as default
	// A version that asks for more is not put in force before it is given that.
	n.push("x", module(manifest("x", `{"limit":{"type":"int"},"shoe":{"type":"int","required":true}}`), 0)).want(201)
	n.do("POST", "/v1/filters/x/promote", "").problem(409, "shoe", "PUT /v1/chain")
	n.do("PUT", "/v1/chain", `{"filters":["platform","x"],"params":{"x":{"limit":6,"shoe":42}}}`).want(200)
	n.do("POST", "/v1/filters/x/promote", "").want(200).is("3", "current").is(nil, "note")
	n.do("PUT", "/v1/chain", `{"filters":["platform","x"],"params":{"x":{}}}`).problem(422, "params.x.shoe", "required")
}

// Both versions get what a binding gives while one is on trial.
func TestParamsSuitTheCanaryToo(t *testing.T) {
	n := open(t)
	n.push("x?promote=all", module(manifest("x", `{"limit":{"type":"int"}}`), 0)).want(201)
	n.push("x?promote=canary", module(manifest("x", `{"limit":{"type":"int","required":true}}`), 0)).problem(409, "limit", "required")
	n.do("PUT", "/v1/chain", `{"filters":["platform","x"],"params":{"x":{"limit":1}}}`).want(200)
	n.push("x?promote=canary", module(manifest("x", `{"limit":{"type":"int","required":true}}`), 0)).want(201)
	n.do("PUT", "/v1/chain", `{"filters":["platform","x"],"params":{"x":{}}}`).problem(422, "params.x.limit", "required")
	n.do("POST", "/v1/links", `{"url":"https://example.org/","filters":[{"name":"x"}]}`).problem(422, "filters[0].params.limit", "required")
}

// Whoever promotes a version is told which bindings it does not suit.
func TestMisfits(t *testing.T) {
	n := open(t)
	n.push("x?promote=all&chain=no", module(manifest("x", `{"limit":{"type":"int"}}`), 0)).want(201).is(nil, "note")
	for _, slug := range []string{"a", "b", "c"} {
		n.do("POST", "/v1/links", `{"slug":"`+slug+`","url":"https://example.org/","filters":[{"name":"x","params":{"limit":4}}]}`).want(201)
	}
	n.do("PUT", "/v1/domains/b.example", `{"filters":[{"name":"x"}]}`).want(200)
	n.push("x", module(manifest("x", `{"limit":{"type":"int"},"shoe":{"type":"int","required":true}}`), 0)).want(201)
	n.do("PATCH", "/v1/links/go.example.com/c", `{"filters":[{"name":"x","params":{"limit":4,"shoe":42}}]}`).want(200) // ahead
	n.do("GET", "/v1/filters/x", "").want(200).is(nil, "note")
	note := n.do("POST", "/v1/filters/x/promote", "").want(200).is("2", "current").get("note")
	if want := `bound with params that do not suit the version that runs there: domain b.example, 2 links (parameter "shoe": is required); change them there`; note != want {
		t.Errorf("note %q; want %q", note, want)
	}
	n.do("PUT", "/v1/domains/b.example", `{"filters":[{"name":"x","params":{"shoe":1}}]}`).want(200)
	n.do("DELETE", "/v1/links/go.example.com/a", "").want(204)
	if note, _ := n.do("GET", "/v1/filters/x", "").get("note").(string); !strings.Contains(note, ": 1 link (") {
		t.Errorf("note %q", note)
	}
}

// What was given for a secret stays one when a later version does not call it
// so, in every answer and in what is said of mistakes.
func TestFormerSecretsAreHidden(t *testing.T) {
	n := open(t)
	secret, plain := `{"key":{"type":"string","secret":true}}`, `{"key":{"type":"string"}}`
	n.push("x?promote=all", module(manifest("x", secret), 0)).want(201)
	n.do("PUT", "/v1/chain", `{"filters":["platform","x"],"params":{"x":{"key":"sesame"}}}`).want(200)
	n.do("POST", "/v1/links", `{"slug":"a","url":"https://example.org/","filters":[{"name":"x","params":{"key":"sesame"}}]}`).want(201)
	n.do("PUT", "/v1/domains/b.example", `{"filters":[{"name":"x","params":{"key":"sesame"}}]}`).want(200)
	n.push("x?promote=all", module(manifest("x", plain), 0)).want(201).is("2", "current").is("true", "params", "key", "secret")
	n.do("POST", "/v1/filters/x/rollback", "").want(200)
	n.push("x", module(manifest("x", plain), 1)).want(201)
	n.do("POST", "/v1/filters/x/promote", "").want(200).is("3", "current")
	for _, path := range []string{"/v1/chain", "/v1/links", "/v1/links/go.example.com/a", "/v1/links/go.example.com/a/history", "/v1/domains", "/v1/domains/b.example"} {
		if a := n.do("GET", path, ""); strings.Contains(string(a.body), "sesame") || a.status == 200 && !strings.Contains(string(a.body), "***") {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	// Given back as it is shown it stays.
	n.do("PUT", "/v1/chain", `{"filters":["platform","x"],"params":{"x":{"key":"***"}}}`).want(200).is("map[key:***]", "params", "x")
	e := n.connect("e")
	e.await("the secret", func() bool { return string(e.chain().GetBindings()[1].GetParams()) == `{"key":"sesame"}` })
	n.push("x", module(manifest("x", `{"key":{"type":"int"}}`), 0)).want(201)
	if a := n.do("POST", "/v1/filters/x/promote", "").problem(409, "key"); strings.Contains(string(a.body), "sesame") {
		t.Errorf("the refusal tells it: %s", a.body)
	}
	n.push("y", module(manifest("y", `{"key":{"type":"string","secret":true,"default":"sesame"}}`), 0)).problem(422, "a secret has no default")
}

// A filter that requires what nobody gives it is not appended to the chain.
func TestFilterThatRequiresParams(t *testing.T) {
	n := open(t)
	n.push("x?promote=all", module(manifest("x", `{"shoe":{"type":"int","required":true}}`), 0)).want(201).is("0", "chain").is("1", "current")
	n.push("y?promote=all&chain=no", ruleSet("y", "qq")).want(201).is("0", "chain").is("1", "current")
	n.push("z", ruleSet("z", "qq")).want(201)
	n.do("POST", "/v1/filters/z/promote", `{"chain":false}`).want(200).is("0", "chain").is("1", "current")
	// What was said is remembered, until the contrary is said.
	n.do("POST", "/v1/filters/z/rollback", "").want(200).is("0", "current")
	n.push("z?promote=all", ruleSet("z", "wechat")).want(201).is("0", "chain").is("2", "current")
	n.push("z?promote=all&chain=yes", ruleSet("z", "weibo")).want(201).is("2", "chain").is("3", "current")
	n.push("x?promote=all&chain=yes", module(manifest("x", `{"shoe":{"type":"int","required":true}}`), 1)).problem(409, "shoe", "PUT /v1/chain")
}

func TestLinkFilters(t *testing.T) {
	n := open(t)
	n.push("x", module(manifest("x", secretParams), 0)).want(201)
	made := n.do("POST", "/v1/links", `{"slug":"a","url":"https://example.org/","filters":[{"name":"x","params":{"key":"sesame"}}]}`).
		want(201).is("x", "filters", 0, "name").is("map[key:*** limit:3]", "filters", 0, "params")
	n.do("POST", "/v1/links", `{"url":"https://example.org/"}`).want(201).is("[]", "filters")
	n.push("x?promote=all", module(manifest("x", secretParams), 0)).want(201).is("0", "chain").is("1", "bound", "links")

	stored := func(want string) {
		t.Helper()
		e := n.connect("reader")
		flat := link.AppendKey(nil, []byte("go.example.com"), []byte("a"))
		e.await("params "+want, func() bool {
			record, err := link.CheckRecord(e.entries[entryKey(link.Bucket(flat), flat)])
			if err != nil {
				return false
			}
			f := record.Filters()
			return f.Next() && string(f.Name()) == "x" && string(f.Params()) == want
		})
	}
	stored(`{"key":"sesame","limit":3}`)
	n.do("PATCH", "/v1/links/go.example.com/a", `{"title":"A"}`, "If-Match", made.etag()).want(200).is("map[key:*** limit:3]", "filters", 0, "params")
	stored(`{"key":"sesame","limit":3}`)
	n.do("PATCH", "/v1/links/go.example.com/a", `{"filters":[{"name":"x","params":{"key":"***","limit":9}}]}`).want(200)
	stored(`{"key":"sesame","limit":9}`)

	n.push("greeter", ruleSet("greeter", "qq")).want(201)
	for _, test := range []struct{ filters, at, text string }{
		{`[{"name":"x","params":{"limit":"9"}}]`, "body.filters[0].params.limit", "not of type int"},
		{`[{"name":"y"}]`, "body.filters[0].name", "is no filter"},
		{`[{"name":"greetr"}]`, "body.filters[0].name", "did you mean greeter?"},
		{`[{"name":"platform"}]`, "body.filters[0].name", "every visit"},
		{`[{"name":"x","params":{"shoe":1}}]`, "body.filters[0].params.shoe", "takes key, limit"},
		{`[{"name":"x"},{"name":"x"}]`, "body.filters[1].name", "twice"},
		{`[{"name":"x","params":3}]`, "body.filters[0].params", "JSON object"},
		{`[{"name":"x","parms":{}}]`, "body.filters[0]", "parms"},
		{`[` + strings.Repeat(`{"name":"x"},`, 8) + `{"name":"x"}]`, "filters", "8"},
	} {
		n.do("POST", "/v1/links", `{"url":"https://example.org/","filters":`+test.filters+`}`).problem(422, test.at, test.text)
	}
	n.do("POST", "/v1/links", `{"url":"https://example.org/","filters":[{"name":"x","params":{"key":"***"}}]}`).problem(422, "filters[0].params.key", "none is stored")
	batch := n.do("POST", "/v1/links/batch", `{"links":[{"url":"https://example.org/","filters":[{"name":"x"}]},{"url":"https://example.org/","filters":[{"name":"x","params":{"key":1}}]}]}`).want(200)
	batch.is("map[limit:3]", "results", 0, "link", "filters", 0, "params").is("422", "results", 1, "status")

	// In force no more, it passes where it is bound, and that is said.
	note := n.do("POST", "/v1/filters/x/rollback", "").want(200).is("0", "current").is("2", "bound", "links").get("note")
	if note, _ := note.(string); !strings.Contains(note, "passes every visit") {
		t.Errorf("note %v", note)
	}
	// A version that takes other parameters leaves links as they are.
	n.push("x?promote=all&chain=no", module(manifest("x", `{"other":{"type":"bool"}}`), 0)).want(201)
	n.do("PATCH", "/v1/links/go.example.com/a", `{"title":"B"}`).want(200).is("map[key:*** limit:***]", "filters", 0, "params")
	n.do("DELETE", "/v1/links/go.example.com/a", "").want(204)
	n.do("GET", "/v1/filters/x", "").want(200).is("1", "bound", "links")
}

func TestDomainFilters(t *testing.T) {
	n := open(t)
	n.push("x?promote=all", module(manifest("x", secretParams), 0)).want(201)
	n.do("PUT", "/v1/domains/b.example", `{"time_zone":"Asia/Shanghai","filters":[{"name":"x","params":{"key":"sesame"}}]}`).
		want(200).is("Asia/Shanghai", "time_zone").is("map[key:*** limit:3]", "filters", 0, "params")
	n.do("PUT", "/v1/domains/b.example", `{"time_zone":"Asia/Shanghai","filters":[{"name":"x","params":{"key":"***","limit":8}}]}`).want(200)
	n.do("GET", "/v1/domains/b.example", "").want(200).is("map[key:*** limit:8]", "filters", 0, "params")
	n.do("GET", "/v1/filters/x", "").want(200).is("[b.example]", "bound", "domains")
	e := n.connect("e")
	e.await("the domain", func() bool {
		d := &feedpb.Domain{}
		if err := proto.Unmarshal(e.entries[entryKey(feed.BucketDomains, []byte("b.example"))], d); err != nil {
			t.Fatal(err)
		}
		return d.GetTimeZone() == "Asia/Shanghai" && len(d.GetFilters()) == 1 && string(d.GetFilters()[0].GetParams()) == `{"key":"sesame","limit":8}`
	})
	for _, zone := range []string{"Local", "Mars/Olympus", "../etc/passwd", "+08:00", strings.Repeat("x", 100)} {
		n.do("PUT", "/v1/domains/b.example", `{"time_zone":`+quote(zone)+`}`).problem(422, "time_zone", "Asia/Shanghai")
	}
	n.do("PUT", "/v1/domains/b.example", `{"filters":[{"name":"x","params":{"limit":true}}]}`).problem(422, "body.filters[0].params.limit")
	n.do("PUT", "/v1/domains/b.example", `{}`).want(200).is(nil, "time_zone").is(nil, "filters")
	n.do("GET", "/v1/domains", "").want(200).is("b.example", "domains", 0, "name").is("go.example.com", "domains", 1, "name")
}

func TestExplain(t *testing.T) {
	n := open(t)
	n.do("POST", "/v1/links/go.example.com/a/explain", `{}`).problem(503, "no edge")
	e := n.connect("e")
	body := `{"user_agent":"Lynx","requested_with":"com.example","country":"CN","ip":"192.0.2.1","language":"zh","referrer":"https://a.example/","query":"a=b","time":"2030-01-02T03:04:05Z"}`
	n.do("POST", "/v1/links/go.example.com/a%2Fb/explain", body).want(200).is("a/b", "slug").is("denied", "answer").is("403", "status").
		is("no phones", "filters", 0, "rule").is("不", "filters", 0, "reason", "zh").is("CN", "facts", "country")
	want := &feedpb.ExplainVisit{
		Domain: "go.example.com", Slug: "a/b", UserAgent: "Lynx", RequestedWith: "com.example", Country: "CN", Ip: "192.0.2.1",
		Language: "zh", Referrer: "https://a.example/", Query: "a=b", Time: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC).Unix(),
	}
	e.await("the question", func() bool { return proto.Equal(e.asked, want) })
	n.do("POST", "/v1/links/go.example.com/a/explain?edge=e", `{}`).want(200).is("e", "edge")
	n.do("POST", "/v1/links/go.example.com/a/explain?edge=f", `{}`).problem(503, "no edge")
	n.do("POST", "/v1/links/go.example.com/odd/explain", `{}`).problem(502, "too odd")
	n.do("POST", "/v1/links/go.example.com/a/explain", `{"ip":"1.2.3"}`).problem(422, "ip")
	n.do("POST", "/v1/links/go.example.com/a/explain", `{"country":"China"}`).problem(422, "country")

	// The header is one that edges of this fleet obey.
	header := n.do("POST", "/v1/explain-header?seconds=60", "").want(200).is("Suodi-Explain", "header")
	key, err := feed.DeriveKey(e.entries[entryKey(feed.BucketChain, []byte(feed.SecretKey))], feed.PurposeExplain)
	if err != nil {
		t.Fatal(err)
	}
	value, _ := header.get("value").(string)
	if err := feed.VerifyExplain(key, value, time.Now()); err != nil {
		t.Error(err)
	}
	if err := feed.VerifyExplain(key, value, time.Now().Add(time.Minute)); err == nil {
		t.Error("it is good for longer than asked")
	}
	n.do("POST", "/v1/explain-header?seconds=3600", "").problem(422, "seconds")
	n.token = ""
	n.do("POST", "/v1/explain-header", "").problem(401)
}
