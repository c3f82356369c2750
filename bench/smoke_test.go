package bench_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	"suodi/bench"
	"suodi/wasm/visit/samples"
)

// runSmoke runs `suodi-bench smoke` and returns what it says and its exit code.
func runSmoke(t *testing.T, env string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program(t, "suodi-bench"), append([]string{"smoke"}, args...)...)
	cmd.Dir = t.TempDir()
	cmd.Env = append(cmd.Environ(), "SUODI_TOKEN="+env)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run() // the code tells
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// testSmoke runs the program against a cluster that works, and with what a
// newcomer gets wrong.
func testSmoke(t *testing.T, c *cluster) {
	edge := "http://" + c.edge
	stdout, stderr, code := runSmoke(t, token, "--api", c.api, "--edge", edge)
	if code != 0 || !strings.Contains(stdout, "PLATFORM") || !strings.Contains(stdout, "\nwechat ") || stderr != "" {
		t.Errorf("exit %d\n%s%s", code, stdout, stderr)
	}
	stdout, stderr, code = runSmoke(t, "", "--api", c.api, "--edge", edge, "--token", token, "--json")
	var report bench.SmokeReport
	if err := json.Unmarshal([]byte(stdout), &report); err != nil || code != 0 {
		t.Errorf("exit %d, %v\n%s%s", code, err, stdout, stderr)
	}
	if n := len(samples.All()); report.Visits != 4*n || report.Agents != n || len(report.Wrong) != 0 {
		t.Errorf("report of %d visits by %d agents, %d wrong", report.Visits, report.Agents, len(report.Wrong))
	}
	var left struct{ Links []made }
	c.want(http.StatusOK, c.call(http.MethodGet, "/v1/links?tag=smoke&limit=1000", nil, &left))
	if len(left.Links) != 0 {
		t.Errorf("%d links stay behind", len(left.Links))
	}

	nobody := "http://" + freeAddress(t)
	for _, wrong := range []struct {
		token string
		args  []string
		code  int
		says  string
	}{
		{"", []string{"--api", c.api, "--edge", edge}, 1, "--token or SUODI_TOKEN"},
		{"wrong-token-0123456789abcdef", []string{"--api", c.api, "--edge", edge}, 1, "does not take the token"},
		{token, []string{"--api", nobody, "--edge", edge}, 1, "no control plane answers at " + nobody},
		{token, []string{"--api", c.api, "--edge", nobody}, 1, "no edge answers at " + strings.TrimPrefix(nobody, "http://")},
		{token, []string{"--api", "nonsense", "--edge", edge}, 1, "want http://host:port"},
		{token, []string{"--api", edge, "--edge", edge}, 1, "405"},
		{token, []string{"--nonsense"}, 2, "--help"},
		{token, []string{"extra"}, 2, "extra"},
	} {
		stdout, stderr, code := runSmoke(t, wrong.token, wrong.args...)
		if code != wrong.code || !strings.Contains(stderr, wrong.says) || stdout != "" {
			t.Errorf("%q: exit %d, want %d; want %q in:\n%s%s", wrong.args, code, wrong.code, wrong.says, stderr, stdout)
		}
	}
}

// TestSmokeFindsFault runs smoke against an edge that ignores sets: it must say
// which agents got what they should not, and clean up.
func TestSmokeFindsFault(t *testing.T) {
	t.Parallel()
	links := map[string]string{}
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodDelete {
			delete(links, strings.TrimPrefix(r.URL.Path, "/v1/links/"+domain+"/"))
			return
		}
		var link struct{ Slug, URL string }
		must(t, json.NewDecoder(r.Body).Decode(&link))
		links[link.Slug] = link.URL
		_, _ = fmt.Fprintf(w, `{"domain":%q,"slug":%q,"short_url":"http://%s/%s"}`, domain, link.Slug, domain, link.Slug)
	}))
	defer api.Close()
	edge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", links[strings.TrimPrefix(r.URL.Path, "/")])
		w.WriteHeader(http.StatusFound)
	}))
	defer edge.Close()
	config := bench.SmokeConfig{API: api.URL, Edge: edge.URL, Token: "any", Agents: []samples.Agent{
		{Name: "a-wechat", Platform: "wechat", Platforms: []string{"ios", "mobile", "wechat"}, UserAgent: "MicroMessenger/8"},
		{Name: "a-chrome", Platform: "browser", Platforms: []string{"android", "browser", "mobile"}, UserAgent: "Chrome"},
	}}
	report, err := bench.Smoke(t.Context(), config)
	must(t, err)
	got := map[string]string{}
	for _, w := range report.Wrong {
		got[w.Agent+" on "+w.Link] = w.Want + ", got " + w.Got
	}
	want := map[string]string{
		"a-wechat on guard wechat, qq": "200 guide, got 302", "a-wechat on both": "200 guide, got 302",
		"a-chrome on allow ios": "403, got 302", "a-chrome on both": "403, got 302",
	}
	if fmt.Sprint(got) != fmt.Sprint(want) || report.Err() == nil {
		t.Errorf("got %v, want %v; %v", got, want, report.Err())
	}
	var table strings.Builder
	must(t, report.WriteTable(&table))
	if !strings.Contains(table.String(), `WRONG: a-chrome (android, browser, mobile) on link "allow ios": want 403, got 302`) {
		t.Error(table.String())
	}
	if len(links) != 0 {
		t.Errorf("links stay behind: %v", links)
	}

	config.Agents = []samples.Agent{}
	report, err = bench.Smoke(t.Context(), config)
	must(t, err)
	if err := report.Err(); err == nil || !strings.Contains(err.Error(), "nothing was measured") {
		t.Errorf("a run without visits: %v", err)
	}
	api.Close()
	if _, err := bench.Smoke(t.Context(), config); err == nil || len(links) != 0 {
		t.Errorf("without a control plane: %v", err)
	}
}
