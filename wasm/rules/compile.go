package rules

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"cel.dev/cel-go/cel"

	"suodi/wasm/abi"
)

// Platforms is what the compiler must know of the platform catalog.
type Platforms interface {
	// Number returns the number of the platform with this id, 1 to 255. A
	// compiled module holds numbers only, so they must never change.
	Number(id string) (number uint8, ok bool)

	// IsCrawler reports whether the id says that the visitor is a robot: "bot"
	// and every crawler's own id.
	IsCrawler(id string) bool

	// IDs returns the ids of all platforms.
	IDs() []string
}

// Module is a compiled rule set.
type Module struct {
	Wasm     []byte
	Manifest abi.Manifest // also the module's custom section
}

// maxBody is how large the code of all rules may become. 256 ordinary rules take
// an eighth of it; all of it takes an edge about a second to compile.
const maxBody = 128 << 10

// maxManifest is the largest manifest that a host admits, in bytes.
const maxManifest = 64 << 10

// Compile type-checks the conditions of rs and makes a filter of it. Platform
// ids become the numbers that platforms gives them. The ids in the tests of rs
// are checked too. Errors are of type *Error, several joined, one or more for
// each rule that has any.
func Compile(rs *RuleSet, platforms Platforms) (*Module, error) {
	env, err := newEnvironment(rs.Params)
	if err != nil {
		return nil, fmt.Errorf("compile: %w", err)
	}
	g := newGenerator(platforms)
	manifest := abi.Manifest{Name: rs.Name, ABI: abi.Version, Class: abi.Pure, Fail: rs.Fail, Params: rs.Params}
	var errs []error
	for i := range rs.Rules {
		rule := &rs.Rules[i]
		verdict := abi.NewVerdict(rule.Then, 0)
		if rule.Reason != (abi.Text{}) || rule.Page != abi.PageStandard {
			if manifest.Codes == nil {
				manifest.Codes = map[string]abi.Reason{}
			}
			code := len(manifest.Codes) + 1
			manifest.Codes[strconv.Itoa(code)] = abi.Reason{Text: rule.Reason, Page: rule.Page}
			verdict = abi.NewVerdict(rule.Then, uint32(code))
		}
		c := &condition{source: rs.source, node: rule.when, text: []rune(rule.When), params: rs.Params}
		manifest.Rules = append(manifest.Rules, rule.title())
		if err := g.rule(env, c, rule, i+1, verdict, dishonesty(rule.Then)); err != nil {
			errs = append(errs, err)
		}
		if len(errs) == maxErrors { // more are not told
			return nil, limited(errs)
		}
	}
	for i := range rs.Tests {
		if _, err := rs.Tests[i].visit(rs.source, platforms, nil); err != nil {
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return nil, limited(errs)
	}
	if len(g.filter.body) > maxBody {
		return nil, rs.source.errorAt(place{1, 1}, "the rules compile to %d bytes of code; at most %d", len(g.filter.body), maxBody)
	}
	manifest.Needs = g.needs.Names()
	if g.module.custom, err = json.Marshal(manifest); err != nil {
		return nil, fmt.Errorf("compile: %w", err)
	}
	if len(g.module.custom) > maxManifest {
		return nil, rs.source.errorAt(place{1, 1}, "names, reasons and params take %d bytes; at most %d", len(g.module.custom), maxManifest)
	}
	g.decide(abi.NewVerdict(abi.Pass, 0), 0)
	return &Module{Wasm: g.module.encode(), Manifest: manifest}, nil
}

// limited joins errors, maxErrors at most.
func limited(errs []error) error {
	var kept []error
	for _, e := range Errors(errors.Join(errs...)) {
		if len(kept) < maxErrors {
			kept = append(kept, e)
		}
	}
	return errors.Join(kept...)
}

// dishonesty says why a rule may not test for bots, or "" if it may: only one
// that denies may. An allow rule would exempt them from whatever guides or
// routes people after it, be it in another filter of the chain.
func dishonesty(then abi.Action) string {
	if then == abi.Deny {
		return ""
	}
	return fmt.Sprintf("a rule that says %s may not test for bots or crawlers: they get what people get", then)
}

// generator makes a module of rules, one after the other.
type generator struct {
	platforms Platforms
	module    module
	filter    *function         // the exported one, with all rules
	zero      uint32            // its local that holds 0, the base of every load whose place is known
	erred     uint32            // its local that has a verdict's bit of errors once a condition failed
	fallible  bool              // whether the erred local is in use
	needs     abi.Facts         // the facts that the rules so far use
	literals  map[string]uint32 // references to the literals in the data segment
	tables    map[string]uint32 // addresses of the tables
	helpers   map[helper]uint32 // functions emitted so far
	work      int               // left for patterns

	// Of the rule at hand.
	*condition
	dishonest string // why it may not test for bots; "" = it may
	scope     *scope // of the predicate at hand
	temps     map[valueType]*temporaries
}

// temporaries are the filter's locals of one type that any rule may use.
type temporaries struct {
	locals []uint32
	used   int // by the rule at hand
}

func newGenerator(platforms Platforms) *generator {
	g := &generator{
		platforms: platforms,
		literals:  map[string]uint32{},
		tables:    map[string]uint32{},
		helpers:   map[helper]uint32{},
		work:      maxWork,
		temps:     map[valueType]*temporaries{i32: {}, i64: {}},
	}
	constant := func(export string, n int32) *function {
		f := &function{signature: signature{result: i32}, export: export}
		f.body.i32(n)
		return f
	}
	g.filter = &function{signature: signature{params: []valueType{i32}, result: i64}, export: abi.ExportFilter}
	g.zero = g.filter.local(i32)
	// suodi_rule is the filter asked with a length that no visit has.
	explain := &function{signature: signature{params: []valueType{i32}, result: i32}, export: abi.ExportRule}
	explain.body.i32(-1)
	explain.body.index(opCall, 2)
	explain.body.op(opI32Wrap)
	g.module.functions = []*function{
		constant(abi.ExportVersion, abi.Version),
		constant(abi.ExportVisit, visitAddress),
		g.filter,
		explain,
	}
	return g
}

// rule appends the rule of that number to the filter: its condition and, if that
// holds, its verdict.
func (g *generator) rule(env *cel.Env, c *condition, rule *Rule, number int, verdict abi.Verdict, dishonest string) error {
	g.condition, g.dishonest = c, dishonest
	for _, t := range g.temps {
		t.used = 0
	}
	tree, err := c.check(env)
	if err != nil {
		return err
	}
	when, err := g.truth(tree.Expr())
	if err != nil {
		return err
	}
	if rule.Then == abi.Route {
		if verdict, err = g.route(rule); err != nil {
			return err
		}
	}
	body := &g.filter.body
	body.add(when.code)
	if when.fallible {
		g.noteFailure(body)
	}
	body.open(opIf, none)
	g.decide(verdict, number)
	body.op(opReturn, opEnd)
	return nil
}

// noteFailure makes 0 or 1 of a fallible bool on the stack.
func (g *generator) noteFailure(body *code) {
	if !g.fallible {
		g.fallible, g.erred = true, g.filter.local(i32)
	}
	local := g.temp(i32)
	body.index(opLocalTee, local)
	body.i32(failure)
	body.op(opI32And)
	body.i32(int32(abi.Verdict(0).WithErred()) / failure)
	body.op(opI32Mul)
	body.get(g.erred)
	body.op(opI32Or)
	body.index(opLocalSet, g.erred)
	body.get(local)
	body.i32(1)
	body.op(opI32And)
}

// decide appends what leaves the verdict on the stack, or the rule's number if
// that is what is asked for.
func (g *generator) decide(verdict abi.Verdict, number int) {
	body := &g.filter.body
	body.i64(int64(verdict))
	if g.fallible {
		body.get(g.erred)
		body.op(opI64Extend, opI64Or)
	}
	body.i64(int64(number))
	body.get(0) // the visit's length
	body.i32(0)
	body.op(opI32GeS, opSelect)
}

// temp returns a local of type t that this rule does not use yet.
func (g *generator) temp(t valueType) uint32 {
	pool := g.temps[t]
	if pool.used == len(pool.locals) {
		pool.locals = append(pool.locals, g.filter.local(t))
	}
	pool.used++
	return pool.locals[pool.used-1]
}

// read returns the code that loads from offset of the visit.
func (g *generator) read(load opcode, offset uint32) code {
	var c code
	c.index(opLocalGet, g.zero)
	c.load(load, visitAddress+offset)
	return c
}

// literal returns the reference to a literal in the data segment.
func (g *generator) literal(s string) (uint32, error) {
	if s == "" {
		return 0, nil
	}
	if ref, ok := g.literals[s]; ok {
		return ref, nil
	}
	if len(g.module.data)+len(s) > maxData {
		return 0, fmt.Errorf("the rules hold more than %d bytes of strings", maxData)
	}
	ref := uint32(dataAddress-visitAddress+len(g.module.data)) | uint32(len(s))<<16
	g.module.data = append(g.module.data, s...)
	g.literals[s] = ref
	return ref, nil
}

// table returns the address of a table, which it adds if it is new.
func (g *generator) table(content []byte) (uint32, error) {
	if at, ok := g.tables[string(content)]; ok {
		return at, nil
	}
	if len(g.module.tables)+len(content) > maxTables {
		return 0, fmt.Errorf("the rules need more than %d bytes of tables for time zones and matches()", maxTables)
	}
	at := tableAddress + uint32(len(g.module.tables))
	g.module.tables = append(g.module.tables, content...)
	g.tables[string(content)] = at
	return at, nil
}
