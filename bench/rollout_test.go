package bench_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestRollOut is an admin's bad day: a rule set that fails its own test, a
// version that refuses everybody, and every hostile module we have, pushed to a
// running edge while visitors come. Not one visit to another link may fail.
func TestRollOut(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.link(fields{"slug": "steady"})
	visitors := startLoad(c)

	c.brokenTest(t)
	c.overDenying(t)
	c.hostile(t)

	visits, failed := visitors.stop()
	if failed != nil {
		t.Errorf("after %d visits to another link: %v", visits, failed)
	}
	if visits < 100 {
		t.Errorf("only %d visits were made meanwhile", visits)
	}
}

// pushedFilter is what the API says of a filter.
type pushedFilter struct {
	Current, Staged int
	Canary          *struct{ Version int }
	Edges           []struct {
		Version int
		Canary  bool
		Error   string
		Tripped bool
		Tally   *struct{ Visits, Denied, Failed uint64 }
	}
}

func (c *cluster) filter(name string) (f pushedFilter) {
	c.t.Helper()
	c.want(http.StatusOK, c.call(http.MethodGet, "/v1/filters/"+name, nil, &f))
	return f
}

// gate is a rule set that denies visits on a condition.
func gate(when string) source {
	return source{"application/yaml", fmt.Sprintf("name: gate\nrules:\n  - name: shut\n    when: %s\n    then: deny\n    reason: { en: Shut }\n"+
		"tests:\n  - name: a browser comes in\n    visit: { country: DE }\n    expect: pass\n", when)}
}

// brokenTest pushes a rule set whose own test it fails.
func (c *cluster) brokenTest(t *testing.T) {
	r := c.want(http.StatusUnprocessableEntity, c.call(http.MethodPost, "/v1/filters/gate?promote=all", gate(`"true"`), nil))
	if !strings.Contains(r.body, "a browser comes in") {
		t.Errorf("the failing test is not named: %s", r.body)
	}
	c.want(http.StatusNotFound, c.call(http.MethodGet, "/v1/filters/gate", nil, nil))
}

// overDenying tries a version that refuses everybody on half of the visits of a
// link: it must be halted and taken back without anybody's doing.
func (c *cluster) overDenying(t *testing.T) {
	c.want(http.StatusCreated, c.call(http.MethodPost, "/v1/filters/gate?promote=all&chain=no&wait=edges", gate(`visit.country == "XX"`), nil))
	shop := c.link(fields{"slug": "shop", "filters": []fields{{"name": "gate"}}}).request(t)
	v := c.visitor(t)
	if a := v.browse(shop); a.Status != http.StatusFound {
		t.Fatalf("before: %d", a.Status)
	}
	// Its own test, which does not say what it should have, is content.
	everybody := gate(`visit.country != "DE"`)
	c.want(http.StatusCreated, c.call(http.MethodPost, "/v1/filters/gate", everybody, nil))
	var f pushedFilter
	c.want(http.StatusOK, c.call(http.MethodPost, "/v1/filters/gate/promote?wait=edges", fields{"canary": fields{"percent": 50}}, &f))
	if f.Canary == nil || f.Canary.Version != 2 || f.Current != 1 {
		t.Fatalf("after the promote: %+v", f)
	}
	denied, visits := 0, 0
	eventually(t, "the canary is halted", func() bool {
		for range 50 {
			visits++
			switch a := v.get(shop, fmt.Sprintf("Mozilla/5.0 (Linux; Android 14; %d) Chrome/120", visits), "en"); a.Status {
			case http.StatusFound:
			case http.StatusForbidden:
				denied++
			default:
				t.Fatalf("a visit is answered %d", a.Status)
			}
		}
		f = c.filter("gate")
		return f.Canary == nil
	})
	if f.Current != 1 || f.Staged != 0 || denied == 0 {
		t.Errorf("after the halt: %+v; %d of %d visits were denied", f, denied, visits)
	}
	var history struct {
		Events []struct{ What, Reason, By string }
	}
	c.want(http.StatusOK, c.call(http.MethodGet, "/v1/filters/gate/history", nil, &history))
	if e := history.Events[0]; e.What != "canary halted" || !strings.Contains(e.Reason, "den") || e.By != "system" {
		t.Errorf("its history says %+v", history.Events)
	}
	eventually(t, "everybody comes in again", func() bool {
		for i := range 50 {
			if v.get(shop, fmt.Sprintf("Mozilla/5.0 (Linux; Android 14; %d) Chrome/120", i), "en").Status != http.StatusFound {
				return false
			}
		}
		return true
	})
}

// hostile pushes the whole corpus: each module is refused with a reason, or in
// force and contained.
func (c *cluster) hostile(t *testing.T) {
	modules, err := filepath.Glob("../wasm/testdata/hostile/*.wasm")
	must(t, err)
	victim := c.link(fields{"slug": "victim"}).request(t)
	v := c.visitor(t)
	refused, contained := 0, 0
	var waits []time.Duration
	for _, file := range modules {
		data, err := os.ReadFile(file)
		must(t, err)
		name := filepath.Base(file)
		began := time.Now()
		r := c.call(http.MethodPost, "/v1/filters/hostile?promote=all&chain=no&forecast=0&wait=edges", source{"application/wasm", string(data)}, nil)
		waits = append(waits, time.Since(began))
		switch {
		case r.status == http.StatusUnprocessableEntity:
			refused++
			if !strings.Contains(r.body, "detail") {
				t.Errorf("%s is refused without a reason: %s", name, r.body)
			}
			continue
		case r.status != http.StatusCreated:
			t.Fatalf("%s: %d %s (%v)", name, r.status, r.body, r.err)
		case contained == 0:
			c.want(http.StatusOK, c.call(http.MethodPatch, "/v1/links/"+domain+"/victim?wait=edges", fields{"filters": []fields{{"name": "hostile"}}}, nil))
		}
		contained++
		for _, agent := range []string{browser, crawler, crawler, crawler, browser} { // most turn on crawlers
			switch a := v.get(victim, agent, "en"); {
			case a.Status == http.StatusFound && (a.Location == target || strings.HasPrefix(a.Location, "https://")):
			case a.Status == http.StatusForbidden, a.Status == http.StatusOK:
			default:
				t.Errorf("%s: a visit is answered %d to %q", name, a.Status, a.Location)
			}
		}
	}
	if refused < 20 || contained < 20 {
		t.Errorf("%d modules were refused and %d contained", refused, contained)
	}
	t.Logf("%d hostile modules refused, %d contained; the slowest push took %s until the edge had acted on it", refused, contained, longest(waits))

	loop, err := os.ReadFile("../wasm/testdata/hostile/visit-infinite-loop.wasm")
	must(t, err)
	c.want(http.StatusCreated, c.call(http.MethodPost, "/v1/filters/hostile?promote=all&forecast=0&wait=edges", source{"application/wasm", string(loop)}, nil))
	eventually(t, "a filter that never ends is tripped", func() bool {
		for range 20 {
			if a := v.get(victim, crawler, "en"); a.Status != http.StatusFound || a.Location != target {
				t.Fatalf("a visit is answered %d to %q", a.Status, a.Location)
			}
		}
		edges := c.filter("hostile").Edges
		return len(edges) == 1 && edges[0].Tripped && edges[0].Tally != nil && edges[0].Tally.Failed >= 50
	})
}

// crawler is the visitor that the corpus's modules turn on.
const crawler = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"

func longest(all []time.Duration) (most time.Duration) {
	for _, d := range all {
		most = max(most, d)
	}
	return most
}
