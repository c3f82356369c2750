package rules

// helper is a function that the module has when a rule needs it. Strings are
// references as the package comment describes them; their bytes are at
// visitAddress plus the low 16 bits.
type helper uint8

const (
	helperSame     helper = iota // (a, b) i32: does a begin with b? a is at least as long
	helperEqual                  // (a, b) i32: a == b
	helperPrefix                 // (a, b) i32: a.startsWith(b)
	helperSuffix                 // (a, b) i32: a.endsWith(b)
	helperContains               // (a, b) i32: a.contains(b)
	helperMatches                // (a, table) i32: a.matches(…)

	// The same for strings that may be folded.
	helperFoldSame
	helperFoldEqual
	helperFoldPrefix
	helperFoldSuffix
	helperFoldContains
	helperFoldMatches

	helperRunes    // (a) i64: size(a)
	helperOverflow // (x, y i64) i32: x * y is no int64
	helperZone     // (time i64, table, entries i32) i64: seconds east of UTC
	// Of (params, key), the key being "name": as canonical JSON has it; 0 where
	// it is missing.
	helperFind      // i32: where the value begins
	helperParamBool // i32
	helperParamText // i32
	helperParamInt  // i64

	helperDate // (days i64) i64: year*10000 + month*100 + day
)

// folding is the difference between a helper and the one that folds.
const folding = helperFoldSame - helperSame

// Parameters of every helper.
const (
	paramA = 0
	paramB = 1
)

// helper returns the index of h's function, which it adds if it is new.
func (g *generator) helper(h helper) uint32 {
	if i, ok := g.helpers[h]; ok {
		return i
	}
	f := &function{signature: signature{params: []valueType{i32, i32}, result: i32}}
	switch h {
	case helperRunes:
		f.signature = signature{params: []valueType{i32}, result: i64}
	case helperParamInt:
		f.result = i64
	case helperOverflow:
		f.params = []valueType{i64, i64}
	case helperZone:
		f.signature = signature{params: []valueType{i64, i32, i32}, result: i64}
	case helperDate:
		f.signature = signature{params: []valueType{i64}, result: i64}
	}
	i := uint32(len(g.module.functions))
	g.module.functions = append(g.module.functions, f)
	g.helpers[h] = i
	switch h {
	case helperSame:
		same(f)
	case helperFoldSame:
		foldSame(f)
	case helperEqual, helperFoldEqual:
		afterLengths(f, opI32Eq, g.helper(h-helperEqual+helperSame), false, h == helperFoldEqual)
	case helperPrefix, helperFoldPrefix:
		afterLengths(f, opI32GeU, g.helper(h-helperPrefix+helperSame), false, h == helperFoldPrefix)
	case helperSuffix, helperFoldSuffix:
		afterLengths(f, opI32GeU, g.helper(h-helperSuffix+helperSame), true, h == helperFoldSuffix)
	case helperContains, helperFoldContains:
		contains(f, g.helper(h-helperContains+helperSame), h == helperFoldContains, false)
	case helperFind:
		contains(f, g.helper(helperSame), false, true)
	case helperParamBool:
		paramBool(f, g.helper(helperFind))
	case helperParamText:
		paramText(f, g.helper(helperFind))
	case helperParamInt:
		paramInt(f, g.helper(helperFind))
	case helperMatches, helperFoldMatches:
		matching(f, h == helperFoldMatches)
	case helperRunes:
		runes(f)
	case helperOverflow:
		overflows(f)
	case helperZone:
		zoneOffset(f)
	case helperDate:
		civil(f)
	}
	return i
}

// get and the functions below append what helpers are made of.
func (c *code) get(locals ...uint32) {
	for _, l := range locals {
		c.index(opLocalGet, l)
	}
}

// length pushes the length of the string in a local, which may be folded.
func (c *code) length(local uint32, fold bool) {
	c.get(local)
	c.i32(16)
	c.op(opI32ShrU)
	if fold {
		c.i32(foldBit>>16 - 1)
		c.op(opI32And)
	}
}

// offset pushes where the string in a local begins, from visitAddress.
func (c *code) offset(local uint32) {
	c.get(local)
	c.i32(0xffff)
	c.op(opI32And)
}

// advance adds n to a local.
func (c *code) advance(local uint32, n int32) {
	c.get(local)
	c.i32(n)
	c.op(opI32Add)
	c.index(opLocalSet, local)
}

// answer returns n from an i32 function if the condition on the stack holds.
func (c *code) answer(n int32) {
	c.open(opIf, none)
	c.i32(n)
	c.op(opReturn, opEnd)
}

// at reads at the address in a local, offset bytes on.
func (c *code) at(load opcode, local uint32, offset uint32) {
	c.get(local)
	c.load(load, visitAddress+offset)
}

// same compares eight bytes at a time, then what is left in 4, 2 and 1.
func same(f *function) {
	n := f.local(i32)
	c := &f.body
	c.length(paramB, false)
	c.index(opLocalSet, n)
	for _, p := range []uint32{paramA, paramB} {
		c.offset(p)
		c.index(opLocalSet, p)
	}
	c.open(opBlock, none)
	c.open(opLoop, none)
	c.get(n)
	c.i32(8)
	c.op(opI32LtU)
	c.index(opBrIf, 1)
	c.at(opI64Load, paramA, 0)
	c.at(opI64Load, paramB, 0)
	c.op(opI64Ne)
	c.answer(0)
	c.advance(paramA, 8)
	c.advance(paramB, 8)
	c.advance(n, -8)
	c.index(opBr, 0)
	c.op(opEnd, opEnd)
	for _, part := range []struct {
		size int32
		load opcode
	}{{4, opI32Load}, {2, opI32Load16}, {1, opI32Load8}} {
		c.get(n)
		c.i32(part.size)
		c.op(opI32And)
		c.open(opIf, none)
		c.at(part.load, paramA, 0)
		c.at(part.load, paramB, 0)
		c.op(opI32Ne)
		c.answer(0)
		if part.size > 1 {
			c.advance(paramA, part.size)
			c.advance(paramB, part.size)
		}
		c.op(opEnd)
	}
	c.i32(1)
}

// afterLengths compares the lengths and, if that holds, the beginning or end
// of a with b.
func afterLengths(f *function, lengths opcode, same uint32, end, fold bool) {
	c := &f.body
	c.length(paramA, fold)
	c.length(paramB, fold)
	c.op(lengths)
	c.open(opIf, i32)
	c.get(paramA)
	if end {
		c.length(paramA, fold)
		c.op(opI32Add)
		c.length(paramB, fold)
		c.op(opI32Sub)
	}
	c.get(paramB)
	c.index(opCall, same)
	c.op(opElse)
	c.i32(0)
	c.op(opEnd)
}

// every and top are 0x01 and 0x80 in each byte of a word.
const (
	every = 0x0101010101010101
	top   = -0x7f7f7f7f7f7f7f80 // 0x8080808080808080
)

// contains looks for the first byte of b in a, eight bytes at a time, and
// compares where it stands. (x - every) & ^x & top marks the zero bytes of x,
// the lowest mark being exact; x is a's bytes xor b's first byte in each. It
// may read seven bytes behind a, which are in memory, and never counts them.
// With behind set it answers what begins behind b instead of 1.
func contains(f *function, same uint32, fold, behind bool) {
	p, last := f.local(i32), f.local(i32)
	pattern, x := f.local(i64), f.local(i64)
	c := &f.body
	folder := newFolder(f, fold)
	c.length(paramB, fold)
	c.op(opI32Eqz)
	c.answer(1)
	c.length(paramA, fold)
	c.length(paramB, fold)
	c.op(opI32LtU)
	c.answer(0)
	// last = where b would have to begin at the latest
	c.offset(paramA)
	c.index(opLocalTee, p)
	c.length(paramA, fold)
	c.op(opI32Add)
	c.length(paramB, fold)
	c.op(opI32Sub)
	c.index(opLocalSet, last)
	c.offset(paramB)
	c.load(opI64Load8, visitAddress)
	folder.fold(paramB)
	c.i64(every)
	c.op(opI64Mul)
	c.index(opLocalSet, pattern)

	c.open(opLoop, none)
	c.get(p, last)
	c.op(opI32GtU)
	c.answer(0)
	c.at(opI64Load, p, 0)
	folder.fold(paramA)
	c.get(pattern)
	c.op(opI64Xor)
	c.index(opLocalTee, x)
	c.i64(every)
	c.op(opI64Sub)
	c.get(x)
	c.i64(-1)
	c.op(opI64Xor, opI64And)
	c.i64(top)
	c.op(opI64And)
	c.index(opLocalTee, x)
	c.op(opI64Eqz)
	c.open(opIf, none)
	c.advance(p, 8)
	c.index(opBr, 1)
	c.op(opEnd)
	c.get(p, x)
	c.op(opI64Ctz, opI32Wrap)
	c.i32(3)
	c.op(opI32ShrU, opI32Add)
	c.index(opLocalTee, p)
	c.get(last)
	c.op(opI32GtU)
	c.answer(0)
	c.get(p)
	folder.keep(paramA)
	c.get(paramB)
	c.index(opCall, same)
	if behind {
		c.open(opIf, none)
		c.get(p)
		c.length(paramB, fold)
		c.op(opI32Add, opReturn, opEnd)
	} else {
		c.answer(1)
	}
	c.advance(p, 1)
	c.index(opBr, 0)
	c.op(opEnd)
	c.i32(0)
}
