package rules

import (
	"encoding/binary"
	"errors"
	"fmt"
	"regexp/syntax"
	"slices"
	"unicode"
)

// automaton is the deterministic automaton of a pattern under construction. It
// reads bytes; a state is what the pattern's program may be at, what stood
// before, and how far into a code point's bytes the text is.
//
// What a program's condition (^, $, \b) says depends on the code points on both
// sides, so a state keeps conditions until the next code point is there.
type automaton struct {
	program  *syntax.Prog
	alphabet *alphabet
	decoder  *decoder
	asks     syntax.EmptyOp // the conditions that the program has

	column  [256]byte // of each byte's value
	columns int       // and one for the end

	sets   []threads // the first is where matching begins
	setOf  map[string]int
	steps  map[[2]int]int // set and class of code points → set, or matched
	states []state
	number map[state]int
	rows   [][]int // states by state and column

	reached []uint32 // instructions that the walk at hand has come to
	mark    []uint32 // of each instruction: the last walk that came to it
	walk    uint32
	work    *int // how many more steps of some 10 ns may be taken
}

// threads is where a program may be before the next code point.
type threads struct {
	at     []uint32 // instructions that read, match or ask, in order
	before neighbour
}

// neighbour is what stands before the next code point, as far as it matters.
type neighbour uint8

const (
	other neighbour = iota
	beginning
	newline
	wordCharacter
)

// state is a set of threads and how far the decoder is.
type state struct{ set, node int }

// The results that need no more reading.
const (
	matched = -1
	ended   = -2 // as a class: the end of the text
)

func newAutomaton(program *syntax.Prog, work *int) *automaton {
	a := &automaton{
		program: program, setOf: map[string]int{}, steps: map[[2]int]int{}, number: map[state]int{},
		mark: make([]uint32, len(program.Inst)), work: work,
	}
	for _, inst := range program.Inst {
		if inst.Op == syntax.InstEmptyWidth {
			a.asks |= syntax.EmptyOp(inst.Arg)
		}
	}
	a.alphabet = newAlphabet(program, a.asks)
	a.decoder = newDecoder(a.alphabet)
	a.column, a.columns = a.decoder.columns()
	a.columns++
	*work -= 256 * len(a.decoder.nodes) / 8
	return a
}

const (
	asksWord  = syntax.EmptyWordBoundary | syntax.EmptyNoWordBoundary
	asksBegin = syntax.EmptyBeginText | syntax.EmptyBeginLine
)

// neighbour returns what of a class of code points matters to what comes next.
func (a *automaton) neighbour(class int) neighbour {
	r := a.alphabet.sample[class]
	switch {
	case r == '\n' && a.asks&syntax.EmptyBeginLine != 0:
		return newline
	case syntax.IsWordChar(r) && a.asks&asksWord != 0:
		return wordCharacter
	}
	return other
}

// conditions returns what holds between what stood before and a class.
func (a *automaton) conditions(before neighbour, class int) (ops syntax.EmptyOp) {
	switch before {
	case beginning:
		ops |= syntax.EmptyBeginText | syntax.EmptyBeginLine
	case newline:
		ops |= syntax.EmptyBeginLine
	}
	word := false
	if class == ended {
		ops |= syntax.EmptyEndText | syntax.EmptyEndLine
	} else {
		r := a.alphabet.sample[class]
		if r == '\n' {
			ops |= syntax.EmptyEndLine
		}
		word = syntax.IsWordChar(r)
	}
	if word != (before == wordCharacter) {
		return ops | syntax.EmptyWordBoundary
	}
	return ops | syntax.EmptyNoWordBoundary
}

// begin starts a walk.
func (a *automaton) begin() {
	a.walk++
	a.reached = a.reached[:0]
}

// follow walks from an instruction to what is reached without reading while the
// conditions hold, and reports whether that is a match. Conditions that do not
// hold are among what is reached, for a later walk.
func (a *automaton) follow(pc uint32, ops syntax.EmptyOp) bool {
	if a.mark[pc] == a.walk {
		return false
	}
	a.mark[pc] = a.walk
	a.reached = append(a.reached, pc)
	*a.work--
	inst := &a.program.Inst[pc]
	switch inst.Op {
	case syntax.InstMatch:
		return true
	case syntax.InstAlt, syntax.InstAltMatch:
		first := a.follow(inst.Out, ops)
		return a.follow(inst.Arg, ops) || first
	case syntax.InstCapture, syntax.InstNop:
		return a.follow(inst.Out, ops)
	case syntax.InstEmptyWidth:
		if syntax.EmptyOp(inst.Arg)&^ops == 0 {
			return a.follow(inst.Out, ops)
		}
	}
	return false
}

// set returns the number of the threads that begin at the instructions, and at
// the program's start, because a match may begin anywhere; or matched.
func (a *automaton) set(from []uint32, before neighbour) int {
	known := syntax.EmptyOp(0) // what holds whatever comes
	switch before {
	case beginning:
		known = syntax.EmptyBeginText | syntax.EmptyBeginLine
	case newline:
		known = syntax.EmptyBeginLine
	}
	a.begin()
	for _, pc := range append(from, uint32(a.program.Start)) {
		if a.follow(pc, known) {
			return matched
		}
	}
	t := threads{before: before}
	for _, pc := range a.reached {
		switch inst := &a.program.Inst[pc]; inst.Op {
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
			t.at = append(t.at, pc)
		case syntax.InstEmptyWidth:
			if syntax.EmptyOp(inst.Arg)&^known != 0 {
				t.at = append(t.at, pc)
			}
		}
	}
	slices.Sort(t.at)
	key := []byte{byte(before)}
	for _, pc := range t.at {
		key = binary.LittleEndian.AppendUint32(key, pc)
	}
	if n, ok := a.setOf[string(key)]; ok {
		return n
	}
	a.setOf[string(key)] = len(a.sets)
	a.sets = append(a.sets, t)
	return len(a.sets) - 1
}

// step returns the set after one code point of a class, or after the end,
// where only matched means anything.
func (a *automaton) step(set, class int) int {
	if set == matched {
		return matched
	}
	if to, ok := a.steps[[2]int{set, class}]; ok {
		return to
	}
	t := a.sets[set]
	ops := a.conditions(t.before, class)
	to := set
	a.begin()
	for _, pc := range t.at {
		if a.follow(pc, ops) {
			to = matched
		}
	}
	if to != matched && class != ended {
		var out []uint32
		for _, pc := range a.reached {
			if a.alphabet.reads(pc, class) {
				out = append(out, a.program.Inst[pc].Out)
			}
		}
		to = a.set(out, a.neighbour(class))
	}
	a.steps[[2]int{set, class}] = to
	return to
}

// malformed returns the set after so many bytes that are no UTF-8.
func (a *automaton) malformed(set, bytes int) int {
	for range bytes {
		set = a.step(set, a.alphabet.class(unicode.ReplacementChar))
	}
	return set
}

// read returns the state after a byte.
func (a *automaton) read(s state, b byte) state {
	n := &a.decoder.nodes[s.node]
	to := n.next[b]
	if to.invalid && s.node != 0 { // what was pending is malformed, and the byte begins anew
		s = state{set: a.malformed(s.set, n.pending)}
		to = a.decoder.nodes[0].next[b]
	}
	switch {
	case to.invalid:
		return state{set: a.malformed(s.set, 1)}
	case to.node != 0:
		return state{s.set, to.node}
	}
	return state{set: a.step(s.set, to.class)}
}

var errWork = errors.New("the pattern, or the patterns of all rules together, take too much work to compile: repeat less in them")

// explore finds all states. Of those that are matched there is one.
func (a *automaton) explore() error {
	before := other
	if a.asks&asksBegin != 0 {
		before = beginning
	}
	examples := make([]byte, a.columns-1) // a byte of each column
	for b, column := range a.column {
		examples[column] = byte(b)
	}
	a.find(state{set: a.set(nil, before)})
	for n := 0; n < len(a.states); n++ {
		if len(a.states) > maxStates {
			return fmt.Errorf("the pattern needs more than %d states: look for less, or use contains", maxStates)
		}
		s, row := a.states[n], make([]int, a.columns)
		*a.work -= 4 * a.columns
		for column, b := range examples {
			row[column] = a.find(a.read(s, b))
		}
		if *a.work < 0 {
			return errWork
		}
		row[a.columns-1] = matched
		if a.step(a.malformed(s.set, a.decoder.nodes[s.node].pending), ended) != matched {
			row[a.columns-1] = ended
		}
		a.rows = append(a.rows, row)
	}
	return nil
}

// find returns a state's number.
func (a *automaton) find(s state) int {
	if s.set == matched {
		return matched
	}
	n, ok := a.number[s]
	if !ok {
		n = len(a.states)
		a.number[s] = n
		a.states = append(a.states, s)
	}
	return n
}

// minimise joins the states that no text tells apart (Moore 1956) and returns
// the rows as the table has them, and where matching begins.
func (a *automaton) minimise() (rows [][]uint16, start uint16, err error) {
	// Blocks are numbered from 1; 0 has what never matches from here on, as far
	// as is known, and -1 is matched.
	block, blocks := make([]int, len(a.states)), 1
	for {
		if *a.work -= len(a.rows) * a.columns / 8; *a.work < 0 {
			return nil, 0, errWork
		}
		numbers, next := map[string]int{}, make([]int, len(a.states))
		never := make([]byte, 0, 4*a.columns+4)
		for range a.columns + 1 {
			never = binary.LittleEndian.AppendUint32(never, 0)
		}
		numbers[string(never)] = 0
		for s, row := range a.rows {
			key := binary.LittleEndian.AppendUint32(nil, uint32(block[s]))
			for _, to := range row {
				switch to {
				case matched:
				case ended:
					to = 0
				default:
					to = block[to]
				}
				key = binary.LittleEndian.AppendUint32(key, uint32(to))
			}
			n, ok := numbers[string(key)]
			if !ok {
				n = len(numbers)
				numbers[string(key)] = n
			}
			next[s] = n
		}
		done := len(numbers) == blocks
		block, blocks = next, len(numbers)
		if done {
			break
		}
	}
	// Rows in the order in which their states were found.
	place := map[int]uint16{0: rowNever, matched: rowMatch}
	for s := range a.states {
		if _, ok := place[block[s]]; !ok {
			place[block[s]] = uint16(len(rows) * a.columns)
			rows = append(rows, nil)
		}
	}
	for s, row := range a.rows {
		at := place[block[s]]
		if at == rowNever || rows[int(at)/a.columns] != nil {
			continue
		}
		out := make([]uint16, a.columns)
		for column, to := range row {
			switch to {
			case matched:
				out[column] = rowMatch
			case ended:
				out[column] = rowNever
			default:
				out[column] = place[block[to]]
			}
		}
		rows[int(at)/a.columns] = out
	}
	if len(a.states) == 0 {
		return rows, rowMatch, nil
	}
	return rows, place[block[0]], nil
}
