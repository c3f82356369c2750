package bench_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestDrain ends the edge while requests are on their way: they finish, new
// ones are not taken, and it exits with 0.
func TestDrain(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.link(fields{"slug": "slow"})
	request := "GET /slow HTTP/1.1\r\nHost: " + domain + "\r\n\r\n"

	// Requests whose last bytes are still to come.
	var half []net.Conn
	for range 8 {
		conn, err := net.Dial("tcp", c.edge)
		must(t, err)
		defer func() { _ = conn.Close() }() // the edge hangs up first
		must(t, conn.SetDeadline(time.Now().Add(patience)))
		_, err = io.WriteString(conn, request[:len(request)-2])
		must(t, err)
		half = append(half, conn)
	}
	// A connection between requests, which must not hold the edge up.
	idle, err := net.Dial("tcp", c.edge)
	must(t, err)
	defer func() { _ = idle.Close() }() // the edge hangs up first
	_, err = io.WriteString(idle, request)
	must(t, err)
	response, err := http.ReadResponse(bufio.NewReader(idle), nil)
	must(t, err)
	must(t, response.Body.Close())
	// Another one shows that the edge has taken all before it.
	if a := c.visitor(t).browse("/slow"); a.Status != 302 {
		t.Fatalf("before: %d", a.Status)
	}

	c.node.signal(syscall.SIGTERM)
	eventually(t, "new connections are refused", func() bool {
		conn, err := net.Dial("tcp", c.edge)
		if err == nil {
			_ = conn.Close() // taken before the listener closed
		}
		return errors.Is(err, syscall.ECONNREFUSED)
	})
	for i, conn := range half {
		_, err := io.WriteString(conn, request[len(request)-2:])
		must(t, err)
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Errorf("request %d in flight is not answered: %v", i, err)
			continue
		}
		must(t, response.Body.Close())
		if response.StatusCode != 302 || !response.Close {
			t.Errorf("request %d in flight is answered %d, close %v", i, response.StatusCode, response.Close)
		}
	}
	start := time.Now()
	if code := c.node.exit(); code != 0 {
		t.Errorf("the edge exits with %d", code)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("it took %s to end when all was answered", took)
	}
	// The control plane ends in good order too, and both come back.
	c.control.signal(syscall.SIGTERM)
	if code := c.control.exit(); code != 0 {
		t.Errorf("the control plane exits with %d", code)
	}
	c.startControl()
	c.startEdge()
	c.awaitFeed()
	if a := c.visitor(t).browse("/slow"); a.Status != 302 {
		t.Errorf("afterwards: %d", a.Status)
	}
}

// TestAdmin checks what the edge tells load balancers and Prometheus, and that
// it tells it on the admin address alone.
func TestAdmin(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.link(fields{"slug": "counted"})
	c.link(fields{"slug": "guarded", "guard": []string{"desktop"}})
	v := c.visitor(t)
	for range 3 {
		v.browse("/counted")
	}
	v.browse("/guarded")
	v.browse("/none")
	if status, text := c.adminGet("/healthz"); status != 200 || text != "ok\n" {
		t.Errorf("/healthz: %d %q", status, text)
	}
	if status, text := c.adminGet("/readyz"); status != 200 || !strings.Contains(text, "with 2 links") {
		t.Errorf("/readyz: %d %q", status, text)
	}
	status, text := c.adminGet("/metrics")
	for _, line := range []string{
		`suodi_edge_visits_total{answer="redirected"} 3`, `suodi_edge_visits_total{answer="guided"} 1`,
		`suodi_edge_visits_total{answer="not_found"} 1`, `suodi_edge_visits_total{answer="panic"} 0`,
		`suodi_edge_platform_visits_total{platform="browser"} 4`, `suodi_edge_links 2`, `suodi_edge_feed_connected 1`,
		`suodi_edge_feed_stale 0`, `suodi_edge_table_saved 1`, `suodi_edge_filter_tripped{filter="platform",version="1"} 0`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("/metrics (%d) lacks %s", status, line)
		}
	}
	for _, path := range []string{"/healthz", "/readyz", "/metrics", "/debug/pprof/"} {
		if a := v.browse(path); a.Status != 404 {
			t.Errorf("visitors get %d for %s", a.Status, path)
		}
	}
	if status, _ := c.adminGet("/debug/pprof/cmdline"); status == 200 {
		t.Error("pprof shows the command line")
	}
}
