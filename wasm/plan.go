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
// be loaded all stays as it was and the error, which wraps ErrRefused, names
// the filter. Modules that are loaded already go on with their instances.
func (h *Host) Install(ctx context.Context, plan Plan) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return ErrClosed
	}
	b := builder{host: h, next: map[Hash]*Filter{}, chain: &Chain{length: len(plan.Chain), named: map[string]int{}}}
	if err := b.build(ctx, plan); err != nil {
		for _, f := range b.fresh {
			f.close(ctx)
		}
		return err
	}
	h.chain.Store(b.chain)
	h.Wait()
	for hash, f := range h.loaded {
		if b.next[hash] == nil {
			f.close(ctx)
		}
	}
	h.loaded = b.next
	h.ledger.trim(b.chain)
	return nil
}

// builder makes a chain of a plan.
type builder struct {
	host  *Host
	next  map[Hash]*Filter // what the new chain uses
	fresh []*Filter        // what of it was loaded for it
	chain *Chain
}

func (b *builder) build(ctx context.Context, plan Plan) error {
	for _, binding := range plan.Chain {
		if err := b.add(ctx, binding); err != nil {
			return fmt.Errorf("filter %s: %w", binding.Name, err)
		}
	}
	for i := range b.chain.places {
		b.chain.needs |= b.chain.NeedsAt(i)
	}
	for _, binding := range plan.Named {
		if err := b.name(binding); err != nil {
			return fmt.Errorf("filter %s: %w", binding.Name, err)
		}
		if err := b.add(ctx, binding); err != nil {
			return fmt.Errorf("filter %s: %w", binding.Name, err)
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

func (b *builder) add(ctx context.Context, binding Binding) (err error) {
	if len(binding.Params) > abi.MaxParams {
		return fmt.Errorf("%w: %d bytes of params; the limit is %d", ErrRefused, len(binding.Params), abi.MaxParams)
	}
	p := place{name: binding.Name, params: binding.Params}
	if p.current, err = b.version(ctx, edition{binding.Name, binding.Version}, source{binding.Module, binding.Own}); err != nil {
		return err
	}
	if c := binding.Canary; c != nil && c.Share > 0 {
		p.share = min(c.Share, MaxShare)
		if p.canary, err = b.version(ctx, edition{binding.Name, c.Version}, source{c.Module, c.Own}); err != nil {
			return fmt.Errorf("canary version %d: %w", c.Version, err)
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
		filter = b.host.loaded[hash]
	}
	if filter == nil {
		var err error
		if filter, err = b.host.load(ctx, from); err != nil {
			return version{}, err
		}
		b.fresh = append(b.fresh, filter)
	}
	b.next[hash] = filter
	return version{number: e.number, filter: filter, account: b.host.ledger.of(e, len(b.host.slots))}, nil
}
