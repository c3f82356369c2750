package wasm

import (
	"runtime"
	"sync/atomic"
	"time"

	"suodi/wasm/abi"
)

// Slot is what one visit owns while it is served.
type Slot struct {
	// word is odd while a visit is in the slot; each coming and going adds one.
	word atomic.Uint64
	host *Host
	// Index numbers the slot, from 0 to Host.Slots()-1, for owners of other
	// per-visit resources.
	Index int
	// Visit is room for the facts of the visit in this slot. It keeps what the
	// previous visit left: whoever fills it sets Facts to what is filled.
	Visit abi.Visit

	soiled []*instance // of class restored, that this visit was in
	owes   int         // bytes of memory in them
	trying *Filter     // tripped, and tried by the call that is on
	url    [abi.BufferSize]byte
	_      [64]byte // the next slot's word starts a cache line of its own
}

// Acquire takes a free slot, trying first the one that hint points at. It
// never fails: when all are taken, which needs as many visits inside filters as
// there are slots, it yields until one is free.
func (h *Host) Acquire(hint uint64) *Slot {
	n := uint64(len(h.slots))
	first := hint % n
	for at := first; ; {
		slot := &h.slots[at]
		if word := slot.word.Load(); word&1 == 0 && slot.word.CompareAndSwap(word, word+1) {
			return slot
		}
		if at++; at == n {
			at = 0
		}
		if at == first { // all are taken
			runtime.Gosched()
		}
	}
}

// Release gives the slot back. Nothing of it, nor any outcome's URL, may be
// used afterwards. What takes long to restore is not waited for.
func (s *Slot) Release() {
	switch {
	case s.owes == 0:
		s.word.Add(1)
	case s.owes <= atOnce:
		s.restore()
	default:
		s.host.restorer.take(s)
	}
}

// Slots returns the number of slots.
func (h *Host) Slots() int { return len(h.slots) }

// Wait returns when every visit that was in a slot when it was called has left
// it. What was unlinked before the call is then seen by nobody.
func (h *Host) Wait() {
	for i := range h.slots {
		slot := &h.slots[i]
		word := slot.word.Load()
		for pause := time.Microsecond; word&1 == 1 && slot.word.Load() == word; pause = min(2*pause, time.Millisecond) {
			time.Sleep(pause)
		}
	}
}
