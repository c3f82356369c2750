package peer

import (
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"

	"suodi/bench/load"
)

// Host is the domain that visits name.
const Host = "go.example"

// Location is what every link's Location begins with; its slug follows. With it
// an address has about a hundred bytes.
const Location = "https://www.example.org/campaigns/2026/spring/landing-page?utm_source=short&utm_medium=link&id="

// Guard is the platform that every link guards and no default visitor has.
const Guard = "dingtalk"

// Setup is what a server is set up with.
type Setup struct {
	Dir     string // of its own, for its files
	Plain   string // loopback address for plain connections
	Secure  string // loopback address for TLS; "": none
	Admin   string // loopback address for an edge's metrics and profiles; "": of its choice
	Links   uint64 // load.AppendSlug's
	Cert    string // file: certificate chain and key in PEM
	Key     string // file: the key alone
	Chain   string // file: the certificate chain alone
	Program string // to run
}

// Server is a kind of server.
type Server struct {
	Name string
	// Most is how many links it is given at most; 0: any number.
	Most uint64
	// Constant says that it answers every visit with the same Location.
	Constant bool
	// WayOut is how to install it.
	WayOut string
	// Note says what to bear in mind.
	Note string
	// find returns the program to run.
	find func() (string, error)
	// prepare writes its files and returns its arguments.
	prepare func(Setup) (args []string, err error)
}

// All returns the kinds, ours first. Self is this program, which is also the
// bare fasthttp handler.
func All(self string) []Server {
	return []Server{suodi(self), nginx(), haproxy(), caddy(), workerd(), bare(self)}
}

// Find returns the program of the server; an error when it is not installed.
func (s Server) Find() (string, error) { return s.find() }

// Given returns how many links the server is given of count.
func (s Server) Given(count uint64) uint64 {
	if s.Most > 0 {
		return min(count, s.Most)
	}
	return count
}

// inPath looks for a program in the usual places.
func inPath(names ...string) func() (string, error) {
	return func() (string, error) {
		for _, name := range names {
			if path, err := exec.LookPath(name); err == nil {
				return filepath.Abs(path)
			}
		}
		return "", errors.New("not installed")
	}
}

// visitLinks calls yield with the path and the address of each link.
func visitLinks(count uint64, yield func(path, location string) error) error {
	path, location := []byte("/"), []byte(Location)
	for n := range count {
		path, location = load.AppendSlug(path[:1], n), load.AppendSlug(location[:len(Location)], n)
		if err := yield(string(path), string(location)); err != nil {
			return err
		}
	}
	return nil
}

var errNotReady = errors.New("does not answer as it should")

func notReady(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{errNotReady}, args...)...)
}
