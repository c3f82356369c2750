package visit_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"suodi/wasm/abi"
	"suodi/wasm/visit"
	"suodi/wasm/visit/samples"
)

// flood sends visits of which a share comes from popular user agents, the
// others from made-up ones that come times each, and returns how many of the
// popular visits came from an agent that was remembered.
func flood(c *visit.Classifier, popular []string, share float64, times, visits int) float64 {
	random := rand.New(rand.NewPCG(7, 7))
	zipf := rand.NewZipf(random, 1.1, 1, uint64(len(popular)-1))
	var v abi.Visit
	known, asked := 0, 0
	for asked < visits {
		if random.Float64() < share {
			before := c.Stats().Misses
			c.Classify(userAgent(popular[zipf.Uint64()]), abi.FactPlatforms, &v)
			known += 1 - int(c.Stats().Misses-before)
			asked++
			continue
		}
		made := userAgent(fmt.Sprintf("Mozilla/5.0 (X11; random) %x", random.Uint64()))
		for range times {
			c.Classify(made, abi.FactPlatforms, &v)
		}
	}
	return float64(known) / float64(asked)
}

// popularAgents returns n user agents, real ones and their like.
func popularAgents(n int) (popular []string) {
	all := samples.All()
	for i := range n {
		agent := fmt.Sprintf("%s %d", all[i%len(all)].UserAgent, i/len(all))
		popular = append(popular, agent[max(0, len(agent)-visit.MaxCached):])
	}
	return popular
}

// TestFloodKeepsPopular has user agents that come once, then such that come
// twice, make up most of all visits, before the popular ones come or after.
func TestFloodKeepsPopular(t *testing.T) {
	popular := popularAgents(500)
	for _, test := range []struct {
		name   string
		share  float64 // of visits that are popular agents'
		times  int     // that each made-up agent comes
		warm   bool    // the popular ones were there before
		visits int     // of popular agents
		want   float64 // of them that are remembered
	}{
		{"half", 0.5, 1, true, 2000, 0.97},
		{"nine of ten", 0.1, 1, true, 2000, 0.97},
		{"nine of ten, twice each", 0.1, 2, true, 2000, 0.85},
		{"99 of 100", 0.01, 1, true, 500, 0.97},
		{"nine of ten from the beginning", 0.1, 1, false, 10_000, 0.75},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newClassifier(t, visit.Config{CacheEntries: 2048, Queue: 64})
			if test.warm {
				flood(c, popular, 1, 1, 10_000)
			}
			hits := flood(c, popular, test.share, test.times, test.visits)
			t.Logf("%.1f %% of popular visits were remembered", 100*hits)
			if hits < test.want {
				t.Errorf("%.3f of popular visits were remembered, want %.2f", hits, test.want)
			}
			if got := c.Stats(); got.Waiting > 64 || got.Dropped == 0 {
				t.Errorf("the queue is not bounded, or nothing is said of what did not fit: %+v", got)
			}
		})
	}
}

// TestFloodParsesPopular floods from several sides while the worker runs: the
// popular agents' versions become known, and what the worker left is reported.
func TestFloodParsesPopular(t *testing.T) {
	c := newClassifier(t, visit.Config{CacheEntries: 4096, Queue: 64})
	running := make(chan error, 1)
	go func() { running <- c.Run(t.Context()) }()
	popular := popularAgents(100)
	var flooding sync.WaitGroup
	var stop atomic.Bool
	var sent atomic.Uint64
	for seed := range uint64(2) {
		flooding.Go(func() {
			random := rand.New(rand.NewPCG(seed, 3))
			var v abi.Visit
			for !stop.Load() {
				c.Classify(userAgent(fmt.Sprintf("Mozilla/5.0 (X11; random) %x", random.Uint64())), abi.FactPlatforms, &v)
				sent.Add(1)
			}
		})
	}
	deadline := time.Now().Add(30 * time.Second)
	for known := 0; known < len(popular) || c.Stats().Dropped == 0; {
		if time.Now().After(deadline) {
			t.Fatalf("of %d popular agents %d became known amid %d others: %+v", len(popular), known, sent.Load(), c.Stats())
		}
		known = 0
		for _, agent := range popular {
			var v abi.Visit
			c.Classify(userAgent(agent), abi.FactPlatforms, &v)
			if c.Versions([]byte(agent)).Known {
				known++
			}
		}
	}
	stop.Store(true)
	flooding.Wait()
	_ = c.Close()
	if err := <-running; err != nil {
		t.Error(err)
	}
	stats := c.Stats()
	if lost := stats.Misses - stats.Parsed; stats.Dropped == 0 || stats.Waiting > 64 || lost == 0 {
		t.Errorf("got %+v", stats)
	}
	t.Logf("%d visits from agents made up: %+v", sent.Load(), stats)
}

// TestQueueKeepsRoomForRegulars fills the new ones' half of the queue: a user
// agent that comes again still finds room.
func TestQueueKeepsRoomForRegulars(t *testing.T) {
	c := newClassifier(t, visit.Config{Queue: 8})
	var v abi.Visit
	for i := range 20 {
		c.Classify(userAgent(fmt.Sprintf("once %d", i)), abi.FactPlatforms, &v)
	}
	before := c.Stats()
	if before.Waiting >= 8 {
		t.Fatalf("those that came once take all of the queue: %+v", before)
	}
	c.Classify(userAgent("once 19"), abi.FactPlatforms, &v)
	if got := c.Stats(); got.Waiting != before.Waiting+1 {
		t.Errorf("got %+v, before %+v", got, before)
	}
}
