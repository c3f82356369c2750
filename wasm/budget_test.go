package wasm_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"suodi/wasm"
	"suodi/wasm/abi"
	"suodi/wasm/filters"
)

// numbered is a filter of its own hash with a memory of so many pages, that
// allows all visits.
func numbered(n int, pages uint64) []byte {
	manifest := fmt.Sprintf(`{"name":"f%d","abi":1,"needs":[],"fail":"closed"}`, n)
	return guest{manifest: manifest, pages: pages, body: verdict(abi.NewVerdict(abi.Allow, 0))}.encode()
}

// A named filter takes no memory until a visit meets it, and then that visit is
// not failed for want of an instance, be it in all slots at once.
func TestNamedFiltersAreInstantiatedWhenMet(t *testing.T) {
	const slots = 8
	h := newHost(t, slots)
	plan := wasm.Plan{Chain: bind(filters.Platform), Named: []wasm.Binding{{Name: "late", Module: numbered(1, 64)}}}
	if err := h.Install(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
	if in, named := wasm.Instances(h, 0), wasm.Instances(h, 1); in < slots || named != 0 {
		t.Errorf("%d instances of the chain's filter and %d of one that is named", in, named)
	}
	var taken []*wasm.Slot
	for i := range slots {
		slot := h.Acquire(uint64(i))
		taken = append(taken, slot)
		if out := slot.Call(slot.Chain(), 1, nil); out.Action != abi.Allow || out.Err != nil {
			t.Errorf("the first visit in slot %d: %+v", i, out)
		}
	}
	for _, slot := range taken {
		slot.Release()
	}
	if n := wasm.Instances(h, 1); n < slots {
		t.Errorf("%d instances when all slots have met it", n)
	}
	// In the chain it has them all from the start; when it leaves the chain it
	// goes on with them.
	plan.Chain = append(plan.Chain, wasm.Binding{Name: "late", Module: numbered(1, 64)})
	for range 2 {
		if err := h.Install(t.Context(), plan); err != nil {
			t.Fatal(err)
		}
		if n := wasm.Instances(h, 1); n < slots {
			t.Errorf("%d instances in the chain", n)
		}
		plan.Chain = plan.Chain[:1]
	}
}

func TestBudget(t *testing.T) {
	// Two slots and four spares of 4 MiB each.
	for _, test := range []struct {
		name   string
		config wasm.Config
		fit    int
		want   string
	}{
		{"memory", wasm.Config{Slots: 2, Memory: 3*24<<20 + 1<<20}, 3, "its 6 instances of 4096 KiB"},
		{"modules", wasm.Config{Slots: 2, Filters: 4}, 3, "4 modules"},
	} {
		for _, named := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, named %t", test.name, named), func(t *testing.T) {
				h := hostWith(t, test.config)
				with := func(n int) error {
					plan := wasm.Plan{Chain: []wasm.Binding{{Name: "small", Module: numbered(0, 1)}}}
					for i := range n {
						b := wasm.Binding{Name: fmt.Sprintf("f%d", i+1), Version: 7, Module: numbered(i+1, 64)}
						if named {
							plan.Named = append(plan.Named, b)
						} else {
							plan.Chain = append(plan.Chain, b)
						}
					}
					return h.Install(t.Context(), plan)
				}
				if err := with(test.fit); err != nil {
					t.Fatal(err)
				}
				before := h.Chain()
				err := with(test.fit + 1)
				var refusal *wasm.Refusal
				if !errors.As(err, &refusal) || !errors.Is(err, wasm.ErrRefused) || !strings.Contains(err.Error(), test.want) {
					t.Fatalf("one more: %v", err)
				}
				if refusal.Name != fmt.Sprintf("f%d", test.fit+1) || refusal.Version != 7 || refusal.Canary || h.Chain() != before {
					t.Errorf("%+v", refusal)
				}
				if err := with(test.fit); err != nil {
					t.Errorf("what fitted does not any more: %v", err)
				}
			})
		}
	}
}

// What a refused plan has loaded is not loaded a second time for the next one,
// and is let go when that has no use for it.
func TestRefusedPlanLeavesWhatItLoaded(t *testing.T) {
	h := newHost(t, 1)
	good, bad := numbered(1, 1), []byte("garbage")
	if err := h.Install(t.Context(), wasm.Plan{Chain: bind(good, bad)}); err == nil {
		t.Fatal("garbage was installed")
	}
	loaded := wasm.Loaded(h, good)
	install(t, h, bind(good)...)
	if _, f := h.Chain().At(0); loaded == nil || f != loaded {
		t.Errorf("%p was loaded, then %p", loaded, f)
	}
	if err := h.Install(t.Context(), wasm.Plan{Chain: bind(numbered(2, 1), bad)}); err == nil {
		t.Fatal("garbage was installed")
	}
	if install(t, h, bind(good)...); wasm.Loaded(h, numbered(2, 1)) != nil || wasm.Loaded(h, good) != loaded {
		t.Error("not what is in force is loaded")
	}
}
