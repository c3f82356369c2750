package rules

import (
	"encoding/binary"
	"slices"
	"strings"
)

// text generates a reference to a string: offset and length in one i32.
func (g *generator) text(v value) (code, error) {
	if s, ok := v.literalText(); ok {
		ref, err := g.literal(s)
		if err != nil {
			return nil, g.errorf(v.expr, "%v", err)
		}
		var c code
		c.i32(int32(ref))
		return c, nil
	}
	switch v.kind {
	case text:
		return v.code, nil
	case country:
		var c code // absent is two zero bytes, and to CEL the empty string
		c.i32(int32(v.fact.off | 2<<16))
		c.i32(0)
		c.add(v.code)
		c.op(opSelect)
		return c, nil
	}
	return nil, g.refuse(v)
}

// textEquality generates a == b between what CEL takes for strings. If one is
// a literal it is b.
func (g *generator) textEquality(a, b value) (code, error) {
	if b.kind != text && a.kind == text {
		a, b = b, a
	}
	literal, isLiteral := b.literalText()
	if err := g.honest(a, b, equal); err != nil {
		return nil, err
	}
	switch {
	case a.kind == platform, a.kind == device, a.kind == country && isLiteral:
		if !isLiteral {
			return nil, g.refuse(a)
		}
		return g.numberTest(a.kind, a.code, b)
	case isLiteral && a.literal == nil && !a.folded:
		s := g.subject(a)
		test, err := s.compare(g, opI32Eq, b, literal)
		return append(s.prepare, test...), err
	}
	return g.textCall(helperEqual, a, b)
}

func equal(a, b string) bool { return a == b }

// textMembership generates a in ["…", …].
func (g *generator) textMembership(a, list value) (code, error) {
	if a.kind != text { // held as a number, and a fact
		return g.anyOf(list.items, func(item value) (code, error) { return g.numberTest(a.kind, a.code, item) })
	}
	var err error
	if a.code, err = g.text(a); err != nil {
		return nil, err
	}
	s := g.subject(a)
	tests, err := g.anyOf(list.items, func(item value) (code, error) {
		literal, ok := item.literalText()
		if !ok {
			return nil, g.errorf(item.expr, "not supported: a list of anything but string literals here")
		}
		if err := g.honest(a, item, equal); err != nil {
			return nil, err
		}
		if a.folded {
			return g.textCall(helperEqual, value{kind: text, folded: true, code: s.ref}, item)
		}
		return s.compare(g, opI32Eq, item, literal)
	})
	return append(s.prepare, tests...), err
}

// numberTest generates whether the platform, device or country that get
// leaves on the stack is the one that literal names.
func (g *generator) numberTest(k kind, get code, literal value) (code, error) {
	n, err := g.number(k, literal)
	if err != nil {
		return nil, err
	}
	c := slices.Clone(get)
	c.i32(n)
	c.op(opI32Eq)
	return c, nil
}

// subject is a string that is compared with literals: how to get its length,
// its reference and its offset, and the code that must run before these.
type subject struct{ prepare, length, ref, offset code }

func (g *generator) subject(v value) subject {
	if v.fact != nil {
		return subject{length: g.read(opI32Load16, v.fact.off+2), ref: v.code, offset: g.read(opI32Load16, v.fact.off)}
	}
	var s subject
	s.prepare, s.ref = g.hold(v, i32)
	s.length.add(s.ref)
	s.length.i32(16)
	s.length.op(opI32ShrU)
	s.offset.add(s.ref)
	s.offset.i32(0xffff)
	s.offset.op(opI32And)
	return s
}

// compare generates whether the subject's length compares with the literal's
// and its first bytes are the literal.
func (s subject) compare(g *generator, lengths opcode, v value, literal string) (code, error) {
	var c code
	c.add(s.length)
	c.i32(int32(len(literal)))
	c.op(lengths)
	if literal == "" {
		return c, nil
	}
	c.open(opIf, i32)
	if len(literal) <= maxInline {
		c.add(s.inline(literal))
	} else {
		ref, err := g.text(v)
		if err != nil {
			return nil, err
		}
		c.add(s.ref, ref)
		c.index(opCall, g.helper(helperSame))
	}
	c.op(opElse)
	c.i32(0)
	c.op(opEnd)
	return c, nil
}

// maxInline is how long a literal may be, in bytes, to stand in the code: two
// loads of eight.
const maxInline = 16

// inline compares the subject's first bytes with a short literal, in one load
// or two that may overlap.
func (s subject) inline(literal string) code {
	size, load := 8, opI64Load
	switch n := len(literal); {
	case n == 1:
		size, load = 1, opI64Load8
	case n < 4:
		size, load = 2, opI64Load16
	case n < 8:
		size, load = 4, opI64Load32
	}
	var c code
	chunk := func(at int) {
		var word [8]byte
		copy(word[:], literal[at:at+size])
		c.add(s.offset)
		c.load(load, visitAddress+uint32(at))
		c.i64(int64(binary.LittleEndian.Uint64(word[:])))
		c.op(opI64Eq)
	}
	chunk(0)
	if rest := len(literal) - size; rest > 0 {
		chunk(rest)
		c.op(opI32And)
	}
	return c
}

// search generates startsWith, endsWith and contains.
func (g *generator) search(name string, a, b value) (code, error) {
	holds := map[string]func(a, b string) bool{"startsWith": strings.HasPrefix, "endsWith": strings.HasSuffix, "contains": strings.Contains}[name]
	if err := g.honest(a, b, holds); err != nil {
		return nil, err
	}
	if literal, ok := b.literalText(); ok && name == "startsWith" && a.kind == text && a.literal == nil && !a.folded {
		s := g.subject(a)
		test, err := s.compare(g, opI32GeU, b, literal)
		return append(s.prepare, test...), err
	}
	return g.textCall(map[string]helper{"startsWith": helperPrefix, "endsWith": helperSuffix, "contains": helperContains}[name], a, b)
}

// textCall generates the call of a helper with two strings.
func (g *generator) textCall(h helper, a, b value) (code, error) {
	first, err := g.text(a)
	if err != nil {
		return nil, err
	}
	second, err := g.text(b)
	if err != nil {
		return nil, err
	}
	if a.folded || b.folded {
		h += folding
	}
	var c code
	c.add(first, second)
	c.index(opCall, g.helper(h))
	return c, nil
}
