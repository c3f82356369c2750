package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience bounds every wait; nothing should come near it.
const patience = 30 * time.Second

// program is the program running in a process of its own.
type program struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdout *output
	stderr *output
	ended  chan struct{}
	code   int // after ended
}

// output is what a program printed so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
	more chan struct{} // closed and replaced when there is more
}

func (o *output) Write(data []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	close(o.more)
	o.more = make(chan struct{})
	return o.text.Write(data)
}

func (o *output) now() (string, <-chan struct{}) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String(), o.more
}

// start starts the program in a folder. It is killed when the test ends.
func start(t *testing.T, dir string, env []string, args ...string) *program {
	t.Helper()
	cmd := exec.Command("suodi", args...)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "GORACE="+quickRace), env...)
	p := &program{
		t: t, cmd: cmd, ended: make(chan struct{}),
		stdout: &output{more: make(chan struct{})}, stderr: &output{more: make(chan struct{})},
	}
	cmd.Stdout, cmd.Stderr = p.stdout, p.stderr
	cmd.WaitDelay = patience
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = cmd.Wait() // the code tells
		p.code = cmd.ProcessState.ExitCode()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // it has ended when all went well
		<-p.ended
	})
	return p
}

// await waits until the program printed what a pattern matches, and returns
// the match and its groups.
func (p *program) await(o *output, pattern string) []string {
	p.t.Helper()
	re := regexp.MustCompile("(?m)" + pattern)
	deadline := time.After(patience)
	for ended := false; ; {
		text, more := o.now()
		if match := re.FindStringSubmatch(text); match != nil {
			return match
		}
		if ended {
			p.fail("it ended with %d and never printed %q", p.code, pattern)
		}
		select {
		case <-more:
		case <-p.ended:
			ended = true
		case <-deadline:
			p.fail("it does not print %q", pattern)
		}
	}
}

func (p *program) fail(format string, args ...any) {
	p.t.Helper()
	out, _ := p.stdout.now()
	errs, _ := p.stderr.now()
	p.t.Fatalf(format+"\nstdout:\n%s\nstderr:\n%s", append(args, out, errs)...)
}

// signal sends a signal.
func (p *program) signal(signal os.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(signal); err != nil {
		p.fail("signal: %v", err)
	}
}

// wants waits for the program's end.
func (p *program) wants(code int) {
	p.t.Helper()
	select {
	case <-p.ended:
		if p.code != code {
			p.fail("exit code %d, want %d", p.code, code)
		}
	case <-time.After(patience):
		p.fail("it does not end")
	}
}

var anyPorts = []string{"dev", "--api", "127.0.0.1:0", "--edge", "127.0.0.1:0"}

// startDev runs dev and returns what it says of itself.
func startDev(t *testing.T, dir string, env ...string) (*program, map[string]string) {
	t.Helper()
	p := start(t, dir, env, append(anyPorts, "--json")...)
	text := p.await(p.stdout, `(?s)\{.*\}`)[0]
	var where map[string]string
	if err := json.Unmarshal([]byte(text), &where); err != nil {
		p.fail("%v", err)
	}
	return p, where
}

func TestDevFirstSession(t *testing.T) {
	dir := t.TempDir()
	p := start(t, dir, nil, anyPorts...)
	p.await(p.stdout, `^Ctrl-C stops everything\.$`)
	text, _ := p.stdout.now()
	if strings.Contains(text, "\x1b") {
		t.Errorf("colours without a terminal:\n%q", text)
	}
	edge := p.await(p.stdout, `edge +(http://\S+)`)[1]
	token := p.await(p.stdout, `token +(\S+)`)[1]
	p.await(p.stderr, `edge    \| id is edge-1`)
	p.await(p.stderr, `edge    \| data is data/edge`)

	// The commands work as they stand there.
	for _, pattern := range []string{`(?m)^  (SUODI_ADDR=.* link create .*)$`, `(?s)\n  (curl -H .*?wait=edges')`} {
		command := regexp.MustCompile(pattern).FindStringSubmatch(text)
		if command == nil {
			t.Fatalf("no %s in\n%s", pattern, text)
		}
		sh := exec.Command("sh", "-c", command[1])
		sh.Dir = dir
		if strings.HasPrefix(command[1], "curl") {
			if _, err := exec.LookPath("curl"); err != nil {
				continue
			}
			sh.Args[2] = strings.Replace(command[1], "curl", "curl -sS", 1)
		}
		out, err := sh.CombinedOutput()
		if err != nil || !strings.Contains(string(out), edge+"/") {
			t.Errorf("%s: %v\n%s", command[1], err, out)
		}
	}

	kept, err := os.ReadFile(filepath.Join(dir, "data", tokenFile))
	if err != nil || strings.TrimSpace(string(kept)) != token {
		t.Errorf("kept token %q %v, printed %q", kept, err, token)
	}
	if info, err := os.Stat(filepath.Join(dir, "data", tokenFile)); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("token file: %v %v", info, err)
	}
	p.signal(os.Interrupt)
	p.await(p.stderr, `edge    \| asked to stop`)
	p.wants(exitDone)
}

// TestDevAgain holds that a second start has the same token and data, and short
// links that lead to the edge where it is now.
func TestDevAgain(t *testing.T) {
	dir := t.TempDir()
	p, first := startDev(t, dir)
	p.signal(syscall.SIGTERM)
	p.wants(exitDone)
	p, second := startDev(t, dir)
	if first["token"] != second["token"] {
		t.Errorf("tokens: %s, then %s", first["token"], second["token"])
	}
	p.await(p.stderr, `^short links of 127\.0\.0\.1 begin with `+regexp.QuoteMeta(second["edge"])+` now`)
	p.signal(syscall.SIGTERM)
	p.wants(exitDone)
	p, third := startDev(t, dir, "SUODI_TOKEN=a-chosen-token")
	if third["token"] != "a-chosen-token" {
		t.Errorf("token: %s", third["token"])
	}
	c := newClient(third["api"], "a-chosen-token")
	if _, err := c.do(t.Context(), listDomains, nil); err != nil {
		t.Error(err)
	}
	p.signal(syscall.SIGTERM)
	p.wants(exitDone)
}

func TestDevRestartsEdge(t *testing.T) {
	p, where := startDev(t, t.TempDir())
	if response, err := http.Post(where["edge_admin"]+"/die", "", nil); err == nil {
		_ = response.Body.Close()
		t.Fatal("it did not die")
	}
	p.await(p.stderr, `^suodi: the edge died \(exit status 3\); it is started again in 500ms$`)
	p.await(p.stderr, `^suodi: the edge is up again at `+regexp.QuoteMeta(where["edge"])+`$`)
	response, err := http.Get(where["edge_admin"] + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	p.signal(syscall.SIGTERM)
	p.wants(exitDone)
}

func TestDevEdgeFails(t *testing.T) {
	p := start(t, t.TempDir(), []string{"FAKE_EDGE=fail"}, anyPorts...)
	p.wants(exitFailed)
	p.await(p.stderr, `^suodi: the edge ended before it was ready \(exit status 7\); its last lines are:$`)
	p.await(p.stderr, `^  the disk is on fire$`)
}

func TestDevPortTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	taken := l.Addr().String()
	for _, c := range [][]string{{"the API", "--api", "--edge"}, {"the edge", "--edge", "--api"}} {
		p := start(t, t.TempDir(), nil, "dev", c[1], taken, c[2], "127.0.0.1:0")
		p.wants(exitFailed)
		p.await(p.stderr, `^suodi: `+taken+`, the address of `+c[0]+`, is taken by another program; stop that, or choose another with `+c[1]+`, `)
	}
}

// TestDevAbort holds that a second signal ends everything at once.
func TestDevAbort(t *testing.T) {
	p, where := startDev(t, t.TempDir(), "FAKE_EDGE=stubborn")
	gone := hold(t, where["edge_admin"])
	p.signal(syscall.SIGTERM)
	p.await(p.stderr, `edge    \| asked to stop`)
	p.signal(syscall.SIGTERM)
	p.wants(exitFailed)
	p.await(p.stderr, `"detail":"stopped at once"`)
	gone()
}

// TestDevKilled holds that no edge stays behind when dev is killed.
func TestDevKilled(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux ends a child with its parent")
	}
	p, where := startDev(t, t.TempDir())
	gone := hold(t, where["edge_admin"])
	p.signal(syscall.SIGKILL)
	gone()
}

// hold opens a connection to the fake edge and returns a function that waits
// until the edge is gone.
func hold(t *testing.T, admin string) func() {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, admin+"/hold", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request) //nolint:bodyclose // the returned function does
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		_, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if errors.Is(err, context.DeadlineExceeded) {
			t.Error("the edge is still there")
		}
	}
}

// TestServe starts the daemon by its configuration file, flags winning, and
// stops it.
func TestServe(t *testing.T) {
	dir := t.TempDir()
	config := "data: kept\napi: 127.0.0.1:0\nfeed: 127.0.0.1:0\nraft: 127.0.0.1:0\nbase-url: https://go.example.com\nlog-level: error\n"
	if err := os.WriteFile(filepath.Join(dir, "suodi.yaml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"serve", "--config", "suodi.yaml", "--log-format", "json", "--log-level", "info"}
	p := start(t, dir, nil, args...)
	api := p.await(p.stdout, `^suodi: listening api=(http://\S+) feed=127\.0\.0\.1:\d+$`)[1]
	p.await(p.stderr, `^suodi: the admin token is in kept/admin-token$`)
	p.await(p.stderr, `^\{"time":.*"msg":"serving"`)
	token, err := os.ReadFile(filepath.Join(dir, "kept", tokenFile))
	if err != nil {
		t.Fatal(err)
	}
	var domains domainsReply
	_, err = newClient(api, strings.TrimSpace(string(token))).do(t.Context(), listDomains, &domains)
	if err != nil || len(domains.Domains) != 1 || domains.Domains[0].BaseURL != "https://go.example.com" {
		t.Errorf("got %+v %v", domains, err)
	}
	p.signal(syscall.SIGTERM)
	p.wants(exitDone)

	p = start(t, dir, nil, args...)
	p.await(p.stdout, `^suodi: listening `)
	p.signal(os.Interrupt)
	p.wants(exitDone)
	if text, _ := p.stderr.now(); strings.Contains(text, "admin token") {
		t.Errorf("the second start tells of the token:\n%s", text)
	}
}

// TestLines holds that lines of several writers stay whole.
func TestLines(t *testing.T) {
	var out bytes.Buffer
	l := &lines{out: &out}
	a, b := l.named("edge").(*lineWriter), l.named("control")
	_, _ = io.WriteString(a, "one\ntw")
	_, _ = io.WriteString(b, "three\r\n")
	_, _ = io.WriteString(a, "o\n\x1b[2Jfour")
	a.flush()
	want := "edge    | one\ncontrol | three\nedge    | two\nedge    | \uFFFD[2Jfour\n"
	if out.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", out.String(), want)
	}
}
