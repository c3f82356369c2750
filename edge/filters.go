package edge

import (
	"context"
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/wasm"
	"suodi/wasm/filters"
)

// refreshFilters puts the filters that the feed told in force. One that cannot
// be is reported, and its last good version stays; the others are not held up.
func (r *replica) refreshFilters() {
	told, err := r.readChain()
	if err != nil { // what is in force stays
		r.logger.Error("the chain of filters cannot be read", "error", err)
		r.mu.Lock()
		r.chainErr = err
		r.mu.Unlock()
		return
	}
	plan := r.planOf(told)
	whole, err := r.install(&plan)
	if err != nil {
		r.logger.Error("not all filters can be taken over, the last good ones stay", "error", err)
	}
	if whole {
		if err := r.keep.save(plan.good()); err != nil {
			r.logger.Error("the filters in force cannot be saved for the next start", "error", err)
		}
	}
	statuses := plan.statuses()
	r.mu.Lock()
	r.filters, r.chainErr = statuses, err
	r.mu.Unlock()
}

func (r *replica) readChain() (*feedpb.Chain, error) {
	chain := &feedpb.Chain{}
	value, found := r.server.table.Get(feed.BucketChain, nil)
	if !found {
		return chain, nil
	}
	if err := proto.Unmarshal(value, chain); err != nil {
		return nil, fmt.Errorf("chain: %w", err)
	}
	return chain, nil
}

// install puts a plan in force, without what of it cannot be: the next best
// takes its place. What is wrong is told in the end, also where all else is in
// force; not whole where nothing of the plan is, and the one before stays.
func (r *replica) install(p *plan) (whole bool, err error) {
	host := r.server.host
	for {
		err = host.Install(context.Background(), p.wasm())
		var refusal *wasm.Refusal
		if !errors.As(err, &refusal) || !r.leaveOut(p, refusal) {
			break
		}
	}
	if err != nil {
		p.notInForce(host.Chain().Uses(), err)
	}
	errs := []error{err}
	for f := range p.each {
		for _, v := range []*planVersion{&f.current, &f.canary} {
			if v.problem != nil {
				errs = append(errs, fmt.Errorf("filter %s version %d: %w", f.name, v.wanted, v.problem))
			}
		}
	}
	return err == nil, errors.Join(errs...)
}

// leaveOut takes what was refused out of a plan, wherever it stands; not ok when
// there is none such.
func (r *replica) leaveOut(p *plan, refusal *wasm.Refusal) (ok bool) {
	for f := range p.each {
		switch {
		case f.name != refusal.Name:
		case refusal.Canary && f.share > 0:
			f.canary.problem, f.canary.module, f.share = refusal.Err, nil, 0
			ok = true
		case !refusal.Canary && f.current.module != nil:
			if f.current.problem == nil {
				f.current.problem = refusal.Err
			}
			r.replace(f)
			ok = true
		}
	}
	return ok
}

// replace has the next best stand in for a filter's version: the one that was
// last in force, one of ours, none.
func (r *replica) replace(f *planned) {
	v := &f.current
	v.module, v.number, v.own = nil, 0, false
	if f.stand == standsItself {
		f.stand = standsLastGood
		if good := r.keep.good(f.name); good != nil {
			v.module, v.number = good.Module, good.Version
			return
		}
	}
	if f.stand == standsLastGood {
		f.stand = standsOurs
		switch {
		case f.name == platformFilter:
			v.module, v.own = filters.Platform, true
			return
		case f.closed:
			v.module, f.params = denyModule, nil // they may be what was wrong
			return
		}
	}
	f.stand = standsNothing
	if f.canary.problem == nil && f.share > 0 {
		f.canary.problem = errors.New("no version is in force that it could be tried beside")
	}
	f.canary.module, f.share = nil, 0
}
