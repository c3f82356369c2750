package rollout

// Tally is what one version of a filter decided: every visit is one of Passed,
// Allowed, Denied, Guided, Routed and Failed. Erred counts some of them again.
type Tally struct {
	Passed, Allowed, Denied, Guided, Routed uint64
	Failed                                  uint64 // the filter broke
	Erred                                   uint64 // a condition could not be decided
}

// Visits is how many visits there were.
func (t Tally) Visits() uint64 {
	return t.Passed + t.Allowed + t.Denied + t.Guided + t.Routed + t.Failed
}

func (t *Tally) counts() [7]*uint64 {
	return [7]*uint64{&t.Passed, &t.Allowed, &t.Denied, &t.Guided, &t.Routed, &t.Failed, &t.Erred}
}

// Add returns both together.
func (t Tally) Add(other Tally) Tally {
	mine, its := t.counts(), other.counts()
	for i := range mine {
		*mine[i] += *its[i]
	}
	return t
}

// since returns what was counted after an earlier reading of the same counters.
// One that fell has counted nothing: what it showed before may be long ago, and
// would pass for what came after.
func (t Tally) since(earlier Tally) Tally {
	mine, its := t.counts(), earlier.counts()
	for i := range mine {
		*mine[i] -= min(*mine[i], *its[i])
	}
	return t
}
