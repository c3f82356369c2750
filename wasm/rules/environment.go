package rules

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"gopkg.in/yaml.v3"

	"suodi/wasm/abi"
)

// Limits that keep a condition's cost in hand, beside MaxWhen.
const (
	maxDepth = 100 // how deep a condition may nest
)

// Types of the language that CEL does not have.
var (
	setType     = cel.OpaqueType("platforms")
	addressType = cel.OpaqueType("address")
)

// newEnvironment returns the CEL environment that conditions are checked in.
func newEnvironment(params map[string]abi.Param) (*cel.Env, error) {
	options := []cel.EnvOption{
		cel.ClearMacros(),
		cel.ParserRecursionLimit(maxDepth),
		cel.ParserExpressionSizeLimit(MaxWhen),
		cel.Function("intersects",
			cel.MemberOverload("platforms_intersects_platforms", []*cel.Type{setType, setType}, cel.BoolType),
			cel.MemberOverload("platforms_intersects_list", []*cel.Type{setType, cel.ListType(cel.StringType)}, cel.BoolType)),
		cel.Function("size",
			cel.Overload("size_platforms", []*cel.Type{setType}, cel.IntType),
			cel.MemberOverload("platforms_size", []*cel.Type{setType}, cel.IntType)),
		cel.Function(operators.In,
			cel.Overload("in_platforms", []*cel.Type{cel.StringType, setType}, cel.BoolType)),
		cel.Function("lowerAscii", cel.MemberOverload("string_lower_ascii", []*cel.Type{cel.StringType}, cel.StringType)),
		cel.Function("inCIDR",
			cel.Overload("in_cidr_string", []*cel.Type{addressType, cel.StringType}, cel.BoolType),
			cel.Overload("in_cidr_list", []*cel.Type{addressType, cel.ListType(cel.StringType)}, cel.BoolType)),
	}
	for _, name := range []string{"hour", "weekday", "date"} {
		options = append(options, cel.Function(name,
			cel.Overload(name+"_int_string", []*cel.Type{cel.IntType, cel.StringType}, cel.IntType)))
	}
	for _, f := range facts {
		t := cel.StringType
		switch f.kind {
		case boolean:
			t = cel.BoolType
		case integer:
			t = cel.IntType
		case set:
			t = setType
		case address:
			t = addressType
		}
		options = append(options, cel.Variable(f.name, t))
	}
	return cel.NewEnv(append(options, paramOptions(params)...)...)
}

// condition is one rule's "when" on its way through the compiler.
type condition struct {
	source *source
	node   *yaml.Node
	text   []rune
	info   *ast.SourceInfo
	params map[string]abi.Param
}

// errorAt returns an Error at the code point at offset of the condition.
func (c *condition) errorAt(offset int, format string, args ...any) *Error {
	return c.source.errorAt(c.source.within(c.node, offset), format, args...)
}

// errorf returns an Error where e begins.
func (c *condition) errorf(e ast.Expr, format string, args ...any) *Error {
	return c.errorAt(c.begins(e), format, args...)
}

// begins returns where e begins. cel-go gives a call's parenthesis and a
// field's dot, so the word before is looked for.
func (c *condition) begins(e ast.Expr) int {
	at, _ := c.info.GetOffsetRange(e.ID())
	offset := min(max(int(at.Start), 0), len(c.text))
	before := ""
	switch e.Kind() {
	case ast.CallKind:
		before = e.AsCall().FunctionName()
	case ast.SelectKind:
		if operand := e.AsSelect().Operand(); operand.Kind() == ast.IdentKind {
			before = operand.AsIdent()
		}
	case ast.IdentKind: // of a fact, once cel-go has made one name of it
		before, _, _ = strings.Cut(e.AsIdent(), ".")
	}
	if start := offset - len([]rune(before)); start >= 0 && string(c.text[start:offset]) == before {
		return start
	}
	return offset
}

// check parses and type-checks the condition.
func (c *condition) check(env *cel.Env) (*ast.AST, error) {
	parsed, issues := env.Parse(string(c.text))
	if issues.Err() != nil {
		return nil, c.issues(issues)
	}
	c.info = parsed.NativeRep().SourceInfo()
	if err := c.supported(parsed.NativeRep().Expr()); err != nil {
		return nil, err
	}
	checked, issues := env.Check(parsed)
	if issues.Err() != nil {
		return nil, c.issues(issues)
	}
	if !checked.OutputType().IsExactType(cel.BoolType) {
		return nil, c.errorAt(0, "a condition is a bool, not %s", typeName(checked.OutputType()))
	}
	tree := checked.NativeRep()
	c.info = tree.SourceInfo()
	return tree, nil
}

func typeName(t *cel.Type) string {
	switch t.Kind() {
	case types.IntKind:
		return "an int"
	case types.StringKind:
		return "a string"
	case types.ListKind:
		return "a list"
	case types.OpaqueKind:
		if t.IsExactType(addressType) {
			return "an address"
		}
		return "a set of platforms"
	}
	return t.String()
}

// issues makes Errors of cel-go's.
func (c *condition) issues(issues *cel.Issues) error {
	var errs []error
	for _, e := range issues.Errors() {
		line, offset := e.Location.Line()-1, e.Location.Column()
		for i, r := range c.text {
			if line <= 0 {
				break
			}
			if r == '\n' {
				line--
				if line == 0 {
					offset += i + 1
				}
			}
		}
		message, _, _ := strings.Cut(e.Message, " expecting {") // a list of the grammar's tokens
		message = operatorNames.Replace(strings.TrimPrefix(message, "Syntax error: "))
		errs = append(errs, c.errorAt(c.wordBefore(offset), "%s", message))
	}
	return errors.Join(errs...)
}

// wordBefore returns where the function's name begins if at offset stands the
// parenthesis behind it, which is where cel-go places a call, else offset.
func (c *condition) wordBefore(offset int) int {
	if offset < 0 || offset >= len(c.text) || c.text[offset] != '(' {
		return offset
	}
	start := offset
	for start > 0 && (unicode.IsLetter(c.text[start-1]) || c.text[start-1] == '_') {
		start--
	}
	return start
}

// operatorNames makes the words of a checker's message those of the source.
var operatorNames = strings.NewReplacer(
	"'_==_'", "==", "'_!=_'", "!=", "'_<_'", "<", "'_<=_'", "<=", "'_>_'", ">", "'_>=_'", ">=", "'@in'", "in",
	"'_&&_'", "&&", "'_||_'", "||", "'!_'", "!", "'_?_:_'", "?:",
	"'_+_'", "+", "'_-_'", "-", "'_*_'", "*", "'_/_'", "/", "'_%_'", "%", "'-_'", "-",
	"mismatched input '<EOF>'", "the condition ends too soon", "'<EOF>'", "the end", "<EOF>", "the end",
	"mismatched input", "unexpected", "extraneous input", "unexpected",
	"list(string)", "list of strings", "list(int)", "list of ints", "found no matching overload for", "no such operation:",
)

// callable are the functions and operators the language has.
var callable = []string{
	operators.LogicalAnd, operators.LogicalOr, operators.LogicalNot, operators.Conditional,
	operators.Equals, operators.NotEquals, operators.Less, operators.LessEquals, operators.Greater, operators.GreaterEquals,
	operators.In, operators.Add, operators.Subtract, operators.Multiply, operators.Divide, operators.Modulo, operators.Negate,
	"intersects", "size", "startsWith", "endsWith", "contains", "lowerAscii", "matches", "inCIDR", "hour", "weekday", "date",
}

// supported refuses what the language does not have, by its own name, before
// cel-go's checker says something more roundabout.
func (c *condition) supported(e ast.Expr) error {
	switch e.Kind() {
	case ast.LiteralKind:
		switch e.AsLiteral().(type) {
		case types.Bool, types.Int, types.String:
			return nil
		}
		return c.errorf(e, "not supported: a %s literal; there are bool, int and string", e.AsLiteral().Type().TypeName())
	case ast.IdentKind:
		return c.unknownName(e, e.AsIdent())
	case ast.SelectKind:
		s := e.AsSelect()
		if s.Operand().Kind() != ast.IdentKind {
			return c.errorf(e, "not supported: .%s; only visit, link and params have fields", s.FieldName())
		}
		name := s.Operand().AsIdent() + "." + s.FieldName()
		if _, ok := c.params[s.FieldName()]; ok && strings.HasPrefix(name, "params.") {
			return nil
		}
		if factNamed(name) == nil {
			return c.unknownName(e, name)
		}
		return nil
	case ast.ListKind:
		return c.supportedAll(e.AsList().Elements())
	case ast.CallKind:
		call := e.AsCall()
		name := call.FunctionName()
		if !slices.Contains(callable, name) {
			word := displayName(name)
			if word == name {
				return c.errorf(e, "not supported: %s()%s", name, didYouMean(name, callable[slices.Index(callable, "intersects"):]))
			}
			return c.errorf(e, "not supported: %s", word)
		}
		return c.supportedAll(operands(call))
	}
	return c.errorf(e, "not supported: a map or message")
}

func (c *condition) supportedAll(list []ast.Expr) error {
	for _, e := range list {
		if err := c.supported(e); err != nil {
			return err
		}
	}
	return nil
}

func (c *condition) unknownName(e ast.Expr, name string) error {
	param, isParam := strings.CutPrefix(name, "params.")
	switch {
	case name == "params" || isParam && len(c.params) == 0:
		return c.errorf(e, "params is no value; what the rule set declares under params is, as params.name")
	case isParam:
		return c.errorf(e, "unknown parameter %q%s", param, didYouMean(param, keys(c.params)))
	case name == "visit" || name == "link":
		return c.errorf(e, "%s is no value; its facts are, such as %s", name, factNames()[slices.IndexFunc(facts, func(f fact) bool {
			return strings.HasPrefix(f.name, name)
		})])
	}
	known := factNames()
	if factNamed("visit."+name) != nil {
		return c.errorf(e, "unknown name %q; did you mean %q?", name, "visit."+name)
	}
	return c.errorf(e, "unknown name %q%s", name, didYouMean(name, known))
}

// displayName returns how a function or operator is written.
func displayName(function string) string {
	switch function {
	case operators.Conditional:
		return "?:"
	case operators.Index:
		return "[ ] of a list"
	case operators.In:
		return "in"
	}
	if word, ok := operators.FindReverse(function); ok && word != "" {
		return strings.TrimSpace(word)
	}
	return function
}

// quote shows a literal in a message, cut when long.
func quote(s string) string {
	if r := []rune(s); len(r) > 40 {
		s = string(r[:40]) + "…"
	}
	return strconv.Quote(s)
}
