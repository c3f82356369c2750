package wasm

import "suodi/wasm/abi"

// Chain is a plan in force. Its places are numbered: first those of the chain,
// in order, then the named filters. It is immutable.
type Chain struct {
	places []place
	length int            // places of the chain itself
	named  map[string]int // places behind it
	needs  abi.Facts
}

// place is a filter with the versions of it that are in force.
type place struct {
	name    string
	params  []byte
	current version
	canary  version // its filter is nil without one
	share   uint32
}

// version is one of a filter's modules.
type version struct {
	number  uint32
	canary  bool
	filter  *Filter
	account account // what it has said under this name
}

// choose returns the version that a visit gets.
func (p *place) choose(v *abi.Visit) *version {
	if p.share > 0 && (p.share == MaxShare || v.Facts&abi.FactHash != 0 && uint32(v.Hash>>32)%MaxShare < p.share) {
		return &p.canary
	}
	return &p.current
}

// Needs returns the facts that the chain reads, without the named filters: the
// visit hash is among them when a canary is chosen by it.
func (c *Chain) Needs() abi.Facts { return c.needs }

// NeedsAt returns the facts that the filter at a place reads.
func (c *Chain) NeedsAt(place int) abi.Facts {
	p := &c.places[place]
	needs := p.current.filter.facts
	if p.share > 0 {
		needs |= p.canary.filter.facts | abi.FactHash
	}
	return needs
}

// Len returns the number of filters that every visit passes.
func (c *Chain) Len() int { return c.length }

// Named returns the place of the named filter; not ok where there is none.
func (c *Chain) Named(name []byte) (place int, ok bool) {
	place, ok = c.named[string(name)]
	return place, ok
}

// At returns the name and the version in force, which is not the canary, at a
// place.
func (c *Chain) At(place int) (name string, filter *Filter) {
	p := &c.places[place]
	return p.name, p.current.filter
}

// Use is one version of a filter in force.
type Use struct {
	Name    string
	Version uint32
	Canary  bool
	Filter  *Filter
	account account
}

// Tally returns what the version has said so far, wherever it runs.
func (u Use) Tally() Tally { return u.account.tally() }

// Uses lists all versions in force by place, a canary behind what it may
// replace. A version that runs in several places is listed with the first.
func (c *Chain) Uses() []Use {
	var uses []Use
	seen := map[edition]bool{}
	add := func(name string, v *version) {
		if e := (edition{name, v.number}); !seen[e] {
			seen[e] = true
			uses = append(uses, Use{name, v.number, v.canary, v.filter, v.account})
		}
	}
	for i := range c.places {
		p := &c.places[i]
		add(p.name, &p.current)
		if p.share > 0 {
			add(p.name, &p.canary)
		}
	}
	return uses
}

// version returns the one that an outcome is of.
func (c *Chain) version(o *Outcome) *version {
	p := &c.places[o.At]
	if o.Canary {
		return &p.canary
	}
	return &p.current
}
