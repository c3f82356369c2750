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
