// Package country tells where an address is, from a database that the operator
// supplies and replaces while the edge runs. It must not know what visits or
// rules are, and never asks anybody: what the file does not say is unknown.
//
// The file has MaxMind's format (https://maxmind.github.io/MaxMind-DB/), with
// country.iso_code and, where there are regions, subdivisions[0].iso_code in its
// records, as GeoLite2-Country, GeoLite2-City, DB-IP's lite editions and others
// have. It is read into memory rather than mapped, so that one who overwrites it
// in place (cp rather than mv) pulls nothing away from under visits; while it is
// being written the one before stays. Nothing has to be closed: a database that
// was replaced lasts until the last look-up in it has returned.
package country

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// Config configures a Database.
type Config struct {
	// Path is the file; empty means that there is none and every address is
	// Unknown. A file that is not there yet is waited for.
	Path string
	// Every is how often the file is looked at; 0 means 5 s.
	Every time.Duration
	// Logger is told when a database is taken over or refused; nil discards.
	Logger *slog.Logger
}

func (c Config) withDefaults() Config {
	if c.Every == 0 {
		c.Every = 5 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

func (c Config) validate() error {
	if c.Every < 0 {
		return fmt.Errorf("country database: interval %s: want more than 0", c.Every)
	}
	return nil
}

// Database answers from the file as it was last read. Its methods may be called
// concurrently.
type Database struct {
	config   Config
	current  atomic.Pointer[snapshot] // nil: none was ever read
	failures atomic.Uint64

	mu   sync.Mutex  // reloading, and what follows
	seen os.FileInfo // of the file that was last tried, nil: it was not there
	err  error       // of that try
}

// Open reads the file if it is there. A file that is missing or broken is no
// error, since an edge serves without: Status says so, and Run goes on looking.
func Open(config Config) (*Database, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	d := &Database{config: config}
	d.Reload()
	return d, nil
}

// Run looks whether the file was replaced until ctx is done, then returns nil.
func (d *Database) Run(ctx context.Context) error {
	if d.config.Path == "" {
		<-ctx.Done()
		return nil
	}
	ticker := time.NewTicker(d.config.Every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
			d.Reload()
		}
	}
}

// Reload reads the file if it is another than the one last tried, by its time,
// size or identity. A file that cannot be used leaves the one before in force.
func (d *Database) Reload() {
	if d.config.Path == "" {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	before := d.err
	info, err := os.Stat(d.config.Path)
	if err != nil {
		d.seen, d.err = nil, fmt.Errorf("country database: %w", err)
	} else if d.seen == nil || !same(info, d.seen) {
		var s *snapshot
		if s, d.err = read(d.config.Path); d.err == nil {
			d.current.Store(s)
			d.config.Logger.Info("country database taken over", "path", d.config.Path, "type", s.kind, "built", s.built)
		}
		d.seen, before = info, nil
	}
	if d.err != nil && (before == nil || before.Error() != d.err.Error()) {
		d.config.Logger.Error("country database refused", "error", d.err)
	}
}

func same(a, b os.FileInfo) bool {
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// read reads a file that nobody writes to meanwhile.
func read(path string) (*snapshot, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("country database: %w", err)
	}
	defer func() { _ = file.Close() }() // it was only read
	before, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("country database: %w", err)
	}
	data := make([]byte, before.Size())
	if _, err := io.ReadFull(file, data); err != nil {
		return nil, fmt.Errorf("country database %s: %w", path, err)
	}
	if after, err := file.Stat(); err != nil || !same(before, after) {
		return nil, fmt.Errorf("country database %s: it is being written", path)
	}
	s, err := newSnapshot(data)
	if err != nil {
		return nil, fmt.Errorf("country database %s: %w", path, err)
	}
	return s, nil
}

// Lookup tells where an address is, IPv4 as ::ffff:a.b.c.d. It neither waits
// nor allocates, but for a place that was not asked for lately.
func (d *Database) Lookup(address [16]byte) Place {
	s := d.current.Load()
	if s == nil {
		return unknown
	}
	place, err := s.lookup(address)
	if err != nil {
		d.failures.Add(1)
		return unknown
	}
	return place
}

// Status is what an operator wants to know.
type Status struct {
	Type     string    // as the file calls itself; empty: there is no database
	Built    time.Time // when its maker made it
	Failures uint64    // look-ups that met broken records, since Open
	Err      error     // why the file as it is now is not in force; nil: it is
}

// Status returns the state of things.
func (d *Database) Status() Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	status := Status{Failures: d.failures.Load(), Err: d.err}
	if s := d.current.Load(); s != nil {
		status.Type, status.Built = s.kind, s.built
	}
	return status
}
