package useragent

import (
	"fmt"
	"regexp"
	"regexp/syntax"

	"gopkg.in/yaml.v3"
)

// fields is the most that a rule answers: a family and four parts of a
// version. Browsers have three parts; the fourth is empty.
const fields = 5

// definition is a rule as uap-core writes it. A replacement that is absent
// stands for the capture group of its place.
type definition struct {
	Expression string
	Replace    [fields]string
}

// readDefinitions reads the rules for browsers and for operating systems from
// uap-core's YAML, in the order in which they are tried.
func readDefinitions(text []byte) (browsers, systems []definition, err error) {
	var file struct {
		Browsers []map[string]string `yaml:"user_agent_parsers"`
		Systems  []map[string]string `yaml:"os_parsers"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		return nil, nil, fmt.Errorf("read rules: %w", err)
	}
	for _, r := range file.Browsers {
		browsers = append(browsers, newDefinition(r, "family_replacement", "v1_replacement", "v2_replacement", "v3_replacement"))
	}
	for _, r := range file.Systems {
		systems = append(systems, newDefinition(r, "os_replacement", "os_v1_replacement", "os_v2_replacement", "os_v3_replacement", "os_v4_replacement"))
	}
	return browsers, systems, nil
}

func newDefinition(rule map[string]string, replacements ...string) definition {
	d := definition{Expression: rule["regex"]}
	if flags := rule["regex_flag"]; flags != "" {
		d.Expression = "(?" + flags + ")" + d.Expression
	}
	for i, key := range replacements {
		if d.Replace[i] = rule[key]; d.Replace[i] == "" {
			d.Replace[i] = fmt.Sprintf("$%d", i+1)
		}
	}
	return d
}

// rule is a definition made ready. It has a program, or a regexp where a
// program cannot say the same.
type rule struct {
	needs     [][]uint16 // a token of each must occur
	program   *program
	templates [fields]template
	regexp    *regexp.Regexp
	replace   [fields]string // for regexp
}

// newRule returns the rule and, for each of its needs, the texts of which one
// must occur.
func newRule(d definition) (*rule, [][]string, error) {
	tree, err := syntax.Parse(d.Expression, syntax.Perl)
	if err != nil {
		return nil, nil, fmt.Errorf("rule %q: %w", d.Expression, err)
	}
	r := &rule{replace: d.Replace}
	simple := true
	for i, replacement := range d.Replace {
		t, ok := newTemplate(replacement)
		r.templates[i], simple = t, simple && ok
	}
	if simple {
		r.program, simple = compile(tree)
	}
	if !simple {
		if r.regexp, err = regexp.Compile(d.Expression); err != nil {
			return nil, nil, fmt.Errorf("rule %q: %w", d.Expression, err)
		}
	}
	return r, required(tree), nil
}

// match applies the rule to the agent that m holds; answer is only written to
// when it matches.
func (r *rule) match(m *machine, answer *[fields]string) bool {
	if r.regexp != nil {
		indexes := r.regexp.FindStringSubmatchIndex(m.agent)
		if indexes == nil {
			return false
		}
		for i, replacement := range r.replace {
			answer[i] = string(r.regexp.ExpandString(nil, replacement, m.agent, indexes))
		}
		return true
	}
	if !m.find(r.program) {
		return false
	}
	for i := range r.templates {
		answer[i] = r.templates[i].expand(m)
	}
	return true
}

// template is a replacement with at most one capture group in it.
type template struct {
	before, after string
	group         int // 0 means none
}

// newTemplate reports false for what is more than a template says: two groups,
// names, ${1}, $$ or $0.
func newTemplate(text string) (template, bool) {
	for i := range len(text) {
		if text[i] != '$' {
			continue
		}
		rest := text[i+1:]
		if rest == "" || rest[0] < '1' || rest[0] > '9' || len(rest) > 1 && !endsName(rest[1]) {
			return template{}, false
		}
		t := template{before: text[:i], group: int(rest[0] - '0'), after: rest[1:]}
		for j := range len(t.after) {
			if t.after[j] == '$' {
				return template{}, false
			}
		}
		return t, true
	}
	return template{before: text}, true
}

// endsName reports whether b is surely no part of the name behind a $.
func endsName(b byte) bool { return b == ' ' || b == ')' || b == '.' || b == '-' }

func (t *template) expand(m *machine) string {
	if t.group == 0 {
		return t.before
	}
	if t.before == "" && t.after == "" {
		return m.capture(t.group)
	}
	return t.before + m.capture(t.group) + t.after
}
