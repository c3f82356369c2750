package wasm_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"suodi/wasm"
	"suodi/wasm/abi"
	"suodi/wasm/filters"
)

// A thousand plans, in which each version goes from the chain to be a canary and
// then a named filter, with visits that break instances and plans that are
// refused, leave nothing.
func TestReloadsLeakNothing(t *testing.T) {
	h := newHost(t, 2)
	module := func(i int) []byte {
		// Its own manifest gives every module its own hash.
		g := guest{manifest: fmt.Sprintf(`{"name":"v%d","abi":1,"needs":["platforms"]}`, i), body: whenBot(unreachable)}
		if i%2 == 0 { // restored
			g.body = join(g.body, i32Const(rememberAt), i32Const(7), []byte{0x36, 2, 0})
		}
		return g.encode()
	}
	reload := func(i int) {
		plan := wasm.Plan{
			Chain: []wasm.Binding{
				{Name: "platform", Module: filters.Platform, Own: true},
				{Name: "breaks", Module: module(i), Canary: &wasm.Canary{Module: module(i - 1), Share: wasm.MaxShare / 2}},
			},
			Named: []wasm.Binding{{Name: "old", Module: module(i - 2)}, {Name: "new", Module: module(i)}},
		}
		if err := h.Install(t.Context(), plan); err != nil {
			t.Fatal(err)
		}
		run(h, bot) // breaks, so that an instance is discarded
		if _, f := h.Chain().At(1); f.Failures() != 1 {
			t.Fatalf("%d failures", f.Failures())
		}
		run(h, guarded)
		run(h, hashed(0)) // the canary
		if i%10 == 0 {
			if err := h.Install(t.Context(), wasm.Plan{Chain: bind(guest{body: unreachable}.encode())}); err == nil {
				t.Fatal("a filter that always traps was installed")
			}
		}
	}
	for i := range 50 { // what is made once
		reload(i)
	}
	before := usage(t)
	for i := range 1000 {
		reload(1000 + i)
	}
	after := usage(t)
	t.Logf("before %+v, after %+v", before, after)
	if after.goroutines > before.goroutines {
		t.Errorf("%d goroutines became %d", before.goroutines, after.goroutines)
	}
	if after.heap > before.heap+4<<20 {
		t.Errorf("the heap grew from %d to %d bytes", before.heap, after.heap)
	}
	if after.maps > before.maps+100 {
		t.Errorf("%d memory mappings became %d", before.maps, after.maps)
	}
	if after.mapped > before.mapped+256<<20 { // the collector keeps address space it once had
		t.Errorf("%d mapped bytes became %d", before.mapped, after.mapped)
	}
	if after.resident > before.resident+64<<20 {
		t.Errorf("%d resident bytes became %d", before.resident, after.resident)
	}
	if after.files > before.files {
		t.Errorf("%d open files became %d", before.files, after.files)
	}
}

type used struct {
	goroutines, maps, files int
	heap, mapped, resident  uint64 // bytes
}

// usage says what the process holds; what only /proc tells is zero without one.
func usage(t testing.TB) (u used) {
	t.Helper()
	var stats runtime.MemStats
	for range 3 { // finalizers free what they freed in the round after
		runtime.GC()
	}
	runtime.ReadMemStats(&stats)
	u.goroutines, u.heap = runtime.NumGoroutine(), stats.HeapAlloc
	maps, err := os.ReadFile("/proc/self/maps")
	if errors.Is(err, os.ErrNotExist) {
		return u
	}
	files, filesErr := os.ReadDir("/proc/self/fd")
	statm, statmErr := os.ReadFile("/proc/self/statm")
	if err := errors.Join(err, filesErr, statmErr); err != nil {
		t.Fatal(err)
	}
	pages := strings.Fields(string(statm))
	for i, to := range []*uint64{&u.mapped, &u.resident} {
		n, err := strconv.ParseUint(pages[i], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		*to = n * uint64(os.Getpagesize())
	}
	u.maps, u.files = bytes.Count(maps, []byte("\n")), len(files)
	return u
}

// hashed is a visit with a visit hash whose canary number is n.
func hashed(n uint32) func(*abi.Visit) {
	return func(v *abi.Visit) {
		v.Facts |= abi.FactHash
		v.Hash = uint64(n) << 32
	}
}
