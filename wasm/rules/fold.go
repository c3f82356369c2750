package rules

import (
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
)

// foldBit is set in a string reference whose upper-case ASCII letters count as
// lower-case ones: what lowerAscii() makes without writing. A string is shorter
// than 2^15 bytes, so the bit is free; only a value that says that it may be
// folded has it.
const foldBit = 1 << 31

// lowerASCII generates text.lowerAscii().
func (g *generator) lowerASCII(e ast.Expr, operand ast.Expr) (value, error) {
	v, err := g.value(operand)
	if err != nil {
		return value{}, err
	}
	if s, ok := v.literalText(); ok {
		return value{kind: text, expr: operand, literal: types.String(lowerASCII(s))}, nil
	}
	result := value{kind: text, expr: e, folded: true, words: v.words, agent: v.agent, browser: v.browser, given: v.given}
	if result.code, err = g.text(v); err != nil {
		return value{}, err
	}
	result.code.i32(-foldBit)
	result.code.op(opI32Or)
	return result, nil
}

// lowerASCII is what lowerAscii() makes of s.
func lowerASCII(s string) string {
	lower := []byte(s)
	for i, b := range lower {
		if b >= 'A' && b <= 'Z' {
			lower[i] = b | 0x20
		}
	}
	return string(lower)
}

// folder folds the words that a function reads of its strings, if it is one
// that does.
type folder struct {
	f     *function
	masks map[uint32]uint32 // by parameter: the local that has all bits set for a folded string, else none
	x     uint32
}

func newFolder(f *function, fold bool) *folder {
	if !fold {
		return &folder{}
	}
	r := &folder{f: f, masks: map[uint32]uint32{}, x: f.local(i64)}
	c := &f.body
	for _, p := range []uint32{paramA, paramB} {
		r.masks[p] = f.local(i64)
		c.i64(0)
		c.get(p)
		c.i32(31)
		c.op(opI32ShrU, opI64Extend, opI64Sub)
		c.index(opLocalSet, r.masks[p])
	}
	return r
}

// fold makes lower case of the eight bytes on the stack, which are of the
// string in param: a byte is an upper-case letter if, without its highest bit,
// adding 0x3f sets that and adding 0x25 does not, and it was not set.
func (r *folder) fold(param uint32) {
	if r.f == nil {
		return
	}
	const low = 0x7f7f7f7f7f7f7f7f
	c := &r.f.body
	c.index(opLocalTee, r.x)
	c.get(r.x)
	c.i64(low)
	c.op(opI64And)
	c.i64(every * 0x3f)
	c.op(opI64Add)
	c.get(r.x)
	c.i64(low)
	c.op(opI64And)
	c.i64(every * 0x25)
	c.op(opI64Add, opI64Xor)
	c.get(r.x)
	c.i64(-1)
	c.op(opI64Xor, opI64And)
	c.i64(top)
	c.op(opI64And)
	c.get(r.masks[param])
	c.op(opI64And)
	c.i64(2)
	c.op(opI64ShrU, opI64Or)
}

// keep adds the bit of the string in param to the offset on the stack.
func (r *folder) keep(param uint32) {
	if r.f == nil {
		return
	}
	c := &r.f.body
	c.get(param)
	c.i32(-foldBit)
	c.op(opI32And, opI32Or)
}

// foldSame is same for strings that may be folded. What stands behind a string
// is read and not counted.
func foldSame(f *function) {
	n, difference := f.local(i32), f.local(i64)
	c := &f.body
	r := newFolder(f, true)
	c.length(paramB, true)
	c.index(opLocalSet, n)
	for _, p := range []uint32{paramA, paramB} {
		c.offset(p)
		c.index(opLocalSet, p)
	}
	c.open(opBlock, none)
	c.open(opLoop, none)
	c.get(n)
	c.op(opI32Eqz)
	c.index(opBrIf, 1)
	c.at(opI64Load, paramA, 0)
	r.fold(paramA)
	c.at(opI64Load, paramB, 0)
	r.fold(paramB)
	c.op(opI64Xor)
	c.index(opLocalSet, difference)
	c.get(n)
	c.i32(8)
	c.op(opI32LtU)
	c.open(opIf, i32) // the last bytes: those behind are shifted out
	c.get(difference)
	c.i64(64)
	c.get(n)
	c.op(opI64Extend)
	c.i64(3)
	c.op(opI64Shl, opI64Sub, opI64Shl, opI64Eqz, opReturn, opElse)
	c.get(difference)
	c.op(opI64Eqz, opI32Eqz, opEnd)
	c.answer(0)
	c.advance(paramA, 8)
	c.advance(paramB, 8)
	c.advance(n, -8)
	c.index(opBr, 0)
	c.op(opEnd, opEnd)
	c.i32(1)
}
