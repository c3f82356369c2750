package load_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"suodi/bench/load"
	"suodi/bench/report"
)

const elsewhere = "https://www.example.org/to/"

// server answers visits of made links, as handler says.
type server struct {
	address string
	http    *http.Server
	handler atomic.Pointer[http.HandlerFunc]

	mu     sync.Mutex
	agents map[string]int
	hosts  map[string]int
}

func redirect(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Location", elsewhere+strings.TrimPrefix(r.URL.Path, "/"))
	w.WriteHeader(http.StatusFound)
}

// newServer starts a server; with a configuration it speaks TLS.
func newServer(t *testing.T, secure *tls.Config, handler http.HandlerFunc) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	s := &server{address: l.Addr().String(), agents: map[string]int{}, hosts: map[string]int{}}
	s.handler.Store(&handler)
	if secure != nil {
		l = tls.NewListener(l, secure)
	}
	s.http = &http.Server{
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.mu.Lock()
			s.agents[r.UserAgent()]++
			s.hosts[r.Host]++
			s.mu.Unlock()
			(*s.handler.Load())(w, r)
		}),
		ErrorLog: log.New(io.Discard, "", 0), ReadHeaderTimeout: time.Minute,
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.http.Serve(l) // closed at the end
	}()
	t.Cleanup(func() {
		_ = s.http.Close()
		<-done
	})
	return s
}

// handle answers visits another way from now on.
func (s *server) handle(handler http.HandlerFunc) { s.handler.Store(&handler) }

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func made(t testing.TB, count uint64, location string) *load.Links {
	t.Helper()
	links, err := load.MadeLinks(count, location, load.Popularity{})
	check(t, err)
	return links
}

// put puts load on and returns the round.
func put(t *testing.T, config load.Config) *report.Round {
	t.Helper()
	if config.Links == nil {
		config.Links = made(t, 1000, elsewhere)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	round, err := load.Run(ctx, config)
	check(t, err)
	return round
}

// modes are the ways to drive connections.
func modes(t *testing.T, test func(t *testing.T, secure *tls.Config, config load.Config)) {
	t.Helper()
	for _, m := range []struct {
		name   string
		config load.Config
	}{
		{"kept", load.Config{}},
		{"kept, two workers", load.Config{Workers: 2}},
		{"fresh", load.Config{Fresh: true}},
		{"kept TLS", load.Config{TLS: &load.TLS{}}},
		{"fresh TLS", load.Config{TLS: &load.TLS{}, Fresh: true}},
	} {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			var secure *tls.Config
			if m.config.TLS != nil {
				secure = &tls.Config{Certificates: []tls.Certificate{certificate(t)}}
			}
			test(t, secure, m.config)
		})
	}
}

func certificate(t testing.TB) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{"go.example"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	check(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
