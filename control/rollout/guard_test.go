package rollout_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"suodi/control/link"
	"suodi/control/rollout"
)

// fleet is a rollout.Fleet of nothing but memory.
type fleet struct {
	mu       sync.Mutex
	leads    bool
	canaries []rollout.Canary
	tallies  map[string]rollout.Reading
	halted   []string // reasons
	halting  error
}

func (f *fleet) Leads() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.leads
}

func (f *fleet) Canaries() ([]rollout.Canary, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.canaries), nil
}

func (f *fleet) Readings(string) []rollout.Reading {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Collect(maps.Values(f.tallies))
}

func (f *fleet) Halt(_ context.Context, c rollout.Canary, reason string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.halting != nil {
		return f.halting
	}
	f.halted = append(f.halted, reason)
	f.canaries = slices.DeleteFunc(f.canaries, func(other rollout.Canary) bool { return other.Started == c.Started })
	return nil
}

func (f *fleet) set(how func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	how()
}

// guarded runs a test with a guard of a fleet; tick lets it look once more.
func guarded(t *testing.T, f *fleet, test func(tick func())) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			rollout.NewGuard(rollout.GuardConfig{Fleet: f, Interval: time.Second}).Run(ctx)
		}()
		synctest.Wait()
		test(func() {
			time.Sleep(time.Second) // of the test's own clock
			synctest.Wait()
		})
		cancel()
		<-done
	})
}

func trialOf(started uint64) rollout.Canary {
	return rollout.Canary{Filter: "x", Started: link.Revision{Epoch: 1, Index: started}, InForce: 1, Version: 2, Thresholds: standard}
}

func TestGuardHalts(t *testing.T) {
	f := &fleet{leads: true, canaries: []rollout.Canary{trialOf(1)}, tallies: map[string]rollout.Reading{"a": reading("a", 1, passed(0), denied(0))}}
	guarded(t, f, func(tick func()) {
		tick()
		f.set(func() {
			f.tallies["a"] = reading("a", 1, passed(2000), denied(150))
			f.halting = errors.New("no quorum")
		})
		tick()
		if len(f.halted) != 0 {
			t.Fatalf("halted %q", f.halted)
		}
		f.set(func() { f.halting = nil }) // it is tried again
		tick()
		tick()
		if len(f.halted) != 1 {
			t.Errorf("halted %q", f.halted)
		}
	})
}

// Another trial of the same version is judged by its own visits alone.
func TestGuardBeginsAnew(t *testing.T) {
	bad := map[string]rollout.Reading{"a": reading("a", 1, passed(2000), denied(150))}
	f := &fleet{leads: true, canaries: []rollout.Canary{trialOf(1)}, tallies: map[string]rollout.Reading{"a": reading("a", 1, passed(0), denied(0))}}
	guarded(t, f, func(tick func()) {
		tick()
		f.set(func() { f.tallies, f.canaries = bad, []rollout.Canary{trialOf(2)} })
		tick()
		tick()
		if len(f.halted) != 0 {
			t.Errorf("halted for what came before it: %q", f.halted)
		}
	})
}

// Only the leader judges, and only by what it saw since it leads.
func TestGuardOnlyLeads(t *testing.T) {
	f := &fleet{canaries: []rollout.Canary{trialOf(1)}, tallies: map[string]rollout.Reading{"a": reading("a", 1, passed(0), denied(0))}}
	guarded(t, f, func(tick func()) {
		f.set(func() { f.tallies["a"] = reading("a", 1, passed(2000), denied(150)) })
		tick()
		f.set(func() { f.leads = true })
		tick()
		if len(f.halted) != 0 {
			t.Errorf("halted for what came before it led: %q", f.halted)
		}
		f.set(func() { f.leads = false })
		tick()
		f.set(func() {
			f.leads = true
			f.tallies["a"] = reading("a", 1, passed(4000), denied(300))
		})
		tick()
		if len(f.halted) != 0 {
			t.Errorf("halted for what came while another led: %q", f.halted)
		}
		f.set(func() { f.tallies["a"] = reading("a", 1, passed(6000), denied(450)) })
		tick()
		if len(f.halted) != 1 {
			t.Errorf("halted %q", f.halted)
		}
	})
}
