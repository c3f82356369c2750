package meter

// valueType is the type of a number or a reference, as the binary format
// writes it.
type valueType byte

const (
	typeI32       valueType = 0x7f
	typeI64       valueType = 0x7e
	typeF32       valueType = 0x7d
	typeF64       valueType = 0x7c
	typeV128      valueType = 0x7b
	typeFuncref   valueType = 0x70
	typeExternref valueType = 0x6f
	// typeAny is what code that is never reached finds on the stack.
	typeAny valueType = 0
)

func (t valueType) String() string {
	switch t {
	case typeI32:
		return "i32"
	case typeI64:
		return "i64"
	case typeF32:
		return "f32"
	case typeF64:
		return "f64"
	case typeFuncref:
		return "funcref"
	case typeExternref:
		return "externref"
	case typeV128:
		return "v128"
	default:
		return "any type"
	}
}

func (t valueType) isReference() bool { return t == typeFuncref || t == typeExternref }

// noVectors is what an admin reads whose toolchain used SIMD.
const noVectors = "SIMD (v128) is not supported; compile without the feature simd128"

// Lists of operand types, to be joined.
const (
	i32 = "\x7f"
	i64 = "\x7e"
	f32 = "\x7d"
	f64 = "\x7c"
)

// immediate says what follows an instruction's opcode.
type immediate uint8

const (
	immediateNone    immediate = iota
	immediateMemory            // alignment and offset
	immediateI32               // the constant
	immediateI64               // the constant
	immediateF32               // four bytes
	immediateF64               // eight bytes
	immediateSpecial           // the instruction has code of its own in the validator
)

// effect is a set of ways to change what outlives a call.
type effect uint8

const (
	effectStore      effect = 1 << iota // memory, by stores
	effectMemoryBulk                    // memory, many bytes at a time
	effectMemoryGrow                    // the memory's size
	effectGlobal                        // a global
	effectTable                         // a table's elements
	effectTableGrow                     // a table's size
	effectDrop                          // a segment is gone
	effects          = iota
)

// instruction describes an opcode. Its cost is in units of fuel: 1 for what
// takes a cycle or less on average, more for what was measured to take more, so
// that a unit stays below a nanosecond or two whatever a program consists of.
// An instruction costs at least 1.
type instruction struct {
	name      string
	in, out   string // operand types, the last on top
	immediate immediate
	align     uint32 // the natural alignment's exponent, for memory accesses
	cost      uint8
	effect    effect
}

// Opcodes that the validator or the rewriter names.
const (
	opUnreachable  = 0x00
	opNop          = 0x01
	opBlock        = 0x02
	opLoop         = 0x03
	opIf           = 0x04
	opElse         = 0x05
	opEnd          = 0x0b
	opBr           = 0x0c
	opBrIf         = 0x0d
	opBrTable      = 0x0e
	opReturn       = 0x0f
	opCall         = 0x10
	opCallIndirect = 0x11
	opDrop         = 0x1a
	opSelect       = 0x1b
	opSelectTyped  = 0x1c
	opLocalGet     = 0x20
	opLocalSet     = 0x21
	opLocalTee     = 0x22
	opGlobalGet    = 0x23
	opGlobalSet    = 0x24
	opTableGet     = 0x25
	opTableSet     = 0x26
	opMemorySize   = 0x3f
	opMemoryGrow   = 0x40
	opI32Const     = 0x41
	opI64Const     = 0x42
	opF32Const     = 0x43
	opF64Const     = 0x44
	opI64LtS       = 0x53
	opI64Sub       = 0x7d
	opI64Mul       = 0x7e
	opI64ShrU      = 0x88
	opI64ExtendU   = 0xad
	opRefNull      = 0xd0
	opRefIsNull    = 0xd1
	opRefFunc      = 0xd2
	opPrefix       = 0xfc

	// After opPrefix:
	opMemoryInit = 8
	opDataDrop   = 9
	opMemoryCopy = 10
	opMemoryFill = 11
	opTableInit  = 12
	opElemDrop   = 13
	opTableCopy  = 14
	opTableGrow  = 15
	opTableSize  = 16
	opTableFill  = 17
)

// notSupported names the proposals whose opcodes are most likely to be met.
func notSupported(op byte) string {
	switch {
	case op == 0xfd:
		return noVectors
	case op == 0xfe:
		return "threads (atomic instructions) are not supported"
	case op == 0xfb:
		return "garbage-collected types are not supported"
	case op == 0x12 || op == 0x13:
		return "tail calls are not supported"
	case op >= 0x06 && op <= 0x0a || op >= 0x18 && op <= 0x19 || op == 0x1f:
		return "exceptions are not supported"
	default:
		return ""
	}
}

// instructions is indexed by opcode; what has no name does not exist.
var instructions = [256]instruction{
	0x00: {name: "unreachable", immediate: immediateSpecial, cost: 1},
	0x01: {name: "nop", immediate: immediateSpecial, cost: 1},
	0x02: {name: "block", immediate: immediateSpecial, cost: 1},
	0x03: {name: "loop", immediate: immediateSpecial, cost: 4},
	0x04: {name: "if", immediate: immediateSpecial, cost: 1},
	0x05: {name: "else", immediate: immediateSpecial, cost: 1},
	0x0b: {name: "end", immediate: immediateSpecial, cost: 1},
	0x0c: {name: "br", immediate: immediateSpecial, cost: 1},
	0x0d: {name: "br_if", immediate: immediateSpecial, cost: 1},
	0x0e: {name: "br_table", immediate: immediateSpecial, cost: 4},
	0x0f: {name: "return", immediate: immediateSpecial, cost: 1},
	0x10: {name: "call", immediate: immediateSpecial, cost: 2},
	0x11: {name: "call_indirect", immediate: immediateSpecial, cost: 6},
	0x1a: {name: "drop", immediate: immediateSpecial, cost: 1},
	0x1b: {name: "select", immediate: immediateSpecial, cost: 1},
	0x1c: {name: "select", immediate: immediateSpecial, cost: 1},
	0x20: {name: "local.get", immediate: immediateSpecial, cost: 1},
	0x21: {name: "local.set", immediate: immediateSpecial, cost: 1},
	0x22: {name: "local.tee", immediate: immediateSpecial, cost: 1},
	0x23: {name: "global.get", immediate: immediateSpecial, cost: 1},
	0x24: {name: "global.set", immediate: immediateSpecial, cost: 1, effect: effectGlobal},
	0x25: {name: "table.get", immediate: immediateSpecial, cost: 2},
	0x26: {name: "table.set", immediate: immediateSpecial, cost: 2, effect: effectTable},
	0x28: {name: "i32.load", in: i32, out: i32, immediate: immediateMemory, align: 2, cost: 2},
	0x29: {name: "i64.load", in: i32, out: i64, immediate: immediateMemory, align: 3, cost: 2},
	0x2a: {name: "f32.load", in: i32, out: f32, immediate: immediateMemory, align: 2, cost: 2},
	0x2b: {name: "f64.load", in: i32, out: f64, immediate: immediateMemory, align: 3, cost: 2},
	0x2c: {name: "i32.load8_s", in: i32, out: i32, immediate: immediateMemory, align: 0, cost: 2},
	0x2d: {name: "i32.load8_u", in: i32, out: i32, immediate: immediateMemory, align: 0, cost: 2},
	0x2e: {name: "i32.load16_s", in: i32, out: i32, immediate: immediateMemory, align: 1, cost: 2},
	0x2f: {name: "i32.load16_u", in: i32, out: i32, immediate: immediateMemory, align: 1, cost: 2},
	0x30: {name: "i64.load8_s", in: i32, out: i64, immediate: immediateMemory, align: 0, cost: 2},
	0x31: {name: "i64.load8_u", in: i32, out: i64, immediate: immediateMemory, align: 0, cost: 2},
	0x32: {name: "i64.load16_s", in: i32, out: i64, immediate: immediateMemory, align: 1, cost: 2},
	0x33: {name: "i64.load16_u", in: i32, out: i64, immediate: immediateMemory, align: 1, cost: 2},
	0x34: {name: "i64.load32_s", in: i32, out: i64, immediate: immediateMemory, align: 2, cost: 2},
	0x35: {name: "i64.load32_u", in: i32, out: i64, immediate: immediateMemory, align: 2, cost: 2},
	0x36: {name: "i32.store", in: i32 + i32, immediate: immediateMemory, align: 2, cost: 2, effect: effectStore},
	0x37: {name: "i64.store", in: i32 + i64, immediate: immediateMemory, align: 3, cost: 2, effect: effectStore},
	0x38: {name: "f32.store", in: i32 + f32, immediate: immediateMemory, align: 2, cost: 2, effect: effectStore},
	0x39: {name: "f64.store", in: i32 + f64, immediate: immediateMemory, align: 3, cost: 2, effect: effectStore},
	0x3a: {name: "i32.store8", in: i32 + i32, immediate: immediateMemory, align: 0, cost: 2, effect: effectStore},
	0x3b: {name: "i32.store16", in: i32 + i32, immediate: immediateMemory, align: 1, cost: 2, effect: effectStore},
	0x3c: {name: "i64.store8", in: i32 + i64, immediate: immediateMemory, align: 0, cost: 2, effect: effectStore},
	0x3d: {name: "i64.store16", in: i32 + i64, immediate: immediateMemory, align: 1, cost: 2, effect: effectStore},
	0x3e: {name: "i64.store32", in: i32 + i64, immediate: immediateMemory, align: 2, cost: 2, effect: effectStore},
	0x3f: {name: "memory.size", immediate: immediateSpecial, cost: 1},
	0x40: {name: "memory.grow", immediate: immediateSpecial, cost: 64, effect: effectMemoryGrow},
	0x41: {name: "i32.const", out: i32, immediate: immediateI32, cost: 1},
	0x42: {name: "i64.const", out: i64, immediate: immediateI64, cost: 1},
	0x43: {name: "f32.const", out: f32, immediate: immediateF32, cost: 1},
	0x44: {name: "f64.const", out: f64, immediate: immediateF64, cost: 1},
	0x45: {name: "i32.eqz", in: i32, out: i32, cost: 1},
	0x46: {name: "i32.eq", in: i32 + i32, out: i32, cost: 1},
	0x47: {name: "i32.ne", in: i32 + i32, out: i32, cost: 1},
	0x48: {name: "i32.lt_s", in: i32 + i32, out: i32, cost: 1},
	0x49: {name: "i32.lt_u", in: i32 + i32, out: i32, cost: 1},
	0x4a: {name: "i32.gt_s", in: i32 + i32, out: i32, cost: 1},
	0x4b: {name: "i32.gt_u", in: i32 + i32, out: i32, cost: 1},
	0x4c: {name: "i32.le_s", in: i32 + i32, out: i32, cost: 1},
	0x4d: {name: "i32.le_u", in: i32 + i32, out: i32, cost: 1},
	0x4e: {name: "i32.ge_s", in: i32 + i32, out: i32, cost: 1},
	0x4f: {name: "i32.ge_u", in: i32 + i32, out: i32, cost: 1},
	0x50: {name: "i64.eqz", in: i64, out: i32, cost: 1},
	0x51: {name: "i64.eq", in: i64 + i64, out: i32, cost: 1},
	0x52: {name: "i64.ne", in: i64 + i64, out: i32, cost: 1},
	0x53: {name: "i64.lt_s", in: i64 + i64, out: i32, cost: 1},
	0x54: {name: "i64.lt_u", in: i64 + i64, out: i32, cost: 1},
	0x55: {name: "i64.gt_s", in: i64 + i64, out: i32, cost: 1},
	0x56: {name: "i64.gt_u", in: i64 + i64, out: i32, cost: 1},
	0x57: {name: "i64.le_s", in: i64 + i64, out: i32, cost: 1},
	0x58: {name: "i64.le_u", in: i64 + i64, out: i32, cost: 1},
	0x59: {name: "i64.ge_s", in: i64 + i64, out: i32, cost: 1},
	0x5a: {name: "i64.ge_u", in: i64 + i64, out: i32, cost: 1},
	0x5b: {name: "f32.eq", in: f32 + f32, out: i32, cost: 1},
	0x5c: {name: "f32.ne", in: f32 + f32, out: i32, cost: 1},
	0x5d: {name: "f32.lt", in: f32 + f32, out: i32, cost: 1},
	0x5e: {name: "f32.gt", in: f32 + f32, out: i32, cost: 1},
	0x5f: {name: "f32.le", in: f32 + f32, out: i32, cost: 1},
	0x60: {name: "f32.ge", in: f32 + f32, out: i32, cost: 1},
	0x61: {name: "f64.eq", in: f64 + f64, out: i32, cost: 1},
	0x62: {name: "f64.ne", in: f64 + f64, out: i32, cost: 1},
	0x63: {name: "f64.lt", in: f64 + f64, out: i32, cost: 1},
	0x64: {name: "f64.gt", in: f64 + f64, out: i32, cost: 1},
	0x65: {name: "f64.le", in: f64 + f64, out: i32, cost: 1},
	0x66: {name: "f64.ge", in: f64 + f64, out: i32, cost: 1},
	0x67: {name: "i32.clz", in: i32, out: i32, cost: 1},
	0x68: {name: "i32.ctz", in: i32, out: i32, cost: 1},
	0x69: {name: "i32.popcnt", in: i32, out: i32, cost: 1},
	0x6a: {name: "i32.add", in: i32 + i32, out: i32, cost: 1},
	0x6b: {name: "i32.sub", in: i32 + i32, out: i32, cost: 1},
	0x6c: {name: "i32.mul", in: i32 + i32, out: i32, cost: 1},
	0x6d: {name: "i32.div_s", in: i32 + i32, out: i32, cost: 6},
	0x6e: {name: "i32.div_u", in: i32 + i32, out: i32, cost: 6},
	0x6f: {name: "i32.rem_s", in: i32 + i32, out: i32, cost: 6},
	0x70: {name: "i32.rem_u", in: i32 + i32, out: i32, cost: 6},
	0x71: {name: "i32.and", in: i32 + i32, out: i32, cost: 1},
	0x72: {name: "i32.or", in: i32 + i32, out: i32, cost: 1},
	0x73: {name: "i32.xor", in: i32 + i32, out: i32, cost: 1},
	0x74: {name: "i32.shl", in: i32 + i32, out: i32, cost: 1},
	0x75: {name: "i32.shr_s", in: i32 + i32, out: i32, cost: 1},
	0x76: {name: "i32.shr_u", in: i32 + i32, out: i32, cost: 1},
	0x77: {name: "i32.rotl", in: i32 + i32, out: i32, cost: 1},
	0x78: {name: "i32.rotr", in: i32 + i32, out: i32, cost: 1},
	0x79: {name: "i64.clz", in: i64, out: i64, cost: 1},
	0x7a: {name: "i64.ctz", in: i64, out: i64, cost: 1},
	0x7b: {name: "i64.popcnt", in: i64, out: i64, cost: 1},
	0x7c: {name: "i64.add", in: i64 + i64, out: i64, cost: 1},
	0x7d: {name: "i64.sub", in: i64 + i64, out: i64, cost: 1},
	0x7e: {name: "i64.mul", in: i64 + i64, out: i64, cost: 1},
	0x7f: {name: "i64.div_s", in: i64 + i64, out: i64, cost: 6},
	0x80: {name: "i64.div_u", in: i64 + i64, out: i64, cost: 6},
	0x81: {name: "i64.rem_s", in: i64 + i64, out: i64, cost: 6},
	0x82: {name: "i64.rem_u", in: i64 + i64, out: i64, cost: 6},
	0x83: {name: "i64.and", in: i64 + i64, out: i64, cost: 1},
	0x84: {name: "i64.or", in: i64 + i64, out: i64, cost: 1},
	0x85: {name: "i64.xor", in: i64 + i64, out: i64, cost: 1},
	0x86: {name: "i64.shl", in: i64 + i64, out: i64, cost: 1},
	0x87: {name: "i64.shr_s", in: i64 + i64, out: i64, cost: 1},
	0x88: {name: "i64.shr_u", in: i64 + i64, out: i64, cost: 1},
	0x89: {name: "i64.rotl", in: i64 + i64, out: i64, cost: 1},
	0x8a: {name: "i64.rotr", in: i64 + i64, out: i64, cost: 1},
	0x8b: {name: "f32.abs", in: f32, out: f32, cost: 1},
	0x8c: {name: "f32.neg", in: f32, out: f32, cost: 1},
	0x8d: {name: "f32.ceil", in: f32, out: f32, cost: 2},
	0x8e: {name: "f32.floor", in: f32, out: f32, cost: 2},
	0x8f: {name: "f32.trunc", in: f32, out: f32, cost: 2},
	0x90: {name: "f32.nearest", in: f32, out: f32, cost: 2},
	0x91: {name: "f32.sqrt", in: f32, out: f32, cost: 6},
	0x92: {name: "f32.add", in: f32 + f32, out: f32, cost: 2},
	0x93: {name: "f32.sub", in: f32 + f32, out: f32, cost: 2},
	0x94: {name: "f32.mul", in: f32 + f32, out: f32, cost: 2},
	0x95: {name: "f32.div", in: f32 + f32, out: f32, cost: 6},
	0x96: {name: "f32.min", in: f32 + f32, out: f32, cost: 2},
	0x97: {name: "f32.max", in: f32 + f32, out: f32, cost: 2},
	0x98: {name: "f32.copysign", in: f32 + f32, out: f32, cost: 2},
	0x99: {name: "f64.abs", in: f64, out: f64, cost: 1},
	0x9a: {name: "f64.neg", in: f64, out: f64, cost: 1},
	0x9b: {name: "f64.ceil", in: f64, out: f64, cost: 2},
	0x9c: {name: "f64.floor", in: f64, out: f64, cost: 2},
	0x9d: {name: "f64.trunc", in: f64, out: f64, cost: 2},
	0x9e: {name: "f64.nearest", in: f64, out: f64, cost: 2},
	0x9f: {name: "f64.sqrt", in: f64, out: f64, cost: 6},
	0xa0: {name: "f64.add", in: f64 + f64, out: f64, cost: 2},
	0xa1: {name: "f64.sub", in: f64 + f64, out: f64, cost: 2},
	0xa2: {name: "f64.mul", in: f64 + f64, out: f64, cost: 2},
	0xa3: {name: "f64.div", in: f64 + f64, out: f64, cost: 6},
	0xa4: {name: "f64.min", in: f64 + f64, out: f64, cost: 2},
	0xa5: {name: "f64.max", in: f64 + f64, out: f64, cost: 2},
	0xa6: {name: "f64.copysign", in: f64 + f64, out: f64, cost: 2},
	0xa7: {name: "i32.wrap_i64", in: i64, out: i32, cost: 1},
	0xa8: {name: "i32.trunc_f32_s", in: f32, out: i32, cost: 3},
	0xa9: {name: "i32.trunc_f32_u", in: f32, out: i32, cost: 3},
	0xaa: {name: "i32.trunc_f64_s", in: f64, out: i32, cost: 3},
	0xab: {name: "i32.trunc_f64_u", in: f64, out: i32, cost: 3},
	0xac: {name: "i64.extend_i32_s", in: i32, out: i64, cost: 1},
	0xad: {name: "i64.extend_i32_u", in: i32, out: i64, cost: 1},
	0xae: {name: "i64.trunc_f32_s", in: f32, out: i64, cost: 3},
	0xaf: {name: "i64.trunc_f32_u", in: f32, out: i64, cost: 3},
	0xb0: {name: "i64.trunc_f64_s", in: f64, out: i64, cost: 3},
	0xb1: {name: "i64.trunc_f64_u", in: f64, out: i64, cost: 3},
	0xb2: {name: "f32.convert_i32_s", in: i32, out: f32, cost: 3},
	0xb3: {name: "f32.convert_i32_u", in: i32, out: f32, cost: 3},
	0xb4: {name: "f32.convert_i64_s", in: i64, out: f32, cost: 3},
	0xb5: {name: "f32.convert_i64_u", in: i64, out: f32, cost: 3},
	0xb6: {name: "f32.demote_f64", in: f64, out: f32, cost: 1},
	0xb7: {name: "f64.convert_i32_s", in: i32, out: f64, cost: 3},
	0xb8: {name: "f64.convert_i32_u", in: i32, out: f64, cost: 3},
	0xb9: {name: "f64.convert_i64_s", in: i64, out: f64, cost: 3},
	0xba: {name: "f64.convert_i64_u", in: i64, out: f64, cost: 3},
	0xbb: {name: "f64.promote_f32", in: f32, out: f64, cost: 1},
	0xbc: {name: "i32.reinterpret_f32", in: f32, out: i32, cost: 1},
	0xbd: {name: "i64.reinterpret_f64", in: f64, out: i64, cost: 1},
	0xbe: {name: "f32.reinterpret_i32", in: i32, out: f32, cost: 1},
	0xbf: {name: "f64.reinterpret_i64", in: i64, out: f64, cost: 1},
	0xc0: {name: "i32.extend8_s", in: i32, out: i32, cost: 1},
	0xc1: {name: "i32.extend16_s", in: i32, out: i32, cost: 1},
	0xc2: {name: "i64.extend8_s", in: i64, out: i64, cost: 1},
	0xc3: {name: "i64.extend16_s", in: i64, out: i64, cost: 1},
	0xc4: {name: "i64.extend32_s", in: i64, out: i64, cost: 1},
	0xd0: {name: "ref.null", immediate: immediateSpecial, cost: 2},
	0xd1: {name: "ref.is_null", immediate: immediateSpecial, cost: 2},
	0xd2: {name: "ref.func", immediate: immediateSpecial, cost: 2},
}

// prefixed is indexed by what follows opPrefix.
var prefixed = [...]instruction{
	0:  {name: "i32.trunc_sat_f32_s", in: f32, out: i32, cost: 3},
	1:  {name: "i32.trunc_sat_f32_u", in: f32, out: i32, cost: 3},
	2:  {name: "i32.trunc_sat_f64_s", in: f64, out: i32, cost: 3},
	3:  {name: "i32.trunc_sat_f64_u", in: f64, out: i32, cost: 3},
	4:  {name: "i64.trunc_sat_f32_s", in: f32, out: i64, cost: 3},
	5:  {name: "i64.trunc_sat_f32_u", in: f32, out: i64, cost: 3},
	6:  {name: "i64.trunc_sat_f64_s", in: f64, out: i64, cost: 3},
	7:  {name: "i64.trunc_sat_f64_u", in: f64, out: i64, cost: 3},
	8:  {name: "memory.init", in: i32 + i32 + i32, immediate: immediateSpecial, cost: 16, effect: effectMemoryBulk},
	9:  {name: "data.drop", immediate: immediateSpecial, cost: 4, effect: effectDrop},
	10: {name: "memory.copy", in: i32 + i32 + i32, immediate: immediateSpecial, cost: 16, effect: effectMemoryBulk},
	11: {name: "memory.fill", in: i32 + i32 + i32, immediate: immediateSpecial, cost: 16, effect: effectMemoryBulk},
	12: {name: "table.init", in: i32 + i32 + i32, immediate: immediateSpecial, cost: 16, effect: effectTable},
	13: {name: "elem.drop", immediate: immediateSpecial, cost: 4, effect: effectDrop},
	14: {name: "table.copy", in: i32 + i32 + i32, immediate: immediateSpecial, cost: 16, effect: effectTable},
	15: {name: "table.grow", immediate: immediateSpecial, cost: 64, effect: effectTableGrow},
	16: {name: "table.size", out: i32, immediate: immediateSpecial, cost: 1},
	17: {name: "table.fill", immediate: immediateSpecial, cost: 16, effect: effectTable},
}
