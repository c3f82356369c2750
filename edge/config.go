package edge

import (
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"suodi/control/feed"
	"suodi/edge/cert"
)

// Config says how an edge runs; zero means the default.
type Config struct {
	Dir      string   // holds everything the edge keeps; required
	ID       string   // names the edge in the fleet; required
	Listen   string   // address for visitors; default 127.0.0.1:8080
	TLS      string   // address for visitors over TLS; empty: none
	Admin    string   // address for health, metrics and pprof; default 127.0.0.1:8081
	Upstream []string // feed addresses of control nodes; default 127.0.0.1:7071
	Version  string   // of the program, for people

	// TakeOver replaces the edge that runs with Dir, if one does, without dropping
	// a visit: see handover.go.
	TakeOver bool

	// Certificates are served over TLS, by the name a client asks for.
	Certificates []cert.Pair

	// Proxies are the networks whose word for a visitor's address is taken: in
	// X-Forwarded-For, and with ProxyProtocol in a PROXY header that begins each
	// of their connections.
	Proxies       []netip.Prefix
	ProxyProtocol bool

	// Limits; 0 is none. An address is an IPv4 address or the first 64 bits of an
	// IPv6 address.
	RatePerAddress        float64 // visits a second; twice as many at once
	Rate                  float64 // visits a second in all
	ConnectionsPerAddress int     // open at a time
	Connections           int     // open at a time in all; default four fifths of the file descriptors there are

	// GoFilters runs modules of class go. While the garbage collector waits for
	// one of their calls to end, every visit waits.
	GoFilters bool

	// CountryDB is a database in MaxMind's format that tells where addresses are;
	// it is read again when it is replaced. Empty: nobody knows.
	CountryDB string

	AccessLog    string // file for a line of JSON a visit; "-": standard output; empty: none
	AccessSample int    // one visit in so many is written; default 1

	ReadTimeout  time.Duration // for a whole request; default 10 s
	WriteTimeout time.Duration // for a whole answer; default 10 s
	IdleTimeout  time.Duration // between requests of a connection; default 75 s
	DrainTimeout time.Duration // for requests in flight at the end; default 15 s

	Logger *slog.Logger // nil discards
}

func (c Config) withDefaults() Config {
	if c.Listen == "" {
		c.Listen = "127.0.0.1:8080"
	}
	if c.Admin == "" {
		c.Admin = "127.0.0.1:8081"
	}
	if len(c.Upstream) == 0 {
		c.Upstream = []string{"127.0.0.1:7071"}
	}
	if c.Version == "" {
		c.Version = "dev"
	}
	for d, value := range map[*time.Duration]time.Duration{
		&c.ReadTimeout: 10 * time.Second, &c.WriteTimeout: 10 * time.Second,
		&c.IdleTimeout: 75 * time.Second, &c.DrainTimeout: 15 * time.Second,
	} {
		if *d == 0 {
			*d = value
		}
	}
	if c.Connections == 0 {
		c.Connections = maxConnections()
	}
	if c.AccessSample == 0 {
		c.AccessSample = 1
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

func (c Config) validate() error {
	if c.Dir == "" {
		return errors.New("data directory: none given")
	}
	if c.ID == "" || len(c.ID) > 128 {
		return errors.New("id: want 1 to 128 bytes that name this edge")
	}
	if err := feed.CheckLoopback(c.Admin); err != nil {
		return fmt.Errorf("admin address: %w", err)
	}
	if (c.TLS == "") != (len(c.Certificates) == 0) {
		return errors.New("TLS: want both an address and certificates, or neither")
	}
	if c.ProxyProtocol && len(c.Proxies) == 0 {
		return errors.New("PROXY protocol: say which proxies may speak it")
	}
	if c.RatePerAddress < 0 || c.Rate < 0 || c.ConnectionsPerAddress < 0 || c.Connections < 0 || c.AccessSample < 0 {
		return errors.New("rates, connections and samples: want positive numbers, or 0 for no limit")
	}
	for _, upstream := range c.Upstream {
		if err := feed.CheckLoopback(upstream); err != nil {
			return fmt.Errorf("upstream: %w", err)
		}
	}
	return nil
}
