package rules

import (
	"slices"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
)

// failure is what a fallible bool is, beside 0 and 1, when CEL says that it
// ends in an error.
const failure = 2

// scope is where the operands of one predicate say that they failed: a local
// that is 1 from then on. It is used only if one of them can.
type scope struct {
	used  bool
	local uint32
}

// fail returns the code that fails the predicate at hand if condition, which
// leaves 0 or 1, holds.
func (g *generator) fail(condition code) code {
	if !g.scope.used {
		g.scope.used, g.scope.local = true, g.temp(i32)
	}
	var c code
	c.index(opLocalGet, g.scope.local)
	c.add(condition)
	c.op(opI32Or)
	c.index(opLocalSet, g.scope.local)
	return c
}

// contain makes a fallible bool of a predicate whose operands may fail.
func (g *generator) contain(v value) value {
	if !g.scope.used {
		return v
	}
	var c code
	c.i32(0)
	c.index(opLocalSet, g.scope.local)
	c.add(v.code)
	c.i32(failure)
	c.index(opLocalGet, g.scope.local)
	c.op(opI32Eqz, opSelect)
	v.code, v.fallible = c, true
	return v
}

// strict returns the code of a bool that is an operand: 0 or 1, failing the
// predicate at hand if it fails.
func (g *generator) strict(v value) code {
	if !v.fallible {
		return v.code
	}
	local := g.temp(i32)
	var c, failed code
	c.add(v.code)
	c.index(opLocalSet, local)
	failed.index(opLocalGet, local)
	failed.i32(1)
	failed.op(opI32ShrU)
	c.add(g.fail(failed))
	c.index(opLocalGet, local)
	c.i32(1)
	c.op(opI32And)
	return c
}

// truth generates an expression that must be a bool.
func (g *generator) truth(e ast.Expr) (value, error) {
	v, err := g.value(e)
	if err != nil {
		return value{}, err
	}
	if v.kind != boolean {
		return value{}, g.errorf(e, "want a bool, not %s", v.kind)
	}
	return v, nil
}

// not generates !, which leaves a failure one.
func (g *generator) not(e, operand ast.Expr) (value, error) {
	v, err := g.truth(operand)
	if err != nil {
		return value{}, err
	}
	v.expr, v.fact, v.literal = e, nil, nil
	var c code
	if !v.fallible {
		c.add(v.code)
		c.op(opI32Eqz)
		v.code = c
		return v, nil
	}
	local := g.temp(i32)
	c.add(v.code)
	c.index(opLocalTee, local)
	c.op(opI32Eqz)
	c.index(opLocalGet, local)
	c.i32(failure)
	c.op(opI32And, opI32Or)
	v.code = c
	return v, nil
}

// logical generates && and ||. They look at their right side only if the left
// does not decide; a left that failed does not, and then the right must.
func (g *generator) logical(e ast.Expr, call ast.CallExpr) (value, error) {
	args := call.Args()
	v, err := g.truth(args[0])
	if err != nil {
		return value{}, err
	}
	for _, arg := range args[1:] {
		right, err := g.truth(arg)
		if err != nil {
			return value{}, err
		}
		left := v
		v = value{kind: boolean, fallible: left.fallible || right.fallible}
		if call.FunctionName() == operators.LogicalAnd {
			v.code = g.and(left, right)
		} else {
			v.code = g.or(left, right)
		}
	}
	v.expr = e
	return v, nil
}

func (g *generator) and(left, right value) (c code) {
	c.add(left.code)
	local := uint32(0)
	if left.fallible {
		local = g.temp(i32)
		c.index(opLocalTee, local)
	}
	c.open(opIf, i32)
	if left.fallible { // a right that is false decides, any other is a failure
		x := g.temp(i32)
		c.add(right.code)
		c.index(opLocalTee, x)
		c.op(opI32Eqz, opI32Eqz)
		c.i32(1)
		c.op(opI32Shl)
		c.index(opLocalGet, x)
		c.index(opLocalGet, local)
		c.i32(failure)
		c.op(opI32Eq, opSelect)
	} else {
		c.add(right.code)
	}
	c.op(opElse)
	c.i32(0)
	c.op(opEnd)
	return c
}

func (g *generator) or(left, right value) (c code) {
	c.add(left.code)
	local := uint32(0)
	if left.fallible {
		local = g.temp(i32)
		c.index(opLocalTee, local)
		c.i32(1)
		c.op(opI32Eq)
	}
	c.open(opIf, i32)
	c.i32(1)
	c.op(opElse)
	if left.fallible { // a right that is true decides, any other is a failure
		x := g.temp(i32)
		c.add(right.code)
		c.index(opLocalTee, x)
		c.i32(failure)
		c.index(opLocalGet, x)
		c.i32(1)
		c.op(opI32Eq)
		c.index(opLocalGet, local)
		c.op(opI32Eqz, opI32Or, opSelect)
	} else {
		c.add(right.code)
	}
	c.op(opEnd)
	return c
}

// conditional generates a ? b : c of bools, ints or strings. It fails when the
// condition does.
func (g *generator) conditional(e ast.Expr, args []ast.Expr) (value, error) {
	test, err := g.truth(args[0])
	if err != nil {
		return value{}, err
	}
	yes, err := g.value(args[1])
	if err != nil {
		return value{}, err
	}
	no, err := g.value(args[2])
	if err != nil {
		return value{}, err
	}
	v := value{kind: yes.kind, expr: e}
	switch yes.kind {
	case boolean:
		v.code = g.choose(test, yes, no)
		v.fallible = test.fallible || yes.fallible || no.fallible
		return v, nil
	case set, list, address:
		return value{}, g.errorf(e, "not supported: %s as the result of ?:", yes.kind)
	case integer:
		v.code.add(g.strict(test))
		v.code.open(opIf, i64)
	default:
		v.kind, v.folded = text, yes.folded || no.folded
		v.given = yes.given || no.given
		v.agent, v.browser, v.words = yes.agent || no.agent, yes.browser || no.browser, slices.Concat(yes.words, no.words)
		if yes.code, err = g.text(yes); err != nil {
			return value{}, err
		}
		if no.code, err = g.text(no); err != nil {
			return value{}, err
		}
		v.code.add(g.strict(test))
		v.code.open(opIf, i32)
	}
	v.code.add(yes.code)
	v.code.op(opElse)
	v.code.add(no.code)
	v.code.op(opEnd)
	return v, nil
}

// choose generates ?: of bools.
func (g *generator) choose(test, yes, no value) (c code) {
	c.add(test.code)
	local := uint32(0)
	if test.fallible {
		local = g.temp(i32)
		c.index(opLocalTee, local)
		c.i32(1)
		c.op(opI32Eq)
	}
	c.open(opIf, i32)
	c.add(yes.code)
	c.op(opElse)
	if test.fallible {
		c.index(opLocalGet, local)
		c.open(opIf, i32)
		c.i32(failure)
		c.op(opElse)
	}
	c.add(no.code)
	if test.fallible {
		c.op(opEnd)
	}
	c.op(opEnd)
	return c
}
