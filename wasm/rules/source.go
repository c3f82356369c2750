package rules

import (
	"fmt"
	"strings"
	"unicode"

	"gopkg.in/yaml.v3"
)

// place is a position in the source: line and column from 1, columns in code
// points.
type place struct{ line, column int }

// source is a rule set's text by lines.
type source struct {
	lines [][]rune
}

// lineBreaks makes every line break that YAML knows a newline.
var lineBreaks = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n")

func newSource(text string) *source {
	s := &source{}
	for line := range strings.SplitSeq(lineBreaks.Replace(strings.TrimPrefix(text, "\ufeff")), "\n") {
		s.lines = append(s.lines, []rune(line))
	}
	return s
}

// errorAt returns an Error at p.
func (s *source) errorAt(p place, format string, args ...any) *Error {
	line := ""
	if p.line >= 1 && p.line <= len(s.lines) {
		line = string(s.lines[p.line-1])
	}
	return &Error{
		Line:    p.line,
		Column:  p.column,
		Message: fmt.Sprintf(format, args...),
		Snippet: snippet(line, p.column),
	}
}

// within returns where the code point at offset of a scalar's value stands in
// the source: the same line for a plain or quoted scalar, the line inside the
// block for a block scalar. A scalar it cannot follow gives its beginning.
func (s *source) within(n *yaml.Node, offset int) place {
	start := place{n.Line, n.Column}
	places := s.places(n)
	if len(places) == 0 {
		return start
	}
	before := 0
	for i, r := range []rune(n.Value) {
		if i == offset && !unicode.IsSpace(r) {
			return places[before]
		}
		if i == offset {
			break
		}
		if !unicode.IsSpace(r) {
			before++
		}
	}
	if before == 0 {
		return places[0]
	}
	last := places[before-1]
	return place{last.line, last.column + 1}
}

// places returns where each code point of a scalar's value that is not white
// space stands. Whatever a scalar's style does to line breaks and indentation,
// the other characters keep their order, and all but escapes are themselves.
func (s *source) places(n *yaml.Node) []place {
	r := scalarReader{source: s, at: place{n.Line, n.Column}}
	switch {
	case n.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0:
		r.at = place{n.Line + 1, 1}
	case n.Style&yaml.DoubleQuotedStyle != 0:
		r.quote = '"'
	case n.Style&yaml.SingleQuotedStyle != 0:
		r.quote = '\''
	}
	if r.quote != 0 {
		if c, _, ok := r.rune(); !ok || c != r.quote {
			return nil // a tag stands before the scalar
		}
	}
	var places []place
	for _, want := range n.Value {
		if unicode.IsSpace(want) {
			continue
		}
		got, p, ok := r.next()
		for ok && unicode.IsSpace(got) {
			got, p, ok = r.next()
		}
		if !ok || got != want {
			return nil
		}
		places = append(places, p)
	}
	return places
}

// scalarReader reads the characters of one scalar.
type scalarReader struct {
	source *source
	at     place
	quote  rune // 0 = plain or block
}

// rune returns the next character as it stands in the source.
func (r *scalarReader) rune() (rune, place, bool) {
	p := r.at
	if p.line > len(r.source.lines) {
		return 0, p, false
	}
	if line := r.source.lines[p.line-1]; p.column <= len(line) {
		r.at.column++
		return line[p.column-1], p, true
	}
	r.at = place{p.line + 1, 1}
	return '\n', p, true
}

// escapes are the double-quoted escapes that do not give white space and are
// not followed by digits; others stand for themselves.
var escapes = map[rune]rune{'0': 0, 'a': 7, 'b': 8, 'e': 0x1b, 'n': ' ', 't': ' ', 'v': ' ', 'f': ' ', 'r': ' ', 'N': ' ', '_': ' ', 'L': ' ', 'P': ' '}

// next returns the next character of the value, all white space alike, and
// where it begins.
func (r *scalarReader) next() (rune, place, bool) {
	c, p, ok := r.rune()
	if !ok || r.quote == 0 || c != '\\' && c != '\'' {
		return c, p, ok
	}
	if r.quote == '\'' {
		if c == '\'' {
			_, _, ok = r.rune() // the second of two
		}
		return c, p, ok
	}
	if c == '\'' {
		return c, p, true
	}
	c, _, ok = r.rune()
	digits := map[rune]int{'x': 2, 'u': 4, 'U': 8}[c]
	if digits == 0 {
		if meant, found := escapes[c]; found {
			c = meant
		}
		return c, p, ok
	}
	var value rune
	for range digits {
		digit, _, more := r.rune()
		if !more {
			return 0, p, false
		}
		value = value<<4 | hexDigit(digit)
	}
	if unicode.IsSpace(value) {
		value = ' '
	}
	return value, p, true
}

func hexDigit(r rune) rune {
	if r <= '9' {
		return r - '0'
	}
	return r&^0x20 - 'A' + 10
}
