package edge

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// accessLog writes a line of JSON for a sample of visits. Visits hand lines
// over and never wait: what the file cannot take in time is counted and left
// out.
type accessLog struct {
	name    string
	every   uint64
	lines   chan []byte
	dropped atomic.Uint64

	mu     sync.Mutex
	file   *os.File
	buffer *bufio.Writer
	held   uint64 // lines in buffer
}

// accessLine is what a line says. Addresses are cut: IPv4 to 24 bits, IPv6 to
// 48.
type accessLine struct {
	Time      string `json:"time"`
	Host      string `json:"host"`
	Method    string `json:"method"`
	Path      string `json:"path"`
	Status    int    `json:"status"`
	Answer    string `json:"answer"`
	Location  string `json:"location,omitempty"`
	Platform  string `json:"platform,omitempty"`
	Network   string `json:"network"`
	UserAgent string `json:"user_agent"`
	Referrer  string `json:"referrer,omitempty"`
	Sample    uint64 `json:"sample"` // the line stands for so many visits
}

func openAccessLog(name string, every int) (*accessLog, error) {
	if name == "" {
		return nil, nil
	}
	l := &accessLog{name: name, every: uint64(every), lines: make(chan []byte, 4096)}
	return l, l.reopen()
}

// reopen opens the file anew, under its name.
func (l *accessLog) reopen() error {
	file := os.Stdout
	if l.name != "-" {
		var err error
		if file, err = os.OpenFile(l.name, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o640); err != nil {
			return fmt.Errorf("access log: %w", err)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.close()
	l.file, l.buffer = file, bufio.NewWriterSize(file, 64<<10)
	return err
}

// close writes out what is buffered; mu is held.
func (l *accessLog) close() error {
	if l.file == nil {
		return nil
	}
	err := l.buffer.Flush()
	if err != nil {
		l.dropped.Add(l.held)
	}
	l.held = 0
	if l.name != "-" {
		err = errors.Join(err, l.file.Close())
	}
	l.file = nil
	return err
}

// run writes lines until ctx is done, then what is left of them.
func (l *accessLog) run(ctx context.Context) {
	flush := time.NewTicker(time.Second)
	defer flush.Stop()
	for {
		select {
		case line := <-l.lines:
			l.write(line)
		case <-flush.C:
			l.flush()
		case <-ctx.Done():
			for len(l.lines) > 0 {
				l.write(<-l.lines)
			}
			l.mu.Lock()
			defer l.mu.Unlock()
			_ = l.close() // what is lost with it is counted
			return
		}
	}
}

func (l *accessLog) write(line []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(line) > l.buffer.Available() {
		l.empty()
	}
	l.held++
	if _, err := l.buffer.Write(line); err != nil { // it is longer than the buffer
		l.lose()
	}
}

func (l *accessLog) flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.empty()
}

// empty writes out what is buffered; mu is held.
func (l *accessLog) empty() {
	if err := l.buffer.Flush(); err != nil {
		l.lose()
	}
	l.held = 0
}

// lose counts the lines that are buffered as lost and makes a new start: a full
// disk may have room again. mu is held.
func (l *accessLog) lose() {
	l.dropped.Add(l.held)
	l.held = 0
	l.buffer.Reset(l.file)
}

// note hands the visit's line over if the visit is in the sample.
func (l *accessLog) note(v *visitState) {
	if v.count.seen++; v.count.seen%l.every != 0 {
		return
	}
	header := &v.ctx.Request.Header
	line := accessLine{
		Time: v.server.now().UTC().Format(time.RFC3339Nano), Host: string(header.Host()), Method: string(header.Method()),
		Path: string(header.RequestURI()), Status: v.ctx.Response.StatusCode(), Answer: answerNames[v.answer],
		Location: string(v.ctx.Response.Header.PeekBytes(headerLocation)), Network: network(v.client()),
		UserAgent: string(header.UserAgent()), Referrer: string(header.Referer()), Sample: l.every,
	}
	if v.world != nil && v.record != nil {
		line.Platform = v.world.names[v.slot.Visit.Platform].id
	}
	data, err := json.Marshal(line)
	if err != nil {
		data = []byte(strconv.Quote(err.Error()))
	}
	select {
	case l.lines <- append(data, '\n'):
	default:
		l.dropped.Add(1)
	}
}

// network returns what of an address is written down.
func network(address netip.Addr) string {
	bits := 24
	if address.Is6() {
		bits = 48
	}
	p, err := address.Prefix(bits)
	if err != nil {
		return ""
	}
	return p.String()
}
