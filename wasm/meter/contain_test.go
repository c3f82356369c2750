package meter_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"suodi/wasm/abi"
	"suodi/wasm/meter"
)

var update = flag.Bool("update", false, "write the files in testdata anew")

// pass ends a filter's code.
var pass = i64Const(0)

// hostile is a module that is up to no good. It is refused with a message that
// holds the text in refusal or, when that is empty, is admitted and traps.
type hostile struct {
	name    string
	module  []byte
	refusal string
	start   bool // what traps is instantiating it
}

func loop(code ...byte) []byte { return join([]byte{0x03, 0x40}, code, []byte{0x0c, 0, 0x0b}) }

// bulk is an instruction on n bytes or elements at 0.
func bulk(n int64, op ...byte) []byte {
	return join(i32Const(0), i32Const(0), i32Const(n), op)
}

// funcrefs is a table section's entry, or several.
func funcrefs(minimum, maximum uint64) []byte {
	return join([]byte{0x70, 1}, unsigned(minimum), unsigned(maximum))
}

func withTable(p program, minimum, maximum uint64) program {
	p.tables = append(p.tables, funcrefs(minimum, maximum))
	p.manifest = `{"name":"x","abi":1,"needs":[],"class":"shared"}`
	return p
}

func asGo(p program) program {
	p.imports = []fn{{results: i32, export: "wasi_snapshot_preview1.sched_yield"}}
	return p
}

func hostiles() []hostile {
	filler := bytes.Repeat([]byte{0x01}, 1000)
	deep := repeat(2000, 0x20, 0)
	valid := filter(pass).encode()
	many := make([]fn, 20_000)
	return []hostile{
		{name: "infinite-loop", module: filter(join(loop(), pass)).encode()},
		// A branch table that turns without branch that looks backward.
		{name: "loop-by-branch-table", module: filter(join([]byte{0x03, 0x40, 0x41, 0, 0x0e, 1, 0, 0, 0x0b}, pass)).encode()},
		{name: "loop-by-condition", module: filter(join([]byte{0x03, 0x40, 0x41, 1, 0x0d, 0, 0x0b}, pass)).encode()},
		{name: "recursion", module: filter([]byte{0x20, 0, 0x10, filterAt}).encode()},
		{name: "mutual-recursion", module: filter([]byte{0x20, 0, 0x10, 3}, fn{params: i32, results: i64, code: []byte{0x20, 0, 0x10, filterAt}}).encode()},
		{name: "exponential-recursion", module: filter(join(i32Const(60), []byte{0x10, 3}, pass), fn{params: i32, code: join(
			[]byte{0x20, 0, 0x45, 0x04, 0x40, 0x0f, 0x0b},
			[]byte{0x20, 0, 0x41, 1, 0x6b, 0x10, 3, 0x20, 0, 0x41, 1, 0x6b, 0x10, 3},
		)}).encode()},
		{name: "deep-stack", module: filter(join(deep, []byte{0x20, 0, 0x10, filterAt, 0x1a}, repeat(2000, 0x1a), pass)).encode()},
		{name: "wide-frame", module: filter(pass).with(func(p *program) {
			p.functions[filterAt] = fn{
				params: i32, results: i64, export: abi.ExportFilter,
				locals: strings.Repeat(i64, 4000), code: []byte{0x20, 0, 0x10, filterAt},
			}
		}).encode()},
		{name: "fill-loop", module: filter(join(loop(bulk(65536, 0xfc, 11, 0)...), pass)).encode()},
		{name: "copy-loop", module: filter(join(loop(bulk(65536, 0xfc, 10, 0, 0)...), pass)).encode()},
		{name: "init-loop", module: filter(join(loop(bulk(0, 0xfc, 8, 0, 0)...), pass)).with(func(p *program) {
			p.data = [][]byte{{1, 3, 1, 2, 3}}
		}).encode()},
		{name: "huge-fill", module: filter(join(bulk(-1, 0xfc, 11, 0), pass)).encode()},
		{name: "table-fill-loop", module: withTable(filter(join(
			loop(join([]byte{0x41, 0, 0xd0, 0x70}, i32Const(60_000), []byte{0xfc, 17, 0})...), pass)), 60_000, 60_000).encode()},
		{name: "table-copy-loop", module: withTable(filter(join(loop(bulk(60_000, 0xfc, 14, 0, 0)...), pass)), 60_000, 60_000).encode()},
		{name: "table-init-loop", module: withTable(filter(join(loop(bulk(0, 0xfc, 12, 0, 0)...), pass)), 1, 1).with(func(p *program) {
			p.elements = [][]byte{{1, 0, 1, 0}}
		}).encode()},
		{name: "table-grow-loop", module: withTable(filter(join(loop(0xd0, 0x70, 0x41, 0, 0xfc, 15, 0, 0x1a), pass)), 1, 2).encode()},
		{name: "grow-storm", module: asGo(filter(join(loop(0x41, 1, 0x40, 0, 0x1a), pass))).encode()},
		{name: "grow-nothing", module: asGo(filter(join(loop(0x41, 0, 0x40, 0, 0x1a), pass))).encode()},
		{name: "host-calls", module: asGo(filter(join(loop(0x10, 0, 0x1a), pass))).encode()},
		{name: "start-loop", start: true, module: filter(pass, fn{code: loop()}).with(func(p *program) { p.start = 4 }).encode()},
		{name: "initialize-loop", start: true, module: filter(pass, fn{code: loop(), export: "_initialize"}).encode()},
		{name: "start-recursion", start: true, module: filter(pass, fn{code: []byte{0x10, 3}}).with(func(p *program) { p.start = 4 }).encode()},

		{name: "memory-bomb", refusal: "65 pages", module: filter(pass).with(func(p *program) { p.pages = 65 }).encode()},
		{name: "memory-over-4-gib", refusal: "65536 pages", module: filter(pass).with(func(p *program) { p.pages = 65537 }).encode()},
		{name: "grow-outside-go", refusal: "function 2 at offset 0x6a: memory.grow is only allowed in class go", module: filter(
			join([]byte{0x41, 1, 0x40, 0, 0x1a}, pass)).encode()},
		{name: "table-bomb", refusal: "134217728 elements", module: withTable(filter(pass), 1<<27, 1<<27).encode()},
		{name: "table-grow-bomb", refusal: "no maximum", module: withTable(filter(join([]byte{0xd0, 0x70, 0x41, 1, 0xfc, 15, 0, 0x1a}, pass)), 1, 1<<32-1).encode()},
		{name: "table-memory", refusal: "table.set is only allowed", module: withTable(filter(join([]byte{0x41, 0, 0xd0, 0x70, 0x26, 0}, pass)), 1, 1).with(
			func(p *program) { p.manifest = "" }).encode()},
		{name: "branch-table-bomb", refusal: "too complex", module: filter(join(
			[]byte{0x02, 0x40, 0x20, 0, 0x0e}, unsigned(500_000), make([]byte, 500_001), []byte{0x0b}, pass)).encode()},
		{name: "nested-loops", refusal: "loops nested more than 32 deep", module: filter(join(repeat(1000, 0x03, 0x40), repeat(1000, 0x0b), pass)).encode()},
		{name: "nested-blocks", refusal: "nested more than 4096 deep", module: filter(join(repeat(5000, 0x02, 0x40), repeat(5000, 0x0b), pass)).encode()},
		{name: "many-branches", refusal: "too complex", module: filter(join(repeat(100_000, 0x20, 0, 0x04, 0x40, 0x0b), pass)).encode()},
		{name: "many-locals", refusal: "more than 4096 parameters and locals", module: raw(10, []byte{3, 4, 0, 0x41, 1, 0x0b, 4, 0, 0x41, 1, 0x0b, 10, 1, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x7f, 0x42, 0, 0x0b}, filter(pass))},
		{name: "many-functions", refusal: "20003 functions; the limit is 20000", module: filter(pass, many...).encode()},
		{name: "long-body", refusal: "bytes of code; the limit is 1048576", module: filter(join(bytes.Repeat(filler, 1049), pass)).encode()},
		{name: "large-module", refusal: "the limit is 4194304", module: append(bytes.Clone(valid), make([]byte, 4<<20)...)},
		{name: "simd", refusal: "SIMD", module: filter(join([]byte{0xfd, 12}, make([]byte, 16), []byte{0x1a}, pass)).encode()},
		{name: "simd-type", refusal: "SIMD", module: filter(pass, fn{params: "\x7b"}).encode()},
		{name: "atomics", refusal: "threads", module: filter(join([]byte{0xfe, 3, 0}, pass)).encode()},
		{name: "malformed-leb", refusal: "does not fit 32 bits", module: filter(join([]byte{0x20, 0x80, 0x80, 0x80, 0x80, 0x80, 0, 0x1a}, pass)).encode()},
		{name: "leb-out-of-range", refusal: "does not fit 32 signed bits", module: filter(join([]byte{0x41, 0x80, 0x80, 0x80, 0x80, 0x70, 0x1a}, pass)).encode()},
		{name: "truncated", refusal: "are announced", module: valid[:len(valid)-3]},
		{name: "trailing-bytes", refusal: "bytes too many", module: raw(5, []byte{1, 0, 1, 0x24, 0}, filter(pass))},
		{name: "overlapping-sections", refusal: "3 bytes too many", module: overlap(valid)},
		{name: "section-twice", refusal: "twice or in the wrong place", module: join(valid, []byte{10, 1, 0})},
		{name: "unknown-section", refusal: "no section", module: join(valid, []byte{13, 1, 0})},
		{name: "duplicate-export", refusal: `exports "suodi_visit" twice`, module: filter(pass, fn{export: abi.ExportVisit}).encode()},
		{name: "wrong-signature", refusal: "suodi_filter is (i64) -> (i64); the ABI wants (i32) -> (i64)", module: filter(pass).with(func(p *program) {
			p.functions[filterAt].params = i64
		}).encode()},
		{name: "no-filter", refusal: `does not export the function "suodi_filter"`, module: filter(pass).with(func(p *program) {
			p.functions[filterAt].export = ""
		}).encode()},
		{name: "no-memory", refusal: `does not export its memory`, module: filter(pass).with(func(p *program) { p.pages = 0 }).encode()},
		{name: "filter-is-memory", refusal: "exports a memory as", module: filter(pass).with(func(p *program) {
			p.functions[filterAt].export = ""
			p.exports = append(p.exports, join(text(abi.ExportFilter), []byte{2, 0}))
		}).encode()},
		{name: "foreign-import", refusal: "imports env.abort", module: filter(pass).with(func(p *program) {
			p.imports = []fn{{export: "env.abort"}}
		}).encode()},
		{name: "unknown-wasi", refusal: "there is no fd_explode", module: filter(pass).with(func(p *program) {
			p.imports = []fn{{export: "wasi_snapshot_preview1.fd_explode"}}
		}).encode()},
		{name: "wasi-signature", refusal: "it is (i32) -> ()", module: filter(pass).with(func(p *program) {
			p.imports = []fn{{export: "wasi_snapshot_preview1.proc_exit"}}
		}).encode()},
		{name: "promises-pure-imports", refusal: "the manifest promises class pure", module: asGo(filter(pass)).with(func(p *program) {
			p.manifest = `{"name":"x","abi":1,"needs":[],"class":"pure"}`
		}).encode()},
		{name: "promises-pure-stores", refusal: "function 2 at offset 0x6c: the manifest promises class pure, but i32.store has an effect", module: filter(
			join(i32Const(0), i32Const(0), []byte{0x36, 2, 0}, pass)).with(func(p *program) {
			p.manifest = `{"name":"x","abi":1,"needs":[],"class":"pure"}`
		}).encode()},
		{name: "rule-signature", refusal: "suodi_rule is () -> (); the ABI wants (i32) -> (i32)", module: filter(pass, fn{export: abi.ExportRule}).encode()},
		{name: "start-with-parameters", refusal: "takes parameters", module: filter(pass, fn{params: i32}).with(func(p *program) { p.start = 4 }).encode()},
		{name: "fuel-export", refusal: "is the host's", module: filter(pass, fn{export: meter.FuelGlobal}).encode()},
		{name: "refuels-itself", refusal: "there is no global 0", module: filter(join(i64Const(1<<60), []byte{0x24, 0}, pass)).encode()},
		{name: "calls-what-is-appended", refusal: "there is no function 3", module: filter([]byte{0x20, 0, 0x10, 3}).encode()},
		{name: "two-manifests", refusal: "a second manifest", module: filter(pass).with(func(p *program) {
			p.manifest = `{"name":"x","abi":1,"needs":[]}`
			p.customs = [][]byte{join(text(abi.ManifestSection), []byte(p.manifest))}
		}).encode()},
		{name: "bad-manifest", refusal: "manifest:", module: filter(pass).with(func(p *program) { p.manifest = `{"name":` }).encode()},
	}
}

// with changes a copy of the program.
func (p program) with(change func(*program)) program {
	p.functions = append([]fn(nil), p.functions...)
	change(&p)
	return p
}

// overlap makes the first section reach into the second.
func overlap(module []byte) []byte {
	module = bytes.Clone(module)
	module[9] += 3
	return module
}

// raw puts other bytes in place of a section's.
func raw(id byte, content []byte, p program) []byte {
	module := p.encode()
	out := bytes.Clone(module[:8])
	for at := 8; at < len(module); {
		size, shift, head := 0, 0, at+1
		for {
			size |= int(module[head]&0x7f) << shift
			shift += 7
			head++
			if module[head-1] < 0x80 {
				break
			}
		}
		if module[at] == id {
			out = section(out, id, content)
		} else {
			out = append(out, module[at:head+size]...)
		}
		at = head + size
	}
	return out
}

// TestHostile admits each module of the corpus: it is refused with the reason,
// or what it does ends within the fuel and in good time, and the next call is
// as good as the first.
func TestHostile(t *testing.T) {
	for _, h := range hostiles() {
		t.Run(h.name, func(t *testing.T) {
			store(t, h)
			began := time.Now()
			m, err := meter.Admit(h.module, meter.Options{})
			if took := time.Since(began); took > 10*time.Second { // a loaded machine with -race included
				t.Errorf("admission took %v", took)
			}
			if h.refusal != "" {
				if err == nil || !strings.Contains(err.Error(), h.refusal) {
					t.Errorf("error %v; want %q", err, h.refusal)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			g, err := instantiate(t, m.Metered)
			if h.start {
				if err == nil || !strings.Contains(err.Error(), "unreachable") {
					t.Errorf("instantiating ends with %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			for range 3 {
				began := time.Now()
				_, err := g.call(0)
				took := time.Since(began)
				t.Log(took)
				if err == nil || !strings.Contains(err.Error(), "unreachable") && !strings.Contains(err.Error(), "out of bounds") {
					t.Errorf("ends with %v", err)
				}
				if limit := time.Duration(m.Fuel) * 500 * time.Nanosecond; took > limit { // a loaded machine with -race included
					t.Errorf("took %v", took)
				}
			}
		})
	}
}

// store keeps the small modules in wasm/testdata, for tests of the host.
func store(t *testing.T, h hostile) {
	if len(h.module) > 4096 {
		return
	}
	kind := "trap-"
	if h.refusal != "" {
		kind = "refuse-"
	} else if h.start {
		kind = "start-"
	}
	path := filepath.Join("..", "testdata", "hostile", kind+h.name+".wasm")
	if *update {
		if err := os.WriteFile(path, h.module, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if stored, err := os.ReadFile(path); err != nil || !bytes.Equal(stored, h.module) {
		t.Errorf("%s is not up to date (%v): run the test with -update", path, err)
	}
}
