package wasm_test

import (
	"encoding/binary"

	"suodi/wasm/abi"
)

// visitAddress is where a guest of these tests keeps its visit.
const visitAddress = 1 << 10

// guest is a filter module written by hand. What is zero is as the ABI wants
// it; the rest spoils one thing.
type guest struct {
	manifest string   // custom section; empty: none
	body     []byte   // of suodi_filter without its end; default: pass
	version  int64    // what suodi_abi answers; default 1
	address  int64    // what suodi_visit answers; default visitAddress
	omit     string   // an export that is left out
	unsigned bool     // suodi_filter returns i32
	growing  bool     // its memory has no maximum
	pages    uint64   // of memory; default 1
	types    [][]byte // function types, from number 3
	imports  [][]byte
	globals  [][]byte
	start    []byte // code that runs when the module is instantiated
	rule     []byte // of suodi_rule without its end; nil: it is not exported
}

// Instructions for bodies, from the core specification, section 5.4.
var (
	unreachable = []byte{0x00}
	ifTrue      = []byte{0x04, 0x40}
	end         = []byte{0x0b}
)

func i64Const(v int64) []byte { return append([]byte{0x42}, signed(v)...) }

func verdict(v abi.Verdict) []byte { return i64Const(int64(v)) }

// loadByte leaves the byte at an offset of the visit as an i32.
func loadByte(off int) []byte {
	return join([]byte{0x41, 0, 0x2d, 0}, unsigned(uint64(visitAddress+off)))
}

// whenBot does one thing for a bot's visit, and allows the others.
func whenBot(body ...[]byte) []byte {
	return join(loadByte(abi.OffBot), ifTrue, join(body...), end, verdict(abi.NewVerdict(abi.Allow, 0)))
}

// i32Const and the instructions below leave something on the stack.
func i32Const(v int64) []byte { return append([]byte{0x41}, signed(v)...) }

// returns ends the function with a verdict.
func returns(v abi.Verdict) []byte { return join(verdict(v), []byte{0x0f}) }

// countTail denies with the number of bytes behind the visit that are not zero.
var countTail = join(
	[]byte{0x03, 0x40},                                                      // loop
	[]byte{0x20, 0, 0x41}, signed(abi.BufferSize), []byte{0x48, 0x04, 0x40}, // if len < BufferSize
	[]byte{0x20, 1, 0x20, 0, 0x2d, 0}, unsigned(visitAddress), []byte{0x41, 0, 0x47, 0xad, 0x7c, 0x21, 1}, // count += byte != 0
	[]byte{0x20, 0, 0x41, 1, 0x6a, 0x21, 0, 0x0c, 1}, // len++, again
	[]byte{0x0b, 0x0b},
	[]byte{0x20, 1, 0x42, 8, 0x86, 0x42, 2, 0x84}, // count<<8 | deny
)

// denyParamsLength denies with the length of the params.
var denyParamsLength = join(
	[]byte{0x41, 0, 0x2f, 1}, unsigned(visitAddress+abi.OffParams+2), []byte{0xad, 0x42, 8, 0x86, 0x42, 2, 0x84},
)

func (g guest) encode() []byte {
	if g.body == nil {
		g.body = verdict(abi.NewVerdict(abi.Pass, 0))
	}
	if g.version == 0 {
		g.version = abi.Version
	}
	if g.address == 0 {
		g.address = visitAddress
	}
	if g.pages == 0 {
		g.pages = 1
	}
	result := byte(0x7e)
	if g.unsigned {
		result, g.body = 0x7f, []byte{0x41, 0}
	}
	b := []byte("\x00asm\x01\x00\x00\x00")
	types := [][]byte{{0x60, 0, 1, 0x7f}, {0x60, 1, 0x7f, 1, result}, {0x60, 0, 0}}
	types = append(types, g.types...)
	first := byte(0)
	for _, i := range g.imports {
		if i[len(i)-2] == 0 { // a function
			first++
		}
	}
	functions := [][]byte{{0}, {0}, {1}}
	if g.start != nil {
		functions = append(functions, []byte{2})
	}
	if g.rule != nil {
		types = append(types, []byte{0x60, 1, 0x7f, 1, 0x7f})
		functions = append(functions, []byte{byte(len(types) - 1)})
	}
	b = section(b, 1, vector(types...))
	if g.imports != nil {
		b = section(b, 2, vector(g.imports...))
	}
	b = section(b, 3, vector(functions...))
	limits := join([]byte{1}, unsigned(g.pages), unsigned(g.pages))
	if g.growing {
		limits = join([]byte{0}, unsigned(g.pages))
	}
	b = section(b, 5, vector(limits))
	if g.globals != nil {
		b = section(b, 6, vector(g.globals...))
	}
	var exports [][]byte
	for _, e := range []struct {
		name        string
		kind, index byte
	}{
		{abi.ExportMemory, 2, 0}, {abi.ExportVersion, 0, first}, {abi.ExportVisit, 0, first + 1}, {abi.ExportFilter, 0, first + 2},
	} {
		if e.name != g.omit {
			exports = append(exports, join(text(e.name), []byte{e.kind, e.index}))
		}
	}
	if g.rule != nil {
		exports = append(exports, join(text(abi.ExportRule), []byte{0, first + byte(len(functions)) - 1}))
	}
	b = section(b, 7, vector(exports...))
	bodies := [][]byte{
		function(nil, i32Const(g.version)),
		function(nil, i32Const(g.address)),
		function([]byte{1, 1, 0x7e}, g.body), // one i64 beside the parameter
	}
	if g.start != nil {
		b = section(b, 8, []byte{first + 3})
		bodies = append(bodies, function(nil, g.start))
	}
	if g.rule != nil {
		bodies = append(bodies, function(nil, g.rule))
	}
	b = section(b, 10, vector(bodies...))
	if g.manifest != "" {
		b = section(b, 0, join(text(abi.ManifestSection), []byte(g.manifest)))
	}
	return b
}

func function(locals, body []byte) []byte {
	if locals == nil {
		locals = []byte{0}
	}
	code := join(locals, body, end)
	return join(unsigned(uint64(len(code))), code)
}

func join(parts ...[]byte) []byte {
	var b []byte
	for _, part := range parts {
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
