package main

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"suodi/bench/report"
)

// call runs the program and returns what it says and its exit code.
func call(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out, errs bytes.Buffer
	code = run(ctx, invocation{args: args, stdout: &out, stderr: &errs, getenv: func(string) string { return "" }})
	return out.String(), errs.String(), code
}

// short makes a run end soon.
var short = []string{"--duration", "150ms", "--warmup", "50ms", "--connections", "2"}

func redirecting(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "https://www.example.org"+r.URL.Path)
		w.WriteHeader(http.StatusFound)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// TestRun measures, saves, and compares what was saved.
func TestRun(t *testing.T) {
	url, dir := redirecting(t), t.TempDir()
	saved, page := filepath.Join(dir, "a.json"), filepath.Join(dir, "a.html")
	args := append([]string{"run", url, "--links", "100", "--location", "https://www.example.org/", "--rounds", "4", "--save", saved, "--report", page}, short...)
	stdout, stderr, code := call(t, args...)
	if code != 0 || !strings.Contains(stdout, "p99.9 µs") || !strings.Contains(stderr, "round 4 of 4") {
		t.Fatalf("exit %d\n%s%s", code, stdout, stderr)
	}
	r, err := readFile(saved, report.Read)
	if err != nil || r.Kind != "run" || len(r.Subjects) != 1 || len(r.Subjects[0].Rounds) != 4 || strings.Join(r.Command, " ") != strings.Join(args, " ") {
		t.Errorf("%v: %+v", err, r)
	}
	if html, err := os.ReadFile(page); err != nil || !strings.HasPrefix(string(html), "<!doctype html>") {
		t.Errorf("%v, page %.50q", err, html)
	}
	stdout, stderr, code = call(t, "compare", saved, saved, "--fail")
	if code != 0 || !strings.Contains(stdout, "no difference larger than the noise") {
		t.Errorf("exit %d\n%s%s", code, stdout, stderr)
	}
	// The same report, half as fast.
	for i := range r.Subjects[0].Rounds {
		r.Subjects[0].Rounds[i].Rate = 1 + float64(i)/100
	}
	worse := filepath.Join(dir, "b.json")
	if err := writeFile(worse, r.WriteJSON); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, code = call(t, "compare", saved, worse, "--fail")
	if code != 1 || !strings.Contains(stdout, "worse by") || !strings.Contains(stderr, "the second report is worse") {
		t.Errorf("exit %d\n%s%s", code, stdout, stderr)
	}
	stdout, _, code = call(t, append([]string{"run", url + "/a", "--json", "--fresh", "--rate", "100"}, short...)...)
	if r, err := report.Read(strings.NewReader(stdout)); err != nil || code != 0 || r.Subjects[0].Rounds[0].Target != 100 {
		t.Errorf("exit %d, %v\n%s", code, err, stdout)
	}
}

func TestSweep(t *testing.T) {
	stdout, stderr, code := call(t, append([]string{"sweep", redirecting(t) + "/a", "--limit", "10s", "--from", "50", "--most", "100", "--confirm", "1"}, short...)...)
	if code != 0 || !strings.Contains(stdout, "100 visits a second are the most") || !strings.Contains(stderr, "100 a second again") {
		t.Errorf("exit %d\n%s%s", code, stdout, stderr)
	}
}

func TestParts(t *testing.T) {
	for _, args := range [][]string{{"table", "--links", "500"}, {"classify"}, {"filter"}} {
		stdout, stderr, code := call(t, append(args, "--rounds", "1", "--duration", "2ms")...)
		if code != 0 || !strings.Contains(stdout, "p50 µs") {
			t.Errorf("%q: exit %d\n%s%s", args, code, stdout, stderr)
		}
	}
}

// TestFailsLoudly: what measured nothing, or errors, exits with 1 and says why;
// a wrong command line exits with 2.
func TestFailsLoudly(t *testing.T) {
	broken := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(broken.Close)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + l.Addr().String() + "/a"
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(t.TempDir(), "missing")
	for _, c := range []struct {
		code int
		says string
		args []string
	}{
		{1, "nothing was measured", []string{"run", broken.URL + "/a"}},
		{1, "is answered 404", []string{"run", broken.URL + "/a"}},
		{1, "could not connect", []string{"run", nobody, "--timeout", "200ms"}},
		{1, "is answered 404", []string{"sweep", broken.URL + "/a"}},
		{2, "which links?", []string{"run", broken.URL}},
		{2, "one of --links, --links-file and a path", []string{"run", broken.URL + "/a", "--links", "3"}},
		{2, "want http://", []string{"run", "localhost:8080"}},
		{2, "want one URL", []string{"run"}},
		{2, "--resume is for https", []string{"run", broken.URL + "/a", "--resume", "0.5"}},
		{2, "popularity", []string{"run", broken.URL + "/a", "--popularity", "pareto"}},
		{1, "missing", []string{"run", broken.URL, "--links-file", missing}},
		{1, "missing", []string{"run", broken.URL + "/a", "--agents", missing}},
		{2, "--help", []string{"run", "--nonsense"}},
	} {
		args := c.args
		if c.code == 1 {
			args = append(args, short...)
		}
		stdout, stderr, code := call(t, args...)
		if code != c.code || !strings.Contains(stderr, c.says) {
			t.Errorf("%q: exit %d, want %d; want %q in:\n%s%s", args, code, c.code, c.says, stdout, stderr)
		}
	}
	for _, c := range []struct {
		code int
		says string
		args []string
	}{
		{2, "want two reports", []string{"compare", "a"}},
		{1, "missing", []string{"compare", missing, missing}},
		{2, "server \"apache\"", []string{"peers", "--only", "apache"}},
		{2, "scenario \"slow\"", []string{"peers", "--scenarios", "slow"}},
		{2, "want two that differ", []string{"peers", "--cores", "1,1"}},
		{2, "unexpected argument", []string{"table", "extra"}},
		{1, "missing", []string{"filter", "--module", missing}},
		{1, "missing", []string{"classify", "--agents", missing}},
		{1, "no API token", []string{"fill"}},
		{2, "is no command", []string{"nonsense"}},
		{1, "want an address", []string{"bare-server"}},
	} {
		stdout, stderr, code := call(t, c.args...)
		if code != c.code || !strings.Contains(stderr, c.says) {
			t.Errorf("%q: exit %d, want %d; want %q in:\n%s%s", c.args, code, c.code, c.says, stdout, stderr)
		}
	}
}
