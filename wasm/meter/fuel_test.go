package meter_test

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"

	"suodi/wasm/abi"
	"suodi/wasm/meter"
)

// TestRefill runs a filter that spends most of its fuel many times over, and
// again after it ran out.
func TestRefill(t *testing.T) {
	// Turns as often as the parameter says.
	turns := []byte{0x03, 0x40, 0x20, 0, 0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, 0x0b}
	m := admit(t, filter(join(turns, i64Const(7))).encode())
	g := start(t, m.Metered)
	for range 10 {
		g.mustCall(20_000, 7)
		if left := g.fuel(); left < 0 || left > m.Fuel/2 {
			t.Errorf("%d units are left of %d", left, m.Fuel)
		}
		if _, err := g.call(10_000_000); err == nil {
			t.Error("did not trap")
		}
		if _, err := g.mod.ExportedFunction(abi.ExportVisit).Call(t.Context()); err == nil {
			t.Error("another export runs without fuel")
		}
	}
	g.mustCall(1, 7)
	if _, err := g.mod.ExportedFunction(abi.ExportVisit).Call(t.Context()); err != nil {
		t.Errorf("another export with fuel: %v", err)
	}
}

// TestReset: globals begin each call as initialising left them, whatever the
// call before did, in class restored; in class shared they are the filter's.
func TestReset(t *testing.T) {
	store := []byte{0x41, 0, 0x41, 0, 0x36, 2, 0}                                             // so that it is not pure
	push := join([]byte{0x23, 0, 0x41, 32, 0x6b, 0x24, 0})                                    // a C-like stack pointer
	code := join(store, push, []byte{0x20, 0, 0x04, 0x40, 0x00, 0x0b}, []byte{0x23, 0, 0xad}) // trap when told to
	restoring := join(store, []byte{0x23, 0, 0x41, 1, 0x6a, 0x24, 0})                         // what an initialiser does
	base := filter(code, fn{code: restoring}).with(func(p *program) { p.globals = [][]byte{global(i32, 4096)} })
	for name, test := range map[string]struct {
		change        func(*program)
		first, second uint64
	}{
		"plain":      {func(*program) {}, 4096 - 32, 4096 - 32},
		"start":      {func(p *program) { p.start = 4 }, 4097 - 32, 4097 - 32},
		"initialize": {func(p *program) { p.functions[3].export = "_initialize" }, 4097 - 32, 4097 - 32},
		"both":       {func(p *program) { p.start, p.functions[3].export = 4, "_initialize" }, 4098 - 32, 4098 - 32},
		"shared":     {func(p *program) { p.manifest = `{"name":"x","abi":1,"needs":[],"class":"shared"}` }, 4096 - 32, 4096 - 64},
	} {
		t.Run(name, func(t *testing.T) {
			m := admit(t, base.with(test.change).encode())
			g := start(t, m.Metered)
			g.mustCall(0, test.first)
			g.mustCall(0, test.second)
			if m.Class == abi.Shared {
				return
			}
			for range 100 {
				if _, err := g.call(1); err == nil {
					t.Fatal("did not trap")
				}
			}
			g.mustCall(0, test.first)
		})
	}
}

// TestRetargeted: ref.func of a function whose export now leads to a wrapper.
func TestRetargeted(t *testing.T) {
	code := join([]byte{0xd2, filterAt, 0xd1, 0xad})
	start(t, admit(t, filter(code).encode()).Metered).mustCall(0, 0)
	// The element section that is added stands before the data count.
	code = join(bulk(3, 0xfc, 8, 0, 0), code)
	with := func(p *program) { p.data = [][]byte{{1, 3, 1, 2, 3}} }
	start(t, admit(t, filter(code).with(with).encode()).Metered).mustCall(0, 0)
	// And behind elements that are there.
	with = func(p *program) {
		p.tables, p.elements = [][]byte{funcrefs(1, 1)}, [][]byte{{0, 0x41, 0, 0x0b, 1, 0}}
		p.globals, p.data = [][]byte{global(i32, 1)}, [][]byte{{1, 3, 1, 2, 3}}
	}
	start(t, admit(t, filter(code).with(with).encode()).Metered).mustCall(0, 0)
}

// TestClass decides by the code.
func TestClass(t *testing.T) {
	shared := `{"name":"x","abi":1,"needs":[],"class":"shared"}`
	for _, test := range []struct {
		name     string
		code     []byte
		manifest string
		want     abi.Class
	}{
		{"nothing", nil, "", abi.Pure},
		{"load", []byte{0x41, 0, 0x28, 2, 0, 0x1a}, "", abi.Pure},
		{"pure but asks for shared", nil, shared, abi.Pure},
		{"store", []byte{0x41, 0, 0x41, 0, 0x36, 2, 0}, "", abi.Restored},
		{"store in dead code", []byte{0x02, 0x40, 0x0c, 0, 0x41, 0, 0x41, 0, 0x36, 2, 0, 0x0b}, "", abi.Restored},
		{"nothing, promised pure", nil, strings.Replace(shared, "shared", "pure", 1), abi.Pure},
		{"store, shared", []byte{0x41, 0, 0x41, 0, 0x3a, 0, 0}, shared, abi.Shared},
		{"fill", bulk(4, 0xfc, 11, 0), "", abi.Restored},
		{"copy", bulk(4, 0xfc, 10, 0, 0), "", abi.Restored},
		{"global", []byte{0x41, 0, 0x24, 0}, "", abi.Restored},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := admit(t, filter(join(test.code, pass)).with(func(p *program) {
				p.globals, p.manifest = [][]byte{global(i32, 0)}, test.manifest
			}).encode())
			if m.Class != test.want {
				t.Errorf("class %s; want %s", m.Class, test.want)
			}
			start(t, m.Metered).mustCall(0, 0)
		})
	}
	m := admit(t, asGo(filter(pass)).encode())
	if m.Class != abi.Go || m.Fuel != 15_000_000 || m.MaxMemoryPages != 1024 {
		t.Errorf("class %s, fuel %d, %d pages", m.Class, m.Fuel, m.MaxMemoryPages)
	}
}

// TestCustomSections: the manifest and good names are kept, the rest goes.
func TestCustomSections(t *testing.T) {
	names := join(text("name"), []byte{1}, text(string(vector(join([]byte{2}, text("decide"))))))
	wrong := join(text("name"), []byte{1}, text(string(vector(join([]byte{99}, text("nobody"))))))
	manifest := `{"name":"x","abi":1,"needs":["host"]}`
	for name, custom := range map[string][]byte{"good names": names, "wrong names": wrong} {
		m := admit(t, filter([]byte{0x00}).with(func(p *program) {
			p.manifest, p.customs = manifest, [][]byte{custom, join(text(".debug_info"), []byte{1, 2, 3})}
		}).encode())
		if !m.HasManifest || m.Manifest.Name != "x" || !bytes.Contains(m.Metered, []byte(manifest)) {
			t.Errorf("%s: the manifest is lost", name)
		}
		if bytes.Contains(m.Metered, []byte("debug")) {
			t.Errorf("%s: debug sections are kept", name)
		}
		_, err := start(t, m.Metered).call(0)
		if got := err != nil && strings.Contains(err.Error(), "decide"); got != (name == "good names") {
			t.Errorf("%s: the trap says %v", name, err)
		}
	}
}

// TestOwnMemory: outside class go the memory cannot grow, whatever it declares.
func TestOwnMemory(t *testing.T) {
	m := admit(t, filter(pass).with(func(p *program) { p.pages, p.maximum = 2, 100 }).encode())
	if m.MemoryPages != 2 || m.MaxMemoryPages != 2 {
		t.Errorf("%d to %d pages", m.MemoryPages, m.MaxMemoryPages)
	}
	if _, ok := start(t, m.Metered).mod.Memory().Grow(1); ok {
		t.Error("the memory grew")
	}
}

// TestFuelCoversWork runs random programs beside an interpreter that counts
// instructions: the metered module gives the same result and charges at least
// as much as was executed, or runs out.
func TestFuelCoversWork(t *testing.T) {
	trapped, finished := 0, 0
	for seed := range uint64(400) {
		g := generator{rand: rand.New(rand.NewPCG(seed, 1))}
		body := g.block(4, 0)
		other := g.block(3, 0)
		g.functions = [][]node{body, other}
		code := join([]byte{0x02, 0x40}, encodeNodes(body), []byte{0x0b, 0x20, 0, 0xad})
		helper := join([]byte{0x02, 0x40}, encodeNodes(other), []byte{0x0b, 0x20, 0})
		m, err := meter.Admit(filter(code, fn{params: i32, results: i32, locals: i64 + i32, code: helper}).encode(), meter.Options{Fuel: 100_000})
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		guest := start(t, m.Metered)
		for _, arg := range []uint32{0, 3, 100} {
			in := interpreter{functions: g.functions, limit: 100_000}
			want, ok := in.call(0, arg)
			got, err := guest.call(uint64(arg))
			used := m.Fuel - guest.fuel()
			switch {
			case err != nil && !strings.Contains(err.Error(), "unreachable"):
				t.Fatalf("seed %d: %v", seed, err)
			case err != nil:
				trapped++
			case !ok:
				t.Fatalf("seed %d, argument %d: runs on for more than %d instructions, metered it ends", seed, arg, in.limit)
			case got != uint64(want):
				t.Fatalf("seed %d, argument %d: %d; want %d", seed, arg, got, want)
			case used < int64(in.count):
				t.Fatalf("seed %d, argument %d: charged %d for %d instructions", seed, arg, used, in.count)
			default:
				finished++
			}
		}
	}
	t.Logf("%d calls ended, %d ran out of fuel", finished, trapped)
	if finished < 300 || trapped < 50 {
		t.Error("the programs are not varied enough")
	}
}
