package rules

import (
	"errors"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"
)

// reader takes a YAML document apart and collects what is wrong with it.
type reader struct {
	source *source
	errs   []error
}

func (r *reader) failAt(p place, format string, args ...any) {
	if len(r.errs) < maxErrors {
		r.errs = append(r.errs, r.source.errorAt(p, format, args...))
	}
}

func (r *reader) fail(n *yaml.Node, format string, args ...any) {
	r.failAt(place{n.Line, n.Column}, format, args...)
}

func (r *reader) err() error { return errors.Join(r.errs...) }

// yamlLine finds the line in an error of yaml.v3, which tells it in no other way.
var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

// document returns the root of the only document in text.
func (r *reader) document(text string) *yaml.Node {
	decoder := yaml.NewDecoder(strings.NewReader(text))
	var root, second yaml.Node
	err := decoder.Decode(&root)
	if err == nil {
		if err = decoder.Decode(&second); err == nil {
			r.fail(&second, "a rule set is one YAML document; a second begins here")
			return nil
		}
	} else if errors.Is(err, io.EOF) {
		r.failAt(place{1, 1}, "the rule set is empty")
		return nil
	}
	if !errors.Is(err, io.EOF) {
		line, message := 1, err.Error()
		if m := yamlLine.FindStringSubmatch(message); m != nil {
			message = m[2]
			if n, err := strconv.Atoi(m[1]); err == nil {
				line = min(max(n, 1), len(r.source.lines))
			}
		}
		first := slices.IndexFunc(r.source.lines[line-1], func(c rune) bool { return c != ' ' })
		r.failAt(place{line, max(first, 0) + 1}, "not YAML: %s", message)
		return nil
	}
	return root.Content[0]
}

// field is what to do with the value of one key of a mapping.
type field func(value *yaml.Node)

// mapping hands each value of a mapping to its field and refuses other keys.
// It reports whether n is a mapping.
func (r *reader) mapping(n *yaml.Node, what string, fields map[string]field) bool {
	if n.Kind != yaml.MappingNode {
		r.fail(n, "%s is %s; want fields", what, describe(n))
		return false
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		use, known := fields[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode:
			r.fail(key, "a field's name is a word")
		case !known:
			r.fail(key, "%s has no field %q%s", what, key.Value, didYouMean(key.Value, keys(fields)))
		case seen[key.Value]:
			r.fail(key, "field %q stands twice", key.Value)
		case value.Kind == yaml.AliasNode:
			r.fail(value, "YAML aliases are not supported")
		case value.Kind == yaml.ScalarNode && value.Tag == "!!null":
			r.fail(key, "field %q is empty", key.Value)
		default:
			use(value)
		}
		seen[key.Value] = true
	}
	return true
}

// entries hands each key and value of a mapping with keys of its own to use.
func (r *reader) entries(n *yaml.Node, what string, use func(key, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		r.fail(n, "%s is %s; want fields", what, describe(n))
		return
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case key.Kind != yaml.ScalarNode:
			r.fail(key, "a field's name is a word")
		case seen[key.Value]:
			r.fail(key, "field %q stands twice", key.Value)
		case value.Kind == yaml.AliasNode:
			r.fail(value, "YAML aliases are not supported")
		default:
			use(key, value)
		}
		seen[key.Value] = true
	}
}

// list hands each item of a list to use.
func (r *reader) list(n *yaml.Node, what string, limit int, use func(item *yaml.Node)) {
	if n.Kind != yaml.SequenceNode {
		r.fail(n, "%s is %s; want a list", what, describe(n))
		return
	}
	if len(n.Content) > limit {
		r.fail(n.Content[limit], "%s: more than %d", what, limit)
		return
	}
	for _, item := range n.Content {
		if item.Kind == yaml.AliasNode {
			r.fail(item, "YAML aliases are not supported")
			continue
		}
		use(item)
	}
}

// text returns a field's text, of at most limit bytes.
func (r *reader) text(n *yaml.Node, what string, limit int) string {
	if n.Kind != yaml.ScalarNode || n.Tag != "!!str" {
		r.fail(n, "%s is %s; want a text (quote it)", what, describe(n))
		return ""
	}
	if len(n.Value) > limit {
		r.fail(n, "%s is %d bytes long; at most %d", what, len(n.Value), limit)
		return ""
	}
	return n.Value
}

// integer returns a field's number, from low to high.
func (r *reader) integer(n *yaml.Node, what string, low, high int64) int64 {
	var v int64
	if n.Kind != yaml.ScalarNode || n.Tag != "!!int" || n.Decode(&v) != nil {
		r.fail(n, "%s is %s; want a whole number", what, describe(n))
		return low
	}
	if v < low || v > high {
		r.fail(n, "%s is %d; want %d to %d", what, v, low, high)
		return low
	}
	return v
}

// boolean returns a field's truth.
func (r *reader) boolean(n *yaml.Node, what string) bool {
	var v bool
	if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" || n.Decode(&v) != nil {
		r.fail(n, "%s is %s; want true or false", what, describe(n))
	}
	return v
}

// choice returns the index of a field's word among the words it may be, or -1.
func (r *reader) choice(n *yaml.Node, what string, words ...string) int {
	if n.Kind == yaml.ScalarNode {
		if i := slices.Index(words, n.Value); i >= 0 {
			return i
		}
	}
	r.fail(n, "%s is %s; want %s%s", what, describe(n), alternatives(words), didYouMean(n.Value, words))
	return -1
}

// describe names a node's kind or short value for a message.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return "an alias"
	}
	if len(n.Value) > 40 {
		return "a long text"
	}
	return strconv.Quote(n.Value)
}

// alternatives joins words as "a, b or c".
func alternatives(words []string) string {
	if len(words) == 1 {
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

func keys[V any](m map[string]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
