package cert_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"suodi/edge/cert"
)

// issue writes a certificate for names, signed by itself, and its key.
func issue(t *testing.T, dir, file string, key crypto.Signer, lasts time.Duration, names ...string) cert.Pair {
	t.Helper()
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: serial, DNSNames: names,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(lasts),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	p := cert.Pair{Certificate: filepath.Join(dir, file+".crt"), Key: filepath.Join(dir, file+".key")}
	replace(t, p.Certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	replace(t, p.Key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}))
	return p
}

// replace puts a file in another's place, as tools that renew certificates do.
func replace(t *testing.T, name string, data []byte) {
	t.Helper()
	if err := os.WriteFile(name+".new", data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(name+".new", name); err != nil {
		t.Fatal(err)
	}
}

func ecKey(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func rsaKey(t *testing.T) crypto.Signer {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func open(t *testing.T, config cert.Config) *cert.Store {
	t.Helper()
	s, err := cert.Open(config)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// shake connects once and says what the client saw.
func shake(t *testing.T, s *cert.Store, client *tls.Config) (tls.ConnectionState, error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() {
		raw, err := listener.Accept()
		if err != nil {
			served <- err
			return
		}
		conn := tls.Server(raw, s.TLS())
		_, err = conn.Write([]byte("x")) // tickets of TLS 1.3 come with the first byte
		served <- errors.Join(err, conn.Close())
	}()
	conn, err := tls.Dial("tcp", listener.Addr().String(), client)
	if err != nil {
		return tls.ConnectionState{}, errors.Join(err, listener.Close(), <-served)
	}
	_, err = io.ReadAll(conn)
	state := conn.ConnectionState()
	return state, errors.Join(err, <-served, conn.Close(), listener.Close())
}

func client(name string) *tls.Config {
	return &tls.Config{ServerName: name, InsecureSkipVerify: true} // looking at what is served is the point
}

func TestChoice(t *testing.T) {
	dir := t.TempDir()
	s := open(t, cert.Config{Pairs: []cert.Pair{
		issue(t, dir, "rsa", rsaKey(t), 3*time.Hour, "a.example"),
		issue(t, dir, "ec", ecKey(t), time.Hour, "a.example"),
		issue(t, dir, "longer", ecKey(t), 2*time.Hour, "A.example"),
		issue(t, dir, "wild", ecKey(t), time.Hour, "*.b.example"),
		issue(t, dir, "exact", ecKey(t), time.Hour, "x.b.example"),
	}})
	of := func(i int) string { return s.Status()[i].NotAfter.String() + strings.Join(s.Status()[i].Names, ",") }
	onlyRSA := func(c *tls.Config) {
		c.MaxVersion = tls.VersionTLS12
		c.CipherSuites = []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256}
	}
	for _, test := range []struct {
		name, server string
		change       func(*tls.Config)
		want         int // index of the pair
	}{
		{"elliptic curve first, the longer one", "a.example", nil, 2},
		{"letter case", "A.EXAMPLE", nil, 2},
		{"a client that knows RSA alone", "a.example", onlyRSA, 0},
		{"wildcard", "y.b.example", nil, 3},
		{"exact before wildcard", "x.b.example", nil, 4},
		{"a wildcard is one label", "z.y.b.example", nil, 2},
		{"not ours: the first pair's name", "c.example", nil, 2},
		{"no name", "", nil, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := client(test.server)
			if test.change != nil {
				test.change(c)
			}
			state, err := shake(t, s, c)
			if err != nil {
				t.Fatal(err)
			}
			leaf := state.PeerCertificates[0]
			if got := leaf.NotAfter.String() + strings.ToLower(strings.Join(leaf.DNSNames, ",")); got != of(test.want) {
				t.Errorf("got %s; want %s", got, of(test.want))
			}
		})
	}
}

func TestVersions(t *testing.T) {
	s := open(t, cert.Config{Pairs: []cert.Pair{issue(t, t.TempDir(), "a", ecKey(t), time.Hour, "a.example")}})
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		c := client("a.example")
		c.MaxVersion, c.NextProtos = version, []string{"h2", "http/1.1"}
		state, err := shake(t, s, c)
		if err != nil || state.Version != version || state.NegotiatedProtocol != "http/1.1" {
			t.Errorf("%s: got %s, protocol %q, %v", tls.VersionName(version), tls.VersionName(state.Version), state.NegotiatedProtocol, err)
		}
	}
	c := client("a.example")
	c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
	if _, err := shake(t, s, c); err == nil {
		t.Error("TLS 1.1 was spoken")
	}
}

func TestReload(t *testing.T) {
	dir := t.TempDir()
	pair := issue(t, dir, "a", ecKey(t), time.Hour, "a.example")
	s := open(t, cert.Config{Pairs: []cert.Pair{pair}})
	served := func() string {
		t.Helper()
		state, err := shake(t, s, client("a.example"))
		if err != nil {
			t.Fatal(err)
		}
		return state.PeerCertificates[0].SerialNumber.String()
	}
	first := served()

	if err := s.Reload(); err != nil || served() != first {
		t.Errorf("without a change: %v", err)
	}
	// The certificate comes before its key: the two do not fit.
	key, err := os.ReadFile(pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	issue(t, dir, "a", ecKey(t), 2*time.Hour, "a.example")
	newKey, err := os.ReadFile(pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	replace(t, pair.Key, key)
	if err := s.Reload(); err == nil || s.Status()[0].Err == nil {
		t.Error("a certificate without its key was taken over")
	}
	if served() != first {
		t.Error("the last good certificate is not served")
	}
	replace(t, pair.Key, newKey)
	if err := s.Reload(); err != nil || s.Status()[0].Err != nil {
		t.Errorf("%v, %v", err, s.Status()[0].Err)
	}
	second := served()
	if second == first {
		t.Error("the new certificate is not served")
	}
	for name, spoil := range map[string]func(){
		"gone":  func() { _ = os.Remove(pair.Certificate) },
		"empty": func() { replace(t, pair.Certificate, nil) },
		"junk": func() {
			replace(t, pair.Certificate, []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"))
		},
	} {
		spoil()
		if err := s.Reload(); err == nil || !strings.Contains(err.Error(), pair.Certificate) {
			t.Errorf("%s: error %v does not name the file", name, err)
		}
		if served() != second {
			t.Errorf("%s: the last good certificate is not served", name)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	good := issue(t, dir, "a", ecKey(t), time.Hour, "a.example")
	other := issue(t, dir, "b", ecKey(t), time.Hour, "b.example")
	nameless := issue(t, dir, "c", ecKey(t), time.Hour)
	for name, test := range map[string]struct {
		pairs []cert.Pair
		want  string
	}{
		"none":          {nil, "none given"},
		"no key":        {[]cert.Pair{{Certificate: good.Certificate}}, "two PEM files"},
		"missing":       {[]cert.Pair{good, {Certificate: filepath.Join(dir, "no.crt"), Key: good.Key}}, "no.crt"},
		"another's key": {[]cert.Pair{{Certificate: good.Certificate, Key: other.Key}}, "a.crt"},
		"swapped":       {[]cert.Pair{{Certificate: good.Key, Key: good.Certificate}}, "a.key"},
		"for no domain": {[]cert.Pair{nameless}, "names no domain"},
	} {
		if _, err := cert.Open(cert.Config{Pairs: test.pairs}); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v; want an error that tells %q", name, err, test.want)
		}
	}
}

// TestResumption has a client come back to another edge, and to one that was
// started anew, days later.
func TestResumption(t *testing.T) {
	pair := issue(t, t.TempDir(), "a", ecKey(t), 1000*time.Hour, "a.example")
	start := time.Now()
	now := start
	edge := func(secret string) *cert.Store {
		s := open(t, cert.Config{Pairs: []cert.Pair{pair}, Now: func() time.Time { return now }})
		if secret != "" {
			s.SetSecret([]byte(secret))
		}
		return s
	}
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		for _, test := range []struct {
			name          string
			first, second string
			later         time.Duration
			resumes       bool
		}{
			{"another edge of the fleet", "fleet", "fleet", 0, true},
			{"the next day", "fleet", "fleet", 24 * time.Hour, true},
			{"a clock that is a day behind", "fleet", "fleet", -24 * time.Hour, true},
			{"after two days the key is gone", "fleet", "fleet", 48 * time.Hour, false},
			{"another fleet", "fleet", "another", 0, false},
			{"edges that know no secret share nothing", "", "", 0, false},
		} {
			t.Run(tls.VersionName(version)+" "+test.name, func(t *testing.T) {
				c := client("a.example")
				c.MinVersion, c.MaxVersion = version, version
				c.ClientSessionCache = tls.NewLRUClientSessionCache(1)
				now = start
				state, err := shake(t, edge(test.first), c)
				if err != nil || state.DidResume {
					t.Fatalf("first: resumed %t, %v", state.DidResume, err)
				}
				now = start.Add(test.later)
				state, err = shake(t, edge(test.second), c)
				if err != nil || state.DidResume != test.resumes {
					t.Errorf("second: resumed %t, %v", state.DidResume, err)
				}
			})
		}
	}
}

// TestRun has the store find a change and a new day by itself.
func TestRun(t *testing.T) {
	dir := t.TempDir()
	pair := issue(t, dir, "a", ecKey(t), time.Hour, "a.example")
	second := ecKey(t)
	synctest.Test(t, func(t *testing.T) {
		s := open(t, cert.Config{Pairs: []cert.Pair{pair}, PollEvery: time.Minute})
		done := make(chan struct{})
		go func() {
			defer close(done)
			s.Run(t.Context())
		}()
		issue(t, dir, "a", second, 5*time.Hour, "a.example")
		before := s.Status()[0].NotAfter
		time.Sleep(2 * time.Minute) // of the bubble's clock
		synctest.Wait()
		if after := s.Status()[0].NotAfter; after.Equal(before) {
			t.Errorf("still the certificate that lasts until %s", after)
		}
	})
}
