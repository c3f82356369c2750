package load

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// Config says what load is put on; zero means the default.
type Config struct {
	Address string // host:port; required
	Host    string // for the Host header and for TLS; default Address
	TLS     *TLS   // nil: plain connections

	// Fresh opens a connection for every visit, as the public does; else each
	// of Connections goes from visit to visit.
	Fresh       bool
	Connections int // at most at a time; default 64
	// Rate is visits a second of an open loop; 0: a closed loop.
	Rate     float64
	Warmup   time.Duration // not counted; default 0
	Duration time.Duration // default 10 s
	Timeout  time.Duration // of a visit, and of the whole when nobody answers; default 5 s
	Workers  int           // epoll loops, one core each; default 1

	Links  *Links  // required
	Agents *Agents // default DefaultAgents
	// Statuses are those that a visit may be answered with; default 301, 302,
	// 303, 307 and 308. Any of 3xx also needs a Location.
	Statuses []int
	Seed     uint64 // of the draw of links and agents; default 1

	// Progress hears several times a second how it goes; nil: nobody does. It
	// is called from one goroutine.
	Progress func(Progress)
}

// TLS says how connections are secured. Always TLS 1.3 with X25519, ALPN
// http/1.1, and without verifying the certificate: it is load, not a visit.
type TLS struct {
	// Resume is the share of connections, 0 to 1, that resume a session.
	Resume float64
}

func (c Config) withDefaults() Config {
	if c.Host == "" {
		c.Host = c.Address
	}
	if c.Connections == 0 {
		c.Connections = 64
	}
	if c.Duration == 0 {
		c.Duration = 10 * time.Second
	}
	if c.Timeout == 0 {
		c.Timeout = 5 * time.Second
	}
	if c.Workers == 0 {
		c.Workers = 1
	}
	if c.Agents == nil {
		c.Agents = DefaultAgents()
	}
	if c.Statuses == nil {
		c.Statuses = []int{301, 302, 303, 307, 308}
	}
	if c.Seed == 0 {
		c.Seed = 1
	}
	if c.Progress == nil {
		c.Progress = func(Progress) {}
	}
	return c
}

func (c Config) validate() error {
	if _, _, err := net.SplitHostPort(c.Address); err != nil {
		return fmt.Errorf("address %q: want host:port", c.Address)
	}
	if strings.ContainsFunc(c.Host, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return fmt.Errorf("host %q: want a name in ASCII", c.Host)
	}
	switch {
	case c.Links == nil:
		return errors.New("links: none given")
	case c.Connections < 1 || c.Connections > 65_536:
		return fmt.Errorf("connections: want 1 to 65536, not %d", c.Connections)
	case c.Workers < 1 || c.Workers > c.Connections:
		return fmt.Errorf("workers: want 1 to the number of connections, %d, not %d", c.Connections, c.Workers)
	case !(c.Rate >= 0 && c.Rate <= 10_000_000):
		return fmt.Errorf("rate: want 0 (closed loop) to 10,000,000, not %v", c.Rate)
	case c.Duration < minDuration:
		return fmt.Errorf("duration: want at least %v, not %v", minDuration, c.Duration)
	case c.Warmup < 0:
		return fmt.Errorf("warm-up: want no less than 0, not %v", c.Warmup)
	case c.Timeout < 10*time.Millisecond:
		return fmt.Errorf("time-out: want at least 10ms, not %v", c.Timeout)
	case c.TLS != nil && !(c.TLS.Resume >= 0 && c.TLS.Resume <= 1):
		return fmt.Errorf("resume: want a share, 0 to 1, not %v", c.TLS.Resume)
	case c.TLS != nil && !c.Fresh && c.TLS.Resume > 0:
		return errors.New("resume: connections that go from visit to visit have nothing to resume")
	}
	return nil
}

const minDuration = 100 * time.Millisecond

// interval is how long a piece of the round is of which there are separate
// figures.
func (c Config) interval() time.Duration {
	return min(max(c.Duration/100, 100*time.Millisecond), time.Second)
}

// Scenario describes the load in words.
func (c Config) Scenario() string {
	c = c.withDefaults()
	var parts []string
	switch {
	case c.TLS != nil && c.Fresh:
		parts = append(parts, "a new TLS 1.3 connection per visit")
		if c.TLS.Resume > 0 {
			parts = append(parts, fmt.Sprintf("%g %% resumed", 100*c.TLS.Resume))
		}
	case c.TLS != nil:
		parts = append(parts, "kept TLS 1.3 connections")
	case c.Fresh:
		parts = append(parts, "a new plain connection per visit")
	default:
		parts = append(parts, "kept plain connections")
	}
	parts = append(parts, fmt.Sprintf("at most %d at a time", c.Connections))
	if c.Rate > 0 {
		parts = append(parts, fmt.Sprintf("open loop at %g a second", c.Rate))
	} else {
		parts = append(parts, "closed loop")
	}
	if c.Links != nil {
		parts = append(parts, fmt.Sprintf("%d links", c.Links.Len()))
	}
	return strings.Join(parts, ", ")
}
