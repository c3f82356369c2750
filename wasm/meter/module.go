package meter

import "strings"

// signature is a function's type; each byte is a valueType.
type signature struct{ params, results string }

// String writes a type as in "(i32, i32) -> (i64)".
func (s signature) String() string { return typeList(s.params) + " -> " + typeList(s.results) }

func typeList(types string) string {
	names := make([]string, len(types))
	for i := range names {
		names[i] = valueType(types[i]).String()
	}
	return "(" + strings.Join(names, ", ") + ")"
}

// bounds are the limits of a memory or table.
type bounds struct {
	minimum, maximum uint32
	bounded          bool // there is a maximum
}

// most is how large a thing may get.
func (b bounds) most() uint64 {
	if b.bounded {
		return uint64(b.maximum)
	}
	return 1<<32 - 1
}

type table struct {
	element valueType
	bounds  bounds
}

type global struct {
	kind    valueType
	mutable bool
	init    []byte // its initial value's expression with its end; nil when imported
	written bool   // by an instruction
}

// The kinds of imports and exports.
const (
	kindFunction = iota
	kindTable
	kindMemory
	kindGlobal
)

var kindNames = [...]string{"function", "table", "memory", "global"}

type external struct {
	module, name string // an export's module is empty
	kind         byte
	index        uint32 // an import's function type; an export's index
	offset       int
}

// body is one function's code: its declarations of locals and its instructions.
type body struct{ start, end int }

// site is the first place where the code has an effect.
type site struct {
	function, offset int
	name             string // the instruction's
}

// module is a decoded module. Every index in it and in its code is valid
// against what the module itself declares.
type module struct {
	bytes    []byte
	limits   Limits
	sections [13][]byte // content by section number, nil when absent
	present  [13]bool

	types     []signature
	imports   []external
	functions []uint32 // types of all functions, imported ones first
	tables    []table
	memories  []bounds
	globals   []global
	exports   []external
	start     int // function, or -1
	elements  []valueType
	dataCount int // as announced, or -1
	segments  int // of data
	bodies    []body

	importedFunctions, importedTables, importedMemories, importedGlobals int

	declared []bool // functions that ref.func may name
	referred []bool // functions that some ref.func in the code names

	manifest   []byte // nil for none
	manifestAt int
	names      []byte // the name section's content, nil for none

	effects      effect
	sites        [effects]site
	instructions int
	work         int // see Limits.Work
}

// signatureOf returns the type of a function, by its index.
func (m *module) signatureOf(function uint32) signature { return m.types[m.functions[function]] }

// has reports an effect's first place, if the code has it.
func (m *module) has(e effect) (site, bool) {
	for i := range effects {
		if e&m.effects&(1<<i) != 0 {
			return m.sites[i], true
		}
	}
	return site{}, false
}

// section numbers of the binary format.
const (
	secCustom = iota
	secType
	secImport
	secFunction
	secTable
	secMemory
	secGlobal
	secExport
	secStart
	secElement
	secCode
	secData
	secDataCount
)

const sectionModule = "module"

var sectionNames = [...]string{
	"custom", "type", "import", "function", "table", "memory", "global",
	"export", "start", "element", "code", "data", "data count",
}

// order is where a section stands among the others.
var order = [...]int{
	secType: 1, secImport: 2, secFunction: 3, secTable: 4, secMemory: 5, secGlobal: 6, secExport: 7, secStart: 8,
	secElement: 9, secDataCount: 10, secCode: 11, secData: 12,
}

// magic begins every module; the second half is the version.
const magic = "\x00asm\x01\x00\x00\x00"
