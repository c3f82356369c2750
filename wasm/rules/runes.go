package rules

// runes counts code points as Go's utf8.RuneCountInString does: a byte that
// begins no valid sequence counts one.
func runes(f *function) {
	p, end, lead, size, second := f.local(i32), f.local(i32), f.local(i32), f.local(i32), f.local(i32)
	count := f.local(i64)
	c := &f.body
	c.offset(paramA)
	c.index(opLocalTee, p)
	c.length(paramA, true)
	c.op(opI32Add)
	c.index(opLocalSet, end)

	c.open(opLoop, none)
	c.get(p, end)
	c.op(opI32GeU)
	c.open(opIf, none)
	c.get(count)
	c.op(opReturn, opEnd)
	skipASCII(c, p, end, count)
	// One more code point, of one byte unless the sequence is valid.
	c.get(count)
	c.i64(1)
	c.op(opI64Add)
	c.index(opLocalSet, count)
	c.at(opI32Load8, p, 0)
	c.index(opLocalSet, lead)
	c.advance(p, 1)
	between(c, lead, 0xc2, 0xf4)
	c.op(opI32Eqz)
	c.index(opBrIf, 0)
	// size = how many more bytes: 1, and 1 for 3 bytes, and 1 for 4
	c.i32(1)
	for _, from := range []int32{0xe0, 0xf0} {
		c.get(lead)
		c.i32(from)
		c.op(opI32GeU, opI32Add)
	}
	c.index(opLocalTee, size)
	c.get(p)
	c.op(opI32Add)
	c.get(end)
	c.op(opI32GtU)
	c.index(opBrIf, 0)
	validSecond(c, p, lead, second)
	c.op(opI32Eqz)
	c.index(opBrIf, 0)
	for i, from := range []int32{0xe0, 0xf0} {
		c.get(lead)
		c.i32(from)
		c.op(opI32GeU)
		c.open(opIf, none)
		c.at(opI32Load8, p, uint32(i+1))
		c.i32(0xc0)
		c.op(opI32And)
		c.i32(0x80)
		c.op(opI32Ne)
		c.index(opBrIf, 1)
		c.op(opEnd)
	}
	c.get(p, size)
	c.op(opI32Add)
	c.index(opLocalSet, p)
	c.index(opBr, 0)
	c.op(opEnd)
	c.i64(0)
}

// skipASCII counts eight bytes at once and starts the loop around it again,
// if there are eight and all are ASCII.
func skipASCII(c *code, p, end, count uint32) {
	c.get(p)
	c.i32(8)
	c.op(opI32Add)
	c.get(end)
	c.op(opI32GtU, opI32Eqz)
	c.open(opIf, none)
	c.at(opI64Load, p, 0)
	c.i64(top)
	c.op(opI64And, opI64Eqz)
	c.open(opIf, none)
	c.advance(p, 8)
	c.get(count)
	c.i64(8)
	c.op(opI64Add)
	c.index(opLocalSet, count)
	c.index(opBr, 2)
	c.op(opEnd, opEnd)
}

// between pushes whether a local is from low to high.
func between(c *code, local uint32, low, high int32) {
	c.get(local)
	c.i32(low)
	c.op(opI32Sub)
	c.i32(high - low + 1)
	c.op(opI32LtU)
}

// validSecond pushes whether the byte at p may follow lead: 80 to BF, but from
// A0 after E0 and from 90 after F0 (shorter forms exist), to 9F after ED
// (surrogates) and to 8F after F4 (past the last code point).
func validSecond(c *code, p, lead, second uint32) {
	c.at(opI32Load8, p, 0)
	c.index(opLocalSet, second)
	between(c, second, 0x80, 0xbf)
	for _, bound := range []struct{ lead, low, high int32 }{
		{0xe0, 0xa0, 0xbf}, {0xf0, 0x90, 0xbf}, {0xed, 0x80, 0x9f}, {0xf4, 0x80, 0x8f},
	} {
		between(c, second, bound.low, bound.high)
		c.get(lead)
		c.i32(bound.lead)
		c.op(opI32Ne, opI32Or, opI32And)
	}
}
