package rules

import (
	"slices"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// value is the typed code of one expression. Nothing here can end in an error
// yet; when something can, it is this type that will say so, and the logical
// operators that will look.
type value struct {
	kind    kind
	expr    ast.Expr
	code    code       // leaves the value on the stack; nil for sets, lists and string literals
	fact    *fact      // if the expression is a fact and nothing else
	literal ref.Val    // if it is a literal
	items   []ast.Expr // of a list
}

// isText reports whether CEL takes the value for a string.
func (v value) isText() bool {
	return v.kind == text || v.kind == country || v.kind == platform || v.kind == device
}

// literalText returns the string of a string literal.
func (v value) literalText() (string, bool) {
	s, ok := v.literal.(types.String)
	return string(s), ok && v.kind == text
}

// literalInt returns the number of an int literal.
func (v value) literalInt() (int64, bool) {
	n, ok := v.literal.(types.Int)
	return int64(n), ok
}

// value generates an expression.
func (g *generator) value(e ast.Expr) (value, error) {
	switch e.Kind() {
	case ast.IdentKind:
		return g.factValue(e)
	case ast.LiteralKind:
		v := value{expr: e, literal: e.AsLiteral()}
		switch literal := v.literal.(type) {
		case types.Bool:
			v.kind = boolean
			v.code.i32(0)
			if literal {
				v.code = nil
				v.code.i32(1)
			}
		case types.Int:
			v.kind = integer
			v.code.i64(int64(literal))
		default:
			v.kind = text
		}
		return v, nil
	case ast.ListKind:
		return value{kind: list, expr: e, items: e.AsList().Elements()}, nil
	case ast.CallKind:
		return g.call(e, e.AsCall())
	}
	return value{}, g.errorf(e, "not supported")
}

func (g *generator) factValue(e ast.Expr) (value, error) {
	f := factNamed(e.AsIdent())
	if f == nil {
		return value{}, g.errorf(e, "unknown name %q", e.AsIdent())
	}
	if f.name == "visit.bot" && g.dishonest != "" {
		return value{}, g.errorf(e, "%s", g.dishonest)
	}
	g.needs |= f.need
	v := value{kind: f.kind, expr: e, fact: f}
	if f.kind != set {
		v.code = g.read(f.load, f.off)
	}
	return v, nil
}

// truth generates an expression that must be a bool.
func (g *generator) truth(e ast.Expr) (code, error) {
	v, err := g.value(e)
	if err != nil {
		return nil, err
	}
	if v.kind != boolean {
		return nil, g.errorf(e, "want a bool, not %s", v.kind)
	}
	return v.code, nil
}

// call generates an operator or function.
func (g *generator) call(e ast.Expr, call ast.CallExpr) (value, error) {
	switch call.FunctionName() {
	case operators.LogicalAnd, operators.LogicalOr:
		return g.logical(e, call)
	case operators.Conditional:
		return g.conditional(e, call.Args())
	}
	operands := call.Args()
	if call.IsMemberFunction() {
		operands = append([]ast.Expr{call.Target()}, operands...)
	}
	v := make([]value, len(operands))
	for i, operand := range operands {
		var err error
		if v[i], err = g.value(operand); err != nil {
			return value{}, err
		}
	}
	result := value{kind: boolean, expr: e}
	var err error
	switch name := call.FunctionName(); name {
	case operators.LogicalNot:
		result.code.add(v[0].code)
		result.code.op(opI32Eqz)
	case operators.Equals, operators.NotEquals:
		result.code, err = g.equality(e, name == operators.NotEquals, v[0], v[1])
	case operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals:
		result.code, err = g.order(e, name, v[0], v[1])
	case operators.In:
		result.code, err = g.membership(v[0], v[1])
	case "intersects":
		result.code, err = g.intersects(v[0], v[1])
	case "startsWith", "endsWith", "contains":
		result.code, err = g.search(name, v[0], v[1])
	case "size":
		result.kind = integer
		result.code, err = g.size(v[0])
	default:
		err = g.errorf(e, "not supported: %s", displayName(name))
	}
	return result, err
}

// logical generates && and ||, which look at their right side only if the left
// does not decide.
func (g *generator) logical(e ast.Expr, call ast.CallExpr) (value, error) {
	v := value{kind: boolean, expr: e}
	args := call.Args()
	for i, arg := range args {
		c, err := g.truth(arg)
		if err != nil {
			return value{}, err
		}
		v.code.add(c)
		if i == len(args)-1 {
			break
		}
		v.code.open(opIf, i32)
		if call.FunctionName() == operators.LogicalOr {
			v.code.i32(1)
			v.code.op(opElse)
		}
	}
	for range args[1:] {
		if call.FunctionName() == operators.LogicalAnd {
			v.code.op(opElse)
			v.code.i32(0)
		}
		v.code.op(opEnd)
	}
	return v, nil
}

// conditional generates a ? b : c of bools, ints or strings.
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
	result := i32
	switch yes.kind {
	case boolean:
	case integer:
		result = i64
	case set, list:
		return value{}, g.errorf(e, "not supported: %s as the result of ?:", yes.kind)
	default:
		v.kind = text
		if yes.code, err = g.text(yes); err != nil {
			return value{}, err
		}
		if no.code, err = g.text(no); err != nil {
			return value{}, err
		}
	}
	v.code.add(test)
	v.code.open(opIf, result)
	v.code.add(yes.code)
	v.code.op(opElse)
	v.code.add(no.code)
	v.code.op(opEnd)
	return v, nil
}

// equality generates == and !=.
func (g *generator) equality(e ast.Expr, not bool, a, b value) (code, error) {
	if a.literal != nil {
		a, b = b, a
	}
	var c code
	var err error
	switch {
	case a.kind == set && b.kind == set:
		c = g.sameSet(a.fact, b.fact)
	case a.kind == integer && b.kind == integer:
		if isEmptyTest(a, b, 0) {
			c = g.isEmpty(a.expr)
			break
		}
		c.add(a.code, b.code)
		c.op(opI64Eq)
	case a.kind == boolean && b.kind == boolean:
		c.add(a.code, b.code)
		c.op(opI32Eq)
	case a.isText() && b.isText():
		c, err = g.textEquality(a, b)
	default:
		err = g.errorf(e, "not supported: comparing %s with %s", a.kind, b.kind)
	}
	if not {
		c.op(opI32Eqz)
	}
	return c, err
}

// order generates < <= > >= between ints.
func (g *generator) order(e ast.Expr, name string, a, b value) (code, error) {
	if a.kind != integer || b.kind != integer {
		return nil, g.errorf(e, "not supported: %s between %s and %s; only between ints", displayName(name), a.kind, b.kind)
	}
	var c code
	switch {
	case name == operators.Greater && isEmptyTest(a, b, 0), name == operators.GreaterEquals && isEmptyTest(a, b, 1):
		c = g.isEmpty(a.expr)
		c.op(opI32Eqz)
		return c, nil
	case name == operators.LessEquals && isEmptyTest(a, b, 0), name == operators.Less && isEmptyTest(a, b, 1):
		return g.isEmpty(a.expr), nil
	}
	c.add(a.code, b.code)
	c.op(map[string]opcode{
		operators.Less: opI64LtS, operators.LessEquals: opI64LeS,
		operators.Greater: opI64GtS, operators.GreaterEquals: opI64GeS,
	}[name])
	return c, nil
}

// membership generates in.
func (g *generator) membership(a, b value) (code, error) {
	switch {
	case b.kind == set:
		return g.inSet(a, b)
	case b.kind != list:
		return nil, g.errorf(b.expr, "not supported: in %s", b.kind)
	case a.kind == integer:
		c, get := g.hold(a, i64)
		tests, err := g.anyOf(b.items, func(item value) (code, error) {
			if _, ok := item.literalInt(); !ok {
				return nil, g.errorf(item.expr, "not supported: a list of anything but int literals here")
			}
			test := slices.Clone(get)
			test.add(item.code)
			test.op(opI64Eq)
			return test, nil
		})
		c.add(tests)
		return c, err
	case a.isText():
		return g.textMembership(a, b)
	}
	return nil, g.errorf(a.expr, "not supported: %s in a list", a.kind)
}

// hold returns the code that computes v and the code that gets it, as often as
// wanted: a fact is read again, anything else kept in a local.
func (g *generator) hold(v value, t valueType) (compute, get code) {
	if v.fact != nil {
		return nil, v.code
	}
	local := g.temp(t)
	compute.add(v.code)
	compute.index(opLocalSet, local)
	get.index(opLocalGet, local)
	return compute, get
}

// anyOf generates a test for each item in turn, up to the first that holds.
func (g *generator) anyOf(items []ast.Expr, test func(item value) (code, error)) (code, error) {
	var c code
	c.open(opBlock, i32)
	c.i32(1)
	for _, e := range items {
		item, err := g.value(e)
		if err != nil {
			return nil, err
		}
		one, err := test(item)
		if err != nil {
			return nil, err
		}
		c.add(one)
		c.index(opBrIf, 0)
	}
	c.op(opDrop)
	c.i32(0)
	c.op(opEnd)
	return c, nil
}
