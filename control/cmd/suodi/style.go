package main

import (
	"io"
	"os"

	"golang.org/x/term"
)

// style colours text for terminals; the zero value leaves it as it is.
type style struct{ on bool }

// styleOf returns the style for a writer: colours only on a terminal, and
// never with NO_COLOR (https://no-color.org).
func (c *cli) styleOf(w io.Writer) style {
	f, ok := w.(*os.File)
	return style{on: ok && c.getenv("NO_COLOR") == "" && c.getenv("TERM") != "dumb" && term.IsTerminal(int(f.Fd()))}
}

func (s style) bold(text string) string { return s.wrap("1", text) }

func (s style) dim(text string) string { return s.wrap("2", text) }

func (s style) wrap(code, text string) string {
	if !s.on || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}
