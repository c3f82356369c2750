package wasm

import (
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

// Places of the counts; the first are the actions' numbers.
const (
	countFailed = int(abi.Route) + 1 + iota
	countErred
	counts
)

// line is what a version counts in one slot. Only the slot's owner adds to it;
// anybody may read it. It fills a cache line, so that slots do not disturb each
// other.
type line struct {
	counts [counts]atomic.Uint64
	_      [64 - 8*counts]byte
}

// account is what one version of a filter has said, a line for each slot.
type account []line

// edition is what an account belongs to: filters of two names that are the same
// module have one each.
type edition struct {
	name   string
	number uint32
}

func (a account) tally() Tally {
	var t Tally
	for i, to := range [counts]*uint64{&t.Passed, &t.Allowed, &t.Denied, &t.Guided, &t.Routed, &t.Failed, &t.Erred} {
		for slot := range a {
			*to += a[slot].counts[i].Load()
		}
	}
	return t
}

// ledger keeps the accounts, also of what is not in force, so that a version
// that comes back counts on.
type ledger map[edition]account

// maxAccounts bounds the ledger; beyond it, what is not in force is forgotten.
const maxAccounts = 1024

// of returns an edition's account.
func (l ledger) of(e edition, slots int) account {
	if l[e] == nil {
		l[e] = make(account, slots)
	}
	return l[e]
}

// trim forgets editions that are not in force when there are too many.
func (l ledger) trim(chain *Chain) {
	if len(l) <= maxAccounts {
		return
	}
	used := map[edition]bool{}
	for _, use := range chain.Uses() {
		used[edition{use.Name, use.Version}] = true
	}
	for e := range l {
		if !used[e] && len(l) > maxAccounts {
			delete(l, e)
		}
	}
}
