package wasm

import (
	"errors"
	"fmt"

	"suodi/wasm/abi"
)

// Binding is one place in a chain: which module runs and with which params.
type Binding struct {
	Name   string // for people: the filter's name
	Module []byte
	Params []byte // at most abi.MaxParams bytes of JSON
}

// Chain is the filters in force, in order. It is immutable.
type Chain struct {
	links []chainLink
	needs abi.Facts
}

type chainLink struct {
	name   string
	filter *Filter
	params []byte
}

// Needs returns the facts that some filter of the chain reads.
func (c *Chain) Needs() abi.Facts { return c.needs }

// Len returns the number of filters.
func (c *Chain) Len() int { return len(c.links) }

// At returns the name and the filter at a place of the chain.
func (c *Chain) At(i int) (name string, filter *Filter) { return c.links[i].name, c.links[i].filter }

// Outcome is what a chain decided about a visit.
type Outcome struct {
	Action abi.Action
	// Code is the reason of a deny or guide, 0 for none; the deciding filter's
	// manifest tells what it means.
	Code uint32
	// URL is where a route leads, not yet validated; borrowed from the slot.
	URL []byte
	// At is the deciding filter's place in the chain; Len when all passed.
	At int
	// Err says that the filter broke, and Action follows its fail mode; or, with
	// abi.ErrTooLarge, that the visit is too large to be looked at.
	Err error
}

// errVerdict says that a filter returned something that is no verdict.
var errVerdict = errors.New("bad verdict")

// Chain returns the chain in force; it stays usable until the slot is released.
func (s *Slot) Chain() *Chain { return s.host.chain.Load() }

// Run gives s.Visit to the filters of the chain from place from on, until one
// has an opinion. A filter that breaks loses its instance and answers by its
// fail mode: open lets the next one decide, closed denies with Err set, so that
// a caller who knows better may run on from At+1. It does not allocate unless a
// filter breaks.
func (s *Slot) Run(chain *Chain, from int) Outcome {
	for i := from; i < len(chain.links); i++ {
		link := &chain.links[i]
		outcome, err := s.call(link)
		if errors.Is(err, abi.ErrTooLarge) {
			return Outcome{Action: abi.Deny, At: i, Err: err}
		}
		if err != nil {
			if outcome := s.Fail(chain, i, err); outcome.Action != abi.Pass {
				return outcome
			}
			continue
		}
		if outcome.Action != abi.Pass {
			outcome.At = i
			return outcome
		}
	}
	return Outcome{Action: abi.Pass, At: len(chain.links)}
}

// Fail says that the filter at a place of the chain broke on this visit, be it
// that its verdict turned out to be of no use: it loses its instance and is
// counted. The outcome is its fail mode's: deny with Err set, or pass, after
// which a caller runs on from At+1.
func (s *Slot) Fail(chain *Chain, at int, reason error) Outcome {
	link := &chain.links[at]
	link.filter.failures.Add(1)
	link.filter.discard(s.host.ctx, s.Index)
	outcome := Outcome{Action: abi.Pass, At: at, Err: fmt.Errorf("filter %s: %w", link.name, reason)}
	if link.filter.manifest.Fail == abi.FailClosed {
		outcome.Action = abi.Deny
	}
	return outcome
}

func (s *Slot) call(link *chainLink) (Outcome, error) {
	f := link.filter
	in := f.instances[s.Index]
	if in == nil {
		var err error
		if in, err = f.instantiate(s.host.ctx); err != nil {
			return Outcome{}, err
		}
		f.instances[s.Index] = in
	}
	verdict, err := in.call(s.host.ctx, &s.Visit, f.facts, link.params, &s.stack)
	if err != nil {
		return Outcome{}, err
	}
	switch action := verdict.Action(); action {
	case abi.Pass, abi.Allow, abi.Deny, abi.Guide:
		return Outcome{Action: action, Code: verdict.Code()}, nil
	case abi.Route:
		n := verdict.Code()
		view, ok := in.module.Memory().Read(verdict.Address(), n)
		if !ok || n == 0 || n > uint32(len(s.url)) {
			return Outcome{}, fmt.Errorf("%w: route to %d bytes at %d", errVerdict, n, verdict.Address())
		}
		return Outcome{Action: action, URL: s.url[:copy(s.url[:], view)]}, nil
	default:
		return Outcome{}, fmt.Errorf("%w: %s", errVerdict, action)
	}
}
