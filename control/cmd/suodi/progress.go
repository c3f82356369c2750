package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"
)

// minProgress is how large something is, in bytes, for its way to be shown.
const minProgress = 256 << 10

// progress shows on a terminal how much of something is sent.
type progress struct {
	out   io.Writer // nil: nothing is shown
	what  string
	total int

	mu    sync.Mutex
	drawn string
}

// newProgress returns a bar for a number of bytes. It is drawn for people who
// look at a terminal, and when there is enough to send to be waited for.
func (c *cli) newProgress(what string, total int) *progress {
	p := &progress{what: what, total: total}
	f, ok := c.stderr.(*os.File)
	if ok && !c.json && total >= minProgress && c.getenv("TERM") != "dumb" && term.IsTerminal(int(f.Fd())) {
		p.out = f
	}
	return p
}

const barCells = 24

// bar draws how much is sent.
func (p *progress) bar(sent int) string {
	share := 1.0
	if p.total > 0 {
		share = min(1, float64(sent)/float64(p.total))
	}
	full := int(share * barCells)
	return fmt.Sprintf("%s [%s%s] %3.0f %%", p.what, strings.Repeat("█", full), strings.Repeat("·", barCells-full), 100*share)
}

// show draws the bar again if it changed.
func (p *progress) show(sent int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.out == nil {
		return
	}
	if line := p.bar(sent); line != p.drawn {
		p.drawn = line
		_, _ = io.WriteString(p.out, "\r"+line) // for people
	}
}

// end wipes the bar away.
func (p *progress) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.out != nil && p.drawn != "" {
		_, _ = io.WriteString(p.out, "\r"+strings.Repeat(" ", cells(p.drawn))+"\r")
	}
	p.out = nil // what is still on its way is not shown
}

// watched tells how much of a reader was read.
type watched struct {
	io.Reader
	read int
	tell func(sent int)
}

func (w *watched) Read(data []byte) (int, error) {
	n, err := w.Reader.Read(data)
	w.read += n
	w.tell(w.read)
	return n, err
}
