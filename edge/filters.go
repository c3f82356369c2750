package edge

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/wasm"
	"suodi/wasm/filters"
)

// platformFilter enforces links' allow and guard sets.
const platformFilter = "platform"

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
	err = r.install(&plan)
	if err != nil {
		r.logger.Error("not all filters can be taken over, the last good ones stay", "error", err)
	}
	if saveErr := r.keep.save(plan.good()); saveErr != nil {
		r.logger.Error("the filters in force cannot be saved for the next start", "error", saveErr)
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

// plan is what is to be in force, filter by filter.
type plan struct{ chain, named []*planned }

// planned is one filter of a plan: what the feed wants of it, and what is done.
type planned struct {
	name            string
	params          []byte
	current, canary planVersion
	share           uint32 // of the canary; 0 = this edge has none
}

// planVersion is one version of a filter.
type planVersion struct {
	wanted  uint32 // its number
	number  uint32 // of the version that runs in its place, which is mostly itself
	module  []byte // that runs; none: nothing does
	problem error  // why it is not in force
}

func (p *plan) each(yield func(*planned) bool) {
	for _, list := range [][]*planned{p.chain, p.named} {
		for _, f := range list {
			if !yield(f) {
				return
			}
		}
	}
}

// planOf finds the modules of what the feed told. A chain without the platform
// filter is given the embedded one: nothing may leave links' sets unenforced.
func (r *replica) planOf(told *feedpb.Chain) plan {
	var p plan
	for _, b := range told.GetBindings() {
		p.chain = append(p.chain, r.planned(b))
	}
	for _, b := range told.GetNamed() {
		p.named = append(p.named, r.planned(b))
	}
	if !slices.ContainsFunc(p.chain, func(f *planned) bool { return f.name == platformFilter }) {
		p.chain = append([]*planned{embeddedPlatform()}, p.chain...)
	}
	return p
}

func embeddedPlatform() *planned {
	return &planned{name: platformFilter, current: planVersion{module: filters.Platform}}
}

func (r *replica) planned(b *feedpb.Binding) *planned {
	f := &planned{name: b.GetFilter(), params: b.GetParams(), current: r.version(b.GetVersion(), b.GetHash())}
	if c := b.GetCanary(); c != nil {
		switch {
		case slices.Contains(c.GetEdges(), r.server.config.ID):
			f.share = wasm.MaxShare
		case len(c.GetEdges()) == 0:
			f.share = c.GetShare()
		}
		if f.share > 0 {
			f.canary = r.version(c.GetVersion(), c.GetHash())
		}
	}
	return f
}

func (r *replica) version(number uint32, hash []byte) planVersion {
	v := planVersion{wanted: number, number: number}
	module, found := r.server.table.Get(feed.BucketModules, hash)
	switch sum := wasm.HashOf(module); {
	case !found:
		v.problem = errors.New("its module did not come")
	case !bytes.Equal(sum[:], hash):
		v.problem = errors.New("its module is not what its hash says")
	default:
		v.module = module
	}
	return v
}

// install puts a plan in force. Only if it cannot be as a whole is it found out
// which modules are at fault; they are left out or replaced. What is wrong is
// told in the end, also where all else is in force.
func (r *replica) install(p *plan) error {
	ctx, host := context.Background(), r.server.host
	runs := func([]byte) error { return nil }
	for f := range p.each {
		r.mend(f, runs)
	}
	err := host.Install(ctx, p.wasm())
	if errors.Is(err, wasm.ErrRefused) {
		runs = func(module []byte) error { return host.Check(ctx, module) }
		for f := range p.each {
			r.mend(f, runs)
		}
		err = host.Install(ctx, p.wasm())
	}
	errs := []error{err}
	for f := range p.each {
		for _, v := range []*planVersion{&f.current, &f.canary} {
			if v.problem != nil {
				errs = append(errs, fmt.Errorf("filter %s version %d: %w", f.name, v.wanted, v.problem))
			}
		}
	}
	return errors.Join(errs...)
}

// mend takes what does not run out of a filter and has the last good version
// stand in for it.
func (r *replica) mend(f *planned, runs func(module []byte) error) {
	for _, v := range []*planVersion{&f.current, &f.canary} {
		if v.module == nil {
			continue
		}
		if err := runs(v.module); err != nil {
			v.module, v.problem = nil, err
		}
	}
	if f.canary.module == nil {
		f.share = 0
	}
	if f.current.module != nil {
		return
	}
	if good := r.keep.good(f.name); good != nil && runs(good.Module) == nil {
		f.current.module, f.current.number = good.Module, good.Version
	} else if f.name == platformFilter {
		f.current.module, f.current.number = filters.Platform, 0
	}
}

// wasm is the plan as the host takes it.
func (p *plan) wasm() wasm.Plan {
	var to wasm.Plan
	for _, part := range []struct {
		from []*planned
		to   *[]wasm.Binding
	}{{p.chain, &to.Chain}, {p.named, &to.Named}} {
		for _, f := range part.from {
			if f.current.module == nil {
				continue // as good as a filter that passes
			}
			b := wasm.Binding{
				Name: f.name, Version: f.current.number, Module: f.current.module, Params: f.params, Own: own(f.current.module),
			}
			if f.share > 0 {
				b.Canary = &wasm.Canary{
					Version: f.canary.number, Module: f.canary.module, Share: f.share, Own: own(f.canary.module),
				}
			}
			*part.to = append(*part.to, b)
		}
	}
	return to
}

// own reports whether a module is one that we ship.
func own(module []byte) bool { return bytes.Equal(module, filters.Platform) }

// statuses is what the feed is told of the plan.
func (p *plan) statuses() []*feedpb.FilterStatus {
	var all []*feedpb.FilterStatus
	for f := range p.each {
		all = append(all, f.status(&f.current, false))
		if f.share > 0 || f.canary.problem != nil {
			all = append(all, f.status(&f.canary, true))
		}
	}
	return all
}

func (f *planned) status(v *planVersion, canary bool) *feedpb.FilterStatus {
	status := &feedpb.FilterStatus{Name: f.name, Version: v.wanted, Canary: canary}
	if v.module != nil {
		hash := wasm.HashOf(v.module)
		status.Hash = hash[:]
	}
	if v.problem != nil {
		status.Error = v.problem.Error()
	}
	return status
}

// good is what of the plan is in force.
func (p *plan) good() []goodFilter {
	var all []goodFilter
	for f := range p.each {
		if f.current.module != nil && !own(f.current.module) {
			all = append(all, goodFilter{Filter: f.name, Version: f.current.number, Hash: wasm.HashOf(f.current.module).String(), Module: f.current.module})
		}
	}
	return all
}
