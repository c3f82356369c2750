package rules

import (
	"slices"
	"strings"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
)

// value is the typed code of one expression.
type value struct {
	kind kind
	expr ast.Expr
	code code // leaves the value on the stack; nil for sets, lists and string literals
	// fallible bools are 0, 1 or failure. Values of other kinds that end in an
	// error say so in the local of the scope they are generated in.
	fallible bool
	folded   bool       // a string whose reference may have foldBit
	fact     *fact      // if the expression is a fact and nothing else
	literal  ref.Val    // if it is a literal
	items    []ast.Expr // of a list

	// Of a string, for honesty: whether it may be the user agent, or the browser's
	// name, the literals that it may be, and whether it may be anything else.
	agent, browser bool
	words          []ast.Expr
	given          bool
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
			v.kind, v.words = text, []ast.Expr{e}
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
	if strings.HasPrefix(e.AsIdent(), "params.") {
		return g.param(e, e.AsIdent())
	}
	if f == nil {
		return value{}, g.errorf(e, "unknown name %q", e.AsIdent())
	}
	if f.name == "visit.bot" && g.dishonest != "" {
		return value{}, g.errorf(e, "%s", g.dishonest)
	}
	if f.name == "visit.platform" && g.dishonest != "" {
		f = &app
	}
	g.needs |= f.need
	v := value{kind: f.kind, expr: e, fact: f, agent: f.name == "visit.user_agent", browser: f.name == "visit.browser"}
	v.given = v.isText()
	if f.kind != set && f.kind != address {
		v.code = g.read(f.load, f.off)
	}
	if f.drop > 0 {
		v.code.i64(f.drop)
		v.code.op(opI64ShrU)
	}
	return v, nil
}

// call generates an operator or function.
func (g *generator) call(e ast.Expr, call ast.CallExpr) (value, error) {
	switch name := call.FunctionName(); name {
	case operators.LogicalAnd, operators.LogicalOr:
		return g.logical(e, call)
	case operators.LogicalNot:
		return g.not(e, call.Args()[0])
	case operators.Conditional:
		return g.conditional(e, call.Args())
	case operators.Add, operators.Subtract, operators.Multiply, operators.Divide, operators.Modulo, operators.Negate:
		return g.arithmetic(e, name, call.Args())
	case "size":
		return g.size(e, operands(call)[0])
	case "lowerAscii":
		return g.lowerASCII(e, call.Target())
	case "hour", "weekday", "date":
		return g.clock(e, name, call.Args())
	}
	return g.predicate(e, call)
}

// operands returns what a call is applied to, a member function's target first.
func operands(call ast.CallExpr) []ast.Expr {
	if call.IsMemberFunction() {
		return append([]ast.Expr{call.Target()}, call.Args()...)
	}
	return call.Args()
}

func (g *generator) values(list []ast.Expr) ([]value, error) {
	v := make([]value, len(list))
	for i, e := range list {
		var err error
		if v[i], err = g.value(e); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// predicate generates what makes a bool of its operands; it fails when one of
// them does.
func (g *generator) predicate(e ast.Expr, call ast.CallExpr) (value, error) {
	outer := g.scope
	g.scope = &scope{}
	defer func() { g.scope = outer }()
	v, err := g.values(operands(call))
	if err != nil {
		return value{}, err
	}
	var c code
	switch name := call.FunctionName(); name {
	case operators.Equals, operators.NotEquals:
		c, err = g.equality(e, name == operators.NotEquals, v[0], v[1])
	case operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals:
		c, err = g.order(e, name, v[0], v[1])
	case operators.In:
		c, err = g.membership(v[0], v[1])
	case "intersects":
		c, err = g.intersects(v[0], v[1])
	case "inCIDR":
		c, err = g.inNetworks(v[0], v[1])
	case "startsWith", "endsWith", "contains":
		c, err = g.search(name, v[0], v[1])
	case "matches":
		c, err = g.matches(v[0], v[1])
	default:
		err = g.errorf(e, "not supported: %s", displayName(name))
	}
	return g.contain(value{kind: boolean, expr: e, code: c}), err
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
		if err := g.countsCrawlers(a, b); err != nil {
			return nil, err
		}
		c = g.sameSet(a.fact, b.fact)
	case a.kind == integer && b.kind == integer:
		if isEmptyTest(a, b, 0) {
			c = g.isEmpty(a.expr)
			break
		}
		c.add(a.code, b.code)
		c.op(opI64Eq)
	case a.kind == boolean && b.kind == boolean:
		c.add(g.strict(a), g.strict(b))
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
