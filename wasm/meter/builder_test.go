package meter_test

import (
	"encoding/binary"

	"suodi/wasm/abi"
)

// Value types, to be joined into lists.
const (
	i32 = "\x7f"
	i64 = "\x7e"
)

// fn is a function of a module that a test builds.
type fn struct {
	params, results string
	locals          string // their types
	code            []byte // without the last end
	export          string
}

// program is a module that a test builds. Index n of functions is n plus the
// number of imports.
type program struct {
	imports   []fn // export holds "module.name", with a dot
	functions []fn
	pages     int      // of memory, 0 for none
	maximum   int      // of the memory; 0 for none
	tables    [][]byte // as in the section
	globals   [][]byte // as in the section
	exports   [][]byte // besides those of functions and "memory"
	start     int      // function plus one; 0 for none
	elements  [][]byte
	data      [][]byte
	manifest  string
	customs   [][]byte // at the end
}

func (p program) encode() []byte {
	var types, imports, functions, bodies [][]byte
	exports := p.exports
	kind := func(f fn) []byte {
		t := join([]byte{0x60}, text(f.params), text(f.results))
		for i := range types {
			if string(types[i]) == string(t) {
				return unsigned(uint64(i))
			}
		}
		types = append(types, t)
		return unsigned(uint64(len(types) - 1))
	}
	for _, f := range p.imports {
		from, name := f.export, ""
		for i := range f.export {
			if f.export[i] == '.' {
				from, name = f.export[:i], f.export[i+1:]
			}
		}
		imports = append(imports, join(text(from), text(name), []byte{0}, kind(f)))
	}
	for i, f := range p.functions {
		functions = append(functions, kind(f))
		var locals [][]byte
		for j := range len(f.locals) {
			locals = append(locals, []byte{1, f.locals[j]})
		}
		code := join(vector(locals...), f.code, []byte{0x0b})
		bodies = append(bodies, join(unsigned(uint64(len(code))), code))
		if f.export != "" {
			exports = append(exports, join(text(f.export), []byte{0}, unsigned(uint64(len(p.imports)+i))))
		}
	}
	b := []byte("\x00asm\x01\x00\x00\x00")
	list := func(id byte, items [][]byte) {
		if len(items) > 0 {
			b = section(b, id, vector(items...))
		}
	}
	list(1, types)
	list(2, imports)
	list(3, functions)
	list(4, p.tables)
	if p.pages > 0 {
		limits := join([]byte{0}, unsigned(uint64(p.pages)))
		if p.maximum > 0 {
			limits = join([]byte{1}, unsigned(uint64(p.pages)), unsigned(uint64(p.maximum)))
		}
		list(5, [][]byte{limits})
		exports = append(exports, join(text("memory"), []byte{2, 0}))
	}
	list(6, p.globals)
	list(7, exports)
	if p.start > 0 {
		b = section(b, 8, unsigned(uint64(p.start-1)))
	}
	list(9, p.elements)
	if len(p.data) > 0 {
		b = section(b, 12, unsigned(uint64(len(p.data))))
	}
	list(10, bodies)
	list(11, p.data)
	if p.manifest != "" {
		b = section(b, 0, join(text(abi.ManifestSection), []byte(p.manifest)))
	}
	for _, c := range p.customs {
		b = section(b, 0, c)
	}
	return b
}

// filterAt is the index of the filter's function in what filter makes.
const filterAt = 2

// filter returns a program that keeps to the ABI: its functions are suodi_abi,
// suodi_visit and suodi_filter with this code, and then others. The filter has
// an i32 parameter, 0, and an i64 and an i32 local, 1 and 2.
func filter(code []byte, others ...fn) program {
	return program{
		functions: append([]fn{
			{results: i32, code: i32Const(abi.Version), export: abi.ExportVersion},
			{results: i32, code: i32Const(1024), export: abi.ExportVisit},
			{params: i32, results: i64, locals: i64 + i32, code: code, export: abi.ExportFilter},
		}, others...),
		pages: 1,
	}
}

// global is a variable of type i64 and the given first value.
func global(kind string, v int64) []byte {
	op := byte(0x41)
	if kind == i64 {
		op = 0x42
	}
	return join([]byte(kind), []byte{1, op}, signed(v), []byte{0x0b})
}

func i32Const(v int64) []byte { return append([]byte{0x41}, signed(v)...) }
func i64Const(v int64) []byte { return append([]byte{0x42}, signed(v)...) }

func join(parts ...[]byte) []byte {
	var b []byte
	for _, part := range parts {
		b = append(b, part...)
	}
	return b
}

func repeat(n int, part ...byte) []byte {
	b := make([]byte, 0, n*len(part))
	for range n {
		b = append(b, part...)
	}
	return b
}

func unsigned(v uint64) []byte { return binary.AppendUvarint(nil, v) }

// signed is LEB128 with a sign.
func signed(v int64) (b []byte) {
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if v == 0 && c&0x40 == 0 || v == -1 && c&0x40 != 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}

func text(s string) []byte { return join(unsigned(uint64(len(s))), []byte(s)) }

func vector(items ...[]byte) []byte { return join(unsigned(uint64(len(items))), join(items...)) }

func section(b []byte, id byte, content []byte) []byte {
	return join(b, []byte{id}, unsigned(uint64(len(content))), content)
}
