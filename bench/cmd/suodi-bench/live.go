package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/term"

	"suodi/bench/load"
)

// live shows how a run goes: on a terminal one line that changes, elsewhere a
// line every few seconds. What cannot be shown keeps no run from going on.
type live struct {
	to       io.Writer
	terminal bool
	what     string // is measured now
	said     time.Time
}

// liveEvery is how often it is told where there is no terminal.
const liveEvery = 5 * time.Second

func newLive(to io.Writer) *live {
	f, ok := to.(*os.File)
	return &live{to: to, terminal: ok && term.IsTerminal(int(f.Fd())), said: time.Now()}
}

// begin says what comes next.
func (l *live) begin(format string, args ...any) {
	l.what = fmt.Sprintf(format, args...)
	if !l.terminal {
		_, _ = fmt.Fprintln(l.to, l.what)
	}
	l.said = time.Now()
}

// note says what goes on where nothing can be shown of how it goes.
func (l *live) note(what string) {
	if l.terminal {
		what = erase + what
	} else {
		what += "\n"
	}
	_, _ = fmt.Fprint(l.to, what)
}

// show shows how it goes.
func (l *live) show(p load.Progress) {
	phase := ""
	if p.Warming {
		phase = " (warming up)"
	}
	figures := fmt.Sprintf("%.0f of %.0f s%s  %s/s  p50 %s  p99 %s  failed %d", p.Elapsed.Seconds(), p.Total.Seconds(), phase,
		thousands(p.Rate), micros(p.P50), micros(p.P99), p.Failed)
	if !l.terminal {
		if time.Since(l.said) >= liveEvery {
			l.said = time.Now()
			_, _ = fmt.Fprintf(l.to, "%s: %s\n", l.what, figures)
		}
		return
	}
	full := int(barCells * p.Elapsed / max(p.Total, 1))
	_, _ = fmt.Fprintf(l.to, "%s%s [%s%s] %s", erase, l.what, strings.Repeat("#", full), strings.Repeat(".", barCells-full), figures)
}

// clear removes the line.
func (l *live) clear() {
	if l.terminal {
		_, _ = fmt.Fprint(l.to, erase)
	}
}

func thousands(v float64) string {
	if v >= 10_000 {
		return fmt.Sprintf("%.1fk", v/1000)
	}
	return fmt.Sprintf("%.0f", v)
}

func micros(v float64) string {
	return (time.Duration(v) * time.Microsecond).String()
}
