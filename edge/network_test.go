package edge_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"suodi/edge"
	"suodi/edge/cert"
)

// openSite returns an edge on addresses of its own that was fed newSite's links.
func openSite(t *testing.T, change func(*edge.Config)) *edge.Server {
	t.Helper()
	config := edge.Config{
		Dir: t.TempDir(), ID: "edge-test", Listen: "127.0.0.1:0", Admin: "127.0.0.1:0", Upstream: []string{"127.0.0.1:1"},
	}
	change(&config)
	server, err := edge.Open(config)
	check(t, err)
	t.Cleanup(func() { check(t, server.Close()) })
	feedSite(t, server)
	return server
}

// ask makes one request on a connection of its own, with lines of text as
// headers.
func ask(t *testing.T, conn net.Conn, path string, headers ...string) reply {
	t.Helper()
	check(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	_, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", path, siteDomain, strings.Join(append(headers, ""), "\r\n"))
	check(t, err)
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	check(t, err)
	_, err = io.Copy(io.Discard, response.Body)
	check(t, err)
	check(t, response.Body.Close())
	return reply{response.StatusCode, response.Header, response.Close}
}

// reply is an answer without its body.
type reply struct {
	StatusCode int
	Header     http.Header
	Close      bool
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	check(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// askOnce asks on a new connection.
func askOnce(t *testing.T, server *edge.Server, path string, headers ...string) reply {
	t.Helper()
	conn := dial(t, server.Address())
	defer func() { _ = conn.Close() }()
	return ask(t, conn, path, headers...)
}

// certificate writes a certificate for the site.
func certificate(t *testing.T, dir string) cert.Pair {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), DNSNames: []string{siteDomain}, NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	check(t, err)
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	check(t, err)
	pair := cert.Pair{Certificate: filepath.Join(dir, "site.crt"), Key: filepath.Join(dir, "site.key")}
	check(t, os.WriteFile(pair.Certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	check(t, os.WriteFile(pair.Key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), 0o600))
	return pair
}

func TestTLS(t *testing.T) {
	dir := t.TempDir()
	server := openSite(t, func(c *edge.Config) {
		c.TLS, c.Certificates = "127.0.0.1:0", []cert.Pair{certificate(t, dir)}
	})
	client := &tls.Config{ServerName: siteDomain, InsecureSkipVerify: true, ClientSessionCache: tls.NewLRUClientSessionCache(1)}
	connect := func() *tls.Conn {
		t.Helper()
		conn := tls.Client(dial(t, server.TLSAddress()), client)
		if r := ask(t, conn, "/plain"); r.StatusCode != 302 || r.Header.Get("Location") != destination {
			t.Errorf("status %d to %s", r.StatusCode, r.Header.Get("Location"))
		}
		return conn
	}
	first := connect().ConnectionState()
	if first.Version != tls.VersionTLS13 || first.DidResume {
		t.Errorf("first connection: %s, resumed %t", tls.VersionName(first.Version), first.DidResume)
	}
	if second := connect().ConnectionState(); !second.DidResume {
		t.Error("the second connection does not resume the first one's session")
	}
	certificate(t, dir)
	check(t, server.Reload())
	client.ClientSessionCache = nil
	if third := connect().ConnectionState(); third.PeerCertificates[0].SerialNumber.Cmp(first.PeerCertificates[0].SerialNumber) == 0 {
		t.Error("the new certificate is not served")
	}
	if r := askOnce(t, server, "/plain"); r.StatusCode != 302 {
		t.Errorf("without TLS: status %d", r.StatusCode)
	}
}

func TestRateByAddress(t *testing.T) {
	proxied := func(c *edge.Config) {
		c.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("10.0.0.0/8")}
	}
	for _, test := range []struct {
		name   string
		change func(*edge.Config)
		from   []string // X-Forwarded-For of each visit
		want   []int
	}{
		{"peer", func(*edge.Config) {}, []string{"", "", ""}, []int{302, 302, 429}},
		{"nobody's word is taken", func(*edge.Config) {}, []string{"192.0.2.1", "192.0.2.2", "192.0.2.3"}, []int{302, 302, 429}},
		{"each client of a proxy", proxied, []string{"192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.1"}, []int{302, 302, 302, 429}},
		{"what the client wrote itself", proxied, []string{"192.0.2.1", "203.0.113.1, 192.0.2.1", "203.0.113.2,192.0.2.1"}, []int{302, 302, 429}},
		{"two proxies", proxied, []string{"192.0.2.1, 10.1.1.1", "192.0.2.1,10.1.1.2", "192.0.2.1", "192.0.2.9, 10.1.1.1"}, []int{302, 302, 429, 302}},
		{"IPv6", proxied, []string{"2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:0:1::1"}, []int{302, 302, 429, 302}},
		{"with ports", proxied, []string{"192.0.2.1:567", "192.0.2.1:568", "192.0.2.2:1", "192.0.2.1"}, []int{302, 302, 302, 429}},
		{"IPv6 with ports", proxied, []string{"[2001:db8::1]:443", "[2001:db8::2]:444", "[2001:db8:0:1::1]:443", "2001:db8::1"}, []int{302, 302, 302, 429}},
		{"no address: the proxy's", proxied, []string{"unknown", "_hidden", ""}, []int{302, 302, 429}},
	} {
		t.Run(test.name, func(t *testing.T) {
			server := openSite(t, func(c *edge.Config) {
				c.RatePerAddress = 1
				test.change(c)
			})
			for i, from := range test.from {
				var headers []string
				if from != "" {
					headers = append(headers, "X-Forwarded-For: "+from)
				}
				r := askOnce(t, server, "/plain", headers...)
				if r.StatusCode != test.want[i] {
					t.Fatalf("visit %d from %q: status %d, want %d", i, from, r.StatusCode, test.want[i])
				}
				if r.StatusCode == 429 && r.Header.Get("Retry-After") != "1" {
					t.Errorf("Retry-After %q", r.Header.Get("Retry-After"))
				}
			}
		})
	}
}

func TestRateInAll(t *testing.T) {
	server := openSite(t, func(c *edge.Config) { c.Rate = 1 })
	for i, want := range []int{302, 302, 429} {
		if r := askOnce(t, server, "/plain"); r.StatusCode != want {
			t.Errorf("visit %d: status %d, want %d", i, r.StatusCode, want)
		}
	}
}

func TestConnectionLimit(t *testing.T) {
	server := openSite(t, func(c *edge.Config) { c.Connections = 1 })
	first := dial(t, server.Address())
	if r := ask(t, first, "/plain"); r.StatusCode != 302 {
		t.Fatalf("status %d", r.StatusCode)
	}
	r := askOnce(t, server, "/plain")
	if r.StatusCode != 503 || r.Header.Get("Retry-After") == "" || !r.Close {
		t.Errorf("over the limit: status %d, Retry-After %q, close %t", r.StatusCode, r.Header.Get("Retry-After"), r.Close)
	}
	if r := ask(t, first, "/plain"); r.StatusCode != 302 {
		t.Errorf("the connection that was there: status %d", r.StatusCode)
	}
	check(t, first.Close())
	for deadline := time.Now().Add(10 * time.Second); ; {
		if r := askOnce(t, server, "/plain"); r.StatusCode == 302 {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the place of a closed connection stays taken")
		}
	}
}

func TestProxyProtocol(t *testing.T) {
	file := filepath.Join(t.TempDir(), "access.log")
	server := openSite(t, func(c *edge.Config) {
		c.ProxyProtocol, c.Proxies = true, []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
		c.AccessLog = file
	})
	conn := dial(t, server.Address())
	_, err := io.WriteString(conn, "PROXY TCP4 203.0.113.77 192.0.2.1 4711 443\r\n")
	check(t, err)
	if r := ask(t, conn, "/plain", "User-Agent: \"quoted\" \\ 链接"); r.StatusCode != 302 {
		t.Fatalf("status %d", r.StatusCode)
	}
	if lines := accessLines(t, server, file); len(lines) != 1 || lines[0]["network"] != "203.0.113.0/24" ||
		lines[0]["user_agent"] != "\"quoted\" \\ 链接" || lines[0]["status"] != 302.0 || lines[0]["answer"] != "redirected" {
		t.Errorf("access log: %v", lines)
	}
}

func TestAccessLogSample(t *testing.T) {
	file := filepath.Join(t.TempDir(), "access.log")
	server := openSite(t, func(c *edge.Config) { c.AccessLog, c.AccessSample = file, 3 })
	conn := dial(t, server.Address()) // one connection, so one slot
	for range 9 {
		ask(t, conn, "/plain")
	}
	if lines := accessLines(t, server, file); len(lines) != 3 {
		t.Errorf("%d lines of 9 visits", len(lines))
	}
}

// Lines that a full disk cannot take are counted, each of them.
func TestAccessLogOnFullDisk(t *testing.T) {
	const full = "/dev/full"
	if _, err := os.Stat(full); err != nil {
		t.Logf("no %s here: %v", full, err)
		return
	}
	server := openSite(t, func(c *edge.Config) { c.AccessLog = full })
	for range 9 {
		if r := askOnce(t, server, "/plain"); r.StatusCode != 302 {
			t.Errorf("status %d", r.StatusCode)
		}
	}
	check(t, server.Close())
	if n := server.Unlogged(); n != 9 {
		t.Errorf("%d lines of 9 are counted as lost", n)
	}
}

// accessLines closes the edge and reads its access log.
func accessLines(t *testing.T, server *edge.Server, file string) (lines []map[string]any) {
	t.Helper()
	check(t, server.Close())
	data, err := os.ReadFile(file)
	check(t, err)
	for text := range strings.Lines(string(data)) {
		line := map[string]any{}
		check(t, json.Unmarshal([]byte(text), &line))
		lines = append(lines, line)
	}
	return lines
}
