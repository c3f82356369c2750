package rules

import (
	"encoding/binary"
	"regexp/syntax"
	"slices"
	"sort"
	"unicode"
	"unicode/utf8"
)

// alphabet parts the code points into classes that a program does not tell
// apart.
type alphabet struct {
	program *syntax.Prog
	from    []rune // where intervals begin, in order, the first at 0
	classes []int  // of each interval
	sample  []rune // one code point of each class
}

func newAlphabet(program *syntax.Prog, asks syntax.EmptyOp) *alphabet {
	a := &alphabet{program: program}
	starts := map[rune]bool{0: true}
	interval := func(low, high rune) { starts[low], starts[high+1] = true, true }
	var readers []uint32 // one instruction of each kind
	known := map[string]bool{}
	for pc := range program.Inst {
		inst := &program.Inst[pc]
		switch inst.Op {
		case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
		default:
			continue
		}
		key := []byte{byte(inst.Op), byte(inst.Arg)}
		for _, r := range inst.Rune {
			key = binary.LittleEndian.AppendUint32(key, uint32(r))
		}
		if known[string(key)] {
			continue
		}
		known[string(key)] = true
		readers = append(readers, uint32(pc))
		if len(inst.Rune) == 1 { // and what it folds to, should the instruction fold
			interval(inst.Rune[0], inst.Rune[0])
			for r := unicode.SimpleFold(inst.Rune[0]); r != inst.Rune[0]; r = unicode.SimpleFold(r) {
				interval(r, r)
			}
			continue
		}
		for i := 0; i+1 < len(inst.Rune); i += 2 {
			interval(inst.Rune[i], inst.Rune[i+1])
		}
	}
	if asks&(syntax.EmptyBeginLine|syntax.EmptyEndLine) != 0 {
		interval('\n', '\n')
	}
	if asks&asksWord != 0 {
		interval('0', '9')
		interval('A', 'Z')
		interval('_', '_')
		interval('a', 'z')
	}
	delete(starts, unicode.MaxRune+1)
	for r := range starts {
		a.from = append(a.from, r)
	}
	slices.Sort(a.from)
	numbers := map[string]int{}
	for _, r := range a.from {
		var key []byte
		for i, pc := range readers {
			if i%8 == 0 {
				key = append(key, 0)
			}
			if program.Inst[pc].MatchRune(r) {
				key[i/8] |= 1 << (i % 8)
			}
		}
		word := syntax.IsWordChar(r) && asks&asksWord != 0
		line := r == '\n' && asks&(syntax.EmptyBeginLine|syntax.EmptyEndLine) != 0
		key = append(key, bit(word), bit(line))
		n, ok := numbers[string(key)]
		if !ok {
			n = len(a.sample)
			numbers[string(key)] = n
			a.sample = append(a.sample, r)
		}
		a.classes = append(a.classes, n)
	}
	return a
}

func bit(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// class returns a code point's class.
func (a *alphabet) class(r rune) int { return a.classes[a.interval(r)] }

// interval returns the interval that a code point is in.
func (a *alphabet) interval(r rune) int {
	return sort.Search(len(a.from), func(i int) bool { return a.from[i] > r }) - 1
}

// uniform reports whether all code points from low to high are of one class.
func (a *alphabet) uniform(low, high rune) bool {
	i := a.interval(low)
	for class := a.classes[i]; i+1 < len(a.from) && a.from[i+1] <= high; i++ {
		if a.classes[i+1] != class {
			return false
		}
	}
	return true
}

// reads reports whether an instruction goes on at a code point of the class.
func (a *alphabet) reads(pc uint32, class int) bool {
	inst := &a.program.Inst[pc]
	switch inst.Op {
	case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
		return inst.MatchRune(a.sample[class])
	}
	return false
}

// decoder is the automaton that makes classes of an alphabet of bytes as
// package utf8 decodes them. Its first node stands between code points.
type decoder struct {
	alphabet *alphabet
	nodes    []node
	known    map[string]int
}

// node is a place inside a code point's bytes.
type node struct {
	pending int // bytes so far
	next    [256]edge
}

// edge is what a byte leads to: a place further inside, the class of a whole
// code point, or that the bytes are no UTF-8.
type edge struct {
	node, class int
	invalid     bool
}

func newDecoder(a *alphabet) *decoder {
	d := &decoder{alphabet: a, nodes: make([]node, 1), known: map[string]int{}}
	var first node
	for b := range 256 {
		switch {
		case b < utf8.RuneSelf:
			first.next[b].class = a.class(rune(b))
		case b >= 0xc2 && b <= 0xdf:
			first.next[b].node = d.inside(rune(b&0x1f)<<6, 1, 1, 0x80, 0xbf)
		case b >= 0xe0 && b <= 0xef:
			low, high := 0x80, 0xbf
			switch b {
			case 0xe0:
				low = 0xa0 // shorter forms exist
			case 0xed:
				high = 0x9f // surrogates
			}
			first.next[b].node = d.inside(rune(b&0x0f)<<12, 2, 1, low, high)
		case b >= 0xf0 && b <= 0xf4:
			low, high := 0x80, 0xbf
			switch b {
			case 0xf0:
				low = 0x90 // shorter forms exist
			case 0xf4:
				high = 0x8f // past the last code point
			}
			first.next[b].node = d.inside(rune(b&0x07)<<18, 3, 1, low, high)
		default:
			first.next[b].invalid = true
		}
	}
	d.nodes[0] = first
	return d
}

// inside returns the node where some bytes more make one of the code points
// from first on, the next of them from low to high.
func (d *decoder) inside(first rune, more, pending, low, high int) int {
	unit := rune(1) << (6 * (more - 1))
	from, to := first+rune(low-0x80)*unit, first+rune(high-0x80+1)*unit-1
	key := []byte{byte(more), byte(pending), byte(low), byte(high)}
	var edges [64]edge
	if d.alphabet.uniform(from, to) { // so all bytes are alike, and the nodes of other code points as these
		key = binary.AppendVarint(key, int64(d.alphabet.class(from)))
		if at, ok := d.known[string(key)]; ok {
			return at
		}
		e := d.deeper(from, more, pending)
		for i := range edges {
			edges[i] = e
		}
	} else {
		for b := low; b <= high; b++ {
			e := d.deeper(first+rune(b-0x80)*unit, more, pending)
			edges[b-0x80] = e
			key = binary.AppendVarint(binary.AppendVarint(key, int64(e.node)), int64(e.class))
		}
		if at, ok := d.known[string(key)]; ok {
			return at
		}
	}
	n := node{pending: pending}
	for b := range n.next {
		if b < low || b > high {
			n.next[b].invalid = true
			continue
		}
		n.next[b] = edges[b-0x80]
	}
	d.known[string(key)] = len(d.nodes)
	d.nodes = append(d.nodes, n)
	return len(d.nodes) - 1
}

// deeper returns the edge of one byte, whose first code point is at.
func (d *decoder) deeper(at rune, more, pending int) edge {
	if more == 1 {
		return edge{class: d.alphabet.class(at)}
	}
	return edge{node: d.inside(at, more-1, pending+1, 0x80, 0xbf)}
}

// columns numbers the bytes that no node tells apart.
func (d *decoder) columns() (column [256]byte, n int) {
	numbers := map[string]byte{}
	for b := range 256 {
		var key []byte
		for i := range d.nodes {
			e := d.nodes[i].next[b]
			key = append(binary.AppendVarint(binary.AppendVarint(key, int64(e.node)), int64(e.class)), bit(e.invalid))
		}
		if _, ok := numbers[string(key)]; !ok {
			numbers[string(key)] = byte(len(numbers))
		}
		column[b] = numbers[string(key)]
	}
	return column, len(numbers)
}
