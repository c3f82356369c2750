package load_test

import (
	"math"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"suodi/bench/load"
)

func TestSlugsDiffer(t *testing.T) {
	t.Parallel()
	seen := map[string]uint64{}
	for _, from := range []uint64{0, load.MaxMade/2 - 50_000, load.MaxMade - 100_000} {
		for n := from; n < from+100_000; n++ {
			slug := string(load.AppendSlug(nil, n))
			if other, twice := seen[slug]; twice || len(slug) != 6 {
				t.Fatalf("link %d has slug %q, as %d", n, slug, other)
			}
			seen[slug] = n
		}
	}
}

// visited counts how often each path was visited.
func visited(t *testing.T, config load.Config) (counts map[string]float64, total float64) {
	t.Helper()
	var mu sync.Mutex
	counts = map[string]float64{}
	s := newServer(t, nil, func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		counts[r.URL.Path]++
		total++
		mu.Unlock()
		redirect(w, r)
	})
	config.Address, config.Connections = s.address, 4
	if config.Duration == 0 {
		config.Duration = 500 * time.Millisecond
	}
	check(t, put(t, config).Err())
	mu.Lock()
	defer mu.Unlock()
	return counts, total
}

// TestPopularity compares how often links are visited with what the law says.
func TestPopularity(t *testing.T) {
	t.Parallel()
	const count = 100
	for name, share := range map[string]func(n float64) float64{
		"uniform":  func(float64) float64 { return 1 },
		"zipf:1.5": func(n float64) float64 { return math.Pow(n, -1.5) },
		"zipf":     func(n float64) float64 { return math.Pow(n, -1.1) },
	} {
		popularity, err := load.ParsePopularity(name)
		check(t, err)
		links, err := load.MadeLinks(count, elsewhere, popularity)
		check(t, err)
		counts, total := visited(t, load.Config{Links: links})
		sum := 0.0
		for n := range count {
			sum += share(float64(n + 1))
		}
		for n := range 5 {
			want := total * share(float64(n+1)) / sum
			got := counts["/"+string(load.AppendSlug(nil, uint64(n)))]
			if spread := 6 * math.Sqrt(want); math.Abs(got-want) > spread {
				t.Errorf("%s: link %d has %v of %v visits, want %.0f ± %.0f", name, n+1, got, total, want, spread)
			}
		}
	}
	for _, bad := range []string{"", "pareto", "zipf:1", "zipf:x", "zipf:NaN", "zipf:+Inf"} {
		if _, err := load.ParsePopularity(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func TestReadLinks(t *testing.T) {
	t.Parallel()
	file := "# path, weight, location\n/a\t3\t" + elsewhere + "a\n\n/b%20c\t1\n"
	links, err := load.ReadLinks(strings.NewReader(file), load.Popularity{})
	check(t, err)
	counts, total := visited(t, load.Config{Links: links})
	if share := counts["/a"] / total; len(counts) != 2 || math.Abs(share-.75) > 6*math.Sqrt(.75*.25/total) {
		t.Errorf("visits %v", counts)
	}
	for says, file := range map[string]string{
		"there is no link":             "# nothing\n",
		`line 2: weight "-1"`:          "/a\t1\n/b\t-1\n",
		`line 1: weight "NaN"`:         "/a\tNaN\n",
		"want one that begins with /":  "a\n",
		"percent-encoded":              "/活动\n",
		"begins with / and is percent": "/a b\n",
	} {
		if _, err := load.ReadLinks(strings.NewReader(file), load.Popularity{}); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", file, err, says)
		}
	}
}

func TestReadAgents(t *testing.T) {
	t.Parallel()
	agents, err := load.ReadAgents(strings.NewReader("# mix\n3\tOne/1\n1\tTwo/2 (a; b)\n"))
	check(t, err)
	s := newServer(t, nil, redirect)
	check(t, put(t, load.Config{Address: s.address, Agents: agents, Duration: 300 * time.Millisecond, Connections: 2}).Err())
	s.mu.Lock()
	defer s.mu.Unlock()
	one, two := float64(s.agents["One/1"]), float64(s.agents["Two/2 (a; b)"])
	if total := one + two; len(s.agents) != 2 || math.Abs(one/total-.75) > 6*math.Sqrt(.75*.25/total) {
		t.Errorf("agents %v", s.agents)
	}
	for says, file := range map[string]string{
		"there is no user agent": "\n# none\n", `line 1: weight "x"`: "x\tOne", "control character": "1\tOne\x01",
		"the limit is 4096": strings.Repeat("One\n", 4097),
	} {
		if _, err := load.ReadAgents(strings.NewReader(file)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%.20q: %v, want %q", file, err, says)
		}
	}
	// As many as there is room for, one of them heavy: each has its turn.
	check(t, func() error {
		_, err := load.ReadAgents(strings.NewReader("1000000\tHeavy\n" + strings.Repeat("One\n", 4095)))
		return err
	}())
}
