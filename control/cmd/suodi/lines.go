package main

import (
	"bytes"
	"io"
	"strings"
	"sync"
)

// lines lets several write to one place, each line whole and with the name of
// who wrote it.
type lines struct {
	style style
	mu    sync.Mutex
	out   io.Writer
}

// named returns the writer for one of them.
func (l *lines) named(name string) io.Writer {
	prefix := l.style.dim(name + strings.Repeat(" ", max(0, len("control")-len(name))) + " | ")
	return &lineWriter{line: func(line string) {
		l.mu.Lock()
		defer l.mu.Unlock()
		_, _ = io.WriteString(l.out, prefix+printable(line)+"\n") // for people
	}}
}

// maxLine bounds a line, in bytes; a longer one is cut into several.
const maxLine = 64 << 10

// lineWriter calls line for every line that is written to it.
type lineWriter struct {
	line func(string)

	mu   sync.Mutex
	rest []byte // of a line that is not whole yet
}

func (w *lineWriter) Write(data []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rest = append(w.rest, data...)
	for {
		end := bytes.IndexByte(w.rest, '\n')
		next := end + 1
		if end < 0 {
			if len(w.rest) < maxLine {
				return len(data), nil
			}
			end, next = maxLine, maxLine
		}
		w.line(strings.TrimSuffix(string(w.rest[:end]), "\r"))
		w.rest = w.rest[next:]
	}
}

// flush takes what is left as a line.
func (w *lineWriter) flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.rest) > 0 {
		w.line(string(w.rest))
		w.rest = nil
	}
}
