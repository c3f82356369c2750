package wasm

// HoldRestorer keeps slots from being restored until do returns; waiting says
// how many wait. No other goroutine may use the host meanwhile.
func HoldRestorer(h *Host, do func(waiting func() int)) {
	working, held := h.restorer, newRestorer(len(h.slots))
	h.restorer = held
	do(func() int { return len(held.slots) })
	h.restorer = working
	for len(held.slots) > 0 {
		working.slots <- <-held.slots
	}
}

// Restore puts the instance that slot 0 has of the filter at a place back to
// its first state.
func Restore(h *Host, place int) {
	h.chain.Load().places[place].current.filter.seats[0].instance.restore()
}

// EachSlot gives every slot to do, one after the other.
func EachSlot(h *Host, do func(*Slot)) {
	for i := range h.slots {
		slot := h.Acquire(uint64(i))
		do(slot)
		slot.Release()
	}
}

// Instances returns how many instances a place's filter has.
func Instances(h *Host, place int) (n int) {
	f := h.chain.Load().places[place].current.filter
	f.mu.Lock()
	defer f.mu.Unlock()
	for i := range f.seats {
		if f.seats[i].instance != nil {
			n++
		}
	}
	return n + len(f.spares)
}

// Loaded returns what is loaded of a module, nil for nothing.
func Loaded(h *Host, module []byte) *Filter {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.loaded[HashOf(module)]
}
