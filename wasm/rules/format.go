package rules

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/debug"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/parser"
	"gopkg.in/yaml.v3"
)

// The order of fields in a formatted rule set; others keep theirs.
var (
	setOrder   = []string{"name", "fail", "params", "rules", "tests"}
	paramOrder = []string{"type", "default", "required", "secret", "doc"}
	ruleOrder  = []string{"name", "when", "then", "to", "reason", "page"}
	caseOrder  = []string{"name", "visit", "link", "params", "expect", "code", "reason", "page", "to"}
)

// maxLine is how long a condition may be, in bytes, to stand on one line.
const maxLine = 96

// Format writes a rule set the one way that there is to write it: fields in
// order, what belongs to one field on its line, conditions as cel-go writes
// them, comments above or behind what they are about. Its errors are those of
// Parse, and of conditions that are no CEL. Formatting what it returns changes
// nothing.
func Format(text []byte) ([]byte, error) {
	env, err := newEnvironment(nil)
	if err != nil {
		return nil, fmt.Errorf("format: %w", err)
	}
	out, err := format(env, text)
	if err != nil {
		return nil, err
	}
	// YAML gives a comment between two fields to either, depending on what
	// stands around it: written out once more it stays where it is.
	for range 4 {
		again, err := format(env, out)
		if err != nil {
			return nil, fmt.Errorf("format: %w", err)
		}
		if bytes.Equal(again, out) {
			return out, sameMeaning(env, text, out)
		}
		out = again
	}
	return nil, errors.New("format: the comments do not come to rest; move those between fields above a rule")
}

func format(env *cel.Env, text []byte) ([]byte, error) {
	if _, err := Parse(text); err != nil {
		return nil, err
	}
	p := newPrinter(env, text)
	document := p.tree(string(text))
	root := document.Content[0]
	p.comments(0, document.HeadComment, root.HeadComment)
	p.fields(0, root, setOrder, func(key string, value *yaml.Node) bool {
		switch key {
		case "params":
			p.line(0, "params:", "")
			p.fields(2, value, nil, func(name string, value *yaml.Node) bool {
				p.short(2, name, sorted(value, paramOrder))
				return true
			})
		case "rules":
			p.items(key, value, ruleOrder)
		case "tests":
			p.items(key, value, caseOrder)
		default:
			return false
		}
		return true
	})
	p.comments(0, root.LineComment, root.FootComment, document.LineComment, document.FootComment)
	if err := p.err(); err != nil {
		return nil, err
	}
	return p.out.Bytes(), nil
}

// printer writes a rule set.
type printer struct {
	reader
	env  *cel.Env
	out  bytes.Buffer
	mark string // what begins the next line instead of spaces: that of a list
}

func newPrinter(env *cel.Env, text []byte) *printer {
	return &printer{reader: reader{source: newSource(string(text))}, env: env}
}

// tree returns the document's node, which reader.document leaves out.
func (r *reader) tree(text string) *yaml.Node {
	var document yaml.Node
	_ = yaml.Unmarshal([]byte(text), &document) // Parse has read it
	return &document
}

func (p *printer) line(indent int, text, comment string) {
	if p.mark != "" {
		p.out.WriteString(strings.Repeat(" ", indent-len(p.mark)) + p.mark)
		p.mark = ""
	} else {
		p.out.WriteString(strings.Repeat(" ", indent))
	}
	p.out.WriteString(text)
	if comment != "" {
		p.out.WriteString(" " + comment)
	}
	p.out.WriteByte('\n')
}

// comments writes comments on lines of their own. Inside a list's item they
// stand before its mark.
func (p *printer) comments(indent int, comments ...string) {
	for _, c := range comments {
		for line := range strings.SplitSeq(c, "\n") {
			if line = strings.TrimSpace(line); line != "" {
				p.out.WriteString(strings.Repeat(" ", indent-len(p.mark)) + line + "\n")
			}
		}
	}
}

// all returns every comment of a node and what is in it.
func all(n *yaml.Node) []string {
	found := []string{n.HeadComment, n.LineComment}
	for _, child := range n.Content {
		found = append(found, all(child)...)
	}
	return append(found, n.FootComment)
}

// fields writes a mapping's fields in order. What use does not write is written
// on one line.
func (p *printer) fields(indent int, n *yaml.Node, order []string, use func(key string, value *yaml.Node) bool) {
	n = sorted(n, order)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		p.comments(indent, key.HeadComment)
		if value.Kind == yaml.ScalarNode {
			p.comments(indent, key.LineComment, value.HeadComment)
		} else if key.Value != "rules" && key.Value != "tests" && key.Value != "params" || indent > 0 {
			p.comments(indent, key.LineComment)
			p.comments(indent, all(value)...)
		} else {
			p.comments(indent, key.LineComment, value.HeadComment, value.LineComment)
		}
		if !use(key.Value, value) {
			p.short(indent, key.Value, value)
		}
		if value.Kind == yaml.ScalarNode || indent == 0 {
			p.comments(indent, value.FootComment)
		}
		p.comments(indent, key.FootComment)
	}
}

// items writes the rules or tests.
func (p *printer) items(key string, list *yaml.Node, order []string) {
	if len(list.Content) == 0 {
		p.line(0, key+": []", "")
		return
	}
	p.line(0, key+":", "")
	for _, item := range list.Content {
		p.mark = "- "
		p.comments(4, item.HeadComment, item.LineComment)
		p.fields(4, item, order, func(key string, value *yaml.Node) bool {
			if key != "when" {
				return false
			}
			p.when(value)
			return true
		})
		p.comments(2, item.FootComment)
	}
}

// short writes a field on one line.
func (p *printer) short(indent int, key string, value *yaml.Node) {
	comment := ""
	if value.Kind == yaml.ScalarNode {
		comment = value.LineComment
	}
	p.line(indent, key+": "+inline(value, false), comment)
}

// inline returns a value as YAML on one line, inside brackets or braces if flow
// is set.
func inline(n *yaml.Node, flow bool) string {
	var parts []string
	switch n.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			parts = append(parts, inline(n.Content[i], true)+": "+inline(n.Content[i+1], true))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case yaml.SequenceNode:
		for _, item := range n.Content {
			parts = append(parts, inline(item, true))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	if n.Tag != "!!str" {
		return n.Value
	}
	scalar := &yaml.Node{Kind: yaml.ScalarNode, Tag: n.Tag, Value: n.Value}
	if strings.ContainsAny(n.Value, "\n\r\t\u0085\u2028\u2029\ufeff") {
		scalar.Style = yaml.DoubleQuotedStyle
	}
	if flow {
		scalar = &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle, Content: []*yaml.Node{scalar}}
	}
	out, err := yaml.Marshal(scalar)
	text := strings.TrimSpace(string(out))
	if err != nil || flow && len(text) < 2 {
		return "" // which sameMeaning finds
	}
	if flow {
		text = text[1 : len(text)-1]
	}
	return text
}

// sorted returns a mapping with the fields of order first, in that order.
func sorted(n *yaml.Node, order []string) *yaml.Node {
	if n.Kind != yaml.MappingNode {
		return n
	}
	c := *n
	c.Content = nil
	rank := func(key string) int {
		if i := slices.Index(order, key); i >= 0 {
			return i
		}
		return len(order)
	}
	for want := range len(order) + 1 {
		for i := 0; i+1 < len(n.Content); i += 2 {
			if rank(n.Content[i].Value) == want {
				c.Content = append(c.Content, n.Content[i], n.Content[i+1])
			}
		}
	}
	return &c
}

// when writes a condition, on as many lines as it takes.
func (p *printer) when(n *yaml.Node) {
	text, err := p.condition(n)
	if err != nil {
		p.errs = append(p.errs, err)
		return
	}
	if text == "true" || text == "false" {
		p.line(4, "when: "+text, n.LineComment)
		return
	}
	if !strings.Contains(text, "\n") {
		p.line(4, "when: "+inline(&yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: text}, false), n.LineComment)
		return
	}
	p.comments(4, n.LineComment)
	p.line(4, "when: |-", "")
	for line := range strings.SplitSeq(text, "\n") {
		p.line(6, line, "")
	}
}

// condition returns a condition as cel-go writes it, or as it stands where that
// would lose a comment in it.
func (p *printer) condition(n *yaml.Node) (string, error) {
	asItIs := strings.TrimSpace(n.Value)
	c := &condition{source: p.source, node: n, text: []rune(n.Value)}
	parsed, issues := p.env.Parse(n.Value)
	if issues.Err() != nil {
		return "", c.issues(issues)
	}
	tree := parsed.NativeRep()
	text, err := parser.Unparse(tree.Expr(), tree.SourceInfo())
	if err == nil && len(text) > maxLine {
		text, err = parser.Unparse(tree.Expr(), tree.SourceInfo(),
			parser.WrapOnColumn(maxLine-16), parser.WrapOnOperators(operators.LogicalAnd, operators.LogicalOr))
	}
	if err != nil {
		return asItIs, nil // what cannot be written anew stays
	}
	again, issues := p.env.Parse(text)
	if issues.Err() != nil || strings.Count(text, "//") != strings.Count(asItIs, "//") ||
		debug.ToDebugString(again.NativeRep().Expr()) != debug.ToDebugString(tree.Expr()) {
		return asItIs, nil
	}
	return text, nil
}

// sameMeaning makes sure that formatting changed nothing and lost no comment.
func sameMeaning(env *cel.Env, before, after []byte) error {
	var values [2]any
	var comments [2][]string
	for i, text := range [][]byte{before, after} {
		p := newPrinter(env, text)
		document := p.tree(string(text))
		for _, c := range all(document) {
			for line := range strings.SplitSeq(c, "\n") {
				if line = strings.TrimSpace(line); line != "" {
					comments[i] = append(comments[i], line)
				}
			}
		}
		slices.Sort(comments[i])
		p.unify(document)
		if err := document.Decode(&values[i]); err != nil {
			return fmt.Errorf("format: %w", err)
		}
	}
	if !reflect.DeepEqual(values[0], values[1]) {
		return errors.New("format: the rule set cannot be written otherwise than it is")
	}
	if !slices.Equal(comments[0], comments[1]) || unseen(string(before), comments[0]) {
		return errors.New("format: a comment would be lost; move it to a line of its own above a rule or field")
	}
	return nil
}

// unseen reports whether the source has a line of comment that YAML's reader
// gave to no node. A line of a text that looks like one counts as one.
func unseen(text string, comments []string) bool {
	lines := map[string]int{}
	for _, c := range comments {
		lines[c]++
	}
	for line := range strings.SplitSeq(lineBreaks.Replace(text), "\n") {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "#") {
			if lines[line]--; lines[line] < 0 {
				return true
			}
		}
	}
	return false
}

// unify gives conditions the form in which they can be compared, and other
// values that of texts: decoded times are not equal to themselves.
func (p *printer) unify(n *yaml.Node) {
	if n.Kind == yaml.ScalarNode {
		n.Value, n.Tag = n.Tag+" "+n.Value, "!!str"
	}
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 1 && n.Content[i-1].Value == "!!str when" && child.Kind == yaml.ScalarNode {
			if text, err := p.condition(child); err == nil {
				child.Value, child.Tag = strings.Join(strings.Fields(text), " "), "!!str"
			}
		}
		p.unify(child)
	}
}
