package bench_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"suodi/bench"
	"suodi/bench/peer"
	"suodi/bench/report"
)

// TestPeers compares all servers that are installed here, and at least our own
// with bare fasthttp.
func TestPeers(t *testing.T) {
	t.Parallel()
	servers := peer.All(program(t, "suodi-bench"))
	// One that cannot start, and one that is not there.
	for i := range servers {
		if servers[i].Name == "caddy" {
			servers[i].Name = "none"
		}
	}
	r := report.New("peers", nil, "test")
	err := bench.Peers(t.Context(), bench.PeersConfig{
		Servers: servers, Programs: map[string]string{"none": "/nowhere/none"}, Links: 1500, Rounds: 1,
		Warmup: 100 * time.Millisecond, Duration: 150 * time.Millisecond, Dir: t.TempDir(),
	}, r)
	must(t, err)
	must(t, r.Err())
	for i, scenario := range bench.Scenarios() {
		want := []string{"fasthttp"}
		for _, s := range servers {
			if _, err := s.Find(); err == nil && s.Name != "none" && s.Name != "fasthttp" {
				want = append(want, s.Name)
			}
		}
		var got []string
		for _, s := range r.Subjects {
			if s.Scenario != scenario.Name {
				continue
			}
			got = append(got, s.Name)
			for _, round := range s.Rounds {
				if round.Server == nil || round.Server.Memory < 1<<20 || round.Failed > 0 {
					t.Errorf("%s, %s: %+v", s.Name, scenario.ID, round)
				}
				if scenario.TLS && (round.Resumed == nil || *round.Resumed > scenario.Resume+.2) {
					t.Errorf("%s, %s: resumed %v", s.Name, scenario.ID, round.Resumed)
				}
			}
			if len(s.Rounds) != 1 {
				t.Errorf("%s, %s: %d rounds", s.Name, scenario.ID, len(s.Rounds))
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("scenario %d, %s: measured %v, want %v; missing: %+v", i, scenario.ID, got, want, r.Missing)
		}
	}
	if !slices.ContainsFunc(r.Missing, func(m report.Missing) bool { return m.Name == "none" && strings.Contains(m.Reason, "no such file") }) {
		t.Errorf("missing: %+v", r.Missing)
	}
	var text strings.Builder
	must(t, r.WriteText(&text))
	if !strings.Contains(text.String(), "suodi ÷ it") {
		t.Error(text.String())
	}
}

// TestPeerFiles checks that a table that was filled for measuring is one that an
// edge serves, by way of a link that does not exist.
func TestPeerFiles(t *testing.T) {
	t.Parallel()
	self := program(t, "suodi-bench")
	suodi := peer.All(self)[0]
	edge, err := suodi.Find()
	must(t, err)
	setup := peer.Setup{Dir: filepath.Join(t.TempDir(), "suodi"), Plain: freeAddress(t), Links: 50, Program: edge}
	p, err := peer.Start(t.Context(), suodi, setup, -1)
	must(t, err)
	defer p.Close()
	v, err := bench.NewVisitor("http://"+setup.Plain, patience)
	must(t, err)
	answer, err := v.Visit(bench.Visit{Host: peer.Host, Target: "/nowhere", UserAgent: "x"})
	must(t, err)
	if answer.Status != 404 {
		t.Errorf("an unknown link is answered %d", answer.Status)
	}
	must(t, v.Close())
	if used, err := p.Usage(); err != nil || used.Memory < 1<<20 {
		t.Errorf("usage %+v, %v", used, err)
	}
	p.Close()
	if _, err := p.Usage(); err == nil || !strings.Contains(err.Error(), "has ended") {
		t.Errorf("usage of what has ended: %v", err)
	}
	if _, err := os.Stat(filepath.Join(setup.Dir, "data", "table")); err != nil {
		t.Error(err)
	}
}
