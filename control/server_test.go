package control_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"suodi/control"
	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/link"
	"suodi/raftstore"
)

// childDir names the data directory of a re-executed test that is a node.
const childDir = "SUODI_TEST_CONTROL_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		runChild(dir)
	}
	os.Exit(m.Run())
}

// runChild is a control node until it is killed.
func runChild(dir string) {
	s, err := control.Open(context.Background(), config(dir))
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	fmt.Println("ready", s.APIURL(), s.Token())
	_, _ = io.Copy(io.Discard, os.Stdin) // until the test is gone
	os.Exit(0)
}

func config(dir string) control.Config {
	return control.Config{
		Dir: dir, API: "127.0.0.1:0", Feed: "127.0.0.1:0", Raft: "127.0.0.1:0", BaseURL: "https://go.example.com",
	}
}

func open(t testing.TB, c control.Config) *control.Server {
	t.Helper()
	s, err := control.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { shut(t, s) })
	return s
}

func shut(t testing.TB, s *control.Server) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// request asks the API and returns status and body.
func request(url, token, method, path, body string) (int, string, error) {
	r, err := http.NewRequest(method, url+path, strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer func() { _ = resp.Body.Close() }()
	got, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(got), err
}

func ask(t testing.TB, s *control.Server, method, path, body string, status int) string {
	t.Helper()
	got, answer, err := request(s.APIURL(), s.Token(), method, path, body)
	if err != nil {
		t.Fatal(err)
	}
	if got != status {
		t.Fatalf("%s %s: %d; want %d: %s", method, path, got, status, answer)
	}
	return answer
}

func TestRestartKeepsEverything(t *testing.T) {
	dir := t.TempDir()
	s := open(t, config(dir))
	ask(t, s, "POST", "/v1/links", `{"slug":"a","url":"https://example.org/","guard":["wechat"]}`, 201)
	ask(t, s, "DELETE", "/v1/links/go.example.com/a?release=true", "", 204)
	link := ask(t, s, "POST", "/v1/links", `{"slug":"a","url":"https://example.org/2","guard":["wechat"]}`, 201)
	ask(t, s, "PUT", "/v1/domains/b.example", `{"default":true}`, 200)
	ask(t, s, "PUT", "/v1/platforms/newapp", `{"zh":"新","en":"New","kind":"app","order":1,"match":["NewApp/"]}`, 200)
	for _, platform := range []string{"wechat", "qq"} { // the second as a canary
		pushRules(t, s, "x", platform)
		body := map[string]string{"wechat": "", "qq": `{"canary":{"percent":5}}`}[platform]
		ask(t, s, "POST", "/v1/filters/x/promote", body, 200)
	}
	secret := secretOf(t, s)
	if len(secret) != feed.SecretSize {
		t.Fatalf("the fleet's secret is %x", secret)
	}
	paths := []string{"/v1/filters/x/history", "/v1/filters/x/versions/2/source", "/v1/links", "/v1/domains", "/v1/platforms", "/v1/filters", "/v1/filters/platform/versions", "/v1/chain", "/v1/tokens"}
	before := map[string]string{}
	for _, path := range paths {
		before[path] = ask(t, s, "GET", path, "", 200)
	}
	token := s.Token()
	for range 2 {
		shut(t, s)
		s = open(t, config(dir))
		if s.Token() != token {
			t.Errorf("the token %s became %s", token, s.Token())
		}
		if again := secretOf(t, s); !bytes.Equal(again, secret) {
			t.Errorf("the fleet's secret %x became %x", secret, again)
		}
		for _, path := range paths {
			if after := ask(t, s, "GET", path, "", 200); after != before[path] {
				t.Errorf("%s after the restart: %s\nbefore: %s", path, after, before[path])
			}
		}
	}
	if got := ask(t, s, "GET", "/v1/links/go.example.com/a", "", 200); got != link {
		t.Errorf("the link is %s; was %s", got, link)
	}
}

func TestAdminToken(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "admin-token")
	works := func(s *control.Server, token string, want int) {
		t.Helper()
		if got, answer, err := request(s.APIURL(), token, "GET", "/v1/links", ""); err != nil || got != want {
			t.Errorf("with %s: %d, %v; want %d: %s", token, got, err, want, answer)
		}
	}
	inFile := func(want string) {
		t.Helper()
		data, err := os.ReadFile(path)
		if err != nil || strings.TrimSpace(string(data)) != want {
			t.Errorf("the file holds %q, %v; want %s", data, err, want)
		}
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the file's mode is %v, %v", info.Mode(), err)
		}
	}
	tokens := func(s *control.Server) int {
		t.Helper()
		var list struct{ Tokens []any }
		if err := json.Unmarshal([]byte(ask(t, s, "GET", "/v1/tokens", "", 200)), &list); err != nil {
			t.Fatal(err)
		}
		return len(list.Tokens)
	}

	s := open(t, config(dir))
	made := s.Token()
	inFile(made)
	works(s, made, 200)
	shut(t, s)

	chosen := config(dir)
	chosen.Token = "chosen-by-the-operator"
	s = open(t, chosen)
	if s.Token() != chosen.Token {
		t.Errorf("token %s", s.Token())
	}
	inFile(chosen.Token)
	works(s, chosen.Token, 200)
	works(s, made, 401)
	if n := tokens(s); n != 1 {
		t.Errorf("%d tokens", n)
	}
	shut(t, s)

	s = open(t, config(dir)) // without the setting it stays
	works(s, chosen.Token, 200)
	// One that was revoked does not come back.
	var second struct{ Token string }
	if err := json.Unmarshal([]byte(ask(t, s, "POST", "/v1/tokens", `{"name":"second"}`, 201)), &second); err != nil {
		t.Fatal(err)
	}
	var list struct{ Tokens []struct{ ID, Name string } }
	if err := json.Unmarshal([]byte(ask(t, s, "GET", "/v1/tokens", "", 200)), &list); err != nil {
		t.Fatal(err)
	}
	ask(t, s, "DELETE", "/v1/tokens/"+list.Tokens[0].ID, "", 204)
	works(s, chosen.Token, 401)
	shut(t, s)
	s = open(t, config(dir))
	works(s, chosen.Token, 401)
	works(s, second.Token, 200)
	works(s, s.Token(), 200)
	inFile(s.Token())
	shut(t, s)

	for _, wrong := range []string{"short", "with a space in it", "suodi_mistyped"} {
		c := config(dir)
		c.Token = wrong
		if s, err := control.Open(t.Context(), c); err == nil {
			shut(t, s)
			t.Errorf("the token %q was taken", wrong)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*control.Config)
		want   string
	}{
		{"no directory", func(c *control.Config) { c.Dir = "" }, "directory"},
		{"an API for everybody", func(c *control.Config) { c.API = ":7070" }, "loopback"},
		{"an API on all addresses", func(c *control.Config) { c.API = "0.0.0.0:7070" }, "loopback"},
		{"a feed on a network", func(c *control.Config) { c.Feed = "192.0.2.1:7071" }, "feed address"},
		{"Raft by name", func(c *control.Config) { c.Raft = "db.example.com:7072" }, "raft address"},
		{"IPv6 on all addresses", func(c *control.Config) { c.API = "[::]:7070" }, "loopback"},
		{"a name that begins with localhost", func(c *control.Config) { c.API = "localhost.example.com:1" }, "loopback"},
		{"no port", func(c *control.Config) { c.API = "127.0.0.1" }, "host:port"},
		{"a base URL without a host", func(c *control.Config) { c.BaseURL = "nonsense" }, "base URL"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := config(t.TempDir())
			test.change(&c)
			s, err := control.Open(t.Context(), c)
			if err == nil {
				shut(t, s)
				t.Fatal("it was opened")
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %q does not tell %q", err, test.want)
			}
		})
	}
	c := config(t.TempDir())
	c.API = "localhost:0"
	open(t, c)
}

func TestSecondNodeOnTheSameDirectory(t *testing.T) {
	dir := t.TempDir()
	s := open(t, config(dir))
	second, err := control.Open(t.Context(), config(dir))
	if err == nil {
		shut(t, second)
		t.Fatal("opened twice")
	}
	if !errors.Is(err, raftstore.ErrLocked) || !strings.Contains(err.Error(), dir) {
		t.Errorf("error %q; want one that says which directory is in use", err)
	}
	ask(t, s, "POST", "/v1/links", `{"url":"https://example.org/"}`, 201)
	taken := config(t.TempDir())
	taken.API = strings.TrimPrefix(s.APIURL(), "http://")
	if other, err := control.Open(t.Context(), taken); err == nil {
		shut(t, other)
		t.Error("two nodes have one address")
	} else if !strings.Contains(err.Error(), "api address") || !strings.Contains(err.Error(), "in use") {
		t.Errorf("error %q", err)
	}
}

// start runs a node as a process of its own.
func start(t *testing.T, dir string) (child *exec.Cmd, url, token string) {
	t.Helper()
	child = exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	child.Env = append(os.Environ(), childDir+"="+dir)
	child.Stderr = os.Stderr
	if _, err := child.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	words := strings.Fields(line)
	if err != nil || len(words) != 3 || words[0] != "ready" {
		t.Fatalf("the child says %q, %v", line, err)
	}
	return child, words[1], words[2]
}

// Whenever a node is killed, every link that it acknowledged is there after.
func TestKilled(t *testing.T) {
	dir := t.TempDir()
	var mu sync.Mutex
	acknowledged := map[string]bool{}
	for round := range 3 {
		child, url, token := start(t, dir)
		var clients sync.WaitGroup
		enough := make(chan struct{}, 1000)
		for c := range 4 {
			clients.Go(func() {
				for i := 0; ; i++ {
					slug := fmt.Sprintf("r%d-c%d-%d", round, c, i)
					status, _, err := request(url, token, "POST", "/v1/links", fmt.Sprintf(`{"slug":%q,"url":"https://example.org/%s"}`, slug, slug))
					if err != nil {
						return // it was killed
					}
					if status == 201 {
						mu.Lock()
						acknowledged[slug] = true
						mu.Unlock()
						select {
						case enough <- struct{}{}:
						default:
						}
					}
				}
			})
		}
		for range 60 + 37*round {
			<-enough
		}
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		clients.Wait()
		_ = child.Wait() // it was killed
	}
	s := open(t, config(dir))
	if len(acknowledged) < 100 {
		t.Errorf("only %d links were acknowledged", len(acknowledged))
	}
	for slug := range acknowledged {
		got := ask(t, s, "GET", "/v1/links/go.example.com/"+slug, "", 200)
		if !strings.Contains(got, "https://example.org/"+slug) {
			t.Errorf("%s is %s", slug, got)
		}
	}
}

// An edge on the feed hears of a change, and the change waits for it.
func TestFeedAndWaitForEdges(t *testing.T) {
	s := open(t, config(t.TempDir()))
	conn, err := grpc.NewClient("passthrough:///"+s.FeedAddress(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	stream, err := feedpb.NewFeedClient(conn).Follow(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	send := func(m *feedpb.EdgeMessage) {
		t.Helper()
		if err := stream.Send(m); err != nil {
			t.Fatal(err)
		}
	}
	send(&feedpb.EdgeMessage{Message: &feedpb.EdgeMessage_Hello{Hello: &feedpb.Hello{EdgeId: "edge-1", RecordFormats: []uint32{link.RecordFormat}}}})
	entries := 0
	next := func() *feedpb.ControlMessage {
		t.Helper()
		m, err := stream.Recv()
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	for {
		m := next()
		entries += len(m.GetBucket().GetEntries())
		if end := m.GetSnapshotEnd(); end != nil {
			if entries < 50 { // the domain, the catalog, the chain and its module
				t.Errorf("a snapshot of %d entries", entries)
			}
			send(&feedpb.EdgeMessage{Message: &feedpb.EdgeMessage_Ack{Ack: &feedpb.Ack{Revision: end.GetRevision()}}})
			break
		}
	}
	done := make(chan string, 1)
	go func() {
		status, body, err := request(s.APIURL(), s.Token(), "POST", "/v1/links?wait=edges&wait_timeout=60", `{"slug":"a","url":"https://example.org/"}`)
		done <- fmt.Sprint(status, body, err)
	}()
	var delta *feedpb.Delta
	for delta == nil {
		delta = next().GetDelta()
	}
	if e := delta.GetEntries(); len(e) != 1 || string(e[0].GetKey()) != "go.example.com\x00a" {
		t.Errorf("delta %v", delta)
	}
	select {
	case got := <-done:
		t.Fatalf("answered before the edge had it: %s", got)
	default:
	}
	send(&feedpb.EdgeMessage{Message: &feedpb.EdgeMessage_Ack{Ack: &feedpb.Ack{Revision: delta.GetRevision()}}})
	if got := <-done; !strings.HasPrefix(got, "201") {
		t.Errorf("answered %s", got)
	}
	got := ask(t, s, "GET", "/v1/fleet", "", 200)
	if !strings.Contains(got, "edge-1") {
		t.Errorf("fleet %s", got)
	}
	// An edge that does not answer is named.
	if body := ask(t, s, "POST", "/v1/links?wait=edges&wait_timeout=1", `{"slug":"b","url":"https://example.org/"}`, 202); !strings.Contains(body, `"slug":"b"`) {
		t.Errorf("answered %s", body)
	}
}

func TestCloseLeavesNothing(t *testing.T) {
	left := func() (ours []string) {
		buf := make([]byte, 4<<20)
		buf = buf[:runtime.Stack(buf, true)]
		for _, g := range strings.Split(string(buf), "\n\n")[1:] {
			for _, of := range []string{"suodi/control.", "suodi/raftstore.", "suodi/control/feed.", "hashicorp/raft.", "google.golang.org/grpc"} {
				if strings.Contains(g, of) && !strings.Contains(g, "testing.tRunner") {
					ours = append(ours, g)
					break
				}
			}
		}
		return ours
	}
	s := open(t, config(t.TempDir()))
	ask(t, s, "POST", "/v1/links", `{"url":"https://example.org/"}`, 201)
	for range 2 {
		shut(t, s)
	}
	if _, _, err := request(s.APIURL(), s.Token(), "GET", "/healthz", ""); err == nil {
		t.Error("it answers after Close")
	}
	select {
	case err := <-s.Failed():
		t.Errorf("closing it is a failure: %v", err)
	default:
	}
	deadline, tick := time.After(20*time.Second), time.NewTicker(5*time.Millisecond)
	defer tick.Stop()
	for {
		goroutines := left()
		if len(goroutines) == 0 {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%d goroutines left:\n\n%s", len(goroutines), strings.Join(goroutines, "\n\n"))
		}
	}
}

// Whoever waits for edges is answered when the node closes, and the node is not
// held up by it.
func TestCloseAnswersWaiters(t *testing.T) {
	s := open(t, config(t.TempDir()))
	conn, err := grpc.NewClient("passthrough:///"+s.FeedAddress(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	stream, err := feedpb.NewFeedClient(conn).Follow(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	hello := &feedpb.Hello{EdgeId: "silent", RecordFormats: []uint32{link.RecordFormat}}
	if err := stream.Send(&feedpb.EdgeMessage{Message: &feedpb.EdgeMessage_Hello{Hello: hello}}); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.Recv(); err != nil { // from now on it never acknowledges
		t.Fatal(err)
	}
	type answer struct {
		status int
		err    error
	}
	answers := make(chan answer, 1)
	go func() {
		status, _, err := request(s.APIURL(), s.Token(), "POST", "/v1/links?wait=edges&wait_timeout=60", `{"slug":"a","url":"https://example.org/"}`)
		answers <- answer{status, err}
	}()
	for strings.Contains(ask(t, s, "GET", "/v1/links", "", 200), `"links":[]`) { // until it is made, and waits
		runtime.Gosched()
	}
	shut(t, s) // fails when it has to break off requests
	if a := <-answers; a.err != nil || a.status != http.StatusAccepted {
		t.Errorf("who waited got %d, %v; want 202", a.status, a.err)
	}
}
