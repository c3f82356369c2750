package useragent

import (
	"bytes"
	"math/bits"
	"unicode/utf8"

	"suodi/wasm/visit/tokens"
)

// machine runs programs on an agent. One goroutine may use it at a time.
type machine struct {
	agent    string
	symbols  []byte // those of agent, then end
	offsets  []int  // where in agent a symbol begins; empty if they are its bytes
	program  *program
	captures []int // -1 where a group took no part
	loops    []loopState

	found     tokens.Set // tokens in agent
	nominated []uint64   // rules that are filed under them
}

// loopState is what a loop knows of the agent.
type loopState struct {
	runFrom, runTo   int      // symbols[runFrom:runTo] are in the set, symbols[runTo] is not
	seenFrom, seenTo int      // what open knows about
	open             []uint64 // positions at which going on may succeed and was not tried
}

// load makes the machine hold an agent.
func (m *machine) load(agent string) {
	m.agent = agent
	m.symbols, m.offsets = append(m.symbols[:0], agent...), m.offsets[:0]
	for _, b := range m.symbols {
		if b >= utf8.RuneSelf {
			m.loadRunes()
			break
		}
	}
	m.symbols = append(m.symbols, end)
}

// loadRunes is load for an agent that is not all ASCII: every character, and
// every byte that belongs to none, becomes a symbol.
func (m *machine) loadRunes() {
	m.symbols = m.symbols[:0]
	for at, r := range m.agent {
		m.offsets = append(m.offsets, at)
		if r >= utf8.RuneSelf {
			r = other
		}
		m.symbols = append(m.symbols, byte(r))
	}
	m.offsets = append(m.offsets, len(m.agent))
}

// text returns the symbols without the end.
func (m *machine) text() []byte { return m.symbols[:len(m.symbols)-1] }

// capture returns what a group of the last match took, empty if it took no
// part or does not exist.
func (m *machine) capture(group int) string {
	if 2*group >= len(m.captures) {
		return ""
	}
	from, to := m.captures[2*group], m.captures[2*group+1]
	if from < 0 {
		return ""
	}
	if len(m.offsets) > 0 {
		from, to = m.offsets[from], m.offsets[to]
	}
	return m.agent[from:to]
}

// find looks for the leftmost match of a program and reports whether there is
// one.
func (m *machine) find(p *program) bool {
	m.reset(p)
	if p.anchored {
		return m.run(p.entry, 0)
	}
	text := m.text()
	if p.prefix != nil {
		for at := 0; ; at++ {
			i := bytes.Index(text[at:], p.prefix)
			if i < 0 {
				return false
			}
			if at += i; m.run(p.entry, at) {
				return true
			}
		}
	}
	first := &p.instructions[p.entry].first
	for at, symbol := range m.symbols {
		if first.has(symbol) && m.run(p.entry, at) {
			return true
		}
	}
	return false
}

func (m *machine) reset(p *program) {
	m.program = p
	m.captures = m.captures[:0]
	for range p.captures {
		m.captures = append(m.captures, -1)
	}
	words := len(m.symbols)/64 + 1
	for len(m.loops) < p.loops {
		m.loops = append(m.loops, loopState{})
	}
	for i := range m.loops[:p.loops] {
		l := &m.loops[i]
		if cap(l.open) < words {
			l.open = make([]uint64, words)
		}
		*l = loopState{runFrom: -1, runTo: -1, open: l.open[:words]}
		clear(l.open)
	}
}

// run reports whether the program succeeds from an instruction and a position
// on. It tries what may differ in the order that the expression asks for, so
// that the first success is the match wanted. Captures are noted on the way
// back from it, so no way that failed leaves any.
func (m *machine) run(at, position int) bool {
	for {
		in := &m.program.instructions[at]
		switch in.op {
		case opMatch:
			return true
		case opText:
			to := position + len(in.text)
			if to >= len(m.symbols) || string(m.symbols[position:to]) != in.text {
				return false
			}
			position = to
		case opSymbol:
			if !in.set.has(m.symbols[position]) {
				return false
			}
			position++
		case opLoop:
			return m.loop(in, position)
		case opBranch:
			list := in.branches.lists[in.branches.list[m.symbols[position]]]
			if len(list) == 0 {
				return false
			}
			for _, branch := range list[:len(list)-1] {
				if m.run(branch, position) {
					return true
				}
			}
			at = list[len(list)-1]
			continue
		case opCapture:
			if !m.run(in.next, position) {
				return false
			}
			m.captures[in.slot] = position
			return true
		default:
			if !m.holds(in.op, position) {
				return false
			}
		}
		at = in.next
	}
}

// holds reports whether an assertion is true of a position.
func (m *machine) holds(op operation, position int) bool {
	switch op {
	case opBegin:
		return position == 0
	case opEnd:
		return m.symbols[position] == end
	default:
		before := position > 0 && isWord(m.symbols[position-1])
		return (before != isWord(m.symbols[position])) == (op == opBoundary)
	}
}

func isWord(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' || b == '_'
}

// loop runs a loop and what follows it. How often the loop went round makes no
// difference to what follows, only where it ended does; so a position that
// failed once is never tried again, whatever way leads to it.
func (m *machine) loop(in *instruction, position int) bool {
	l := &m.loops[in.slot]
	if position < l.runFrom || position > l.runTo {
		l.runFrom, l.runTo = position, position
		for in.set.has(m.symbols[l.runTo]) {
			l.runTo++
		}
	}
	from, to := position+in.min, min(l.runTo, position+in.max)
	if from > to {
		return false
	}
	l.look(m.symbols, &m.program.instructions[in.next].first, from, to)
	for {
		at := highest(l.open, from, to)
		if in.lazy {
			at = lowest(l.open, from, to)
		}
		if at < 0 {
			return false
		}
		l.open[at>>6] &^= 1 << (at & 63)
		if m.run(in.next, at) {
			return true
		}
	}
}

// look makes open know about all from from to to.
func (l *loopState) look(symbols []byte, next *symbolSet, from, to int) {
	if l.seenFrom == l.seenTo {
		l.seenFrom, l.seenTo = from, from
	}
	for i := from; i < l.seenFrom; i++ {
		l.see(symbols, next, i)
	}
	for i := l.seenTo; i <= to; i++ {
		l.see(symbols, next, i)
	}
	l.seenFrom, l.seenTo = min(l.seenFrom, from), max(l.seenTo, to+1)
}

func (l *loopState) see(symbols []byte, next *symbolSet, i int) {
	if next.has(symbols[i]) {
		l.open[i>>6] |= 1 << (i & 63)
	}
}

// highest returns the highest bit that is set from from to to, -1 if none is.
func highest(set []uint64, from, to int) int {
	for i := to; i >= from; i = i&^63 - 1 {
		if word := set[i>>6] << (63 - i&63); word != 0 {
			if i -= bits.LeadingZeros64(word); i >= from {
				return i
			}
			return -1
		}
	}
	return -1
}

// lowest is highest from the other side.
func lowest(set []uint64, from, to int) int {
	for i := from; i <= to; i = i&^63 + 64 {
		if word := set[i>>6] >> (i & 63); word != 0 {
			if i += bits.TrailingZeros64(word); i <= to {
				return i
			}
			return -1
		}
	}
	return -1
}
