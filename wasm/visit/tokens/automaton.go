// Package tokens finds which of many tokens occur in a text, in one pass of an
// Aho–Corasick automaton (Aho and Corasick, "Efficient string matching",
// 1975). It must not know what a token stands for.
package tokens

import (
	"errors"
	"slices"
)

// Limits of an automaton. A state takes 256 bytes, so it has at most 4 MiB.
const (
	// MaxTokens is how many tokens there may be.
	MaxTokens  = 2048
	maxStates  = 16 << 10
	maxClasses = 128

	setWords       = MaxTokens / 64
	otherClass     = 0 // bytes that are in no token
	startClass     = 1 // not a byte: what every text begins with
	firstByteClass = 2
)

// Set is a set of token numbers, a bit each.
type Set [setWords]uint64

// Has reports whether token t is in the set.
func (s *Set) Has(t uint16) bool { return s[t>>6]&(1<<(t&63)) != 0 }

// Automaton finds tokens. They are printable ASCII, so their bytes and the two
// classes above fit in a row of 128. It may be used concurrently.
type Automaton struct {
	class    [256]uint8
	next     [][maxClasses]uint16
	begin    uint16   // the state before a text's first byte
	firstHit uint16   // states from here on end a token
	ends     []uint32 // of state firstHit+i: tokens[ends[i]:ends[i+1]]
	tokens   []uint16
	longest  int // bytes of the longest token
}

// Token is something to be found, printable ASCII and not empty.
type Token struct {
	Text     string
	Anchored bool // to be found only where the text begins
}

// New builds the automaton for tokens, all different. Their numbers are their
// indices.
func New(tokens []Token) (*Automaton, error) {
	if len(tokens) > MaxTokens {
		return nil, errors.New("more than 2048 tokens")
	}
	a := &Automaton{longest: 1}
	a.setClasses(tokens)
	rows, ends, err := a.trie(tokens)
	if err != nil {
		return nil, err
	}
	order := a.link(rows, ends)
	a.renumber(rows, ends, order)
	return a, nil
}

func (a *Automaton) setClasses(tokens []Token) {
	var used [256]bool
	for _, t := range tokens {
		a.longest = max(a.longest, len(t.Text))
		for _, b := range []byte(t.Text) {
			used[b] = true
		}
	}
	class := uint8(firstByteClass)
	for b := range used {
		if used[b] {
			a.class[b] = class
			class++
		}
	}
}

// trie returns a row of children for each state, 0 meaning none (the root is
// nobody's child), and the tokens that end there.
func (a *Automaton) trie(tokens []Token) (rows [][maxClasses]uint16, ends [][]uint16, err error) {
	states := 1
	for _, t := range tokens {
		states += len(t.Text) + 1
	}
	rows = make([][maxClasses]uint16, 1, min(states, maxStates))
	ends = make([][]uint16, 1, min(states, maxStates))
	for i, t := range tokens {
		path := make([]uint8, 0, len(t.Text)+1)
		if t.Anchored {
			path = append(path, startClass)
		}
		for _, b := range []byte(t.Text) {
			path = append(path, a.class[b])
		}
		state := uint16(0)
		for _, class := range path {
			if rows[state][class] == 0 {
				if len(rows) == maxStates {
					return nil, nil, errors.New("more tokens than 16384 states of an automaton hold")
				}
				rows[state][class] = uint16(len(rows))
				rows, ends = append(rows, [maxClasses]uint16{}), append(ends, nil)
			}
			state = rows[state][class]
		}
		ends[state] = append(ends[state], uint16(i))
	}
	return rows, ends, nil
}

// link turns the trie into the automaton: every row leads on, and a state ends
// what the state of its longest proper suffix ends. It returns the states,
// nearest to the root first.
func (a *Automaton) link(rows [][maxClasses]uint16, ends [][]uint16) (order []uint16) {
	suffix := make([]uint16, len(rows))
	order = append(make([]uint16, 0, len(rows)), 0)
	for i := 0; i < len(order); i++ {
		state := order[i]
		for class := range rows[state] {
			child, over := rows[state][class], uint16(0)
			if state != 0 {
				over = rows[suffix[state]][class]
			}
			if child == 0 {
				rows[state][class] = over
				continue
			}
			suffix[child] = over
			ends[child] = append(ends[child], ends[over]...)
			order = append(order, child)
		}
	}
	return order
}

// renumber puts states that end tokens behind those that do not, so that one
// comparison tells them apart, and either sort nearest to the root first.
func (a *Automaton) renumber(rows [][maxClasses]uint16, ends [][]uint16, order []uint16) {
	slices.SortStableFunc(order, func(s, t uint16) int {
		return min(len(ends[s]), 1) - min(len(ends[t]), 1)
	})
	number := make([]uint16, len(rows))
	for i, state := range order {
		number[state] = uint16(i)
	}
	a.next = make([][maxClasses]uint16, len(rows))
	a.firstHit = uint16(len(rows))
	a.ends = []uint32{0}
	for i, state := range order {
		for class, to := range rows[state] {
			a.next[i][class] = number[to]
		}
		if len(ends[state]) > 0 {
			a.firstHit = min(a.firstHit, uint16(i))
			a.tokens = append(a.tokens, ends[state]...)
			a.ends = append(a.ends, uint32(len(a.tokens)))
		}
	}
	a.begin = a.next[number[0]][startClass]
}

// Find adds to found every token that occurs in text. A step of an automaton
// waits for the step before it, so a longer text is walked from two places at
// once. The second begins early enough to meet every token that ends behind
// the first one's part. (Four places, and collecting hits without branches,
// were measured to be slower.)
func (a *Automaton) Find(text []byte, found *Set) {
	state := a.begin
	if len(text) >= 2*a.longest {
		half := (len(text) + a.longest) / 2
		front, back := text[:half], text[half-a.longest+1:]
		state = a.findTwo(front[:len(back)], back, found)
		text = front[len(back):]
	}
	for _, b := range text {
		state = a.next[state][a.class[b]&(maxClasses-1)]
		if state >= a.firstHit {
			a.add(state, found)
		}
	}
}

// findTwo walks two texts of equal length, the first from where the whole text
// begins, and returns the state that ends it.
func (a *Automaton) findTwo(front, back []byte, found *Set) uint16 {
	next, class, firstHit := a.next, &a.class, a.firstHit
	state, other := a.begin, uint16(0)
	back = back[:len(front)]
	for i, b := range front {
		state = next[state][class[b]&(maxClasses-1)]
		other = next[other][class[back[i]]&(maxClasses-1)]
		if state >= firstHit {
			a.add(state, found)
		}
		if other >= firstHit {
			a.add(other, found)
		}
	}
	return state
}

// add adds to found the tokens that end in a state.
func (a *Automaton) add(state uint16, found *Set) {
	i := state - a.firstHit
	for _, t := range a.tokens[a.ends[i]:a.ends[i+1]] {
		found[t>>6&(setWords-1)] |= 1 << (t & 63)
	}
}
