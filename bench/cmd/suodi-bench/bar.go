package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"
)

// bar shows on a terminal how far a run is; elsewhere it shows nothing. A bar
// that cannot be drawn keeps no run from going on.
type bar struct {
	to    io.Writer // nil: no terminal
	what  string
	shown time.Time
}

func newBar(to io.Writer, what string) *bar {
	if f, ok := to.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		return &bar{to: to, what: what}
	}
	return &bar{}
}

const (
	barCells = 30
	barEvery = 50 * time.Millisecond // a terminal need not see more
	erase    = "\r\x1b[K"
)

// show draws the bar.
func (b *bar) show(done, total int) {
	if b.to == nil || total == 0 || done < total && time.Since(b.shown) < barEvery {
		return
	}
	b.shown = time.Now()
	full := barCells * done / total
	_, _ = fmt.Fprintf(b.to, "%s[%s%s] %d of %d %s", erase, strings.Repeat("#", full), strings.Repeat(".", barCells-full), done, total, b.what)
}

// clear removes the bar.
func (b *bar) clear() {
	if b.to != nil {
		_, _ = fmt.Fprint(b.to, erase)
	}
}
