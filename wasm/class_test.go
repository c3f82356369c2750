package wasm_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	"suodi/wasm"
	"suodi/wasm/abi"
)

// rememberAt is where a guest of these tests keeps what it must not keep.
const rememberAt = 60_000

// remembers denies with the code that an earlier visit left in memory, and
// leaves 7 there; global puts a global in its place.
func remembers(global []byte) []byte {
	load, store := join(i32Const(rememberAt), []byte{0x28, 2, 0}), join(i32Const(rememberAt), i32Const(7), []byte{0x36, 2, 0})
	if global != nil {
		load, store = join([]byte{0x23}, global), join(i32Const(7), []byte{0x24}, global)
	}
	return join(load, []byte{0xad, 0x42, 8, 0x86, 0x42, 2, 0x84}, store) // load<<8 | deny
}

// i32Global is a variable global with a first value.
func i32Global(v int64) []byte { return join([]byte{0x7f, 1}, i32Const(v), end) }

// TestClasses: a guest that remembers the previous visitor finds nothing of it,
// unless its class is shared, by its own wish, or go.
func TestClasses(t *testing.T) {
	manifest := func(class abi.Class) string { return fmt.Sprintf(`{"name":"x","abi":1,"class":%q}`, class) }
	yield := [][]byte{join(text("wasi_snapshot_preview1"), text("sched_yield"), []byte{0, 0})}
	for _, test := range []struct {
		name  string
		guest guest
		class abi.Class
		codes [3]uint32 // of three visits to one slot
	}{
		{"pure", guest{body: countTail}, abi.Pure, [3]uint32{}},
		{"in memory", guest{body: remembers(nil)}, abi.Restored, [3]uint32{}},
		{"in a global", guest{body: remembers([]byte{0}), globals: [][]byte{i32Global(0)}}, abi.Restored, [3]uint32{}},
		{"in a global that is not zero at first", guest{body: remembers([]byte{0}), globals: [][]byte{i32Global(3)}}, abi.Restored, [3]uint32{3, 3, 3}},
		{"in memory that is not zero at first", guest{
			body: remembers(nil), start: join(i32Const(rememberAt), i32Const(5), []byte{0x36, 2, 0}),
		}, abi.Restored, [3]uint32{5, 5, 5}},
		{"behind the visit", guest{body: join(countTail, i32Const(visitAddress+5000), i32Const(-1), []byte{0x36, 2, 0})}, abi.Restored, [3]uint32{}},
		{"asks for restored", guest{body: remembers(nil), manifest: manifest(abi.Restored)}, abi.Restored, [3]uint32{}},
		{"asks for shared", guest{body: remembers(nil), manifest: manifest(abi.Shared)}, abi.Shared, [3]uint32{0, 7, 7}},
		{"in four megabytes", guest{body: remembers(nil), pages: 64}, abi.Restored, [3]uint32{}},
		{"go", guest{body: remembers(nil), imports: yield}, abi.Go, [3]uint32{0, 7, 7}},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHost(t, 1)
			install(t, h, bind(test.guest.encode())...)
			_, f := h.Chain().At(0)
			if f.Class() != test.class {
				t.Errorf("class %s; want %s", f.Class(), test.class)
			}
			for i, want := range test.codes {
				if out := run(h, guarded); out.Action != abi.Deny || out.Code != want {
					t.Errorf("visit %d: %+v; want code %d", i, out, want)
				}
			}
			if f.Failures() != 0 {
				t.Errorf("%d failures", f.Failures())
			}
		})
	}
}

// A filter that stands in two places, and is named besides, is clean in each
// although it is one visit.
func TestRestoredWithinAVisit(t *testing.T) {
	h := newHost(t, 1)
	module := guest{body: remembers(nil)}.encode()
	binding := wasm.Binding{Name: "remembers", Module: module}
	if err := h.Install(t.Context(), wasm.Plan{Chain: []wasm.Binding{binding, binding}, Named: []wasm.Binding{binding}}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		slot := h.Acquire(0)
		slot.Visit = abi.Visit{}
		chain := slot.Chain()
		for _, out := range []wasm.Outcome{slot.Run(chain, 0), slot.Run(chain, 1), slot.Call(chain, 2, nil)} {
			if out.Action != abi.Deny || out.Code != 0 || out.Err != nil {
				t.Errorf("%+v", out)
			}
		}
		slot.Release()
	}
}

// Releasing a slot does not wait for the restorer: with the restorer held up, a
// visit whose filter has four megabytes is gone at once, and its slot is not
// free until they are restored. When half of the slots wait for the restorer,
// visits do it themselves.
func TestRestoringIsBehindTheAnswer(t *testing.T) {
	h := newHost(t, 4)
	install(t, h, bind(guest{body: remembers(nil), pages: 64}.encode())...)
	wasm.HoldRestorer(h, func(waiting func() int) {
		var slots []*wasm.Slot
		for i := range uint64(3) {
			slot := h.Acquire(i)
			slot.Visit = abi.Visit{}
			if out := slot.Run(slot.Chain(), 0); out.Code != 0 {
				t.Errorf("slot %d: %+v", i, out)
			}
			slots = append(slots, slot)
		}
		for i, want := range []int{1, 2, 2} {
			slots[i].Release() // would hang if it waited
			if n := waiting(); n != want {
				t.Errorf("%d slots wait to be restored; want %d", n, want)
			}
		}
		slot := h.Acquire(0)
		if slot.Index != 2 {
			t.Errorf("the first free slot is %d", slot.Index)
		}
		if out := slot.Run(slot.Chain(), 0); out.Code != 0 {
			t.Errorf("in the slot restored at once: %+v", out)
		}
		slot.Release()
	})
	h.Wait()
	if out := run(h, guarded); out.Code != 0 {
		t.Errorf("%+v", out)
	}
}

// More visits than slots, to filters that are restored at once and by the
// restorer, find nothing of each other.
func TestRestoredUnderLoad(t *testing.T) {
	h := newHost(t, 3)
	install(t, h, bind(
		guest{body: join(remembers(nil), []byte{0x42, 8, 0x88, 0x42, 0, 0x52, 0xad})}.encode(), // allow if it finds anything
		guest{body: remembers(nil), pages: 8}.encode(),
	)...)
	var visitors sync.WaitGroup
	for v := range 5 {
		visitors.Go(func() {
			for i := range 100 {
				slot := h.Acquire(uint64(v + i))
				slot.Visit = abi.Visit{}
				if out := slot.Run(slot.Chain(), 0); out.Action != abi.Deny || out.Code != 0 || out.At != 1 {
					t.Errorf("%+v", out)
				}
				slot.Release()
			}
		})
	}
	visitors.Wait()
}

// TestGoIsAskedFor: class go may stall what runs it, so somebody has to want it.
func TestGoIsAskedFor(t *testing.T) {
	h := hostWith(t, wasm.Config{Slots: 1})
	yield := [][]byte{join(text("wasi_snapshot_preview1"), text("sched_yield"), []byte{0, 0})}
	module := guest{body: remembers(nil), imports: yield}.encode()
	err := h.Install(t.Context(), wasm.Plan{Chain: bind(module)})
	if !errors.Is(err, wasm.ErrRefused) || !strings.Contains(err.Error(), "--go-filters") {
		t.Errorf("%v; want ErrRefused and the way out", err)
	}
}
