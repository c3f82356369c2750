package edge_test

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"suodi/edge"
	"suodi/edge/cert"
)

// TestStall holds connections open in every way a client can: none may outlast
// its time, and nobody else may notice.
func TestStall(t *testing.T) {
	dir := t.TempDir()
	server := openSite(t, func(c *edge.Config) {
		c.TLS, c.Certificates = "127.0.0.1:0", []cert.Pair{certificate(t, dir)}
		c.ReadTimeout, c.WriteTimeout, c.IdleTimeout = 200*time.Millisecond, 200*time.Millisecond, 200*time.Millisecond
	})
	head := "GET /guarded HTTP/1.1\r\nHost: " + siteDomain + "\r\n"
	handshake := func(conn net.Conn) net.Conn {
		c := tls.Client(conn, &tls.Config{ServerName: siteDomain, InsecureSkipVerify: true})
		check(t, c.Handshake())
		return c
	}
	for _, test := range []struct {
		name    string
		address string
		stall   func(net.Conn)
	}{
		{"nothing is sent", server.Address(), func(net.Conn) {}},
		{"half a head", server.Address(), func(c net.Conn) { send(t, c, head) }},
		{"half a line", server.Address(), func(c net.Conn) { send(t, c, "GET /gu") }},
		{"a body that does not come", server.Address(), func(c net.Conn) { send(t, c, head+"Content-Length: 9\r\n\r\n") }},
		{"a chunk that does not come", server.Address(), func(c net.Conn) { send(t, c, head+"Transfer-Encoding: chunked\r\n\r\n5\r\nab") }},
		{"between requests", server.Address(), func(c net.Conn) { send(t, c, head+"\r\n") }},
		{"no handshake", server.TLSAddress(), func(net.Conn) {}},
		{"half a hello", server.TLSAddress(), func(c net.Conn) { send(t, c, "\x16\x03\x01\x02\x00\x01\x00") }},
		{"nothing after the handshake", server.TLSAddress(), func(c net.Conn) { handshake(c) }},
		{"half a head over TLS", server.TLSAddress(), func(c net.Conn) { send(t, handshake(c), head) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			conn := dial(t, test.address)
			test.stall(conn)
			check(t, conn.SetReadDeadline(time.Now().Add(10*time.Second)))
			if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Error("the connection is still open")
			}
		})
	}
	t.Run("answers that nobody reads", func(t *testing.T) {
		t.Parallel()
		conn := dial(t, server.Address())
		check(t, conn.SetWriteDeadline(time.Now().Add(10*time.Second)))
		requests := strings.Repeat(head+"User-Agent: MicroMessenger/8.0\r\n\r\n", 1000)
		for {
			if _, err := io.WriteString(conn, requests); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal("the connection is still open")
			} else if err != nil {
				return // the edge hung up
			}
		}
	})
	t.Run("another visitor", func(t *testing.T) {
		t.Parallel()
		for range 20 {
			if r := askOnce(t, server, "/plain"); r.StatusCode != 302 {
				t.Errorf("status %d", r.StatusCode)
			}
		}
	})
}

func send(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	_, err := io.WriteString(conn, text)
	check(t, err)
}
