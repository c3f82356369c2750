package edge

import (
	"bytes"
	"errors"
	"slices"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/wasm"
	"suodi/wasm/filters"
)

// platformFilter enforces links' allow and guard sets.
const platformFilter = "platform"

// plan is what is to be in force, filter by filter.
type plan struct{ chain, named []*planned }

// planned is one filter of a plan: what the feed wants of it, and what is done.
type planned struct {
	name            string
	params          []byte
	closed          bool // without a version that runs, visits are refused
	current, canary planVersion
	share           uint32 // of the canary; 0 = this edge has none
	stand           stand
}

// stand says what runs in the place of a filter's version in force.
type stand uint8

const (
	standsItself stand = iota
	standsLastGood
	standsOurs
	standsNothing
)

// planVersion is one version of a filter.
type planVersion struct {
	wanted  uint32 // its number
	number  uint32 // of the version that runs in its place, which is mostly itself
	module  []byte // that runs; none: nothing does
	own     bool   // it is one that we ship
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
	return &planned{name: platformFilter, current: planVersion{module: filters.Platform, own: true}, stand: standsOurs}
}

func (r *replica) planned(b *feedpb.Binding) *planned {
	f := &planned{
		name: b.GetFilter(), params: b.GetParams(), closed: b.GetFailClosed(), current: r.version(b.GetVersion(), b.GetHash()),
	}
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
		if f.canary.module == nil {
			f.share = 0
		}
	}
	if f.current.module == nil {
		r.replace(f)
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
		v.module, v.own = module, bytes.Equal(module, filters.Platform)
	}
	return v
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
				Name: f.name, Version: f.current.number, Module: f.current.module, Params: f.params, Own: f.current.own,
			}
			if f.share > 0 {
				b.Canary = &wasm.Canary{
					Version: f.canary.number, Module: f.canary.module, Share: f.share, Own: f.canary.own,
				}
			}
			*part.to = append(*part.to, b)
		}
	}
	return to
}

// statuses is what the feed is told of the plan.
func (p *plan) statuses() []*feedpb.FilterStatus {
	var all []*feedpb.FilterStatus
	seen := map[string]bool{} // a filter of the chain may be named as well
	for f := range p.each {
		if seen[f.name] {
			continue
		}
		seen[f.name] = true
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

// good is what of the plan is in force and not ours.
func (p *plan) good() []goodFilter {
	var all []goodFilter
	seen := map[string]bool{}
	for f := range p.each {
		if v := &f.current; v.module != nil && !v.own && f.stand <= standsLastGood && !seen[f.name] {
			seen[f.name] = true
			all = append(all, goodFilter{Filter: f.name, Version: v.number, Hash: wasm.HashOf(v.module).String(), Module: v.module})
		}
	}
	return all
}

// notInForce notes what of a plan is not, when all of it was refused: what is
// in force is of the one before.
func (p *plan) notInForce(uses []wasm.Use, reason error) {
	for f := range p.each {
		for canary, v := range map[bool]*planVersion{false: &f.current, true: &f.canary} {
			runs := slices.IndexFunc(uses, func(u wasm.Use) bool { return u.Name == f.name && u.Canary == canary })
			switch {
			case v.problem != nil || v.module == nil:
			case runs < 0 || uses[runs].Filter.Hash() != wasm.HashOf(v.module):
				v.problem, v.module = reason, nil
			}
		}
	}
}
