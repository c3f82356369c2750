package edge_test

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"suodi/edge"
)

// statuses are those an edge may ever answer.
var statuses = []int{200, 301, 302, 307, 308, 400, 403, 404, 405, 408, 410, 413, 414, 431, 451, 503}

// locations are the targets of newSite's links.
var locations = []string{destination, elsewhere}

// FuzzRequest gives an edge whatever bytes a connection can bring. It must
// answer with whole responses and known statuses, let no byte of the request
// become a header, and never lean on the recover of a visit.
func FuzzRequest(f *testing.F) {
	for _, seed := range requestSeeds() {
		f.Add([]byte(seed))
	}
	server := newSite(f)
	f.Fuzz(func(t *testing.T, request []byte) {
		answerAll(t, server, request)
	})
}

// answerAll brings bytes to the edge on one connection and checks everything
// it says.
func answerAll(t *testing.T, server *edge.Server, request []byte) {
	t.Helper()
	conn := &memoryConn{in: bytes.NewReader(request)}
	// What is wrong with the request is the caller's affair; what is said
	// about it stands in the answer.
	_ = server.HTTP().ServeConn(conn)
	if n := server.Panics(); n != 0 {
		t.Fatalf("%d visits panicked on %q", n, request)
	}
	reader := bufio.NewReader(&conn.out)
	for {
		if _, err := reader.Peek(1); err == io.EOF {
			return
		}
		checkResponse(t, reader)
		if t.Failed() {
			t.Fatalf("request %q", request)
		}
	}
}

// checkResponse reads one response and checks it.
func checkResponse(t *testing.T, reader *bufio.Reader) {
	t.Helper()
	// Whether a response has a body depends on the method, which a pipelined
	// request of any bytes does not tell; a HEAD shows by what follows.
	head, err := readHead(reader)
	if err != nil {
		t.Errorf("answer breaks off: %v", err)
		return
	}
	response, err := http.ReadResponse(bufio.NewReader(strings.NewReader(head)), &http.Request{Method: http.MethodHead})
	if err != nil {
		t.Errorf("answer %q: %v", head, err)
		return
	}
	check(t, response.Body.Close())
	if response.StatusCode == http.StatusContinue {
		return
	}
	if !slices.Contains(statuses, response.StatusCode) {
		t.Errorf("status %d", response.StatusCode)
	}
	for name, values := range response.Header {
		if !slices.Contains(headerNames, name) {
			t.Errorf("header %s: %q", name, values)
		}
		if len(values) > 1 {
			t.Errorf("header %s comes %d times: %q", name, len(values), values)
		}
	}
	if location := response.Header.Get("Location"); location != "" && !slices.Contains(locations, location) {
		t.Errorf("Location %q", location)
	}
	if next, _ := reader.Peek(len("HTTP/1.1 ")); string(next) == "HTTP/1.1 " || len(next) == 0 {
		return // the answer to a HEAD, or one without a body
	}
	body := make([]byte, max(0, response.ContentLength))
	if _, err := io.ReadFull(reader, body); err != nil {
		t.Errorf("body of %d bytes breaks off: %v", response.ContentLength, err)
	}
}

// readHead reads a response up to its empty line.
func readHead(reader *bufio.Reader) (string, error) {
	var head strings.Builder
	for {
		line, err := reader.ReadString('\n')
		head.WriteString(line)
		if err != nil || line == "\r\n" {
			return head.String(), err
		}
	}
}

// headerNames are those an edge may ever send.
var headerNames = []string{
	"Allow", "Cache-Control", "Connection", "Content-Length", "Content-Security-Policy", "Content-Type", "Date", "Location",
	"Referrer-Policy", "Retry-After", "Server", "Vary", "X-Content-Type-Options", "X-Robots-Tag",
}

// memoryConn is a connection whose other end has sent everything already.
type memoryConn struct {
	stubConn
	in  *bytes.Reader
	out bytes.Buffer
}

func (c *memoryConn) Read(b []byte) (int, error)  { return c.in.Read(b) }
func (c *memoryConn) Write(b []byte) (int, error) { return c.out.Write(b) }

// requestSeeds are requests of every sort, good and bad.
func requestSeeds() []string {
	get := func(target, more string) string {
		return "GET " + target + " HTTP/1.1\r\nHost: " + siteDomain + "\r\n" + more + "\r\n"
	}
	wechat := "User-Agent: MicroMessenger/8.0 Android\r\nAccept-Language: zh-CN,zh;q=0.9\r\n"
	seeds := []string{
		get("/plain", ""),
		get("/permanent?a=b#c", "Connection: close\r\n"),
		get("/guarded", wechat),
		get("/guarded?\"><script>", wechat),
		get("/ios", "User-Agent: Mozilla/5.0 (Linux; Android 14)\r\n"),
		get("/both", "User-Agent: Mozilla/5.0 (iPhone) Mobile\r\n"),
		get("/paused", ""), get("/archived", ""), get("/fallback", ""), get("/expired", ""), get("/none", ""),
		get("/", ""), get("/.well-known/x", ""), get("/favicon.ico", ""), get("/robots.txt", ""),
		get("/%E6%B4%BB%E5%8A%A8/%E6%98%A5%E8%8A%82", ""), get("/活动/春节", ""),
		get("//", ""), get("/../plain", ""), get("/a/../plain", ""), get("/plain/", ""), get("/plain+", ""),
		get("/%00", ""), get("/%0d%0aX:y", ""), get("/%", ""), get("/%4", ""), get("/%zz", ""), get("/%ff%fe", ""),
		get("/e%CC%81", ""), get("/"+strings.Repeat("%E4%B8%AD", 60), ""), get("/"+strings.Repeat("x", 9000), ""),
		get("*", ""), get("http://other.example/plain", ""), get("?x", ""), get("plain", ""),
		get("/plain", "Host: two\r\n"), get("/plain", " folded: x\r\n"), get("/plain", "X: "+strings.Repeat("y", 20_000)+"\r\n"),
		get("/plain", "Transfer-Encoding: chunked\r\n") + "3\r\nabc\r\n0\r\n\r\n",
		get("/plain", "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n") + "0\r\n\r\n",
		get("/plain", "Content-Length: 5\r\n") + "hello" + get("/ios", ""),
		get("/plain", "Content-Length: 99999\r\n") + strings.Repeat("z", 99_999),
		get("/plain", "Expect: 100-continue\r\nContent-Length: 2\r\n") + "ok",
		get("/plain", "") + get("/paused", "") + get("/none", "Connection: close\r\n"),
		"GET /plain HTTP/1.0\r\n\r\n", "GET /plain HTTP/1.1\r\n\r\n", "GET /plain\r\n\r\n", "GET /plain HTTP/2.0\r\nHost: x\r\n\r\n",
		"GET /plain HTTP/1.1\nHost: " + siteDomain + "\n\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
		"HEAD /plain HTTP/1.1\r\nHost: x\r\n\r\n", "HEAD /none HTTP/1.1\r\nHost: x\r\n\r\n" + get("/plain", ""),
		"POST /plain HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\na=b", "CONNECT x:443 HTTP/1.1\r\nHost: x:443\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "\x16\x03\x01\x02\x00\x01\x00", "\r\n\r\n", "", "\x00",
	}
	for _, host := range []string{"", "[::1]:8080", "[", "a b", "x\x00", "x:y:z", "GO.example.:80", strings.Repeat("h", 300), "é.example", "<script>"} {
		seeds = append(seeds, "GET /plain HTTP/1.1\r\nHost: "+host+"\r\n\r\n")
	}
	return seeds
}
