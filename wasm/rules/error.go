package rules

import (
	"errors"
	"fmt"
	"strings"

	"golang.org/x/text/width"
)

// Error is one mistake in a rule set's source.
type Error struct {
	Line    int    // from 1
	Column  int    // from 1, in code points
	Message string // one line
	Snippet string // the line and below it a caret under the column
}

// Error returns place, message and snippet.
func (e *Error) Error() string {
	return fmt.Sprintf("line %d, column %d: %s\n%s", e.Line, e.Column, e.Message, e.Snippet)
}

// maxErrors is how many mistakes one call reports.
const maxErrors = 20

// Errors returns the mistakes that err, as Parse, Compile and Test return
// it, consists of.
func Errors(err error) []*Error {
	var found []*Error
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			found = append(found, Errors(e)...)
		}
		return found
	}
	var one *Error
	if errors.As(err, &one) {
		found = append(found, one)
	}
	return found
}

// maxSnippet is how much of a long line a snippet shows, in code points.
const maxSnippet = 120

// snippet returns the part of line around column (from 1) and a caret.
func snippet(line string, column int) string {
	runes := []rune(line)
	caret := min(max(column-1, 0), len(runes))
	before, after := "", ""
	if len(runes) > maxSnippet {
		from := max(0, min(caret-maxSnippet/2, len(runes)-maxSnippet))
		to := from + maxSnippet
		if from > 0 {
			before = "…"
		}
		if to < len(runes) {
			after = "…"
		}
		runes, caret = runes[from:to], caret-from
	}
	var pad strings.Builder
	for _, r := range before + string(runes[:caret]) {
		switch kind := width.LookupRune(r).Kind(); {
		case r == '\t':
			pad.WriteByte('\t')
		case kind == width.EastAsianWide || kind == width.EastAsianFullwidth:
			pad.WriteString("  ")
		default:
			pad.WriteByte(' ')
		}
	}
	return before + string(runes) + after + "\n" + pad.String() + "^"
}

// nearest returns the known word that word was most likely meant to be, or "":
// the one with the fewest mistakes, else the shortest that word is a part of.
func nearest(word string, known []string) string {
	word = strings.ToLower(word)
	best, mistakes := "", max(2, len(word)/3)
	for _, k := range known {
		d := distance(word, strings.ToLower(k))
		if d < len(word) && (d < mistakes || d == mistakes && (best == "" || k < best)) {
			best, mistakes = k, d
		}
	}
	if best != "" || len(word) < 2 {
		return best
	}
	for _, k := range known {
		shorter := len(k) < len(best) || len(k) == len(best) && k < best
		if strings.Contains(strings.ToLower(k), word) && (best == "" || shorter) {
			best = k
		}
	}
	return best
}

// didYouMean returns the end of a message: the nearest known word, if any.
func didYouMean(word string, known []string) string {
	if n := nearest(word, known); n != "" {
		return fmt.Sprintf("; did you mean %q?", n)
	}
	return ""
}

// distance returns how many insertions, deletions, changes and swaps of
// neighbours make a into b (optimal string alignment).
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return max(len(a), len(b))
	}
	previous2, previous, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range previous {
		previous[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(previous[j]+1, row[j-1]+1, previous[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], previous2[j-2]+1)
			}
		}
		previous2, previous, row = previous, row, previous2
	}
	return previous[len(b)]
}
