package useragent

// NewFromRules returns a parser with rules of the test's own, in uap-core's
// YAML.
func NewFromRules(text string) (*Parser, error) { return newParser([]byte(text)) }

// Rules returns how many rules there are, for browsers and in all.
func (p *Parser) Rules() (browsers, all int) { return p.browsers, len(p.rules) }

// Compiled reports whether a rule became a program.
func (p *Parser) Compiled(rule int) bool { return p.rules[rule].program != nil }

// Nominated reports whether an agent holds what a rule requires.
func (p *Parser) Nominated(rule int, agent string) bool {
	m := &machine{}
	m.load(agent)
	p.nominate(m)
	return lowest(m.nominated, rule, rule) == rule && p.rules[rule].holds(&m.found)
}

// Match applies one rule to an agent, whatever it holds.
func (p *Parser) Match(rule int, agent string) (answer [5]string, ok bool) {
	m := &machine{}
	m.load(agent)
	ok = p.rules[rule].match(m, &answer)
	return answer, ok
}
