package rollout

import (
	"fmt"
	"math"
)

// The thresholds of a canary that names none.
const (
	DefaultMaxFailures = 0.01
	DefaultMaxChange   = 0.1
	DefaultMinVisits   = 100
)

// Thresholds say when a canary is halted.
type Thresholds struct {
	MaxFailures float64 // how much larger the share of broken visits may be, 0 to 1
	MaxChange   float64 // by how much the share of any verdict may differ, 0 to 1
	MinVisits   uint64  // of each group, before shares are compared
}

// doubt is how often a share may lie outside its bounds.
const doubt = 1e-8

// Judge says why a canary that decided so, beside a version in force that
// decided so, must be halted; "" when it need not be.
func (t Thresholds) Judge(inForce, canary Tally) string {
	if canary.Visits() < max(t.MinVisits, 1) {
		return ""
	}
	if d := moved(inForce.Failed, inForce.Visits(), canary.Failed, canary.Visits()); d > t.MaxFailures {
		return t.reason("broke on", inForce.Failed, inForce, canary.Failed, canary, t.MaxFailures)
	}
	if inForce.Visits() < max(t.MinVisits, 1) {
		return ""
	}
	for _, share := range []struct {
		what            string
		inForce, canary uint64
	}{
		{"denied", inForce.Denied, canary.Denied},
		{"guided", inForce.Guided, canary.Guided},
		{"routed", inForce.Routed, canary.Routed},
		{"allowed", inForce.Allowed, canary.Allowed},
		{"could not decide a condition for", inForce.Erred, canary.Erred},
	} {
		if d := moved(share.inForce, inForce.Visits(), share.canary, canary.Visits()); math.Abs(d) > t.MaxChange {
			return t.reason(share.what, share.inForce, inForce, share.canary, canary, t.MaxChange)
		}
	}
	return ""
}

func (Thresholds) reason(what string, k uint64, inForce Tally, ck uint64, canary Tally, limit float64) string {
	before := "no version in force was seen beside it"
	if n := inForce.Visits(); n > 0 {
		before = fmt.Sprintf("the version in force %s of %d", percent(k, n), n)
	}
	return fmt.Sprintf("the canary %s %s of %d visits, %s; the limit is a difference of %.3g %%",
		what, percent(ck, canary.Visits()), canary.Visits(), before, 100*limit)
}

func percent(k, n uint64) string { return fmt.Sprintf("%.3g %%", 100*float64(k)/float64(n)) }

// moved returns how far the share k2 of n2 has surely moved from k1 of n1: the
// distance between their bounds, 0 when these overlap. Nothing of nothing is a
// share of 0 that is known for sure.
func moved(k1, n1, k2, n2 uint64) float64 {
	lower1, upper1 := bounds(k1, n1)
	lower2, upper2 := bounds(k2, n2)
	switch {
	case lower2 > upper1:
		return lower2 - upper1
	case upper2 < lower1:
		return upper2 - lower1
	}
	return 0
}

// bounds returns between which shares the true one lies of which n visits
// showed k: those from which what was seen is not farther than chance goes.
func bounds(k, n uint64) (lower, upper float64) {
	if n == 0 {
		return 0, 0
	}
	seen := min(float64(k)/float64(n), 1)
	far := math.Log(2/doubt) / float64(n)
	return between(seen, 0, far), between(seen, 1, far)
}

// between returns the share on the way from seen to the end, 0 or 1, whose
// divergence from seen is far; the end when it is not that far.
func between(seen, end, far float64) float64 {
	near := seen
	for range 40 { // halvings: far finer than any share shown
		middle := (near + end) / 2
		if divergence(seen, middle) < far {
			near = middle
		} else {
			end = middle
		}
	}
	return end
}

// divergence is the Kullback–Leibler divergence of a coin with bias p from one
// with bias q.
func divergence(p, q float64) float64 {
	part := func(p, q float64) float64 {
		if p == 0 {
			return 0
		}
		return p * math.Log(p/q)
	}
	return part(p, q) + part(1-p, 1-q)
}
