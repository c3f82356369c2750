package wasm

import (
	"time"

	"suodi/wasm/abi"
)

// Explanation is an outcome with what led to it.
type Explanation struct {
	Outcome
	Name string
	// Rule is the number of the rule that decided, from 1, and RuleName what the
	// manifest calls it; 0 where none did or the filter does not say.
	Rule     uint32
	RuleName string
	// Took is how long the call took.
	Took time.Duration
}

// Explain is Call, with the chain's params where params is nil, for somebody who
// wants to know why. It has no effects: nothing is counted, and the visit runs
// in an instance of its own, so that a filter that keeps state answers as if it
// were new. A tripped filter is not called here either. It is slow.
func (s *Slot) Explain(chain *Chain, place int, params []byte) Explanation {
	p := &chain.places[place]
	if params == nil {
		params = p.params
	}
	v := p.choose(&s.Visit)
	f := v.filter
	e := Explanation{Name: p.name, Outcome: Outcome{At: place, Version: v.number, Canary: v.canary, Filter: f}}
	if f.Tripped() {
		e.Err = ErrTripped
	} else {
		e.Err = s.explain(&e, params)
	}
	switch {
	case e.Err == nil:
	case e.Err == abi.ErrTooLarge: //nolint:errorlint // as Run does
		e.Action = abi.Deny
	case f.closed:
		e.Action, e.URL, e.Code = abi.Deny, nil, 0
	default:
		e.Action, e.URL, e.Code = abi.Pass, nil, 0
	}
	return e
}

// explain runs the visit in an instance that is thrown away.
func (s *Slot) explain(e *Explanation, params []byte) error {
	f, ctx := e.Filter, s.host.ctx
	in, err := f.instantiate(ctx)
	if err != nil {
		return err
	}
	defer in.close(ctx)
	if f.rule {
		if e.Rule, err = in.rule(ctx, &s.Visit, params); err != nil {
			return err
		}
		if names := f.module.Manifest.Rules; e.Rule > 0 && uint64(e.Rule) <= uint64(len(names)) {
			e.RuleName = names[e.Rule-1]
		}
	}
	began := time.Now()
	verdict, err := in.call(ctx, &s.Visit, params)
	e.Took, e.Fuel = time.Since(began), in.spent()
	if err != nil {
		return err
	}
	e.Action, e.Erred, e.Code = verdict.Action(), verdict.Erred(), verdict.Code()
	if e.Action > abi.Route {
		return errVerdict
	}
	if e.Action == abi.Route {
		e.Code = 0
		e.URL, err = in.url(make([]byte, 0, abi.BufferSize), verdict, &s.Visit, params)
		return err
	}
	return nil
}
