package wasm_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"suodi/wasm"
)

// A slot has one visit at a time, also when there are more visits than slots.
func TestMoreVisitsThanSlots(t *testing.T) {
	h := newHost(t, 3)
	if h.Slots() != 3 {
		t.Fatalf("%d slots", h.Slots())
	}
	var inside [3]atomic.Int32
	var visits [3]int // guarded by the slot
	var visitors sync.WaitGroup
	for v := range 12 {
		visitors.Go(func() {
			for i := range 300 {
				slot := h.Acquire(uint64(v * i))
				if n := inside[slot.Index].Add(1); n != 1 {
					t.Errorf("%d visits in slot %d", n, slot.Index)
				}
				visits[slot.Index]++
				inside[slot.Index].Add(-1)
				slot.Release()
			}
		})
	}
	visitors.Wait()
	if total := visits[0] + visits[1] + visits[2]; total != 12*300 {
		t.Errorf("%d visits", total)
	}
}

func TestAcquireBeginsAtTheHint(t *testing.T) {
	h := newHost(t, 4)
	var held []*wasm.Slot
	for _, test := range []struct {
		hint uint64
		want int
	}{{2, 2}, {2, 3}, {6, 0}, {1<<64 - 1, 1}} { // 1<<64-1 points at 3, then goes round
		slot := h.Acquire(test.hint)
		if slot.Index != test.want {
			t.Errorf("hint %d: slot %d; want %d", test.hint, slot.Index, test.want)
		}
		held = append(held, slot)
	}
	for _, slot := range held {
		slot.Release()
	}
}

// Wait returns after those have left who were there when it was called.
func TestWait(t *testing.T) {
	h := newHost(t, 2)
	h.Wait() // nobody is there
	for range 50 {
		slot := h.Acquire(0)
		var left atomic.Bool
		waiting := make(chan struct{})
		done := make(chan bool)
		go func() {
			close(waiting)
			h.Wait()
			done <- left.Load()
		}()
		<-waiting
		// Somebody who comes and goes in the other slot makes no difference.
		h.Acquire(1).Release()
		left.Store(true)
		slot.Release()
		for returned := false; !returned; { // and neither do those who come since
			select {
			case after := <-done:
				if returned = true; !after {
					t.Fatal("Wait returned while the visit was in its slot")
				}
			default:
				h.Acquire(0).Release()
			}
		}
	}
}

func TestDefaultSlots(t *testing.T) {
	h := newHost(t, 0)
	if h.Slots() < 16 {
		t.Errorf("%d slots", h.Slots())
	}
}
