package rules

import (
	"slices"

	"suodi/wasm/abi"
)

// Where things stand in the module's memory. The buffer does not begin at 0,
// which guests in other languages take for no address at all.
const (
	visitAddress = 1 << 10
	dataAddress  = visitAddress + abi.BufferSize
	pageSize     = 64 << 10

	// maxData keeps every literal within reach of a 16-bit offset from
	// visitAddress.
	maxData = 48 << 10

	// Tables stand behind the room for literals.
	tableAddress = dataAddress + maxData
	maxTables    = 128 << 10
)

// The sections of a module, in their order; custom ones may stand anywhere.
const (
	sectionCustom   = 0
	sectionType     = 1
	sectionFunction = 3
	sectionMemory   = 5
	sectionExport   = 7
	sectionCode     = 10
	sectionData     = 11
)

// The kinds of exports.
const (
	exportFunction = 0
	exportMemory   = 2
)

// signature is a function's type.
type signature struct {
	params []valueType
	result valueType
}

// function is one function of the module under construction.
type function struct {
	signature
	export string // its name outside; "" = none
	locals []valueType
	body   code
}

// local adds a local variable and returns its index.
func (f *function) local(t valueType) uint32 {
	f.locals = append(f.locals, t)
	return uint32(len(f.params) + len(f.locals) - 1)
}

// encode returns the function's entry of the code section.
func (f *function) encode() []byte {
	type run struct {
		n int
		t valueType
	}
	var runs []run
	for _, t := range f.locals {
		if len(runs) == 0 || runs[len(runs)-1].t != t {
			runs = append(runs, run{t: t})
		}
		runs[len(runs)-1].n++
	}
	b := appendUnsigned(nil, uint64(len(runs)))
	for _, r := range runs {
		b = append(appendUnsigned(b, uint64(r.n)), byte(r.t))
	}
	b = append(b, f.body...)
	b = append(b, byte(opEnd))
	return append(appendUnsigned(nil, uint64(len(b))), b...)
}

// module is the WebAssembly module under construction.
type module struct {
	functions []*function
	data      []byte // at dataAddress
	tables    []byte // at tableAddress
	custom    []byte // the manifest
}

// encode returns the module in the binary format of the core specification,
// section 5.5.
func (m *module) encode() []byte {
	var types []signature
	var functions, exports, bodies [][]byte
	exports = append(exports, append(appendName(nil, abi.ExportMemory), exportMemory, 0))
	for i, f := range m.functions {
		t := slices.IndexFunc(types, func(s signature) bool {
			return s.result == f.result && slices.Equal(s.params, f.params)
		})
		if t < 0 {
			t = len(types)
			types = append(types, f.signature)
		}
		functions = append(functions, appendUnsigned(nil, uint64(t)))
		if f.export != "" {
			exports = append(exports, appendUnsigned(append(appendName(nil, f.export), exportFunction), uint64(i)))
		}
		bodies = append(bodies, f.encode())
	}

	b := []byte("\x00asm\x01\x00\x00\x00")
	b = appendSection(b, sectionType, vector(encodeTypes(types)))
	b = appendSection(b, sectionFunction, vector(functions))
	// One memory that cannot grow: minimum and maximum are the pages needed.
	pages := m.pages()
	limits := appendUnsigned(appendUnsigned([]byte{1}, pages), pages)
	b = appendSection(b, sectionMemory, vector([][]byte{limits}))
	b = appendSection(b, sectionExport, vector(exports))
	b = appendSection(b, sectionCode, vector(bodies))
	var segments [][]byte
	for _, s := range []struct {
		at    int32
		bytes []byte
	}{{dataAddress, m.data}, {tableAddress, m.tables}} {
		if len(s.bytes) > 0 {
			var address code
			address.i32(s.at)
			address.op(opEnd)
			segment := append([]byte{0}, address...)
			segments = append(segments, append(appendUnsigned(segment, uint64(len(s.bytes))), s.bytes...))
		}
	}
	if len(segments) > 0 {
		b = appendSection(b, sectionData, vector(segments))
	}
	return appendSection(b, sectionCustom, append(appendName(nil, abi.ManifestSection), m.custom...))
}

// pages returns the memory's size. Searches read eight bytes at a time, so up
// to seven bytes behind the last literal must be there.
func (m *module) pages() uint64 {
	if len(m.tables) > 0 {
		return uint64(tableAddress+len(m.tables)+8+pageSize-1) / pageSize
	}
	return uint64(dataAddress+len(m.data)+8+pageSize-1) / pageSize
}

func encodeTypes(types []signature) [][]byte {
	encoded := make([][]byte, len(types))
	for i, t := range types {
		b := appendUnsigned([]byte{0x60}, uint64(len(t.params)))
		for _, p := range t.params {
			b = append(b, byte(p))
		}
		encoded[i] = append(b, 1, byte(t.result))
	}
	return encoded
}

// vector encodes a count and the items.
func vector(items [][]byte) []byte {
	b := appendUnsigned(nil, uint64(len(items)))
	for _, item := range items {
		b = append(b, item...)
	}
	return b
}

func appendName(b []byte, name string) []byte {
	return append(appendUnsigned(b, uint64(len(name))), name...)
}

func appendSection(b []byte, id byte, content []byte) []byte {
	return append(appendUnsigned(append(b, id), uint64(len(content))), content...)
}
