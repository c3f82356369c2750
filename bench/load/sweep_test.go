package load_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"suodi/bench/load"
)

// TestSweep looks for the rate that a server with a known limit can take: it
// serves one visit at a time, each for 5 ms, so 200 a second.
func TestSweep(t *testing.T) {
	t.Parallel()
	var one sync.Mutex
	s := newServer(t, nil, func(w http.ResponseWriter, r *http.Request) {
		one.Lock()
		<-time.After(5 * time.Millisecond)
		one.Unlock()
		redirect(w, r)
	})
	tries := 0
	found, rounds, err := load.Sweep(t.Context(), load.SweepConfig{
		Load:  load.Config{Address: s.address, Links: made(t, 10, elsewhere), Duration: 500 * time.Millisecond, Timeout: 2 * time.Second},
		Limit: 100 * time.Millisecond, From: 25, Precise: .2, Confirm: 1, Try: func(float64, bool) { tries++ },
	})
	check(t, err)
	if found.Rate <= 0 || found.Rate > 260 { // a busy machine may take less
		t.Errorf("found %v a second: %+v", found.Rate, found.Steps)
	}
	last := found.Steps[len(found.Steps)-1]
	if tries != len(found.Steps) || !last.Confirms || !last.OK || last.Rate != found.Rate || len(rounds) != 1 || found.Limit != 100_000 {
		t.Errorf("%d tries, %+v", tries, found)
	}
	for _, step := range found.Steps {
		if step.OK == (step.Reason != "") || step.OK && step.P99 >= found.Limit {
			t.Errorf("step %+v", step)
		}
	}
}

// TestSweepFindsNothing: a server that is always slow, and one that is broken.
func TestSweepFindsNothing(t *testing.T) {
	t.Parallel()
	slow := newServer(t, nil, func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(5 * time.Millisecond):
		case <-r.Context().Done():
		}
		redirect(w, r)
	})
	config := load.SweepConfig{
		Load:  load.Config{Address: slow.address, Links: made(t, 10, elsewhere), Duration: 100 * time.Millisecond},
		Limit: time.Millisecond, From: 640, Confirm: 1,
	}
	found, rounds, err := load.Sweep(t.Context(), config)
	check(t, err)
	if found.Rate != 0 || len(rounds) != 0 || len(found.Steps) == 0 {
		t.Errorf("found %+v", found)
	}
	broken := newServer(t, nil, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) })
	config.Load.Address = broken.address
	if _, _, err := load.Sweep(t.Context(), config); err == nil || !strings.Contains(err.Error(), "is answered 500") {
		t.Errorf("a broken server: %v", err)
	}
	for says, wrong := range map[string]load.SweepConfig{
		"rates: want": {From: 10, Most: 5}, "precision: want": {Precise: 2}, "confirmations: want": {Confirm: -1}, "limit: want": {Limit: -1},
	} {
		if _, _, err := load.Sweep(t.Context(), wrong); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("want %q, got %v", says, err)
		}
	}
}
