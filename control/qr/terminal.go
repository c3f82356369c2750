package qr

import (
	"fmt"
	"io"
	"strings"
)

// Terminal draws the code with half blocks, two rows of modules in a line.
// With colour it is black on white whatever the terminal's theme; without, the
// light modules are the blocks, which is right on dark terminals. Style, size
// and logo do not matter here.
func (c *Code) Terminal(w io.Writer, colour bool) error {
	const (
		blackOnWhite = "\x1b[38;5;16;48;5;231m"
		reset        = "\x1b[0m"
	)
	blocks := []string{" ", "▀", "▄", "█"} // by ink in the upper (1) and lower (2) half
	ink := func(x, y int) bool { return c.Dark(x, y) == colour }
	margin := c.options.Margin
	var b strings.Builder
	for y := -margin; y < c.side+margin; y += 2 {
		if colour {
			b.WriteString(blackOnWhite)
		}
		for x := -margin; x < c.side+margin; x++ {
			i := 0
			if ink(x, y) {
				i |= 1
			}
			// With an odd number of rows half a line is left: no ink.
			if y+1 < c.side+margin && ink(x, y+1) {
				i |= 2
			}
			b.WriteString(blocks[i])
		}
		if colour {
			b.WriteString(reset)
		}
		b.WriteByte('\n')
	}
	if _, err := io.WriteString(w, b.String()); err != nil {
		return fmt.Errorf("write code: %w", err)
	}
	return nil
}
