package wasm

import (
	"sync"
	"sync/atomic"

	"suodi/wasm/abi"
)

// Tally counts what a filter said of visits. It only grows, also over times
// when the filter was not loaded.
type Tally struct {
	Passed, Allowed, Denied, Guided, Routed uint64
	// Failed counts the visits on which it had no verdict, which followed its
	// fail mode: it broke, was tripped, or had no instance at hand.
	Failed uint64
	// Erred counts the verdicts on whose way a condition could not be decided.
	// They are among the others, too.
	Erred uint64
}

// Places of a seat's counts; the first are the actions' numbers.
const (
	countFailed = int(abi.Route) + 1 + iota
	countErred
	counts
)

// seat is what a filter has in one slot. It belongs to the slot's owner; its
// counts may be read by anybody. It fills a cache line, so that slots do not
// disturb each other.
type seat struct {
	instance *instance // nil after a failure, until the owner comes by again
	counts   [counts]atomic.Uint64
}

func (t *Tally) add(n *[counts]atomic.Uint64) {
	for i, to := range t.fields() {
		*to += n[i].Load()
	}
}

func (t *Tally) fields() [counts]*uint64 {
	return [counts]*uint64{&t.Passed, &t.Allowed, &t.Denied, &t.Guided, &t.Routed, &t.Failed, &t.Erred}
}

// ledger keeps the tallies of filters that are not loaded any more, so that a
// version that comes back counts on.
type ledger struct {
	mu   sync.Mutex
	past map[Hash]Tally
}

// maxPast bounds the ledger; beyond it, versions not loaded are forgotten.
const maxPast = 4096

// of returns a filter's tally.
func (l *ledger) of(f *Filter) Tally {
	l.mu.Lock()
	defer l.mu.Unlock()
	tally := l.past[f.hash]
	if !f.settled {
		f.count(&tally)
	}
	return tally
}

// settle takes over what a filter has counted, when nobody calls it any more.
func (l *ledger) settle(f *Filter) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for hash := range l.past {
		if len(l.past) < maxPast {
			break
		}
		delete(l.past, hash)
	}
	tally := l.past[f.hash]
	f.count(&tally)
	l.past[f.hash], f.settled = tally, true
}
