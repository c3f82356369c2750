package rules

import (
	"math"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// arithmetic generates + - * / % and the sign of ints. A result that is no
// int64 fails, as in CEL.
func (g *generator) arithmetic(e ast.Expr, name string, args []ast.Expr) (value, error) {
	v, err := g.values(args)
	if err != nil {
		return value{}, err
	}
	for _, operand := range v {
		if operand.kind != integer {
			return value{}, g.errorf(e, "not supported: %s of %s; only of ints", displayName(name), operand.kind)
		}
	}
	result := value{kind: integer, expr: e}
	if n, ok := fold(name, v); ok {
		result.literal = n
		result.code.i64(int64(n))
		return result, nil
	}
	switch name {
	case operators.Negate:
		result.code = g.negate(v[0])
	case operators.Divide, operators.Modulo:
		result.code, err = g.divide(name == operators.Modulo, v[0], v[1])
	case operators.Multiply:
		result.code = g.multiply(v[0], v[1])
	default:
		result.code = g.sum(name == operators.Subtract, v[0], v[1])
	}
	return result, err
}

// fold computes what literals come to, unless that is an error.
func fold(name string, v []value) (types.Int, bool) {
	var n []types.Int
	for _, operand := range v {
		literal, ok := operand.literal.(types.Int)
		if !ok {
			return 0, false
		}
		n = append(n, literal)
	}
	var result ref.Val
	switch name {
	case operators.Negate:
		result = n[0].Negate()
	case operators.Add:
		result = n[0].Add(n[1])
	case operators.Subtract:
		result = n[0].Subtract(n[1])
	case operators.Multiply:
		result = n[0].Multiply(n[1])
	case operators.Divide:
		result = n[0].Divide(n[1])
	case operators.Modulo:
		result = n[0].Modulo(n[1])
	}
	folded, ok := result.(types.Int)
	return folded, ok
}

// sum generates x + y or x - y. It overflows if both of what went in differ in
// sign from what came out, y's sign being turned for -.
func (g *generator) sum(subtract bool, a, b value) (c code) {
	x, y, r := g.temp(i64), g.temp(i64), g.temp(i64)
	c.add(a.code)
	c.index(opLocalSet, x)
	c.add(b.code)
	c.index(opLocalSet, y)
	var overflow code
	overflow.get(x, y)
	operation := opI64Add
	if subtract {
		operation = opI64Sub
	}
	overflow.op(operation)
	overflow.index(opLocalTee, r)
	overflow.get(x)
	overflow.op(opI64Xor)
	overflow.get(y)
	if subtract {
		overflow.get(x)
	} else {
		overflow.get(r)
	}
	overflow.op(opI64Xor, opI64And)
	overflow.i64(0)
	overflow.op(opI64LtS)
	c.add(g.fail(overflow))
	c.get(r)
	return c
}

func (g *generator) multiply(a, b value) (c code) {
	x, y := g.temp(i64), g.temp(i64)
	c.add(a.code)
	c.index(opLocalSet, x)
	c.add(b.code)
	c.index(opLocalSet, y)
	var overflow code
	overflow.get(x, y)
	overflow.index(opCall, g.helper(helperOverflow))
	c.add(g.fail(overflow))
	c.get(x, y)
	c.op(opI64Mul)
	return c
}

// negate generates -x, which the smallest int does not have.
func (g *generator) negate(v value) (c code) {
	x := g.temp(i64)
	c.add(v.code)
	c.index(opLocalSet, x)
	c.add(g.failIfSmallest(x))
	c.i64(0)
	c.get(x)
	c.op(opI64Sub)
	return c
}

func (g *generator) failIfSmallest(local uint32) code {
	var smallest code
	smallest.get(local)
	smallest.i64(math.MinInt64)
	smallest.op(opI64Eq)
	return g.fail(smallest)
}

// divide generates / and %, whose right side must be known, so that division
// by zero is a mistake in the source and no error of a visit.
func (g *generator) divide(modulo bool, a, b value) (code, error) {
	n, ok := b.literalInt()
	switch {
	case !ok:
		return nil, g.errorf(b.expr, "not supported: dividing by anything but a literal")
	case n == 0:
		return nil, g.errorf(b.expr, "division by zero")
	case n == -1 && !modulo:
		return g.negate(a), nil
	case n == -1:
		x := g.temp(i64)
		var c code
		c.add(a.code)
		c.index(opLocalSet, x)
		c.add(g.failIfSmallest(x))
		c.i64(0)
		return c, nil
	}
	var c code
	c.add(a.code)
	c.i64(n)
	if modulo {
		c.op(opI64RemS)
	} else {
		c.op(opI64DivS)
	}
	return c, nil
}

// overflows is the helper that tells whether x * y is no int64: whether the
// product divided by x is not y. Dividing by -1 could trap.
func overflows(f *function) {
	c := &f.body
	c.get(paramA)
	c.op(opI64Eqz)
	c.answer(0)
	c.get(paramA)
	c.i64(-1)
	c.op(opI64Eq)
	c.open(opIf, none)
	c.get(paramB)
	c.i64(math.MinInt64)
	c.op(opI64Eq, opReturn, opEnd)
	c.get(paramA, paramB)
	c.op(opI64Mul)
	c.get(paramA)
	c.op(opI64DivS)
	c.get(paramB)
	c.op(opI64Ne)
}
