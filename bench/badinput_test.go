package bench_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// bad is something that no well-behaved client sends, and what the edge says.
type bad struct {
	name, request string
	want          []int // the statuses of all answers, in order
}

// badRequests are for the slugs ok, which redirects, and Ünïcödé.
func badRequests() []bad {
	get := func(target, more string) string {
		return "GET " + target + " HTTP/1.1\r\nHost: " + domain + "\r\n" + more + "\r\n"
	}
	last := func(target, more string) string { return get(target, more+"Connection: close\r\n") }
	long := func(n int) string { return strings.Repeat("x", n) }
	cases := []bad{
		{"empty line first", "\r\n" + last("/ok", ""), []int{302}},
		{"no version", "GET /ok\r\n\r\n", []int{400}},
		{"version 2", "GET /ok HTTP/2.0\r\nHost: " + domain + "\r\n\r\n", []int{400}},
		{"version nonsense", "GET /ok HTTP/1.1x\r\nHost: " + domain + "\r\n\r\n", []int{400}},
		{"version 1.0", "GET /ok HTTP/1.0\r\nHost: " + domain + "\r\n\r\n", []int{302}},
		{"version 1.0 without host", "GET /ok HTTP/1.0\r\n\r\n", []int{400}},
		{"http/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", []int{405}},
		{"tls hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", []int{400}},
		{"nul bytes", "\x00\x00\x00\x00\r\n\r\n", []int{400}},
		{"no method", " /ok HTTP/1.1\r\nHost: " + domain + "\r\n\r\n", []int{400}},
		{"method with junk", "G\x00T /ok HTTP/1.1\r\nHost: " + domain + "\r\n\r\n", []int{400}},
		{"two spaces", "GET  /ok HTTP/1.1\r\nHost: " + domain + "\r\n\r\n", []int{400}},
		{"space in target", "GET /ok ok HTTP/1.1\r\nHost: " + domain + "\r\n\r\n", []int{400}},
		{"control in target", "GET /o\x01k HTTP/1.1\r\nHost: " + domain + "\r\n\r\n", []int{400}},
		{"tab in target", "GET /o\tk HTTP/1.1\r\nHost: " + domain + "\r\n\r\n", []int{400}},

		{"missing host", "GET /ok HTTP/1.1\r\n\r\n", []int{400}},
		{"empty host", "GET /ok HTTP/1.1\r\nHost:\r\n\r\n", []int{400}},
		{"host twice", last("/ok", "Host: "+domain+"\r\n"), []int{400}},
		{"two hosts", last("/ok", "host: other.example\r\n"), []int{400}},
		{"host with space", "GET /ok HTTP/1.1\r\nHost: go example\r\nConnection: close\r\n\r\n", []int{400}},
		{"host with slash", "GET /ok HTTP/1.1\r\nHost: go.example/x\r\nConnection: close\r\n\r\n", []int{400}},
		{"host with user", "GET /ok HTTP/1.1\r\nHost: a@go.example\r\nConnection: close\r\n\r\n", []int{400}},
		{"host with markup", "GET /ok HTTP/1.1\r\nHost: <b>\r\nConnection: close\r\n\r\n", []int{400}},
		{"host too long", "GET /ok HTTP/1.1\r\nHost: " + long(300) + "\r\nConnection: close\r\n\r\n", []int{400}},
		{"host in capitals, dot and port", "GET /ok HTTP/1.1\r\nHost: GO.Example.:8080\r\nConnection: close\r\n\r\n", []int{302}},
		{"host that is no domain", "GET /ok HTTP/1.1\r\nHost: [::1]:80\r\nConnection: close\r\n\r\n", []int{302}},

		{"folded header", last("/ok", "X-A: b\r\n c\r\n"), []int{302}}, // a space in its place, as RFC 9112, 5.2 allows
		{"bare LF", "GET /ok HTTP/1.1\nHost: " + domain + "\nConnection: close\n\n", []int{400}},
		{"bare LF after a header", last("/ok", "X-A: b\nX-B: c\r\n"), []int{302}}, // may end a line: RFC 9112, 2.2
		{"bare LF at the end", "GET /ok HTTP/1.1\r\nHost: " + domain + "\r\nConnection: close\r\n\n", []int{400}},
		{"bare CR", "GET /ok HTTP/1.1\rHost: " + domain + "\r\r", []int{400}},
		{"folded first header", "GET /ok HTTP/1.1\r\n Host: " + domain + "\r\n\r\n", []int{400}},
		{"space before colon", get("/ok", "X-A : b\r\n"), []int{400}},
		{"header without colon", get("/ok", "nonsense\r\n"), []int{400}},
		{"header without name", get("/ok", ": b\r\n"), []int{400}},
		{"nul in header", get("/ok", "X-A: b\x00c\r\n"), []int{400}},
		{"cr in header", get("/ok", "X-A: b\rc\r\n"), []int{400}},
		{"header too long", get("/ok", "X-A: "+long(20_000)+"\r\n"), []int{431}},
		{"too many headers", get("/ok", strings.Repeat("X-A: b\r\n", 4000)), []int{431}},
		{"user agent long", last("/ok", "User-Agent: "+long(12_000)+"\r\n"), []int{302}},

		{"path too long", last("/"+long(9000), ""), []int{414}},
		{"path much too long", get("/"+long(40_000), ""), []int{431}},
		{"query long", last("/ok?"+long(8000), ""), []int{302}},
		{"slug too long", last("/"+long(129), ""), []int{404}},
		{"slug too long when decoded", last("/"+strings.Repeat("%E4%B8%AD", 43), ""), []int{404}},
		{"absolute form", last("http://"+domain+"/ok", ""), []int{400}},
		{"absolute form of others", last("http://other.example/ok", ""), []int{400}},
		{"asterisk", last("*", ""), []int{400}},
		{"options asterisk", "OPTIONS * HTTP/1.1\r\nHost: " + domain + "\r\nConnection: close\r\n\r\n", []int{405}},
		{"no slash", get("ok", ""), []int{400}},
		{"backslash", last(`\ok`, ""), []int{400}},
		{"query only", last("?ok", ""), []int{400}},
		{"two slashes", last("//", ""), []int{404}},
		{"host after two slashes", last("//other.example/ok", ""), []int{404}},
		{"dot dot", last("/../", ""), []int{404}},
		{"dot dot slug", last("/../ok", ""), []int{404}},
		{"dot dot inside", last("/x/../ok", ""), []int{404}},
		{"encoded dot dot", last("/%2e%2e/ok", ""), []int{404}},
		{"reserved", last("/.git/config", ""), []int{404}},
		{"fragment", last("/ok#x", ""), []int{404}},

		{"invalid UTF-8", last("/%ff%fe", ""), []int{400}},
		{"cut UTF-8", last("/%E4%B8", ""), []int{400}},
		{"overlong UTF-8", last("/%c0%af", ""), []int{400}},
		{"raw invalid UTF-8", last("/\xff\xfe", ""), []int{400}},
		{"raw UTF-8", last("/Ünïcödé", ""), []int{302}},
		{"decomposed UTF-8", last("/U%CC%88ni%CC%88co%CC%88de%CC%81", ""), []int{302}},
		{"nul", last("/%00", ""), []int{400}},
		{"nul after slug", last("/ok%00", ""), []int{400}},
		{"line break", last("/ok%0d%0aSet-Cookie:%20a=b", ""), []int{400}},
		{"line break in query", last("/ok?%0d%0aSet-Cookie:%20a=b", ""), []int{302}},
		{"encoded slug", last("/%6f%6B", ""), []int{302}},
		{"broken escapes", last("/%", ""), []int{400}},
		{"broken escape 4", last("/%4", ""), []int{400}},
		{"broken escape zz", last("/ok%zz", ""), []int{400}},
		{"broken escape u", last("/%u4e2d", ""), []int{400}},

		{"content length negative", get("/ok", "Content-Length: -1\r\n"), []int{400}},
		{"content length nonsense", get("/ok", "Content-Length: 1e3\r\n"), []int{400}},
		{"content length twice", get("/ok", "Content-Length: 1\r\nContent-Length: 1\r\n") + "a", []int{400}},
		{"content length overflows", get("/ok", "Content-Length: 99999999999999999999\r\n"), []int{400}},
		{"body too large", get("/ok", "Content-Length: 100000\r\n") + long(100_000), []int{413}},
		{"body said to be huge", get("/ok", "Content-Length: 1000000000000\r\n"), []int{413}},
		{"chunked body too large", get("/ok", "Transfer-Encoding: chunked\r\n") + strings.Repeat("1000\r\n"+long(4096)+"\r\n", 20) + "0\r\n\r\n", []int{413}},
		{"chunked", last("/ok", "Transfer-Encoding: chunked\r\n") + "3\r\nabc\r\n0\r\n\r\n", []int{302}},
		{"chunked broken", get("/ok", "Transfer-Encoding: chunked\r\n") + "zz\r\nabc\r\n0\r\n\r\n", []int{400}},
		{"chunked and length", get("/ok", "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n") + "0\r\n\r\n" + last("/ok", ""), nil},
		{"encoding unknown", get("/ok", "Transfer-Encoding: gzip\r\n"), []int{400}},
		{"encoding smuggled", get("/ok", "Transfer-Encoding: chunked, identity\r\n"), []int{400}},
		{"multipart nonsense", "POST /ok HTTP/1.1\r\nHost: " + domain + "\r\nContent-Type: multipart/form-data; boundary=x\r\nContent-Length: 3\r\nConnection: close\r\n\r\nabc", nil},

		{"pipelined", get("/ok", "") + get("/none", "") + last("/ok", ""), []int{302, 404, 302}},
		{"pipelined with bodies", get("/ok", "Content-Length: 5\r\n") + "hello" + last("/none", ""), []int{302, 404}},
		{"bad after good", get("/ok", "") + "nonsense\r\n\r\n" + get("/ok", ""), []int{302, 400}},
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"} {
		cases = append(cases, bad{method, method + " /ok HTTP/1.1\r\nHost: " + domain + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", []int{405}})
	}
	return append(cases,
		bad{"CONNECT", "CONNECT " + domain + ":443 HTTP/1.1\r\nHost: " + domain + ":443\r\nConnection: close\r\n\r\n", []int{405}},
		bad{"unknown method", "BREW /ok HTTP/1.1\r\nHost: " + domain + "\r\nConnection: close\r\n\r\n", []int{405}})
}

// testBadInput sends what nobody should over real sockets. Every answer must
// be whole and clean, and a good visit afterwards must work.
func testBadInput(t *testing.T, c *cluster) {
	c.link(fields{"slug": "ok"})
	c.link(fields{"slug": "Ünïcödé"})
	v := c.visitor(t)
	for _, b := range badRequests() {
		said := talk(t, c, b.request)
		statuses, wrong := readAnswers(said, b.request)
		if wrong != "" {
			t.Errorf("%s: %s in %.300q", b.name, wrong, said)
		}
		if b.want != nil && !slices.Equal(statuses, b.want) {
			t.Errorf("%s: answered %v, want %v: %.300q", b.name, statuses, b.want, said)
		}
		if b.want == nil && len(statuses) == 0 {
			t.Errorf("%s: not answered", b.name)
		}
		if a := v.browse("/ok"); a.Status != 302 || a.Location != target {
			t.Fatalf("after %s a good visit is answered %d to %q", b.name, a.Status, a.Location)
		}
	}
	if status, text := c.adminGet("/metrics"); status != 200 || !strings.Contains(text, `suodi_edge_visits_total{answer="panic"} 0`) {
		t.Errorf("metrics say of panics: %d %s", status, text)
	}
}

// sent are the headers an edge may ever send.
var sent = []string{
	"Allow", "Cache-Control", "Connection", "Content-Length", "Content-Security-Policy", "Content-Type", "Date", "Location",
	"Referrer-Policy", "Server", "Vary", "X-Content-Type-Options", "X-Robots-Tag",
}

// readAnswers returns the statuses of all answers in what an edge said, and
// what is wrong with one of them.
func readAnswers(said, request string) (statuses []int, wrong string) {
	method, _, _ := strings.Cut(request, " ")
	reader := bufio.NewReader(strings.NewReader(said))
	for {
		if _, err := reader.Peek(1); err == io.EOF {
			return statuses, ""
		}
		response, err := http.ReadResponse(reader, &http.Request{Method: strings.TrimSpace(method)})
		if err != nil {
			return statuses, err.Error()
		}
		body, err := io.ReadAll(response.Body)
		if err = errors.Join(err, response.Body.Close()); err != nil {
			return statuses, err.Error()
		}
		statuses = append(statuses, response.StatusCode)
		for name, values := range response.Header {
			if !slices.Contains(sent, name) || len(values) != 1 {
				return statuses, fmt.Sprintf("header %s: %q", name, values)
			}
		}
		switch location := response.Header.Get("Location"); {
		case response.StatusCode >= 500:
			return statuses, "a failure of the server's"
		case location != "" && location != target:
			return statuses, "Location " + location
		case response.StatusCode >= 400 && !strings.HasPrefix(string(body), "<!doctype html>"):
			return statuses, "no page"
		case response.StatusCode == 405 && response.Header.Get("Allow") != "GET, HEAD":
			return statuses, "no Allow"
		}
	}
}

// testConnections checks what becomes of connections that behave oddly.
func testConnections(t *testing.T, c *cluster) {
	c.link(fields{"slug": "kept"})
	good := "GET /kept HTTP/1.1\r\nHost: " + domain + "\r\n\r\n"
	dial := func() net.Conn {
		conn, err := net.Dial("tcp", c.edge)
		must(t, err)
		t.Cleanup(func() { _ = conn.Close() }) // whatever became of it
		must(t, conn.SetDeadline(time.Now().Add(patience)))
		return conn
	}
	read := func(r *bufio.Reader) int {
		t.Helper()
		response, err := http.ReadResponse(r, nil)
		must(t, err)
		_, err = io.Copy(io.Discard, response.Body)
		must(t, errors.Join(err, response.Body.Close()))
		return response.StatusCode
	}

	// Answers that refuse a link keep the connection, like any other.
	conn := dial()
	r := bufio.NewReader(conn)
	for _, target := range []string{"/none", "/%ff", "/kept", "/", "/kept"} {
		_, err := io.WriteString(conn, strings.Replace(good, "/kept", target, 1))
		must(t, err)
		if status := read(r); (status == 302) != (target == "/kept") {
			t.Errorf("%s on a kept connection: %d", target, status)
		}
	}

	// A request that comes byte by byte is a request.
	for _, b := range []byte(good) {
		_, err := conn.Write([]byte{b})
		must(t, err)
	}
	if status := read(r); status != 302 {
		t.Errorf("byte by byte: %d", status)
	}

	// Clients that leave early harm nobody.
	for _, n := range []int{0, 1, 10, len(good) - 1, len(good)} {
		conn := dial()
		_, err := io.WriteString(conn, good[:n])
		must(t, err)
		must(t, conn.(*net.TCPConn).SetLinger(0))
		must(t, conn.Close())
	}
	// One that sends and then half closes is answered.
	conn = dial()
	_, err := io.WriteString(conn, good)
	must(t, err)
	must(t, conn.(*net.TCPConn).CloseWrite())
	if status := read(bufio.NewReader(conn)); status != 302 {
		t.Errorf("half closed: %d", status)
	}
	// An unreadable request ends its connection: what follows could be
	// anybody's.
	conn = dial()
	_, err = io.WriteString(conn, "nonsense\r\n\r\n"+good)
	must(t, err)
	said, _ := io.ReadAll(conn) // a reset after the answer is as good as an end
	if n := strings.Count(string(said), "HTTP/1.1 "); n != 1 || !strings.Contains(string(said), "Connection: close") {
		t.Errorf("after nonsense: %q", said)
	}
	if a := c.visitor(t).browse("/kept"); a.Status != 302 {
		t.Errorf("afterwards: %d", a.Status)
	}
}
