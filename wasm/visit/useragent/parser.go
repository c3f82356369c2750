package useragent

import (
	"fmt"
	"math/bits"
	"slices"
	"sync"

	"github.com/ua-parser/uap-go/uaparser"

	"suodi/wasm/visit/tokens"
)

// Other is the family of what no rule knows.
const Other = "Other"

// maxToken is how many bytes of a required text are looked for: more would
// make the automaton larger and tell little.
const maxToken = 16

// Browser is what the rules for browsers find. Parts of the version are empty
// where unknown, and need not be numbers.
type Browser struct{ Family, Major, Minor, Patch string }

// OS is what the rules for operating systems find.
type OS struct{ Family, Major, Minor, Patch, PatchMinor string }

// Parser applies rules to user agents. It may be used concurrently.
type Parser struct {
	rules     []*rule
	browsers  int // the first so many rules; the others are for systems
	automaton *tokens.Automaton
	words     int        // of a tokens.Set that are in use
	filed     [][]uint16 // by token: the rules that are filed under it
	unfiled   []uint16   // rules that need no token
	machines  sync.Pool
}

// New returns a parser with the rules that uap-go carries.
func New() (*Parser, error) { return newParser(uaparser.DefinitionYaml) }

func newParser(text []byte) (*Parser, error) {
	browsers, systems, err := readDefinitions(text)
	if err != nil {
		return nil, err
	}
	p := &Parser{browsers: len(browsers)}
	p.machines.New = func() any { return &machine{} }
	b := builder{numbered: map[string]uint16{}}
	for _, d := range append(browsers, systems...) {
		r, clauses, err := newRule(d)
		if err != nil {
			return nil, err
		}
		b.file(p, r, clauses)
	}
	if p.automaton, err = tokens.New(b.tokens); err != nil {
		return nil, fmt.Errorf("required texts: %w", err)
	}
	p.words = (len(b.tokens) + 63) / 64
	return p, nil
}

// builder numbers tokens.
type builder struct {
	numbered map[string]uint16
	tokens   []tokens.Token
}

// file adds a rule to p, filed under the clause that likely holds least often.
func (b *builder) file(p *Parser, r *rule, clauses [][]string) {
	number := uint16(len(p.rules))
	p.rules = append(p.rules, r)
	if len(clauses) == 0 {
		p.unfiled = append(p.unfiled, number)
		return
	}
	slices.SortStableFunc(clauses, byShortest)
	last := len(clauses) - 1
	for _, clause := range clauses[:last] {
		r.needs = append(r.needs, b.number(p, clause))
	}
	for _, t := range b.number(p, clauses[last]) {
		if !slices.Contains(p.filed[t], number) {
			p.filed[t] = append(p.filed[t], number)
		}
	}
}

func (b *builder) number(p *Parser, texts []string) (numbers []uint16) {
	for _, text := range texts {
		text = text[:min(len(text), maxToken)]
		n, ok := b.numbered[text]
		if !ok {
			n = uint16(len(b.tokens))
			b.numbered[text] = n
			b.tokens = append(b.tokens, tokens.Token{Text: text})
			p.filed = append(p.filed, nil)
		}
		numbers = append(numbers, n)
	}
	return numbers
}

// Parse returns the browser and the operating system of a user agent. The
// strings may share memory with it.
func (p *Parser) Parse(agent string) (Browser, OS) {
	m := p.machines.Get().(*machine)
	defer p.machines.Put(m)
	m.load(agent)
	p.nominate(m)
	b := p.first(m, 0, p.browsers)
	o := p.first(m, p.browsers, len(p.rules))
	m.agent = ""
	return Browser{b[0], b[1], b[2], b[3]}, OS{o[0], o[1], o[2], o[3], o[4]}
}

// nominate finds the tokens of the agent and the rules that are filed under
// them.
func (p *Parser) nominate(m *machine) {
	m.found = tokens.Set{}
	p.automaton.Find(m.text(), &m.found)
	m.nominated = append(m.nominated[:0], make([]uint64, len(p.rules)/64+1)...)
	for _, r := range p.unfiled {
		m.nominated[r>>6] |= 1 << (r & 63)
	}
	for w, word := range m.found[:p.words] {
		for ; word != 0; word &= word - 1 {
			for _, r := range p.filed[w<<6|bits.TrailingZeros64(word)] {
				m.nominated[r>>6] |= 1 << (r & 63)
			}
		}
	}
}

// first returns the answer of the first rule from from to before to that
// matches and names a family. As in uap-go, a rule that names none leaves its
// version behind if no other matches.
func (p *Parser) first(m *machine, from, to int) (answer [fields]string) {
	for n := lowest(m.nominated, from, to-1); n >= 0; n = lowest(m.nominated, n+1, to-1) {
		r := p.rules[n]
		if r.holds(&m.found) && r.match(m, &answer) && answer[0] != "" {
			return answer
		}
	}
	answer[0] = Other
	return answer
}

// holds reports whether a token of each need was found.
func (r *rule) holds(found *tokens.Set) bool {
	for _, need := range r.needs {
		if !slices.ContainsFunc(need, found.Has) {
			return false
		}
	}
	return true
}
