package report_test

import (
	"bytes"
	"flag"
	"math"
	"math/rand/v2"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"

	"suodi/bench/report"
)

var update = flag.Bool("update", false, "write the golden files anew")

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// sample returns a report with something in every field.
func sample() *report.Report {
	h := report.NewHistogram()
	for i := range int64(10_000) {
		h.Record(50_000 + i*i)
	}
	resumed := .5
	round := report.Round{
		Started: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Seconds: 10, Target: 1100, Visits: 10_000, Failed: 3, Rate: 1000,
		Errors: []report.Error{{Class: "unexpected status", Count: 3, Example: `/a is answered 404 <b>"x"</b>`}}, Resumed: &resumed,
		Latency: h.Latency(),
		Series: []report.Interval{
			{At: 0, Seconds: 5, Visits: 5000, Failed: 3, P50: 70, P99: 90, Max: 100},
			{At: 5, Seconds: 5, Visits: 5000, P50: 71, P99: 91, Max: 120},
		},
		Generator: &report.Generator{Busy: .4, Lag: 12, Reconnects: 2}, Server: &report.Server{CPU: .9, Capacity: 1111, Memory: 1 << 20},
	}
	other := round
	other.Rate, other.Errors, other.Failed = 1100, nil, 0
	return &report.Report{
		Schema: report.Schema, Kind: "run", Started: time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC), Command: []string{"run", "--rate", "1100"},
		Version: "v1", Machine: report.Machine{CPU: "A CPU", Cores: 2, Memory: 8 << 30, OS: "linux/amd64", Kernel: "6.1", Go: "go1.26"},
		Subjects: []report.Subject{{Name: "127.0.0.1:8080", Scenario: "kept plain connections", Note: "a note", Rounds: []report.Round{round, other}}},
		Sweep: &report.Sweep{Limit: 1000, Rate: 900, Steps: []report.Step{
			{Rate: 900, Achieved: 899, P99: 400, OK: true, Confirms: true}, {Rate: 1800, Achieved: 1500, P99: 2000, Reason: "p99"},
		}},
		Missing: []report.Missing{{Name: "nginx", Reason: "not installed", WayOut: "apt-get install nginx"}}, Warnings: []string{"a warning"},
	}
}

// TestJSON holds the schema to what was written down: readers depend on it.
func TestJSON(t *testing.T) {
	var got bytes.Buffer
	check(t, sample().WriteJSON(&got))
	const golden = "testdata/report.json"
	if *update {
		check(t, os.WriteFile(golden, got.Bytes(), 0o644))
	}
	want, err := os.ReadFile(golden)
	check(t, err)
	// The compressed histogram may change with the compressor: compare what it holds.
	hdr := regexp.MustCompile(`"hdr": "[^"]*"`)
	if a, b := hdr.ReplaceAllString(got.String(), ""), hdr.ReplaceAllString(string(want), ""); a != b {
		t.Errorf("the report is\n%s\nwant\n%s", a, b)
	}
	back, err := report.Read(bytes.NewReader(want))
	check(t, err)
	h, err := back.Subjects[0].Rounds[0].Latency.Histogram()
	check(t, err)
	if h.Count() != 10_000 || math.Abs(h.Quantile(.5)-25_050) > 50 {
		t.Errorf("the histogram holds %d, median %v", h.Count(), h.Quantile(.5))
	}
	for i := range back.Subjects[0].Rounds {
		back.Subjects[0].Rounds[i].Latency.HDR = sample().Subjects[0].Rounds[i].Latency.HDR
	}
	if !reflect.DeepEqual(back, sample()) {
		t.Errorf("read back:\n%+v", back)
	}
	for _, bad := range []string{"", "{", `{"schema":"suodi-bench/2"}`, "{}", "[]"} {
		if _, err := report.Read(strings.NewReader(bad)); err == nil {
			t.Errorf("%q is taken for a report", bad)
		}
	}
}

// TestHTML checks that the page needs nothing from elsewhere, escapes what it
// was told, and has its plots.
func TestHTML(t *testing.T) {
	var b bytes.Buffer
	check(t, sample().WriteHTML(&b))
	page := b.String()
	for _, outside := range []string{"http:", "https:", "//", "src=", "href=", "url(", "@import", "<script", "<link", "<iframe", "<img"} {
		if strings.Contains(page, outside) {
			t.Errorf("the page has %q", outside)
		}
	}
	if strings.Contains(page, "<b>\"x\"") || !strings.Contains(page, "&lt;b&gt;") {
		t.Error("an example is not escaped")
	}
	for _, part := range []string{
		">100</text>", ">100,000</text>", ">1,000</text>", "Latency by percentile", "Throughput over time", "Latency over time", "round by round", "<svg", "<polyline", "a warning", "apt-get install nginx",
		"A CPU, 2 cores, 8.0 GiB", "suodi-bench run --rate 1100", "900 visits a second", "unexpected status",
	} {
		if !strings.Contains(page, part) {
			t.Errorf("the page lacks %q", part)
		}
	}
	if n := strings.Count(page, "<svg"); n != 4 || strings.Contains(page, "NaN") || strings.Contains(page, "Inf") {
		t.Errorf("%d plots, or one of no number", n)
	}
	// A report of nothing is loud, and no panic.
	for _, r := range []*report.Report{report.New("run", nil, "v"), {Subjects: []report.Subject{{Name: "a", Rounds: []report.Round{{}}}}}} {
		b.Reset()
		check(t, r.WriteHTML(&b))
		if !strings.Contains(b.String(), "worth nothing: ") {
			t.Error("a report of nothing does not say so")
		}
	}
}

func TestText(t *testing.T) {
	var b strings.Builder
	check(t, sample().WriteText(&b))
	for _, part := range []string{"1,050", "4.8 %", "3 unexpected status", "Not measured: nginx", "Mind: a warning", "900 visits a second are the most"} {
		if !strings.Contains(b.String(), part) {
			t.Errorf("lacks %q:\n%s", part, b.String())
		}
	}
}

// TestErr checks that what is worth nothing says so.
func TestErr(t *testing.T) {
	good := report.Round{Visits: 1000, Failed: 10}
	for says, rounds := range map[string][]report.Round{
		"":                                 {good},
		"nothing was measured":             {},
		"none of 7 visits":                 {{Failed: 7}},
		"11 of 1011 visits failed":         {good, {Visits: 1000, Failed: 11}},
		"round 2: stopped after 3.0 s: it": {good, {Visits: 1000, Seconds: 3, Stopped: "it was late"}},
	} {
		err := (&report.Report{Subjects: []report.Subject{{Name: "s", Rounds: rounds}}}).Err()
		if says == "" && err != nil || says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
			t.Errorf("%v, want %q", err, says)
		}
	}
	if (&report.Report{}).Err() == nil {
		t.Error("a report without subjects is worth something")
	}
}

// rounds makes rounds whose rate and latency vary by some share.
func rounds(random *rand.Rand, n int, rate, noise float64) (rounds []report.Round) {
	for range n {
		v := 1 + noise*random.NormFloat64()
		rounds = append(rounds, report.Round{Visits: 1000, Rate: rate * v, Latency: report.Latency{P50: 1e6 / rate / v, P99: 2e6 / rate / v, P999: 100}})
	}
	return rounds
}

func of(rounds []report.Round) *report.Report {
	return &report.Report{Subjects: []report.Subject{{Name: "s", Scenario: "x", Rounds: rounds}}}
}

// TestCompare compares made-up rounds whose difference is known.
func TestCompare(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	verdicts := func(a, b []report.Round) map[string]report.Verdict {
		differences, err := report.Compare(of(a), of(b))
		check(t, err)
		got := map[string]report.Verdict{}
		for _, d := range differences {
			got[d.Figure] = d.Verdict
		}
		return got
	}
	for _, c := range []struct {
		name       string
		n          int
		rate       float64
		throughput report.Verdict
		latency    report.Verdict
	}{
		{"10 % faster", 6, 1100, report.Better, report.Better},
		{"10 % slower", 6, 900, report.Worse, report.Worse},
		{"few rounds", 3, 2000, report.TooFew, report.TooFew},
	} {
		got := verdicts(rounds(random, c.n, 1000, .01), rounds(random, c.n, c.rate, .01))
		if got["visits/s"] != c.throughput || got["p50 µs"] != c.latency || got["p99 µs"] != c.latency {
			t.Errorf("%s: %v", c.name, got)
		}
		if c.n > 3 && got["p99.9 µs"] != report.Noise { // the same in every round
			t.Errorf("%s: %v", c.name, got)
		}
	}
	// Without a difference, one is seen about as often as chance allows.
	wrong := 0
	for range 200 {
		if got := verdicts(rounds(random, 5, 1000, .05), rounds(random, 5, 1000, .05)); got["visits/s"] != report.Noise {
			wrong++
		}
	}
	if wrong > 20 {
		t.Errorf("noise was taken for a difference %d times in 200", wrong)
	}
	if _, err := report.Compare(of(nil), &report.Report{}); err == nil {
		t.Error("reports without common subjects are compared")
	}
}

func TestComparisonWords(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	a, b := of(rounds(random, 6, 1000, .01)), of(rounds(random, 6, 1200, .01))
	b.Machine.CPU = "another"
	differences, err := report.Compare(a, b)
	check(t, err)
	var w strings.Builder
	check(t, report.WriteComparison(&w, a, b, differences))
	for _, part := range []string{"s · x", "better by ", "more than the noise", "no difference larger than the noise", "different machines"} {
		if !strings.Contains(w.String(), part) {
			t.Errorf("lacks %q:\n%s", part, w.String())
		}
	}
}
