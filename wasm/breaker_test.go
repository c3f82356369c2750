package wasm_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"suodi/wasm"
	"suodi/wasm/abi"
	"suodi/wasm/meter"
)

// clock is a clock that tests set.
type clock struct{ nanoseconds atomic.Int64 }

func (c *clock) Now() time.Time          { return time.Unix(0, c.nanoseconds.Load()) }
func (c *clock) advance(d time.Duration) { c.nanoseconds.Add(int64(d)) }

// eventually runs a visit until it is answered so, which is when the mender has
// made the instance that it needs.
func eventually(t *testing.T, h *wasm.Host, fill func(*abi.Visit), want abi.Action) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for {
		out := run(h, fill)
		if out.Action == want {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%+v; want %s", out, want)
		}
	}
}

func TestTrip(t *testing.T) {
	for mode, failing := range map[string]abi.Action{"open": abi.Pass, "closed": abi.Deny} {
		t.Run(mode, func(t *testing.T) {
			clock := &clock{}
			h := hostWith(t, wasm.Config{Slots: 1, Now: clock.Now, Trip: wasm.TripLimits{Failures: 5, Window: time.Second, CoolDown: time.Minute}})
			breaks := guest{manifest: `{"name":"x","abi":1,"needs":["platforms"],"fail":"` + mode + `"}`, body: whenBot(unreachable)}.encode()
			install(t, h, bind(breaks)...)
			_, f := h.Chain().At(0)
			fail := func(n int) {
				t.Helper()
				for before := f.Failures(); f.Failures() < before+uint64(n); {
					if out := run(h, bot); out.Action != failing {
						t.Fatalf("%+v", out)
					}
				}
			}
			fail(4)
			clock.advance(time.Second) // a new window
			fail(4)
			if f.Tripped() {
				t.Fatal("tripped by 4 failures in each of two windows")
			}
			fail(1)
			if !f.Tripped() {
				t.Fatal("not tripped by 5 failures in a window")
			}
			failures, told := f.Failures(), tallyOf(h, 0)
			for range 3 { // a good visit is not seen either
				out := run(h, onWeChat)
				if out.Action != failing || mode == "closed" && !errors.Is(out.Err, wasm.ErrTripped) {
					t.Errorf("%+v", out)
				}
			}
			if f.Failures() != failures || tallyOf(h, 0).Failed != told.Failed+3 {
				t.Errorf("%d failures became %d; %+v became %+v", failures, f.Failures(), told, tallyOf(h, 0))
			}
			if slot := h.Acquire(0); true {
				explained := slot.Explain(slot.Chain(), 0, nil)
				if explained.Action != failing || !errors.Is(explained.Err, wasm.ErrTripped) {
					t.Errorf("explained as %+v", explained)
				}
				if n := testing.AllocsPerRun(100, func() { slot.Run(slot.Chain(), 0) }); n != 0 {
					t.Errorf("a visit to a tripped filter allocates %v times", n)
				}
				slot.Release()
			}
			// After the cool-down one visit tries it. It may find no instance yet,
			// and then it was not the try.
			clock.advance(time.Minute)
			for f.Failures() == failures {
				run(h, bot)
				clock.advance(time.Minute)
			}
			clock.advance(-time.Minute)
			if out := run(h, onWeChat); out.Action != failing || !f.Tripped() {
				t.Errorf("after a try that failed: %+v, tripped %t", out, f.Tripped())
			}
			for f.Tripped() {
				clock.advance(time.Minute)
				run(h, onWeChat)
			}
			eventually(t, h, onWeChat, abi.Allow)
			fail(1)
			if f.Tripped() {
				t.Error("tripped again by one failure")
			}
		})
	}
}

// A try that ends with a bad verdict leaves the filter tripped, and one on a
// visit too large decides nothing.
func TestTryThatIsNoSuccess(t *testing.T) {
	clock := &clock{}
	h := hostWith(t, wasm.Config{Slots: 1, Now: clock.Now, Trip: wasm.TripLimits{Failures: 1}})
	install(t, h, bind(guest{body: whenBot(returns(99))}.encode())...)
	_, f := h.Chain().At(0)
	run(h, bot)
	for range 3 {
		clock.advance(10 * time.Second)
		if out := run(h, bot); !f.Tripped() || out.Err != nil {
			t.Fatalf("%+v, tripped %t", out, f.Tripped())
		}
	}
	clock.advance(10 * time.Second)
	if out := run(h, func(v *abi.Visit) { v.Facts, v.Host = abi.AllFacts, make([]byte, 2*abi.BufferSize) }); !errors.Is(out.Err, abi.ErrTooLarge) || !f.Tripped() {
		t.Errorf("%+v, tripped %t", out, f.Tripped())
	}
	clock.advance(10 * time.Second)
	if eventually(t, h, onWeChat, abi.Allow); f.Tripped() {
		t.Error("still tripped after a try that succeeded")
	}
}

// Visits that break a filter at the same time do not make others wait for new
// instances, nor fail, as long as there are spare ones.
func TestOthersAreUnaffected(t *testing.T) {
	h := newHost(t, 3)
	install(t, h, bind(guest{manifest: `{"name":"x","abi":1,"needs":["platforms"],"fail":"closed"}`, body: whenBot(unreachable)}.encode())...)
	var slots []*wasm.Slot
	for i := range 3 {
		slot := h.Acquire(uint64(i))
		slot.Visit = abi.Visit{}
		bot(&slot.Visit)
		if out := slot.Run(slot.Chain(), 0); out.Err == nil {
			t.Errorf("%+v", out)
		}
		slots = append(slots, slot)
	}
	for _, slot := range slots {
		slot.Visit = abi.Visit{}
		onWeChat(&slot.Visit)
		if out := slot.Run(slot.Chain(), 0); out.Action != abi.Allow || out.Err != nil {
			t.Errorf("the next visit in slot %d: %+v", slot.Index, out)
		}
		slot.Release()
	}
}

// TestSlowGoTrips: what a call of class go takes counts, so that a filter which
// holds visits up trips long before it has failed so often.
func TestSlowGoTrips(t *testing.T) {
	yield := [][]byte{join(text("wasi_snapshot_preview1"), text("sched_yield"), []byte{0, 0})}
	h := hostWith(t, wasm.Config{Slots: 1, Go: true, Meter: meter.Options{GoFuel: 2_000_000_000}})
	install(t, h, bind(guest{body: whenBot(turning()), imports: yield}.encode())...)
	_, f := h.Chain().At(0)
	visits := 0
	for ; !f.Tripped() && visits < 50; visits++ {
		run(h, bot)
	}
	if !f.Tripped() || visits > 25 || f.Failures() > 25 {
		t.Errorf("tripped %t after %d visits and %d failures", f.Tripped(), visits, f.Failures())
	}
}
