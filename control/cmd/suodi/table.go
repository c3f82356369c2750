package main

import (
	"fmt"
	"io"
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// table writes rows in aligned columns. Columns never become narrower from one
// call of write to the next, so that pages of a long list stay in line.
type table struct {
	out    io.Writer
	style  style
	header []string
	widths []int
}

func (c *cli) newTable(header ...string) *table {
	return &table{out: c.stdout, style: c.styleOf(c.stdout), header: header}
}

// gap is the space between columns.
const gap = "  "

// write writes rows; the header comes before the first.
func (t *table) write(rows [][]string) error {
	first := t.widths == nil
	if first {
		t.widths = make([]int, len(t.header))
		t.measure(t.header)
	}
	for _, row := range rows {
		for i := range row {
			row[i] = printable(row[i])
		}
		t.measure(row)
	}
	var b strings.Builder
	if first {
		b.WriteString(t.style.dim(t.line(t.header)) + "\n")
	}
	for _, row := range rows {
		b.WriteString(t.line(row) + "\n")
	}
	_, err := io.WriteString(t.out, b.String())
	return err
}

func (t *table) measure(row []string) {
	for i, cell := range row {
		t.widths[i] = max(t.widths[i], cells(cell))
	}
}

func (t *table) line(row []string) string {
	var b strings.Builder
	for i, cell := range row {
		b.WriteString(cell + strings.Repeat(" ", t.widths[i]-cells(cell)) + gap)
	}
	return strings.TrimRight(b.String(), " ")
}

// pairs writes names and values, one pair a line; pairs without a value are
// left out.
func (c *cli) pairs(pairs ...[2]string) error {
	style, widest := c.styleOf(c.stdout), 0
	for _, p := range pairs {
		widest = max(widest, cells(p[0]))
	}
	for _, p := range pairs {
		if p[1] == "" {
			continue
		}
		name := p[0] + strings.Repeat(" ", widest-cells(p[0]))
		if _, err := fmt.Fprintln(c.stdout, style.dim(name)+gap+printable(p[1])); err != nil {
			return err
		}
	}
	return nil
}

// cells returns how many columns of a terminal a text takes.
func cells(text string) (n int) {
	for _, r := range text {
		n += runeCells(r)
	}
	return n
}

func runeCells(r rune) int {
	if unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	if kind := width.LookupRune(r).Kind(); kind == width.EastAsianWide || kind == width.EastAsianFullwidth {
		return 2
	}
	return 1
}

// shorten cuts a text to a number of columns and marks the cut.
func shorten(text string, columns int) string {
	if cells(text) <= columns {
		return text
	}
	used := 1 // of the mark
	for i, r := range text {
		if used += runeCells(r); used > columns {
			return text[:i] + "…"
		}
	}
	return text
}

// printable replaces what acts on a terminal instead of showing in it: what
// others wrote must not move our cursor.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return '\uFFFD'
		}
		return r
	}, text)
}
