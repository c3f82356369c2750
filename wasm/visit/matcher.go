package visit

import (
	"math/bits"
	"slices"

	"suodi/wasm/abi"
	"suodi/wasm/visit/tokens"
)

// MaxScan is how many bytes of a user agent are looked at. Real ones stay
// under 1 KiB; the bound keeps what a hostile one costs within a few
// microseconds.
const MaxScan = 2 << 10

// Platforms is what a visit stands for.
type Platforms struct {
	Set      abi.Set
	Platform uint8      // the most specific one
	App      uint8      // the most specific one that is no crawler
	OS       uint8      // never 0
	Device   abi.Device // unknown for a form that a cluster added
	Bot      bool
}

// group is a group of entries of which the first that matches counts.
type group uint8

const (
	groupApp group = iota
	groupOS
	groupForm
	groupCrawler
	groupFlag // no group: every flag that matches counts
	groups    = groupFlag
)

// none is the rank of an entry that does not exist.
const none = 0xffff

// clause is an alternative with its tokens numbered.
type clause struct {
	rank   uint16 // of its entry in the group: the lowest wins
	group  group
	number uint8
	all    []uint16 // tokens wanted besides the one the clause is filed under
	none   []uint16
}

// matcher is a catalog made ready for matching.
type matcher struct {
	automaton *tokens.Automaton
	words     int             // of a tokens.Set that are in use
	clauses   [][]clause      // by token: those that need it
	numbers   [groups][]uint8 // by rank

	browser, bot, otherOS, desktop uint8
	mobile, tablet                 uint8

	// What hints name, by rank; none where the catalog has it not.
	packages               map[string]uint16 // of apps
	systems                [len(hintedSystems)]uint16
	android, ios, linux    uint16
	mobileRank, tabletRank uint16
}

// seen is what a user agent shows by itself.
type seen struct {
	best  [groups]uint16 // the lowest rank that matches
	flags abi.Set
}

// newMatcher makes the matcher for the entries of c, which are in order.
func newMatcher(c *Catalog) (*matcher, error) {
	b := builder{numbered: map[tokens.Token]uint16{}}
	m := &matcher{packages: map[string]uint16{}}
	for i := range c.entries {
		if c.entries[i].ID != WebView {
			m.addEntry(&b, &c.entries[i])
		}
	}
	// After every app: it stands in for one.
	webView := &c.entries[c.byID[WebView]]
	m.addClauses(&b, webView, groupApp, uint16(len(m.numbers[groupApp])))
	m.numbers[groupApp] = append(m.numbers[groupApp], webView.Number)

	a, err := tokens.New(b.tokens)
	if err != nil {
		return nil, err
	}
	m.automaton = a
	m.words = (len(b.tokens) + 63) / 64
	m.clauses = b.clauses
	number := func(id string) uint8 { return c.entries[c.byID[id]].Number }
	m.browser, m.bot, m.otherOS = number(Browser), number(Bot), number(OtherOS)
	m.mobile, m.tablet, m.desktop = number(Mobile), number(Tablet), number(Desktop)
	m.addHints(c)
	return m, nil
}

// addHints prepares what hints can name.
func (m *matcher) addHints(c *Catalog) {
	rank := func(g group, id string) uint16 {
		if i, ok := c.byID[id]; ok {
			if at := slices.Index(m.numbers[g], c.entries[i].Number); at >= 0 {
				return uint16(at)
			}
		}
		return none
	}
	for i, id := range hintedSystems {
		m.systems[i] = rank(groupOS, id)
	}
	m.android, m.ios, m.linux = rank(groupOS, "android"), rank(groupOS, "ios"), rank(groupOS, "linux")
	m.mobileRank, m.tabletRank = rank(groupForm, Mobile), rank(groupForm, Tablet)
	for i := range c.entries {
		e := &c.entries[i]
		for _, name := range e.Packages {
			if !e.Retired {
				m.packages[name] = rank(groupApp, e.ID)
			}
		}
	}
}

// addEntry files an entry under its group.
func (m *matcher) addEntry(b *builder, e *Entry) {
	if e.Retired {
		return
	}
	g, ok := map[Kind]group{App: groupApp, OS: groupOS, Form: groupForm, Crawler: groupCrawler}[e.Kind]
	if !ok {
		m.addClauses(b, e, groupFlag, 0)
		return
	}
	m.addClauses(b, e, g, uint16(len(m.numbers[g])))
	m.numbers[g] = append(m.numbers[g], e.Number)
}

// addClauses files each alternative of an entry under the token that is
// likely the rarest: its prefix, else its longest.
func (m *matcher) addClauses(b *builder, e *Entry, g group, rank uint16) {
	for _, alternative := range e.Match {
		c := clause{rank: rank, group: g, number: e.Number}
		var filed uint16
		longest := -1
		for i, text := range alternative.All {
			if longest < 0 || len(text) > len(alternative.All[longest]) {
				longest = i
			}
		}
		if alternative.Prefix != "" {
			filed, longest = b.token(tokens.Token{Text: alternative.Prefix, Anchored: true}), -1
		} else {
			filed = b.token(tokens.Token{Text: alternative.All[longest]})
		}
		for i, text := range alternative.All {
			if i != longest {
				c.all = append(c.all, b.token(tokens.Token{Text: text}))
			}
		}
		for _, text := range alternative.None {
			c.none = append(c.none, b.token(tokens.Token{Text: text}))
		}
		b.clauses[filed] = append(b.clauses[filed], c)
	}
}

// builder numbers tokens.
type builder struct {
	numbered map[tokens.Token]uint16
	tokens   []tokens.Token
	clauses  [][]clause
}

func (b *builder) token(t tokens.Token) uint16 {
	n, ok := b.numbered[t]
	if !ok {
		n = uint16(len(b.tokens))
		b.numbered[t] = n
		b.tokens, b.clauses = append(b.tokens, t), append(b.clauses, nil)
	}
	return n
}

// Match tells which platforms a user agent stands for by itself, as the
// package comment says. It does not allocate and keeps nothing of its argument.
func (c *Catalog) Match(userAgent []byte) Platforms {
	s := c.matcher.see(userAgent)
	return c.matcher.platforms(&s)
}

// see looks for what a user agent shows.
func (m *matcher) see(userAgent []byte) (s seen) {
	var found tokens.Set
	m.automaton.Find(userAgent[:min(len(userAgent), MaxScan)], &found)
	s.best = m.choose(&found, &s.flags)
	return s
}

// platforms makes the set of what was seen.
func (m *matcher) platforms(s *seen) Platforms {
	p := Platforms{Set: s.flags, Platform: m.browser, OS: m.otherOS}
	if rank := s.best[groupApp]; rank != none {
		p.Platform = m.numbers[groupApp][rank]
	}
	p.App = p.Platform
	p.Set.Add(p.App)
	if rank := s.best[groupOS]; rank != none {
		p.OS = m.numbers[groupOS][rank]
	}
	p.Set.Add(p.OS)
	form := m.desktop
	if rank := s.best[groupForm]; rank != none {
		form = m.numbers[groupForm][rank]
	}
	p.Set.Add(form)
	p.Device = m.device(form)
	if rank := s.best[groupCrawler]; rank != none {
		p.Platform, p.Bot = m.numbers[groupCrawler][rank], true
		p.Set.Add(p.Platform)
		p.Set.Add(m.bot)
	}
	return p
}

// choose returns the lowest rank of each group that the found tokens allow,
// and adds the flags they allow to flags.
func (m *matcher) choose(found *tokens.Set, flags *abi.Set) (best [groups]uint16) {
	for g := range best {
		best[g] = none
	}
	for w, word := range found[:m.words] {
		for ; word != 0; word &= word - 1 {
			clauses := m.clauses[w<<6|bits.TrailingZeros64(word)]
			for i := range clauses {
				c := &clauses[i]
				if c.group == groupFlag {
					if c.holds(found) {
						flags.Add(c.number)
					}
				} else if c.rank < best[c.group] && c.holds(found) {
					best[c.group] = c.rank
				}
			}
		}
	}
	return best
}

// holds reports whether the tokens found satisfy the clause, given that the
// one it is filed under was found.
func (c *clause) holds(found *tokens.Set) bool {
	for _, t := range c.all {
		if !found.Has(t) {
			return false
		}
	}
	for _, t := range c.none {
		if found.Has(t) {
			return false
		}
	}
	return true
}

func (m *matcher) device(form uint8) abi.Device {
	switch form {
	case m.mobile:
		return abi.DeviceMobile
	case m.tablet:
		return abi.DeviceTablet
	case m.desktop:
		return abi.DeviceDesktop
	default:
		return abi.DeviceUnknown
	}
}
