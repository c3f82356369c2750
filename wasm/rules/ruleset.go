package rules

import (
	"errors"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"suodi/wasm/abi"
)

// Limits of a rule set, in bytes where not said otherwise.
const (
	MaxSource = 256 << 10 // the YAML text
	MaxRules  = 256       // rules
	MaxTests  = 1024      // tests
	MaxWhen   = 4 << 10   // one condition
	MaxReason = 500       // a reason in one language
	MaxURL    = 2 << 10   // a route's URL
	MaxName   = 200       // the name of a rule or test
)

// RuleSet is a parsed rule set; only Parse makes one. Its conditions have not been looked at yet:
// Compile does that.
type RuleSet struct {
	Name   string
	Fail   abi.FailMode // "" = open
	Params map[string]abi.Param
	Rules  []Rule
	Tests  []Case

	source *source
}

// Rule is one rule: when its condition holds, what happens.
type Rule struct {
	Name   string // "" = none
	When   string // CEL
	Then   abi.Action
	To     string   // the URL of a route, or a template of abi.AppendURL
	Reason abi.Text // of a deny or guide
	Page   abi.Page // of a deny
	Line   int      // where it begins in the source

	when, to *yaml.Node
}

// maxTitle is how much of a condition stands for a rule's name, in code points.
const maxTitle = 60

// title is what people are told that a rule is called: its name, else how its
// condition begins.
func (r *Rule) title() string {
	if r.Name != "" {
		return r.Name
	}
	title := []rune(strings.Join(strings.Fields(r.When), " "))
	if len(title) > maxTitle {
		return string(title[:maxTitle]) + "…"
	}
	return string(title)
}

// Parse reads a rule set. Its errors are of type *Error, several joined;
// Errors takes them apart.
func Parse(text []byte) (*RuleSet, error) {
	r := &reader{source: newSource("")}
	switch {
	case len(text) > MaxSource:
		r.failAt(place{1, 1}, "the rule set is %d bytes long; at most %d", len(text), MaxSource)
		return nil, r.err()
	case !utf8.Valid(text):
		r.failAt(place{1, 1}, "the rule set is not UTF-8")
		return nil, r.err()
	}
	r.source = newSource(string(text))
	root := r.document(string(text))
	if root == nil {
		return nil, r.err()
	}
	rs := &RuleSet{source: r.source}
	r.mapping(root, "a rule set", map[string]field{
		"name": func(n *yaml.Node) {
			if rs.Name = r.text(n, "name", MaxName); rs.Name != "" && !abi.ValidName(rs.Name) {
				r.fail(n, "name is %q; want lower case letters, digits, - and _, a letter first, at most 63", rs.Name)
			}
		},
		"fail": func(n *yaml.Node) {
			if i := r.choice(n, "fail", string(abi.FailOpen), string(abi.FailClosed)); i >= 0 {
				rs.Fail = []abi.FailMode{abi.FailOpen, abi.FailClosed}[i]
			}
		},
		"params": func(n *yaml.Node) { rs.Params = r.params(n) },
		"rules": func(n *yaml.Node) {
			r.list(n, "rules", MaxRules, func(item *yaml.Node) { rs.Rules = append(rs.Rules, r.rule(item)) })
		},
		"tests": func(n *yaml.Node) {
			r.list(n, "tests", MaxTests, func(item *yaml.Node) { rs.Tests = append(rs.Tests, r.test(item)) })
		},
	})
	if len(r.errs) == 0 {
		if rs.Name == "" {
			r.fail(root, `a rule set needs a "name"`)
		}
		if len(rs.Rules) == 0 {
			r.fail(root, `a rule set needs "rules"`)
		}
	}
	if len(r.errs) == 0 {
		for i := range rs.Tests {
			r.canonical(rs.Params, &rs.Tests[i])
		}
	}
	if err := r.err(); err != nil {
		return nil, err
	}
	return rs, nil
}

// verdicts are the words of "then" and "expect".
var verdicts = []string{"pass", "allow", "deny", "guide", "route"}

// rule reads one rule.
func (r *reader) rule(n *yaml.Node) Rule {
	rule := Rule{Line: n.Line}
	var reason, to, page *yaml.Node
	ok := r.mapping(n, "a rule", map[string]field{
		"name": func(n *yaml.Node) { rule.Name = r.text(n, "name", MaxName) },
		"when": func(n *yaml.Node) {
			rule.when = n
			if n.Kind == yaml.ScalarNode && n.Tag == "!!bool" {
				rule.When = n.Value // when: true
				return
			}
			rule.When = r.text(n, "when", MaxWhen)
		},
		"then": func(n *yaml.Node) {
			if i := r.choice(n, "then", verdicts[1:]...); i >= 0 {
				rule.Then = abi.Action(i + 1)
			}
		},
		"to":     func(n *yaml.Node) { to, rule.to, rule.To = n, n, r.url(n) },
		"reason": func(n *yaml.Node) { reason, rule.Reason = n, r.reason(n) },
		"page": func(n *yaml.Node) {
			if page = n; r.choice(n, "page", string(abi.PageNotFound)) >= 0 {
				rule.Page = abi.PageNotFound
			}
		},
	})
	switch {
	case !ok:
	case rule.when == nil:
		r.fail(n, `a rule needs "when"`)
	case rule.Then == abi.Pass:
		if !hasKey(n, "then") {
			r.fail(n, `a rule needs "then"`)
		}
	case reason != nil && rule.Then != abi.Deny && rule.Then != abi.Guide:
		r.fail(reason, "only deny and guide show a reason, not %s", rule.Then)
	case page != nil && rule.Then != abi.Deny:
		r.fail(page, "only deny shows another page, not %s", rule.Then)
	case to != nil && rule.Then != abi.Route:
		r.fail(to, "only route goes to a URL, not %s", rule.Then)
	case to == nil && rule.Then == abi.Route:
		r.fail(n, `route needs "to", the URL`)
	}
	return rule
}

// reason reads a text for both languages, or one for each.
func (r *reader) reason(n *yaml.Node) abi.Text {
	var t abi.Text
	if n.Kind != yaml.MappingNode {
		s := r.text(n, "reason", MaxReason)
		return abi.Text{Zh: s, En: s}
	}
	r.mapping(n, "reason", map[string]field{
		"zh": func(n *yaml.Node) { t.Zh = r.text(n, "zh", MaxReason) },
		"en": func(n *yaml.Node) { t.En = r.text(n, "en", MaxReason) },
	})
	return t
}

// url reads the URL of a route. The edge checks it again as any destination.
func (r *reader) url(n *yaml.Node) string {
	s := r.text(n, "to", MaxURL)
	if s == "" {
		return ""
	}
	if err := checkURL(s); err != nil {
		r.fail(n, "to: %v", err)
	}
	return s
}

func checkURL(s string) error {
	s, ok := exampleURL(s)
	switch {
	case !ok:
		return errors.New("placeholders stand behind the host and a slash: https://example.com/{slug}")
	case strings.ContainsAny(s, "{}"):
		return errors.New("a placeholder is a name in braces, such as {slug}; braces of the URL itself are %7B and %7D")
	}
	if strings.ContainsFunc(s, func(c rune) bool { return c == '\\' || unicode.IsControl(c) || unicode.IsSpace(c) }) {
		return errors.New("a URL has no white space, control characters or backslashes")
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
		return errors.New("not a URL")
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return errors.New("want a whole http or https URL")
	case u.User != nil:
		return errors.New("a URL has no user name or password")
	}
	return nil
}

func hasKey(n *yaml.Node, key string) bool {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return true
		}
	}
	return false
}
