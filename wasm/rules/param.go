package rules

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"gopkg.in/yaml.v3"

	"suodi/wasm/abi"
)

// MaxParams is how many parameters a rule set may have.
const MaxParams = 64

// paramName is what a condition can say behind "params.".
var paramName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,62}$`)

// reserved are the names that CEL keeps for itself.
var reserved = []string{
	"as", "break", "const", "continue", "else", "false", "for", "function", "if", "import", "in", "let", "loop", "package",
	"namespace", "null", "return", "true", "var", "void", "while",
}

// params reads what parameters a rule set takes.
func (r *reader) params(n *yaml.Node) map[string]abi.Param {
	params := map[string]abi.Param{}
	r.entries(n, "params", func(key, value *yaml.Node) {
		name := key.Value
		switch {
		case !paramName.MatchString(name) || slices.Contains(reserved, name):
			r.fail(key, "parameter %s: want lower case letters, digits and _, a letter first, at most 63, no word of CEL", quote(name))
			return
		case len(params) == MaxParams:
			r.fail(key, "params: more than %d", MaxParams)
			return
		}
		params[name] = r.param(name, value)
	})
	return params
}

func (r *reader) param(name string, n *yaml.Node) (p abi.Param) {
	var standard *yaml.Node
	ok := r.mapping(n, "a parameter", map[string]field{
		"type": func(n *yaml.Node) {
			if i := r.choice(n, "type", "string", "int", "bool"); i >= 0 {
				p.Type = n.Value
			}
		},
		"required": func(n *yaml.Node) { p.Required = r.boolean(n, "required") },
		"secret":   func(n *yaml.Node) { p.Secret = r.boolean(n, "secret") },
		"default":  func(n *yaml.Node) { standard, p.Default = n, r.scalar(n, "default") },
		"doc":      func(n *yaml.Node) { p.Doc = r.text(n, "doc", MaxReason) },
	})
	switch {
	case !ok || p.Type == "":
		if ok && !hasKey(n, "type") {
			r.fail(n, `a parameter needs "type": string, int or bool`)
		}
	case standard != nil && p.Required:
		r.fail(standard, "a parameter that is required has no use for a default")
	case standard != nil && p.Secret:
		r.fail(standard, "a parameter that is secret has no default: everybody may read it here")
	case standard != nil && p.Default != nil:
		if _, err := abi.CanonicalParams(map[string]abi.Param{name: p}, nil); err != nil {
			r.fail(standard, "%v", err)
		}
	}
	return p
}

// scalar returns a text, whole number or truth as abi takes it, or nil.
func (r *reader) scalar(n *yaml.Node, what string) any {
	if n.Kind == yaml.ScalarNode {
		switch n.Tag {
		case "!!str":
			return n.Value
		case "!!bool":
			return r.boolean(n, what)
		case "!!int":
			var v int64
			if n.Decode(&v) == nil {
				number, _ := json.Marshal(v)
				return json.Number(number)
			}
		}
	}
	r.fail(n, "%s is %s; want a text, a whole number or a truth", what, describe(n))
	return nil
}

// values reads the parameters that a test gives.
func (r *reader) values(n *yaml.Node) map[string]any {
	values := map[string]any{}
	r.entries(n, "params", func(key, value *yaml.Node) { values[key.Value] = r.scalar(value, key.Value) })
	return values
}

// canonical gives a test's parameters the form that the filter reads.
func (r *reader) canonical(declared map[string]abi.Param, c *Case) {
	given, err := json.Marshal(c.given)
	if err != nil {
		r.fail(c.node, "params: %v", err)
		return
	}
	if c.params, err = abi.CanonicalParams(declared, given); err != nil {
		r.fail(c.node, "%v", err)
	}
}

// paramOptions declares the parameters to CEL.
func paramOptions(params map[string]abi.Param) (options []cel.EnvOption) {
	types := map[string]*cel.Type{"string": cel.StringType, "int": cel.IntType, "bool": cel.BoolType}
	for _, name := range slices.Sorted(maps.Keys(params)) {
		options = append(options, cel.Variable("params."+name, types[params[name].Type]))
	}
	return options
}

// param generates params.name. One that was not given reads as a fact that is
// absent does.
func (g *generator) param(e ast.Expr, name string) (value, error) {
	p, ok := g.params[strings.TrimPrefix(name, "params.")]
	if !ok {
		return value{}, g.unknownName(e, name)
	}
	key, err := g.literal(`"` + strings.TrimPrefix(name, "params.") + `":`)
	if err != nil {
		return value{}, g.errorf(e, "%v", err)
	}
	v := value{expr: e}
	v.code = g.read(opI32Load, abi.OffParams)
	v.code.i32(int32(key))
	h := helperParamText
	switch p.Type {
	case "int":
		v.kind, h = integer, helperParamInt
	case "bool":
		v.kind, h = boolean, helperParamBool
	default:
		v.kind, v.given = text, true
	}
	v.code.index(opCall, g.helper(h))
	return v, nil
}

// paramValue begins a helper that reads a parameter: it puts where the value
// begins into p, and returns zero if there is none.
func paramValue(f *function, find, p uint32) {
	c := &f.body
	c.get(paramA, paramB)
	c.index(opCall, find)
	c.index(opLocalTee, p)
	c.op(opI32Eqz)
	c.open(opIf, none)
	if f.result == i64 {
		c.i64(0)
	} else {
		c.i32(0)
	}
	c.op(opReturn, opEnd)
}

// paramBool: canonical JSON says true or false.
func paramBool(f *function, find uint32) {
	p := f.local(i32)
	paramValue(f, find, p)
	c := &f.body
	c.at(opI32Load8, p, 0)
	c.i32('t')
	c.op(opI32Eq)
}

// paramText: the string ends at the next quotation mark; none stands inside.
func paramText(f *function, find uint32) {
	p, from := f.local(i32), f.local(i32)
	paramValue(f, find, p)
	c := &f.body
	c.advance(p, 1)
	c.get(p)
	c.index(opLocalSet, from)
	c.open(opLoop, none)
	c.at(opI32Load8, p, 0)
	c.i32('"')
	c.op(opI32Ne)
	c.open(opIf, none)
	c.advance(p, 1)
	c.index(opBr, 1)
	c.op(opEnd, opEnd)
	c.get(p, from)
	c.op(opI32Sub)
	c.i32(16)
	c.op(opI32Shl)
	c.get(from)
	c.op(opI32Or)
}

// paramInt: a sign perhaps, then digits. The smallest int comes out right
// because its digits wrap around to it.
func paramInt(f *function, find uint32) {
	p, negative, digit, n := f.local(i32), f.local(i32), f.local(i32), f.local(i64)
	paramValue(f, find, p)
	c := &f.body
	c.at(opI32Load8, p, 0)
	c.i32('-')
	c.op(opI32Eq)
	c.index(opLocalTee, negative)
	c.get(p)
	c.op(opI32Add)
	c.index(opLocalSet, p)
	c.open(opLoop, none)
	c.at(opI32Load8, p, 0)
	c.i32('0')
	c.op(opI32Sub)
	c.index(opLocalTee, digit)
	c.i32(10)
	c.op(opI32LtU)
	c.open(opIf, none)
	c.get(n)
	c.i64(10)
	c.op(opI64Mul)
	c.get(digit)
	c.op(opI64Extend, opI64Add)
	c.index(opLocalSet, n)
	c.advance(p, 1)
	c.index(opBr, 1)
	c.op(opEnd, opEnd)
	c.i64(0)
	c.get(n)
	c.op(opI64Sub)
	c.get(n, negative)
	c.op(opSelect)
}
