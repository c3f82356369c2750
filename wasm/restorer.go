package wasm

// restorer puts instances of class restored back to their first state, away
// from the visits: a slot whose visit soiled much is not free when the visit
// leaves it, but when the restorer is done with it.
type restorer struct {
	slots chan *Slot
}

// atOnce is how many bytes a visit restores itself when it leaves its slot,
// with its answer made: 5 µs. To wake the restorer takes 10 µs where a
// processor is idle (see DESIGN.md), so that less is not worth handing over.
const atOnce = 256 << 10

// newRestorer returns one for so many slots. When more than half of them wait
// for it, visits restore what they soiled themselves, so that it cannot be
// outrun.
func newRestorer(slots int) restorer { return restorer{slots: make(chan *Slot, (slots+1)/2)} }

// take accepts a slot that is to be freed.
func (r restorer) take(s *Slot) {
	select {
	case r.slots <- s:
	default:
		s.restore()
	}
}

// run restores slots until quit is closed; there are none left then.
func (r restorer) run(quit <-chan struct{}) {
	for {
		select {
		case <-quit:
			return
		case s := <-r.slots:
			s.restore()
		}
	}
}

// restore restores what the slot's visit soiled and frees the slot.
func (s *Slot) restore() {
	for _, in := range s.soiled {
		if in.soiled { // not discarded, nor restored for the next place
			in.restore()
		}
	}
	clear(s.soiled)
	s.soiled, s.owes = s.soiled[:0], 0
	s.word.Add(1)
}
