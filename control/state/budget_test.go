package state_test

import (
	"fmt"
	"strings"
	"testing"

	"suodi/control/state"
	"suodi/control/state/statepb"
)

// stageSized stages a module whose instances take so many pages.
func stageSized(name, module string, pages uint32, promote bool, trial *statepb.Trial) *statepb.Operation {
	op := stage(name, module, promote)
	op.GetStageFilter().Memory, op.GetStageFilter().Canary = pages, trial
	return op
}

func TestNumberOfFiltersIsBounded(t *testing.T) {
	c := seeded(t)
	for i := range state.MaxRunning - 1 { // platform is one
		c.done(stage(fmt.Sprint("f", i), "one", true))
	}
	out := c.refused(stage("x", "one", true), statepb.Refusal_REFUSAL_BUDGET)
	if want := "129 filters would be in force or on trial with x; edges hold at most 128"; out.GetDetail() != want {
		t.Errorf("refused with %q; want %q", out.GetDetail(), want)
	}
	c.refused(stageCanary("x", "one", &statepb.Trial{Share: 1}), statepb.Refusal_REFUSAL_BUDGET)
	c.done(stage("x", "one", false))
	c.refused(promote("x"), statepb.Refusal_REFUSAL_BUDGET)
	c.done(stage("f0", "two", true)) // one that runs goes on
	c.done(rollback("f1"))
	c.done(promote("x"))
	c.refused(promoteAgain(c, "f1"), statepb.Refusal_REFUSAL_BUDGET)
}

// promoteAgain stages a filter's module again and returns its promote.
func promoteAgain(c *cluster, name string) *statepb.Operation {
	c.done(stage(name, "one", false))
	return promote(name)
}

func TestMemoryOfFiltersIsBounded(t *testing.T) {
	c := seeded(t)
	for i := range 12 { // 80 MiB each: 20 instances of 4 MiB
		c.done(stageSized(fmt.Sprint("f", i), "one", 64, true, nil))
	}
	out := c.refused(stageSized("x", "one", 64, true, nil), statepb.Refusal_REFUSAL_BUDGET)
	for _, want := range []string{"would take 1041 MiB", "80 MiB of them x (20 instances of 4096 KiB)", "1024 MiB"} {
		if !strings.Contains(out.GetDetail(), want) {
			t.Errorf("refused with %q; want %q", out.GetDetail(), want)
		}
	}
	// A canary runs beside the version in force.
	c.refused(stageSized("f0", "two", 64, true, &statepb.Trial{Share: 1}), statepb.Refusal_REFUSAL_BUDGET)
	c.done(stageSized("f0", "two", 48, true, &statepb.Trial{Share: 1}))
	c.done(promote("f0")) // takes less than both
	c.refused(stageSized("f0", "three", 120, true, nil), statepb.Refusal_REFUSAL_BUDGET)
	c.done(stageSized("x", "one", 64, true, nil))
	c.done(rollback("f0")) // never refused, though it is too much
	c.refused(stage("y", "one", true), statepb.Refusal_REFUSAL_BUDGET)
	c.done(stageSized("f0", "four", 63, true, nil)) // less than before
}
