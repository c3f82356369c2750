package api_test

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/state"
	"suodi/wasm/abi"
)

// module is one that passes every visit, with a manifest, if any, and of any size.
func module(manifest string, padding int) string {
	custom := func(name string, body []byte) []byte {
		content := append(append([]byte{byte(len(name))}, name...), body...)
		return append(append([]byte{0}, binary.AppendUvarint(nil, uint64(len(content)))...), content...)
	}
	pass := state.PassModule()
	whole := bytes.Clone(pass[:bytes.Index(pass, []byte("\x0esuodi.manifest"))-2])
	if manifest != "" {
		whole = append(whole, custom("suodi.manifest", []byte(manifest))...)
	}
	if padding > 0 {
		noise := make([]byte, padding)
		_, _ = rand.Read(noise) // never fails
		whole = append(whole, custom("padding", noise)...)
	}
	return string(whole)
}

func manifest(name, params string) string {
	return `{"name":"` + name + `","abi":1,"needs":["ip"],"class":"pure","params":` + params + `}`
}

func (n *node) push(path, body string) *answer {
	n.t.Helper()
	kind := "application/yaml"
	if strings.HasPrefix(body, "\x00asm") {
		kind = "application/wasm"
	}
	return n.do("POST", "/v1/filters/"+path, body, "Content-Type", kind)
}

func TestModules(t *testing.T) {
	n := open(t)
	n.push("x", module("", 0)).want(201).is("1", "staged").is("map[]", "params")
	n.push("x", module(manifest("x", `{"limit":{"type":"int","default":3}}`), 0)).want(201).is("2", "staged")
	n.push("x", module(manifest("y", `{}`), 0)).problem(422, `"y"`, `"x"`)
	large := module(manifest("x", `{"limit":{"type":"int","default":4}}`), 2<<20)
	out := n.push("x?promote=all", large).want(201).is("3", "current").is("2", "chain")
	if again := n.push("x?promote=all", large).want(201).is("3", "current"); again.get("newest") != out.get("newest") {
		t.Errorf("pushed again it is version %v", again.get("newest"))
	}
	n.do("GET", "/v1/filters/x/versions/3", "").want(200).is(float64(len(large)), "size").is("x", "manifest", "name").is(nil, "source")
	n.do("GET", "/v1/filters/x/versions/3/source", "").problem(404, "pushed as a module")
	n.do("GET", "/v1/filters/x/versions/9", "").problem(404, "no version 9")
	n.do("GET", "/v1/filters/x/versions/nine", "").problem(422)

	// It reaches edges whole, and what the chain gives it with it.
	e := n.connect("e")
	e.await("the module", func() bool {
		hash := e.binding("x").GetHash()
		return string(e.entries[entryKey(feed.BucketModules, hash)]) == large
	})
	e.await("its params", func() bool {
		b := e.chain().GetBindings()
		return len(b) == 2 && string(b[1].GetParams()) == `{"limit":4}`
	})
	diff := string(n.do("GET", "/v1/filters/x/diff?from=2&to=3", "").want(200).body)
	for _, want := range []string{`-      "default": 3,`, `+      "default": 4,`, "--- x version 2", "+++ x version 3"} {
		if !strings.Contains(diff, want) {
			t.Errorf("the diff has no %q:\n%s", want, diff)
		}
	}
}

func TestDiffAndHistory(t *testing.T) {
	n := open(t)
	n.push("x", ruleSet("x", "wechat")).want(201)
	n.do("GET", "/v1/filters/x/diff", "").problem(409, "?from=")
	n.do("POST", "/v1/filters/x/promote", "").want(200)
	n.push("x", ruleSet("x", "qq")).want(201)
	diff := n.do("GET", "/v1/filters/x/diff", "").want(200)
	if kind := diff.header.Get("Content-Type"); kind != "text/plain; charset=utf-8" {
		t.Errorf("content type %q", kind)
	}
	if got := string(diff.body); !strings.Contains(got, `-  - when: 'visit.platforms.intersects(["wechat"])'`) || !strings.Contains(got, `+  - when: 'visit.platforms.intersects(["qq"])'`) {
		t.Errorf("diff %s", got)
	}
	if same := n.do("GET", "/v1/filters/x/diff?to=1", "").want(200); len(same.body) != 0 {
		t.Errorf("diff of a version and itself %s", same.body)
	}
	n.do("GET", "/v1/filters/x/diff?to=7", "").problem(404, "no version 7")
	source := n.do("GET", "/v1/filters/x/versions/2/source", "").want(200)
	if string(source.body) != ruleSet("x", "qq") || source.header.Get("Content-Type") != "application/yaml" {
		t.Errorf("source %s", source.body)
	}
	n.do("POST", "/v1/filters/x/promote", `{"canary":{"percent":12.5}}`).want(200).is("2", "canary", "version").is("12.5", "canary", "percent")
	n.do("POST", "/v1/filters/x/rollback", "").want(200).is(nil, "canary").is("1", "current")
	events := n.do("GET", "/v1/filters/x/history", "").want(200)
	for i, want := range []string{"canary ended", "canary started", "pushed", "promoted", "pushed"} {
		events.is(want, "events", i, "what").is(5-i, "events", i, "number")
	}
	events.is("12.5", "events", 1, "canary", "percent").is("2", "events", 1, "version").is("1", "events", 1, "previous")
	n.do("GET", "/v1/filters/y/history", "").problem(404)
}

func TestPromoteRefuses(t *testing.T) {
	n := open(t)
	n.push("x", ruleSet("x", "wechat")).want(201)
	n.push("x?percent=5", ruleSet("x", "qq")).problem(422, "promote=canary")
	n.push("x?promote=all&percent=5", ruleSet("x", "qq")).problem(422, "promote=canary")
	n.push("x?chain=no", ruleSet("x", "qq")).problem(422, "promote")
	for body, want := range map[string]string{
		`{"canary":{}}`:                            "either percent or edges",
		`{"canary":{"percent":5,"edges":["e"]}}`:   "either percent or edges",
		`{"canary":{"percent":0.001}}`:             "percent",
		`{"canary":{"percent":101}}`:               "percent",
		`{"canary":{"edges":[" "]}}`:               "canary.edges[0]",
		`{"canary":{"percent":5,"max_change":2}}`:  "max_change",
		`{"canary":{"percent":5,"min_visits":0}}`:  "min_visits",
		`{"canary":{"percent":5,"max_chance":.1}}`: "",
		`{"everywhere":true}`:                      "everywhere",
	} {
		status := 422
		if want == "" {
			status = 400
		}
		n.do("POST", "/v1/filters/x/promote", body).problem(status, want)
	}
	n.do("GET", "/v1/filters/x", "").want(200).is("0", "current").is(nil, "canary")
}

// A canary that decides otherwise than the version in force is taken out of
// force by itself, and everybody can read why.
func TestCanaryHalts(t *testing.T) {
	n := open(t)
	n.push("x?promote=all", ruleSet("x", "wechat")).want(201)
	n.push("x?promote=canary&percent=10", ruleSet("x", "qq")).want(201).is("2", "canary", "version").is("10", "canary", "percent")
	e := n.connect("e")
	e.await("the canary", func() bool { return e.binding("x").GetCanary().GetShare() == 1000 })
	e.set(func() { e.tallies[1], e.tallies[2] = &feedpb.FilterTally{Passed: 5}, &feedpb.FilterTally{Passed: 5} })
	n.await("the first report", func() bool {
		return fmt.Sprint(n.do("GET", "/v1/filters/x", "").get("edges", 1, "tally", "visits")) == "5"
	})
	n.do("GET", "/v1/filters/x", "").is("e", "edges", 0, "edge").is("1", "edges", 0, "version").is(nil, "edges", 0, "canary").is("true", "edges", 1, "canary")
	// More is counted all the time, as on a busy edge.
	n.await("the halt", func() bool {
		e.set(func() {
			e.tallies[1] = &feedpb.FilterTally{Passed: e.tallies[1].GetPassed() + 900}
			e.tallies[2] = &feedpb.FilterTally{Passed: 5, Denied: e.tallies[2].GetDenied() + 100}
		})
		return n.do("GET", "/v1/filters/x", "").get("canary") == nil
	})
	n.do("GET", "/v1/filters/x", "").is("1", "current").is("0", "staged")
	n.do("GET", "/v1/filters/x/history", "").is("canary halted", "events", 0, "what").is("system", "events", 0, "by").is("2", "events", 0, "version")
	if reason := fmt.Sprint(n.do("GET", "/v1/filters/x/history", "").get("events", 0, "reason")); !strings.Contains(reason, "denied") {
		t.Errorf("reason %q", reason)
	}
	e.await("the end of the canary", func() bool { return e.binding("x").GetCanary() == nil && e.binding("x").GetVersion() == 1 })
}

func TestCanaryThatDoesNotLoadHalts(t *testing.T) {
	n := open(t)
	n.push("x?promote=all", ruleSet("x", "wechat")).want(201)
	e := n.connect("e")
	e.set(func() { e.broken[2] = "it does not compile here" })
	n.push("x?promote=canary&percent=1", ruleSet("x", "qq")).want(201)
	n.await("the halt", func() bool { return n.do("GET", "/v1/filters/x", "").get("canary") == nil })
	reason := fmt.Sprint(n.do("GET", "/v1/filters/x/history", "").get("events", 0, "reason"))
	if reason != "edge e cannot run it: it does not compile here" {
		t.Errorf("reason %q", reason)
	}
}

func TestForecast(t *testing.T) {
	n := open(t)
	n.push("x?promote=all", ruleSet("x", "qq")).want(201).is(nil, "forecast")
	n.push("x?forecast=1", ruleSet("x", "wechat")).want(201).is("no edge is connected that answers", "forecast", "unavailable")
	e := n.connect("e")
	wechat := uint8(n.do("GET", "/v1/platforms/wechat", "").get("number").(float64))
	for i := range 10 {
		v := abi.Visit{
			Facts: abi.FactPlatforms | abi.FactUserAgent | abi.FactIP | abi.FactCountry, Platform: wechat, Country: [2]byte{'C', 'N'},
			UserAgent: fmt.Append(nil, "agent ", i), IP: [16]byte{10: 0xff, 11: 0xff, 12: 203, 13: 0, 14: 113, 15: 9},
		}
		if i < 4 {
			v.Platforms.Add(wechat)
		}
		var record [abi.BufferSize]byte
		size, err := v.Encode(record[:], abi.AllFacts, nil)
		if err != nil {
			t.Fatal(err)
		}
		e.set(func() { e.visits = append(e.visits, record[:size]) })
	}
	// Version 2 is in force nowhere: what changes is measured against version 1.
	out := n.push("x", ruleSet("x", "wechat")).want(201).is("10", "forecast", "visits").is("4", "forecast", "changed").
		is("map[pass→deny:4]", "forecast", "from_to").is("wechat", "forecast", "examples", 0, "platform").
		is("agent 0", "forecast", "examples", 0, "user_agent").is("CN", "forecast", "examples", 0, "country")
	if strings.Contains(string(out.body), "203.0.113") {
		t.Errorf("an address is shown: %s", out.body)
	}
	n.push("x?forecast=0", ruleSet("x", "wechat")).want(201).is(nil, "forecast")
	n.push("x", ruleSet("x", "qq")).want(201).is("0", "forecast", "changed").is(nil, "forecast", "note")
	n.do("PUT", "/v1/chain", `{"filters":["platform"]}`).want(200)
	if note, _ := n.push("x", ruleSet("x", "wechat")).get("forecast", "note").(string); !strings.Contains(note, "bound by name") {
		t.Errorf("note %q", note)
	}
	n.push("y", ruleSet("y", "wechat")).want(201).is("4", "forecast", "changed") // against none
	needy := "name: z\nrules:\n  - when: visit.language == \"zh\"\n    then: deny\n"
	n.push("z", needy).want(201).is("[language]", "forecast", "missing_facts")
}

// What is pushed to be in force is on every connected edge when the push is
// answered with ?wait=edges; the forecast does not stand in the way.
func TestPushReachesEdges(t *testing.T) {
	n := open(t)
	e := n.connect("e")
	began := time.Now()
	n.push("x?promote=all&wait=edges", ruleSet("x", "qq")).want(201)
	took := time.Since(began)
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.binding("x").GetVersion() != 1 {
		t.Errorf("the edge holds %v", e.chain())
	}
	// It takes some 100 ms. The wait alone may last 5 s and is answered 202 then.
	if took > 10*time.Second {
		t.Errorf("push to acknowledged took %s", took)
	}
	t.Logf("push to acknowledged: %s", took)
}

// What edges could not hold is not put in force: a module says how much memory
// it needs when it is admitted.
func TestPromoteHoldsTheBudget(t *testing.T) {
	n := open(t)
	large := module("", 0)
	const onePage = "\x05\x04\x01\x01\x01\x01" // the section of its memory
	large = strings.Replace(large, onePage, "\x05\x04\x01\x01\x40\x40", 1)
	for i := range 12 {
		n.push(fmt.Sprintf("f%d?promote=all&chain=no", i), large).want(201)
	}
	n.push("x?promote=all", large).problem(409, "1041 MiB", "80 MiB of them x", "/rollback")
	n.push("x", large).want(201)
	n.do("POST", "/v1/filters/x/promote", "").problem(409, "1041 MiB")
	n.do("POST", "/v1/filters/f3/rollback", "").want(200)
	n.do("POST", "/v1/filters/x/promote", "").want(200).is("1", "current")
}

// A push that comes too late uploads nothing: between the two that are good the
// Raft log has nothing else.
func TestLatePushUploadsNothing(t *testing.T) {
	n := open(t)
	index := func(a *answer) (i int) {
		t.Helper()
		if _, err := fmt.Sscanf(a.want(201).etag(), `"1.%d"`, &i); err != nil {
			t.Fatal(err)
		}
		return i
	}
	large := module("", 400<<10)
	first := index(n.push("x", ruleSet("x", "wechat")))
	for _, etag := range []string{`"9.9"`, `"0.0"`} {
		n.do("POST", "/v1/filters/x", large, "Content-Type", "application/wasm", "If-Match", etag).problem(412, "ETag")
	}
	if second := index(n.push("x", ruleSet("x", "qq"))); second != first+1 {
		t.Errorf("the next change has index %d; want %d", second, first+1)
	}
	n.do("POST", "/v1/filters/x", large, "Content-Type", "application/wasm", "If-Match", n.do("GET", "/v1/filters/x", "").etag()).want(201).is("3", "staged")
}
