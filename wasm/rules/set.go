package rules

import (
	"cel.dev/cel-go/common/ast"

	"suodi/wasm/abi"
)

// word reads one of the four words of a set.
func (g *generator) word(f *fact, i int) code { return g.read(opI64Load, f.off+uint32(8*i)) }

// intersects generates a.intersects(b), b being a set or a list of ids.
func (g *generator) intersects(a, b value) (code, error) {
	if a.kind != set || b.kind != set && b.kind != list {
		return nil, g.errorf(a.expr, "not supported: intersects of %s and %s", a.kind, b.kind)
	}
	var c code
	if b.kind == set {
		for i := range 4 {
			c.add(g.word(a.fact, i), g.word(b.fact, i))
			c.op(opI64And)
			if i > 0 {
				c.op(opI64Or)
			}
		}
		c.i64(0)
		c.op(opI64Ne)
		return c, nil
	}
	var mask abi.Set
	for _, e := range b.items {
		item, err := g.value(e)
		if err != nil {
			return nil, err
		}
		n, err := g.platformNumber(item)
		if err != nil {
			return nil, err
		}
		mask.Add(n)
	}
	words := 0
	for i, word := range mask {
		if word == 0 {
			continue
		}
		c.add(g.word(a.fact, i))
		c.i64(int64(word))
		c.op(opI64And)
		if words++; words > 1 {
			c.op(opI64Or)
		}
	}
	if words == 0 {
		c.i32(0)
		return c, nil
	}
	c.i64(0)
	c.op(opI64Ne)
	return c, nil
}

// inSet generates "id" in a set: one bit.
func (g *generator) inSet(a, b value) (code, error) {
	n, err := g.platformNumber(a)
	if err != nil {
		return nil, err
	}
	c := g.read(opI32Load8, b.fact.off+uint32(n)/8)
	c.i32(int32(n % 8))
	c.op(opI32ShrU)
	c.i32(1)
	c.op(opI32And)
	return c, nil
}

// sameSet generates a == b.
func (g *generator) sameSet(a, b *fact) code {
	var c code
	for i := range 4 {
		c.add(g.word(a, i), g.word(b, i))
		c.op(opI64Xor)
		if i > 0 {
			c.op(opI64Or)
		}
	}
	c.op(opI64Eqz)
	return c
}

// size generates size() of a set or string.
func (g *generator) size(e, operand ast.Expr) (value, error) {
	v, err := g.value(operand)
	if err != nil {
		return value{}, err
	}
	result := value{kind: integer, expr: e}
	switch {
	case v.kind == set:
		if err := g.countsCrawlers(v); err != nil {
			return value{}, err
		}
		for i := range 4 {
			result.code.add(g.word(v.fact, i))
			result.code.op(opI64Popcnt)
			if i > 0 {
				result.code.op(opI64Add)
			}
		}
	case v.isText():
		if err := g.measures(v); err != nil {
			return value{}, err
		}
		ref, err := g.text(v)
		if err != nil {
			return value{}, err
		}
		result.code.add(ref)
		result.code.index(opCall, g.helper(helperRunes))
	default:
		return value{}, g.errorf(v.expr, "not supported: size of %s", v.kind)
	}
	return result, nil
}

// isEmptyTest reports whether a is the size of a set and b the literal n: how
// conditions ask whether a set is empty.
func isEmptyTest(a, b value, n int64) bool {
	literal, ok := b.literalInt()
	return ok && literal == n && sizedSet(a.expr) != nil
}

// sizedSet returns the set that e is the size of, or nil.
func sizedSet(e ast.Expr) *fact {
	if e.Kind() != ast.CallKind || e.AsCall().FunctionName() != "size" {
		return nil
	}
	call := e.AsCall()
	operand := call.Target()
	if !call.IsMemberFunction() {
		operand = call.Args()[0]
	}
	if operand.Kind() != ast.IdentKind {
		return nil
	}
	if f := factNamed(operand.AsIdent()); f != nil && f.kind == set {
		return f
	}
	return nil
}

// isEmpty generates whether the set that e is the size of is empty.
func (g *generator) isEmpty(e ast.Expr) code {
	f := sizedSet(e)
	var c code
	for i := range 4 {
		c.add(g.word(f, i))
		if i > 0 {
			c.op(opI64Or)
		}
	}
	c.op(opI64Eqz)
	return c
}

// platformNumber returns the number of the platform that a literal names.
func (g *generator) platformNumber(v value) (uint8, error) {
	id, ok := v.literalText()
	if !ok {
		return 0, g.errorf(v.expr, "not supported: anything but a platform's id in quotes here")
	}
	n, ok := g.platforms.Number(id)
	if !ok || n == 0 {
		return 0, g.errorf(v.expr, "unknown platform %q%s", id, didYouMean(id, g.platforms.IDs()))
	}
	if g.dishonest != "" && (id == "bot" || g.platforms.IsCrawler(id)) {
		return 0, g.errorf(v.expr, "%s", g.dishonest)
	}
	return n, nil
}

// number returns the constant that a platform, device or country is compared
// with when the source says literal v.
func (g *generator) number(k kind, v value) (int32, error) {
	s, ok := v.literalText()
	switch {
	case k == platform:
		n, err := g.platformNumber(v)
		return int32(n), err
	case !ok:
		return 0, g.errorf(v.expr, "not supported: comparing %s with anything but a literal", k)
	case k == device:
		for i, name := range deviceNames {
			if s == name {
				return int32(i), nil
			}
		}
		return 0, g.errorf(v.expr, "unknown device %q; want %s%s", s, alternatives(deviceNames), didYouMean(s, deviceNames))
	}
	if !isCountry(s) {
		return 0, g.errorf(v.expr, "%s is no country; want two capital letters such as \"CN\" (\"ZZ\" = unknown)", quote(s))
	}
	return int32(s[0]) | int32(s[1])<<8, nil
}

// refuse says why a platform or device cannot be used as other strings can.
func (g *generator) refuse(v value) error {
	return g.errorf(v.expr, "not supported: %s is %s; only ==, != and in, with words in quotes",
		v.fact.name, v.kind)
}

// isCountry reports whether s has the form of a country's code.
func isCountry(s string) bool {
	return len(s) == 2 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'A' && s[1] <= 'Z'
}
