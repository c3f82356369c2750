package useragent

import (
	"regexp/syntax"
	"slices"
	"unicode"
	"unicode/utf8"
)

// Symbols are what a program reads: an ASCII character as itself, other for
// any other character or invalid byte, end behind the last one.
const (
	other   = 0x80
	end     = 0x81
	symbols = 0x82
)

// symbolSet is a set of symbols, a bit each.
type symbolSet [4]uint64

func (s *symbolSet) has(b byte) bool { return s[b>>6]&(1<<(b&63)) != 0 }
func (s *symbolSet) add(b byte)      { s[b>>6] |= 1 << (b & 63) }

func (s *symbolSet) union(t *symbolSet) {
	for i := range s {
		s[i] |= t[i]
	}
}

// operation is what an instruction does before it goes on to its next one.
type operation uint8

const (
	opMatch      operation = iota // end with success
	opText                        // read text
	opSymbol                      // read a symbol of set
	opLoop                        // read min to max symbols of set
	opBranch                      // go on with the first of several that succeeds
	opCapture                     // note the position
	opBegin                       // hold where the agent begins
	opEnd                         // hold where the agent ends
	opBoundary                    // hold between a word and what is none
	opNoBoundary                  // hold elsewhere
)

// unlimited is a loop's max where there is none.
const unlimited = 1 << 30

// instruction is a node of a program.
type instruction struct {
	op       operation
	lazy     bool // loop: fewest first
	slot     int  // capture: which position; loop: its number
	next     int
	min, max int
	text     string
	set      symbolSet
	first    symbolSet // the symbols at which the instruction can succeed
	branches *branches
}

// branches says for each symbol which instructions can succeed there, in the
// order in which they are to be tried.
type branches struct {
	list  [symbols]uint8
	lists [][]int
}

// program is an expression made ready for a machine. An instruction only goes
// on to those before it, so there are no cycles but in loops.
type program struct {
	instructions []instruction
	entry        int
	prefix       []byte // what a match begins with, if always the same
	anchored     bool   // a match begins where the agent does
	captures     int    // positions
	loops        int
}

// compile reports false if the tree holds what a program cannot say.
func compile(tree *syntax.Regexp) (*program, bool) {
	c := &compiler{program: &program{captures: 2 * (tree.MaxCap() + 1)}, ok: true}
	var every symbolSet
	for b := range byte(symbols) {
		every.add(b)
	}
	p := c.program
	p.entry = c.compile(tree, c.add(instruction{op: opMatch, first: every}))
	at := p.entry
	for p.instructions[at].op == opCapture {
		at = p.instructions[at].next
	}
	switch in := &p.instructions[at]; in.op {
	case opBegin:
		p.anchored = true
	case opText:
		p.prefix = []byte(in.text)
	}
	return p, c.ok
}

// compiler makes a program from its end to its beginning: every instruction is
// made when its next one is there.
type compiler struct {
	program *program
	ok      bool
}

func (c *compiler) add(in instruction) int {
	c.program.instructions = append(c.program.instructions, in)
	return len(c.program.instructions) - 1
}

// first returns the symbols at which an instruction can succeed.
func (c *compiler) first(at int) *symbolSet { return &c.program.instructions[at].first }

// compile returns the instruction that does what tree says, then next.
func (c *compiler) compile(tree *syntax.Regexp, next int) int {
	switch tree.Op {
	case syntax.OpEmptyMatch:
		return next
	case syntax.OpLiteral:
		return c.literal(tree, next)
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		set := c.set(tree)
		return c.add(instruction{op: opSymbol, set: set, first: set, next: next})
	case syntax.OpBeginText:
		return c.hold(opBegin, next)
	case syntax.OpEndText:
		return c.hold(opEnd, next)
	case syntax.OpWordBoundary:
		return c.hold(opBoundary, next)
	case syntax.OpNoWordBoundary:
		return c.hold(opNoBoundary, next)
	case syntax.OpCapture:
		next = c.add(instruction{op: opCapture, slot: 2*tree.Cap + 1, first: *c.first(next), next: next})
		next = c.compile(tree.Sub[0], next)
		return c.add(instruction{op: opCapture, slot: 2 * tree.Cap, first: *c.first(next), next: next})
	case syntax.OpStar:
		return c.loop(tree, 0, unlimited, next)
	case syntax.OpPlus:
		return c.loop(tree, 1, unlimited, next)
	case syntax.OpRepeat:
		if tree.Max < 0 {
			return c.loop(tree, tree.Min, unlimited, next)
		}
		return c.loop(tree, tree.Min, tree.Max, next)
	case syntax.OpQuest:
		with := c.compile(tree.Sub[0], next)
		if tree.Flags&syntax.NonGreedy != 0 {
			return c.branch(next, with)
		}
		return c.branch(with, next)
	case syntax.OpConcat:
		for i := len(tree.Sub) - 1; i >= 0; i-- {
			next = c.compile(tree.Sub[i], next)
		}
		return next
	case syntax.OpAlternate:
		alternatives := make([]int, len(tree.Sub))
		for i, sub := range tree.Sub {
			alternatives[i] = c.compile(sub, next)
		}
		return c.branch(alternatives...)
	default:
		c.ok = false
		return next
	}
}

func (c *compiler) hold(op operation, next int) int {
	return c.add(instruction{op: op, first: *c.first(next), next: next})
}

func (c *compiler) literal(tree *syntax.Regexp, next int) int {
	if tree.Flags&syntax.FoldCase == 0 {
		var first symbolSet
		for _, r := range tree.Rune {
			c.ok = c.ok && r < utf8.RuneSelf
		}
		first.add(byte(tree.Rune[0]) & 0x7f)
		return c.add(instruction{op: opText, text: string(tree.Rune), first: first, next: next})
	}
	for i := len(tree.Rune) - 1; i >= 0; i-- {
		var set symbolSet
		for _, r := range orbit(tree.Rune[i], true) {
			c.ok = c.ok && r < utf8.RuneSelf
			set.add(byte(r) & 0x7f)
		}
		next = c.add(instruction{op: opSymbol, set: set, first: set, next: next})
	}
	return next
}

// loop compiles the repetition of a single character; another is more than a
// program can say.
func (c *compiler) loop(tree *syntax.Regexp, least, most, next int) int {
	in := instruction{op: opLoop, min: least, max: most, next: next}
	in.lazy = tree.Flags&syntax.NonGreedy != 0
	in.set = c.set(tree.Sub[0])
	in.first = in.set
	if least == 0 {
		in.first.union(c.first(next))
	}
	in.slot = c.program.loops
	c.program.loops++
	return c.add(in)
}

func (c *compiler) branch(alternatives ...int) int {
	b := &branches{lists: [][]int{nil}}
	in := instruction{op: opBranch, branches: b}
	for symbol := range byte(symbols) {
		var list []int
		for _, a := range alternatives {
			if c.first(a).has(symbol) {
				list = append(list, a)
			}
		}
		if len(list) > 0 {
			in.first.add(symbol)
			b.list[symbol] = b.number(list)
		}
	}
	return c.add(in)
}

// number returns the number of a list; it is at most the number of symbols.
func (b *branches) number(list []int) uint8 {
	for i, known := range b.lists {
		if slices.Equal(known, list) {
			return uint8(i)
		}
	}
	b.lists = append(b.lists, list)
	return uint8(len(b.lists) - 1)
}

// set returns the symbols of a single character.
func (c *compiler) set(tree *syntax.Regexp) (set symbolSet) {
	switch tree.Op {
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		for b := range byte(end) {
			if tree.Op == syntax.OpAnyChar || b != '\n' {
				set.add(b)
			}
		}
	case syntax.OpCharClass:
		for i := 0; i < len(tree.Rune); i += 2 {
			low, high := tree.Rune[i], tree.Rune[i+1]
			for r := low; r <= min(high, utf8.RuneSelf-1); r++ {
				set.add(byte(r))
			}
			if high >= utf8.RuneSelf {
				// All characters beyond ASCII are the same symbol.
				c.ok = c.ok && low <= utf8.RuneSelf && high == unicode.MaxRune
				set.add(other)
			}
		}
	case syntax.OpLiteral:
		c.ok = c.ok && len(tree.Rune) == 1
		for _, r := range orbit(tree.Rune[0], tree.Flags&syntax.FoldCase != 0) {
			c.ok = c.ok && r < utf8.RuneSelf
			set.add(byte(r) & 0x7f)
		}
	default:
		c.ok = false
	}
	return set
}

// orbit returns r and, if fold, all that differ from it in case only.
func orbit(r rune, fold bool) []rune {
	all := []rune{r}
	if fold {
		for c := unicode.SimpleFold(r); c != r; c = unicode.SimpleFold(c) {
			all = append(all, c)
		}
	}
	return all
}
