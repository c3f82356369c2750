package rules

// opcode is an instruction of the WebAssembly core specification 1.0, section
// 5.4. Only those below are ever emitted; none of them writes to memory, a
// global or a table, which is what makes every rule set pure.
type opcode byte

const (
	opBlock      opcode = 0x02
	opLoop       opcode = 0x03
	opIf         opcode = 0x04
	opElse       opcode = 0x05
	opEnd        opcode = 0x0b
	opBr         opcode = 0x0c
	opBrIf       opcode = 0x0d
	opReturn     opcode = 0x0f
	opCall       opcode = 0x10
	opDrop       opcode = 0x1a
	opSelect     opcode = 0x1b
	opLocalGet   opcode = 0x20
	opLocalSet   opcode = 0x21
	opLocalTee   opcode = 0x22
	opI32Load    opcode = 0x28
	opI64Load    opcode = 0x29
	opI32Load8   opcode = 0x2d // _u, as all narrow loads here
	opI32Load16  opcode = 0x2f
	opI64Load8   opcode = 0x31
	opI64Load16  opcode = 0x33
	opI64Load32S opcode = 0x34
	opI64Load32  opcode = 0x35
	opI32Const   opcode = 0x41
	opI64Const   opcode = 0x42
	opI32Eqz     opcode = 0x45
	opI32Eq      opcode = 0x46
	opI32Ne      opcode = 0x47
	opI32LtU     opcode = 0x49
	opI32GtU     opcode = 0x4b
	opI32GeS     opcode = 0x4e
	opI32GeU     opcode = 0x4f
	opI64Eqz     opcode = 0x50
	opI64Eq      opcode = 0x51
	opI64Ne      opcode = 0x52
	opI64LtS     opcode = 0x53
	opI64LtU     opcode = 0x54
	opI64GtS     opcode = 0x55
	opI64LeS     opcode = 0x57
	opI64GeS     opcode = 0x59
	opI64GeU     opcode = 0x5a
	opI32Add     opcode = 0x6a
	opI32Sub     opcode = 0x6b
	opI32And     opcode = 0x71
	opI32Mul     opcode = 0x6c
	opI32Or      opcode = 0x72
	opI32Shl     opcode = 0x74
	opI32ShrU    opcode = 0x76
	opI64Ctz     opcode = 0x7a
	opI64Popcnt  opcode = 0x7b
	opI64Add     opcode = 0x7c
	opI64Sub     opcode = 0x7d
	opI64Mul     opcode = 0x7e
	opI64DivS    opcode = 0x7f
	opI64RemS    opcode = 0x81
	opI64And     opcode = 0x83
	opI64Or      opcode = 0x84
	opI64Xor     opcode = 0x85
	opI64Shl     opcode = 0x86
	opI64ShrU    opcode = 0x88
	opI32Wrap    opcode = 0xa7
	opI64Extend  opcode = 0xad // of an unsigned i32
)

// valueType is a WebAssembly value type, or what a block leaves on the stack.
type valueType byte

const (
	i32  valueType = 0x7f
	i64  valueType = 0x7e
	none valueType = 0x40 // of blocks only
)

// code is a run of instructions. Branches inside it stay inside it, so that
// any two runs can be joined and any run can stand inside a block.
type code []byte

// op appends instructions that have no immediates.
func (c *code) op(ops ...opcode) {
	for _, o := range ops {
		*c = append(*c, byte(o))
	}
}

// add appends whole runs.
func (c *code) add(runs ...code) {
	for _, run := range runs {
		*c = append(*c, run...)
	}
}

// index appends an instruction with one unsigned immediate: a local, a label
// or a function.
func (c *code) index(o opcode, n uint32) {
	*c = appendUnsigned(append(*c, byte(o)), uint64(n))
}

// open begins a block, loop or if that leaves result on the stack.
func (c *code) open(o opcode, result valueType) { *c = append(*c, byte(o), byte(result)) }

func (c *code) i32(n int32) { *c = appendSigned(append(*c, byte(opI32Const)), int64(n)) }
func (c *code) i64(n int64) { *c = appendSigned(append(*c, byte(opI64Const)), n) }

// load reads from the address on the stack plus offset. The alignment hint is
// zero: nothing in a visit promises more.
func (c *code) load(o opcode, offset uint32) {
	*c = appendUnsigned(append(*c, byte(o), 0), uint64(offset))
}

// appendUnsigned appends n as unsigned LEB128.
func appendUnsigned(b []byte, n uint64) []byte {
	for n >= 0x80 {
		b = append(b, byte(n)|0x80)
		n >>= 7
	}
	return append(b, byte(n))
}

// appendSigned appends n as signed LEB128.
func appendSigned(b []byte, n int64) []byte {
	for {
		low := byte(n & 0x7f)
		n >>= 7
		if n == 0 && low&0x40 == 0 || n == -1 && low&0x40 != 0 {
			return append(b, low)
		}
		b = append(b, low|0x80)
	}
}
