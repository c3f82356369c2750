package wasm_test

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"suodi/wasm"
	"suodi/wasm/abi"
	"suodi/wasm/filters"
	"suodi/wasm/meter"
)

var update = flag.Bool("update", false, "write the files in testdata anew")

// turning is a loop that ends by itself only when the fuel does.
func turning(code ...[]byte) []byte {
	return join([]byte{0x03, 0x40}, join(code...), []byte{0x0c, 0, 0x0b})
}

func repeated(n int, code ...byte) []byte { return bytes.Repeat(code, n) }

// fill and copyAll write n bytes, from 0 on.
func fill(n int64) []byte { return join(i32Const(0), i32Const(7), i32Const(n), []byte{0xfc, 11, 0}) }

func copyAll(n int64) []byte {
	return join(i32Const(0), i32Const(1), i32Const(n), []byte{0xfc, 10, 0, 0})
}

// missing reads all over the memory, each address made of what it read before.
func missing(bytes int64) []byte {
	return turning([]byte{0x20, 0}, i32Const(1664525), []byte{0x6c}, i32Const(1013904223), []byte{0x6a}, i32Const(bytes-1),
		[]byte{0x71, 0x22, 0, 0x2d, 0, 0, 0x20, 0, 0x6a, 0x21, 0})
}

// attack is a filter that does something to bots and allows everybody else. It
// answers them by its fail mode, or what it gives is for the caller to check.
type attack struct {
	name  string
	guest guest
	gives string // the URL it routes to; empty: it breaks
}

// urlAddress is where the guests that routing makes have their URLs.
const urlAddress = 2000

// routing is a guest that writes a URL down and returns the verdict to bots.
func routing(to string, verdict abi.Verdict) guest {
	write := join(i32Const(0), i32Const(0), i32Const(int64(len(to))), []byte{0xfc, 10, 0, 0}) // makes it restored
	for i := range len(to) {
		write = join(write, i32Const(int64(urlAddress+i)), i32Const(int64(to[i])), []byte{0x3a, 0, 0})
	}
	return guest{body: whenBot(write, returns(verdict))}
}

func attacks() []attack {
	to := func(to string) guest { return routing(to, abi.NewRoute(urlAddress, uint32(len(to)))) }
	template := func(to string) guest { return routing(to, abi.NewTemplate(urlAddress, uint32(len(to)))) }
	does := func(code ...[]byte) guest { return guest{body: whenBot(code...)} }
	recursion := []byte{0x20, 0, 0x10, 2, 0x1a}
	return []attack{
		{name: "trap", guest: does(unreachable)},
		{name: "infinite-loop", guest: does(turning())},
		{name: "counting-loop", guest: does(turning([]byte{0x20, 1, 0x42, 1, 0x7c, 0x21, 1}))},
		{name: "dividing-loop", guest: does(turning([]byte{0x20, 1, 0x20, 1, 0x42, 1, 0x84, 0x80, 0x42, 3, 0x7c, 0x21, 1}))},
		{name: "square-root-loop", guest: does(turning([]byte{0x20, 1, 0xbf, 0x9f, 0x9f, 0x9f, 0xbd, 0x21, 1}))},
		{name: "split-store-loop", guest: does(turning(i32Const(60), []byte{0x20, 1, 0x37, 0, 0}, i32Const(61), []byte{0x29, 0, 0, 0x21, 1}))},
		{name: "small-fill-loop", guest: does(turning(fill(1)))},
		{name: "call-loop", guest: does(turning([]byte{0x10, 0, 0x1a}))},
		{name: "branch-table-loop", guest: does(turning([]byte{0x02, 0x40, 0x20, 1, 0xa7, 0x0e, 2, 0, 1, 0, 0x0b}))},
		{name: "missing-loop", guest: guest{body: whenBot(missing(64 << 16)), pages: 64}},
		{name: "recursion", guest: does(recursion)},
		{name: "branching-recursion", guest: does(recursion, recursion)},
		{name: "deep-recursion", guest: does(repeated(500, 0x20, 0), recursion, repeated(500, 0x1a))},
		{name: "fill-loop", guest: does(turning(fill(1024)))}, // spoils its own visit
		{name: "copy-loop", guest: does(turning(copyAll(30_000)))},
		{name: "large-fill-loop", guest: guest{body: whenBot(turning(fill(64 << 16))), pages: 64}},
		{name: "fill-outside", guest: does(fill(-1))},
		{name: "store-outside", guest: does(i32Const(-1), i32Const(0), []byte{0x36, 2, 0})},
		{name: "load-outside", guest: does(i32Const(64<<10-3), []byte{0x28, 2, 0, 0x1a})},
		{name: "division-by-zero", guest: does(i32Const(1), i32Const(0), []byte{0x6d, 0x1a})},
		{name: "unknown-action", guest: does(returns(9))},
		{name: "all-bits", guest: does(returns(1<<64 - 1))},
		{name: "route-to-nothing", guest: does(returns(abi.NewRoute(visitAddress, 0)))},
		{name: "route-outside", guest: does(returns(abi.NewRoute(64<<10-3, 4)))},
		{name: "route-beyond-addresses", guest: does(returns(abi.NewRoute(1<<32-1, 2)))},
		{name: "route-too-long", guest: does(returns(abi.NewRoute(0, abi.BufferSize+1)))},
		{name: "route-to-script", guest: to("javascript:alert(1)"), gives: "javascript:alert(1)"},
		{name: "route-with-crlf", guest: to("https://a.example/\r\nSet-Cookie: a=b"), gives: "https://a.example/\r\nSet-Cookie: a=b"},
		{name: "template-without-name", guest: template("https://a.example/{params.}")},
		{name: "template-of-placeholders", guest: template("https://a.example/" + strings.Repeat("{path}", 300))},
	}
}

// TestAttacks: a filter that turns on some visits is contained. Control returns
// within the fuel, the visit follows the fail mode, and neither those that
// come after it in its slot nor those in others notice.
func TestAttacks(t *testing.T) {
	for _, a := range attacks() {
		store(t, "visit-"+a.name, a.guest.encode())
		for mode, failing := range map[string]abi.Action{"open": abi.Pass, "closed": abi.Deny} {
			t.Run(a.name+"/"+mode, func(t *testing.T) {
				h := newHost(t, 2)
				g := a.guest
				g.manifest = `{"name":"x","abi":1,"needs":["platforms"],"fail":"` + mode + `"}`
				install(t, h, bind(g.encode())...)
				_, f := h.Chain().At(0)
				var visits atomic.Int64
				stop := make(chan struct{})
				var others sync.WaitGroup
				others.Go(func() {
					for done := false; !done; visits.Add(1) {
						slot := h.Acquire(1)
						slot.Visit = abi.Visit{}
						onWeChat(&slot.Visit)
						if out := slot.Run(slot.Chain(), 0); slot.Index == 1 && (out.Action != abi.Allow || out.Err != nil) {
							t.Errorf("a visit beside it: %+v", out)
						}
						slot.Release()
						select {
						case <-stop:
							done = true
						default:
						}
					}
				})
				fastest := time.Hour
				for range 3 {
					began := time.Now()
					out := run(h, bot)
					fastest = min(fastest, time.Since(began))
					if a.gives != "" {
						if out.Action != abi.Route || string(out.URL) != a.gives {
							t.Errorf("%+v", out)
						}
					} else if out.Action != failing || (out.Err != nil) != (failing == abi.Deny) {
						t.Errorf("%+v", out)
					}
					eventually(t, h, onWeChat, abi.Allow)
				}
				close(stop)
				others.Wait()
				if want := uint64(3); a.gives == "" && f.Failures() != want {
					t.Errorf("%d failures", f.Failures())
				}
				t.Logf("%v, %d visits beside it", fastest, visits.Load())
				if fastest > 100*time.Millisecond { // a loaded machine with the race detector
					t.Errorf("control returned after %v", fastest)
				}
			})
		}
	}
}

// TestHostile: no module of the corpus that was made to be refused, or that
// does what it does on every visit or before the first, gets into force or
// disturbs what is.
func TestHostile(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "hostile", "*.wasm"))
	if err != nil || len(files) < 50 {
		t.Fatalf("the corpus: %d files, %v", len(files), err)
	}
	h := newHost(t, 2)
	install(t, h, bind(filters.Platform)...)
	before := h.Chain()
	for _, file := range files {
		kind, name, _ := strings.Cut(filepath.Base(file), "-")
		want, known := map[string]string{
			"refuse": "", "start": "it trapped", "trap": "on an empty visit", "visit": "in force",
		}[kind]
		if !known {
			t.Errorf("%s: no such kind", file)
		}
		if kind == "visit" {
			continue // TestAttacks has them
		}
		t.Run(kind+"/"+name, func(t *testing.T) {
			module, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			err = h.Install(t.Context(), wasm.Plan{Chain: bind(filters.Platform, module)})
			took := time.Since(began)
			if !errors.Is(err, wasm.ErrRefused) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "filter-1") {
				t.Errorf("error %v; want ErrRefused and %q", err, want)
			}
			if took > 20*time.Second { // of a loaded machine with the race detector; grow-storm takes 0.3 s by itself
				t.Errorf("refused after %v", took)
			}
			if h.Chain() != before {
				t.Error("the chain has changed")
			}
			if out := run(h, guarded); out.Action != abi.Guide || out.Err != nil {
				t.Errorf("what is in force says %+v", out)
			}
		})
	}
}

// FuzzInstall: arbitrary bytes never make a host panic or hang, neither when
// they are installed nor on visits.
func FuzzInstall(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "hostile", "*.wasm"))
	if err != nil || len(files) == 0 {
		f.Fatalf("the corpus: %d files, %v", len(files), err)
	}
	for _, file := range files {
		module, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(module)
	}
	f.Add(filters.Platform)
	h, err := wasm.NewHost(wasm.Config{Slots: 1, Meter: meter.Options{
		Limits: meter.Limits{Work: 10_000_000, MemoryPages: 4, GoMemoryPages: 8}, GoFuel: 400_000, GoInitialFuel: 4_000_000,
	}})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() {
		if err := h.Close(); err != nil {
			f.Error(err)
		}
	})
	f.Fuzz(func(t *testing.T, module []byte) {
		if err := h.Install(t.Context(), wasm.Plan{Chain: bind(module)}); err != nil {
			if !errors.Is(err, wasm.ErrRefused) {
				t.Fatal(err)
			}
			return
		}
		for _, fill := range []func(*abi.Visit){bot, guarded, func(*abi.Visit) {}} {
			out := run(h, fill)
			if out.Action > abi.Route || out.Action == abi.Route && (len(out.URL) == 0 || out.Err != nil) {
				t.Fatalf("%+v", out)
			}
			slot := h.Acquire(0)
			slot.Visit = abi.Visit{}
			fill(&slot.Visit)
			if e := slot.Explain(slot.Chain(), 0, nil); e.Action > abi.Route {
				t.Fatalf("%+v", e)
			}
			slot.Release()
		}
	})
}

// store keeps a module in testdata, for the fuzz target and other tools.
func store(t *testing.T, name string, module []byte) {
	t.Helper()
	path := filepath.Join("testdata", "hostile", name+".wasm")
	if *update {
		if err := os.WriteFile(path, module, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if stored, err := os.ReadFile(path); err != nil || !bytes.Equal(stored, module) {
		t.Errorf("%s is not up to date (%v): run the test with -update", path, err)
	}
}
