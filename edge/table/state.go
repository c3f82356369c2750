package table

import (
	"maps"

	"suodi/control/feed"
	"suodi/control/link"
)

// knowledge is what a layer knows of a key.
type knowledge uint8

const (
	absent   knowledge = iota // nothing: ask the layer below
	usable                    // a value
	unusable                  // a value that this program cannot serve
	gone                      // it was removed
	damaged                   // it cannot be read
)

// knowledgeOf judges a link's record.
func knowledgeOf(value []byte) knowledge {
	if _, err := link.CheckRecord(value); err != nil {
		return unusable
	}
	return usable
}

// state is what look-ups read, from the top: changes, changes that are being
// folded, a base. The struct is immutable; active changes by one writer.
type state struct {
	seed   *seed
	active *overlay
	frozen *overlay // nil: nothing is being folded
	base   *base    // nil: none yet, or lost
	lost   bool     // there were links, and they cannot be read
	others *others
}

// newState returns the state of a base without changes.
func newState(b *base) *state {
	return &state{seed: &b.seed, active: newOverlay(&b.seed), base: b, others: b.others}
}

// emptyState returns the state of no links.
func emptyState(lost bool) *state {
	s := newSeed()
	return &state{seed: &s, active: newOverlay(&s), lost: lost, others: &others{}}
}

// find returns what is known of a link's key. Reading the base may fault.
func (s *state) find(hash uint64, key []byte) ([]byte, knowledge) {
	if value, known := s.active.find(hash, key); known != absent {
		return value, known
	}
	if s.frozen != nil {
		if value, known := s.frozen.find(hash, key); known != absent {
			return value, known
		}
	}
	if s.base == nil {
		if s.lost {
			return nil, damaged
		}
		return nil, absent
	}
	return s.base.find(hash, key)
}

// others are the buckets that hold no links; immutable once they are in a
// state.
type others [feed.Buckets - link.Buckets]map[string][]byte

// entry is one key of any bucket.
type entry struct {
	bucket     uint16
	gone       bool
	key, value []byte
}

// put changes one key, of others that nobody reads yet.
func (o *others) put(e entry) {
	n := int(e.bucket) - link.Buckets
	if n < 0 || n >= len(o) {
		return
	}
	if e.gone {
		delete(o[n], string(e.key))
		return
	}
	if o[n] == nil {
		o[n] = map[string][]byte{}
	}
	o[n][string(e.key)] = append([]byte{}, e.value...)
}

// with returns others with changes.
func (o *others) with(entries []entry) *others {
	changed := *o
	var cloned [len(changed)]bool
	for _, e := range entries {
		if n := int(e.bucket) - link.Buckets; n >= 0 && n < len(o) && !cloned[n] {
			changed[n], cloned[n] = maps.Clone(o[n]), true
		}
		changed.put(e)
	}
	return &changed
}
