package rules

import (
	"encoding/binary"
	"errors"
	"fmt"
	"regexp/syntax"

	"cel.dev/cel-go/common/types"
)

// Limits of one pattern.
const (
	maxProgram = 20_000     // instructions of the pattern's program
	maxWork    = 20_000_000 // for all patterns of a rule set; about 10 ns each
	maxStates  = 2_000      // states before those that are alike are joined
	maxPattern = 32 << 10   // bytes of the table; below 2^17, so that a row's place fits 16 bits
)

// The layout of a pattern's table: a column for each byte's value, u8; the
// number of columns and the row where matching begins, u16; then the rows, a
// u16 a column. A row is named by its place among all entries. The last column
// is for the end of the text.
const (
	patternColumns = 256
	patternStart   = 258
	patternRows    = 260

	rowMatch = 0xffff // the text matches, whatever follows
	rowNever = 0xfffe // it does not
)

// pattern is a regular expression as a table that reads one byte at a time.
type pattern struct {
	table []byte
	start uint16 // rowMatch, rowNever: nothing needs reading

	// A text that matches contains prefix; where whole is set, one that contains
	// it matches.
	prefix string
	whole  bool
}

// compilePattern makes a table of a regular expression in RE2 syntax that says
// of any bytes what regexp.MatchString says of them: anywhere in the text, and
// a byte that is not UTF-8 is a U+FFFD of its own.
func compilePattern(expression string, work *int) (*pattern, error) {
	if *work < 0 {
		return nil, errWork
	}
	tree, err := syntax.Parse(expression, syntax.Perl)
	if err != nil {
		var e *syntax.Error
		if errors.As(err, &e) {
			return nil, fmt.Errorf("not a regular expression: %s: %s", e.Code, quote(e.Expr))
		}
		return nil, fmt.Errorf("not a regular expression: %w", err)
	}
	program, err := syntax.Compile(tree.Simplify())
	if err != nil {
		return nil, fmt.Errorf("not a regular expression: %w", err)
	}
	if len(program.Inst) > maxProgram {
		return nil, fmt.Errorf("the pattern is a program of %d steps; at most %d: repeat less in it", len(program.Inst), maxProgram)
	}
	for i := range program.Inst { // what an alphabet is made of
		*work -= 1 + len(program.Inst[i].Rune)
	}
	if *work < 0 {
		return nil, errWork
	}
	a := newAutomaton(program, work)
	if err := a.explore(); err != nil {
		return nil, err
	}
	rows, start, err := a.minimise()
	if err != nil {
		return nil, err
	}
	columns := a.columns
	if size := patternRows + 2*columns*len(rows); size > maxPattern {
		return nil, fmt.Errorf("the pattern needs %d states, a table of %d bytes; at most %d: look for less, or use contains", len(rows), size, maxPattern)
	}
	p := &pattern{table: make([]byte, patternRows), start: start}
	p.prefix, p.whole = program.Prefix()
	copy(p.table, a.column[:])
	binary.LittleEndian.PutUint16(p.table[patternColumns:], uint16(columns))
	binary.LittleEndian.PutUint16(p.table[patternStart:], start)
	for _, row := range rows {
		for _, to := range row {
			p.table = binary.LittleEndian.AppendUint16(p.table, to)
		}
	}
	return p, nil
}

// matches reports whether a text matches, as the module will.
func (p *pattern) matches(s string) bool {
	row, columns := p.start, binary.LittleEndian.Uint16(p.table[patternColumns:])
	next := func(column int) {
		row = binary.LittleEndian.Uint16(p.table[patternRows+2*(int(row)+column):])
	}
	for i := 0; i < len(s) && row < rowNever; i++ {
		next(int(p.table[s[i]]))
	}
	if row < rowNever {
		next(int(columns) - 1)
	}
	return row == rowMatch
}

// matches generates text.matches("…").
func (g *generator) matches(a, b value) (code, error) {
	expression, ok := b.literalText()
	if !ok {
		return nil, g.errorf(b.expr, "not supported: a pattern that is not a literal; it is made into a table when the rules are compiled")
	}
	p, err := compilePattern(expression, &g.work)
	if err != nil {
		return nil, g.errorf(b.expr, "%v", err)
	}
	if g.dishonest != "" && a.agent {
		g.work -= 10_000 // it is tried on all known agents
	}
	if err := g.honest(a, b, func(text, _ string) bool { return p.matches(text) }); err != nil {
		return nil, err
	}
	c, err := g.text(a)
	if err != nil {
		return nil, err
	}
	switch p.start {
	case rowMatch, rowNever:
		c.op(opDrop)
		c.i32(int32(p.start & 1))
		return c, nil
	}
	if p.whole && !a.folded {
		return g.textCall(helperContains, a, value{kind: text, expr: b.expr, literal: types.String(p.prefix)})
	}
	at, err := g.table(p.table)
	if err != nil {
		return nil, g.errorf(b.expr, "%v", err)
	}
	if len(p.prefix) < minPrefix || a.folded {
		h := helperMatches
		if a.folded {
			h = helperFoldMatches
		}
		c.i32(int32(at))
		c.index(opCall, g.helper(h))
		return c, nil
	}
	prepare, get := g.hold(value{code: c}, i32)
	prefix, err := g.literal(p.prefix)
	if err != nil {
		return nil, g.errorf(b.expr, "%v", err)
	}
	prepare.add(get)
	prepare.i32(int32(prefix))
	prepare.index(opCall, g.helper(helperContains))
	prepare.open(opIf, i32)
	prepare.add(get)
	prepare.i32(int32(at))
	prepare.index(opCall, g.helper(helperMatches))
	prepare.op(opElse)
	prepare.i32(0)
	prepare.op(opEnd)
	return prepare, nil
}

// minPrefix is how long a pattern's prefix must be, in bytes, to be looked for
// first, eight bytes at a time.
const minPrefix = 2

// matching is the helper that reads a text through a table.
func matching(f *function, fold bool) {
	const table = paramB
	p, end, row := f.local(i32), f.local(i32), f.local(i32)
	lower := uint32(0)
	if fold {
		lower = f.local(i32)
	}
	c := &f.body
	if fold {
		c.get(paramA)
		c.i32(31)
		c.op(opI32ShrU)
		c.index(opLocalSet, lower)
	}
	c.offset(paramA)
	c.index(opLocalTee, p)
	c.length(paramA, fold)
	c.op(opI32Add)
	c.index(opLocalSet, end)
	c.get(table)
	c.load(opI32Load16, patternStart)
	c.index(opLocalSet, row)
	// next replaces row by its entry for the column on the stack.
	next := func() {
		c.get(row)
		c.op(opI32Add)
		c.i32(1)
		c.op(opI32Shl)
		c.get(table)
		c.op(opI32Add)
		c.load(opI32Load16, patternRows)
		c.index(opLocalTee, row)
	}
	c.open(opBlock, none)
	c.open(opLoop, none)
	c.get(p, end)
	c.op(opI32GeU)
	c.index(opBrIf, 1)
	c.at(opI32Load8, p, 0)
	if fold {
		char := f.local(i32)
		c.index(opLocalTee, char)
		c.get(char)
		c.i32('A')
		c.op(opI32Sub)
		c.i32(26)
		c.op(opI32LtU)
		c.get(lower)
		c.op(opI32And)
		c.i32(5)
		c.op(opI32Shl, opI32Or)
	}
	c.get(table)
	c.op(opI32Add)
	c.load(opI32Load8, 0)
	c.advance(p, 1)
	next()
	c.i32(rowNever)
	c.op(opI32LtU)
	c.index(opBrIf, 0)
	c.get(row)
	c.i32(1)
	c.op(opI32And, opReturn, opEnd, opEnd)
	c.get(table)
	c.load(opI32Load16, patternColumns)
	c.i32(1)
	c.op(opI32Sub)
	next()
	c.i32(1)
	c.op(opI32And)
}
