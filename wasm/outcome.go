package wasm

import (
	"errors"
	"fmt"
	"time"

	"suodi/wasm/abi"
)

// Outcome is what a filter decided about a visit.
type Outcome struct {
	Action abi.Action
	// Erred says that a condition could not be decided on the way.
	Erred bool
	// Canary says that the version which decided is the place's canary.
	Canary bool
	// Version numbers it.
	Version uint32
	// Code is the reason of a deny or guide, 0 for none; the deciding filter's
	// manifest tells what it means.
	Code uint32
	// At is the deciding filter's place; Chain.Len when all of the chain passed.
	At int
	// Filter is the one that decided; nil when all of the chain passed.
	Filter *Filter
	// Fuel is what the deciding call used.
	Fuel int64
	// URL is where a route leads, borrowed from the slot. It is not yet validated:
	// whoever does says so by Slot.Accept or Slot.Fail.
	URL []byte
	// Err says that the filter had no verdict, and Action follows its fail mode;
	// or, with abi.ErrTooLarge, that the visit is too large to be looked at. It
	// is ErrTripped or ErrNoInstance itself for a filter that was not called.
	Err error
}

// Why a filter was not called.
var (
	// ErrTripped says that it broke so often that it is not called.
	ErrTripped = errors.New("the filter is tripped: it broke too often")
	// ErrNoInstance says that visits broke instances faster than they were made.
	ErrNoInstance = errors.New("no instance of the filter is left at the moment")
)

var (
	// errVerdict says that a filter returned something that is no verdict.
	errVerdict = errors.New("bad verdict")
	// errTrap says that the guest trapped, be it for want of fuel.
	errTrap = errors.New("it trapped")
)

// Chain returns the chain in force; it stays usable until the slot is released.
func (s *Slot) Chain() *Chain { return s.host.chain.Load() }

// Run gives s.Visit to the filters of the chain from place from on, until one
// has an opinion. A filter that breaks loses its instance and answers by its
// fail mode: open lets the next one decide, closed denies with Err set, so that
// a caller who knows better may run on from At+1. It does not allocate unless a
// filter breaks.
func (s *Slot) Run(chain *Chain, from int) Outcome {
	for i := from; i < chain.length; i++ {
		p := &chain.places[i]
		v := p.choose(&s.Visit)
		verdict, in, err := s.ask(v, p.params)
		if err == nil && verdict == abi.Verdict(abi.Pass) {
			v.account[s.Index].counts[abi.Pass].Add(1)
			s.tried(true)
			continue
		}
		if outcome := s.judge(p, i, v, p.params, verdict, in, err); outcome.Action != abi.Pass {
			return outcome
		}
	}
	return Outcome{Action: abi.Pass, At: chain.length}
}

// Call gives s.Visit to the filter at one place, with the params of what binds
// it there. Where it has no verdict and fails open, it passes with Err set.
func (s *Slot) Call(chain *Chain, place int, params []byte) Outcome {
	p := &chain.places[place]
	v := p.choose(&s.Visit)
	verdict, in, err := s.ask(v, params)
	return s.judge(p, place, v, params, verdict, in, err)
}

// ask calls a filter.
func (s *Slot) ask(v *version, params []byte) (abi.Verdict, *instance, error) {
	f := v.filter
	if f.breaker.open.Load() {
		if !f.breaker.admits(s.host.config.Now()) {
			return 0, nil, ErrTripped
		}
		s.trying = f
	}
	in := f.seats[s.Index].instance
	if in == nil {
		if in = f.spare(&f.seats[s.Index]); in == nil {
			return 0, nil, ErrNoInstance
		}
	}
	if f.engine == engineGo {
		verdict, err := s.askGo(f, in, params)
		return verdict, in, err
	}
	if f.image != nil {
		s.soiled, s.owes = append(s.soiled, in), s.owes+len(in.whole)
	}
	verdict, err := in.call(s.host.ctx, &s.Visit, params)
	return verdict, in, err
}

// askGo calls a filter of class go. Such calls may be long: a quarter of the
// slots may be in them at a time, so that other visits find one, and the time
// they take counts against the filter.
func (s *Slot) askGo(f *Filter, in *instance, params []byte) (abi.Verdict, error) {
	h := s.host
	defer h.inGo.Add(-1)
	if h.inGo.Add(1) > int64(max(1, len(h.slots)/4)) {
		return 0, ErrNoInstance
	}
	began := time.Now()
	verdict, err := in.call(h.ctx, &s.Visit, params)
	if f.breaker.slow(h.config.Now(), time.Since(began)) {
		s.trying = nil // not well enough to be in force again
	}
	return verdict, err
}

// tried ends the trial of a tripped filter, if this call was one.
func (s *Slot) tried(good bool) {
	if s.trying != nil && good {
		s.trying.breaker.reset()
	}
	s.trying = nil
}

// judge makes an outcome of a verdict, or of there being none.
func (s *Slot) judge(p *place, at int, v *version, params []byte, verdict abi.Verdict, in *instance, err error) Outcome {
	outcome := Outcome{Action: verdict.Action(), Erred: verdict.Erred(), At: at, Version: v.number, Canary: v.canary, Filter: v.filter}
	switch {
	case err == abi.ErrTooLarge: //nolint:errorlint // hot path; Encode never wraps it
		s.tried(false)
		outcome.Action, outcome.Err = abi.Deny, err
		return outcome
	case err == ErrTripped || err == ErrNoInstance: //nolint:errorlint // as ask returns them
		return s.without(v, outcome, err)
	case err != nil:
		return s.broke(p, v, outcome, err)
	}
	switch outcome.Action {
	case abi.Pass, abi.Allow, abi.Deny, abi.Guide:
		outcome.Code = verdict.Code()
	case abi.Route:
		url, err := in.url(s.url[:0], verdict, &s.Visit, params)
		if err != nil {
			return s.broke(p, v, outcome, err)
		}
		outcome.URL, outcome.Fuel = url, in.spent()
		return outcome // counted when its URL turns out to be of use
	default:
		return s.broke(p, v, outcome, fmt.Errorf("%w: %s", errVerdict, outcome.Action))
	}
	outcome.Fuel = in.spent()
	s.count(v, &outcome)
	return outcome
}

// count notes a verdict that holds.
func (s *Slot) count(v *version, outcome *Outcome) {
	s.tried(true)
	line := &v.account[s.Index]
	line.counts[outcome.Action].Add(1)
	if outcome.Erred {
		line.counts[countErred].Add(1)
	}
}

// Accept says that the URL of a route is good, which counts it.
func (s *Slot) Accept(chain *Chain, outcome *Outcome) { s.count(chain.version(outcome), outcome) }

// Fail says that a route leads where it may not: the filter loses its instance,
// and the failure is counted. The result is its fail mode's: deny with Err set,
// or pass, after which a caller runs on from At+1.
func (s *Slot) Fail(chain *Chain, outcome Outcome, reason error) Outcome {
	return s.broke(&chain.places[outcome.At], chain.version(&outcome), outcome, reason)
}

// broke counts a failure and discards the slot's instance: its state is unknown.
func (s *Slot) broke(p *place, v *version, outcome Outcome, reason error) Outcome {
	f := outcome.Filter
	f.failed()
	seat := &f.seats[s.Index]
	if in := seat.instance; in != nil {
		in.soiled, seat.instance = false, nil
		s.host.mender.take(job{f, in})
	}
	return s.without(v, outcome, fmt.Errorf("filter %s: %w", p.name, reason))
}

// without makes the outcome that a filter's fail mode wants.
func (s *Slot) without(v *version, outcome Outcome, reason error) Outcome {
	s.tried(false)
	v.account[s.Index].counts[countFailed].Add(1)
	outcome.Action, outcome.Code, outcome.URL, outcome.Erred, outcome.Err = abi.Pass, 0, nil, false, reason
	if v.filter.closed {
		outcome.Action = abi.Deny
	}
	return outcome
}
