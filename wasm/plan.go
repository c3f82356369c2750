package wasm

import (
	"context"
	"fmt"

	"suodi/wasm/abi"
)

// Plan is what is to be in force: the filters that every visit passes, in
// order, and those that run only where a domain or a link names them.
type Plan struct{ Chain, Named []Binding }

// Binding is one place of a plan: which module runs and with which params.
type Binding struct {
	Name    string // the filter's name; no two of Plan.Named have the same
	Version uint32 // its number, for people
	Module  []byte
	// Own says that our own compiler made the module of rules, and the caller
	// knows it: it is kept apart from what was uploaded.
	Own bool
	// Params is what the filter is handed, at most abi.MaxParams bytes in the
	// form of abi.CanonicalParams. Named filters get theirs with each call.
	Params []byte
	Canary *Canary // a newer version for some of the visits; nil: none
}

// Canary is a version that a share of the visits gets.
type Canary struct {
	Version uint32
	Module  []byte
	Own     bool
	// Share is how many of MaxShare visits get it, chosen by the visit hash. A
	// visit without one gets it only if all do.
	Share uint32
}

// MaxShare is the share of a canary that every visit gets.
const MaxShare = 10_000

// source is a module to be loaded.
type source struct {
	module []byte
	own    bool
}

// Install puts a plan in force: visits that take a slot after it returns run
// the new one, and nobody runs the old one any more. When a part of it cannot
// be loaded all stays as it was and the error is a *Refusal. Modules that are
// loaded already go on with their instances; those that a refused plan loaded
// wait for the next one, so that leaving out what was refused costs little.
func (h *Host) Install(ctx context.Context, plan Plan) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return ErrClosed
	}
	b := builder{host: h, next: map[Hash]*Filter{}, chain: &Chain{length: len(plan.Chain), named: map[string]int{}}}
	if err := b.build(ctx, plan); err != nil {
		for _, f := range b.fresh {
			if h.loaded[f.hash] == nil {
				h.loaded[f.hash] = f
			} else { // the same, without instances, is in force
				f.close(ctx)
			}
		}
		return err
	}
	h.chain.Store(b.chain)
	h.Wait()
	for hash, f := range h.loaded {
		if b.next[hash] != f {
			f.close(ctx)
		}
	}
	h.loaded = b.next
	h.ledger.trim(b.chain)
	return nil
}

// Refusal says which part of a plan was refused. It wraps ErrRefused.
type Refusal struct {
	Name    string // the filter's
	Version uint32
	Canary  bool // that version is the canary
	Err     error
}

func (r *Refusal) Error() string {
	if r.Canary {
		return fmt.Sprintf("filter %s: canary version %d: %v", r.Name, r.Version, r.Err)
	}
	return fmt.Sprintf("filter %s: %v", r.Name, r.Err)
}

// Unwrap returns the reason.
func (r *Refusal) Unwrap() error { return r.Err }

// builder makes a chain of a plan.
type builder struct {
	host  *Host
	next  map[Hash]*Filter // what the new chain uses
	fresh []*Filter        // what of it was loaded for it
	chain *Chain

	eager  bool  // its filters get all their instances at once
	memory int64 // what they take, when they have them
}

func (b *builder) build(ctx context.Context, plan Plan) error {
	b.eager = true
	for _, binding := range plan.Chain {
		if err := b.add(ctx, binding); err != nil {
			return err
		}
	}
	for i := range b.chain.places {
		b.chain.needs |= b.chain.NeedsAt(i)
	}
	b.eager = false
	for _, binding := range plan.Named {
		if err := b.name(binding); err != nil {
			return &Refusal{Name: binding.Name, Version: binding.Version, Err: err}
		}
		if err := b.add(ctx, binding); err != nil {
			return err
		}
	}
	return nil
}

// name makes the next place one that Chain.Named finds.
func (b *builder) name(binding Binding) error {
	if _, twice := b.chain.named[binding.Name]; twice {
		return fmt.Errorf("%w: two named filters have this name", ErrRefused)
	}
	if len(binding.Params) > 0 {
		return fmt.Errorf("%w: a named filter gets its params where it is bound", ErrRefused)
	}
	b.chain.named[binding.Name] = len(b.chain.places)
	return nil
}

func (b *builder) add(ctx context.Context, binding Binding) error {
	refusal := &Refusal{Name: binding.Name, Version: binding.Version}
	if len(binding.Params) > abi.MaxParams {
		refusal.Err = fmt.Errorf("%w: %d bytes of params; the limit is %d", ErrRefused, len(binding.Params), abi.MaxParams)
		return refusal
	}
	p := place{name: binding.Name, params: binding.Params}
	if p.current, refusal.Err = b.version(ctx, edition{binding.Name, binding.Version}, source{binding.Module, binding.Own}); refusal.Err != nil {
		return refusal
	}
	if c := binding.Canary; c != nil && c.Share > 0 {
		p.share = min(c.Share, MaxShare)
		if p.canary, refusal.Err = b.version(ctx, edition{binding.Name, c.Version}, source{c.Module, c.Own}); refusal.Err != nil {
			refusal.Version, refusal.Canary = c.Version, true
			return refusal
		}
		p.canary.canary = true
	}
	b.chain.places = append(b.chain.places, p)
	return nil
}

// version finds or loads a module.
func (b *builder) version(ctx context.Context, e edition, from source) (version, error) {
	hash := HashOf(from.module)
	filter := b.next[hash]
	if filter == nil {
		var err error
		if filter, err = b.find(ctx, hash, from); err != nil {
			return version{}, err
		}
		b.next[hash] = filter
		b.memory += filter.footprint()
	}
	return version{number: e.number, filter: filter, account: b.host.ledger.of(e, len(b.host.slots))}, nil
}

// find returns a module that is loaded, or loads it, with the instances that it
// needs. A named filter that comes into the chain is loaded anew: its seats
// belong to the visits that are on.
func (b *builder) find(ctx context.Context, hash Hash, from source) (*Filter, error) {
	f := b.host.loaded[hash]
	if f != nil && (f.eager || !b.eager) {
		return f, b.afford(f)
	}
	f, err := b.host.load(ctx, from)
	if err != nil {
		return nil, err
	}
	if err = b.afford(f); err == nil && b.eager {
		err = f.settle(ctx)
	}
	if err != nil {
		f.close(ctx)
		return nil, err
	}
	b.fresh = append(b.fresh, f)
	return f, nil
}

// afford refuses a filter that is one too many.
func (b *builder) afford(f *Filter) error {
	limits := &b.host.config
	if len(b.next) == limits.Filters {
		return fmt.Errorf("%w: it would be one more than the %d modules there may be", ErrRefused, limits.Filters)
	}
	if b.memory+f.footprint() > limits.Memory {
		return fmt.Errorf("%w: its %d instances of %d KiB would bring the memory of all filters to %d MiB; the limit is %d MiB",
			ErrRefused, len(f.seats)+cap(f.spares), f.size>>10, (b.memory+f.footprint())>>20, limits.Memory>>20)
	}
	return nil
}
