package cert

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/tls"
	"fmt"
	"os"
	"strings"
	"time"
)

// Pair names the PEM files of a certificate, with the chain behind it, and of
// its key.
type Pair struct {
	Certificate string
	Key         string
}

func (p Pair) validate() error {
	if p.Certificate == "" || p.Key == "" {
		return fmt.Errorf("certificate %q with key %q: want two PEM files", p.Certificate, p.Key)
	}
	return nil
}

// loaded is a pair as it was read.
type loaded struct {
	pair        Pair
	stamp       stamp // of the files that were read last, good or bad
	certificate *tls.Certificate
	err         error // why the files as they are now are not in force
}

// stamp tells whether files have changed.
type stamp struct {
	certificate, key fileStamp
}

type fileStamp struct {
	modified time.Time
	size     int64
	file     any // a replaced file may have the same time and size
}

func stampOf(p Pair) (s stamp, err error) {
	for _, f := range []struct {
		name string
		to   *fileStamp
	}{{p.Certificate, &s.certificate}, {p.Key, &s.key}} {
		info, err := os.Stat(f.name)
		if err != nil {
			return s, err
		}
		*f.to = fileStamp{modified: info.ModTime(), size: info.Size(), file: inode(info)}
	}
	return s, nil
}

// read loads the pair's files.
func (p Pair) read() (*tls.Certificate, error) {
	certificate, err := tls.LoadX509KeyPair(p.Certificate, p.Key)
	if err != nil {
		return nil, fmt.Errorf("certificate %s with key %s: %w", p.Certificate, p.Key, err)
	}
	if len(namesOf(&certificate)) == 0 {
		return nil, fmt.Errorf("certificate %s: it names no domain (subject alternative name)", p.Certificate)
	}
	return &certificate, nil
}

// namesOf returns the names that a certificate is for, in lower case.
func namesOf(c *tls.Certificate) []string {
	var names []string
	for _, name := range c.Leaf.DNSNames {
		names = append(names, strings.ToLower(name))
	}
	for _, ip := range c.Leaf.IPAddresses { // clients name no addresses: for the first pair
		names = append(names, ip.String())
	}
	return names
}

// rank orders certificates of one name: smaller is better.
func rank(c *tls.Certificate) int {
	switch c.PrivateKey.(type) {
	case *ecdsa.PrivateKey:
		return 0
	case ed25519.PrivateKey:
		return 1
	}
	return 2
}
