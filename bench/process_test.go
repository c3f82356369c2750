package bench_test

import (
	"bufio"
	"bytes"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what must happen. It is long because
// machines that run tests are busy; nothing waits for it to pass.
const patience = 30 * time.Second

func TestMain(m *testing.M) {
	code := m.Run()
	if binaries.dir != "" {
		if err := os.RemoveAll(binaries.dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// binaries are the programs, built when the first test asks for them.
var binaries struct {
	once sync.Once
	dir  string
	err  error
}

// program returns the path of one of our programs.
func program(t *testing.T, name string) string {
	t.Helper()
	binaries.once.Do(func() {
		//nolint:usetesting // they outlive the test that asks first
		binaries.dir, binaries.err = os.MkdirTemp("", "suodi-bench-*")
		if binaries.err != nil {
			return
		}
		// With a profile of the edge (make pgo) building takes longer than most tests.
		args := []string{"build", "-pgo=off", "-o", binaries.dir}
		if raceDetector {
			args = append(args, "-race")
		}
		cmd := exec.Command("go", append(args, "suodi/control/cmd/suodi", "suodi/edge/cmd/suodi-edge", "suodi/bench/cmd/suodi-bench")...)
		if out, err := cmd.CombinedOutput(); err != nil {
			binaries.err = fmt.Errorf("%w\n%s", err, out)
		}
	})
	if binaries.err != nil {
		t.Fatalf("build: %v", binaries.err)
	}
	return filepath.Join(binaries.dir, name)
}

// process is a program that a test runs.
type process struct {
	t     *testing.T
	name  string
	cmd   *exec.Cmd
	ready chan string // receives the line that says where it listens
	done  chan struct{}
	err   error // of the process, once done is closed

	mu     sync.Mutex
	stderr bytes.Buffer
}

// launch starts a program and waits until it says that it listens. It is
// killed at the end of the test if it still runs, and the test fails when it
// reported a race or a panic.
func launch(t *testing.T, env []string, path string, args ...string) *process {
	t.Helper()
	p := &process{t: t, name: filepath.Base(path), cmd: exec.Command(path, args...), ready: make(chan string, 1), done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	tie(p.cmd)
	stdout, err := p.cmd.StdoutPipe()
	must(t, err)
	p.cmd.Stderr = p
	must(t, p.cmd.Start())
	go func() {
		defer close(p.done)
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			if strings.Contains(lines.Text(), "listening") {
				p.ready <- lines.Text()
			}
		}
		p.err = p.cmd.Wait()
	}()
	t.Cleanup(p.end)
	select {
	case <-p.ready:
	case <-p.done:
		t.Fatalf("%s ended at its start: %v\n%s", p.name, p.err, p.log())
	case <-time.After(patience):
		t.Fatalf("%s does not start\n%s", p.name, p.log())
	}
	return p
}

// Write takes the process's standard error.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stderr.Write(b)
}

func (p *process) log() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stderr.String()
}

// end sees to it that the process is gone when the test is.
func (p *process) end() {
	p.kill()
	for _, bad := range []string{"DATA RACE", "panic"} {
		if strings.Contains(p.log(), bad) {
			p.t.Errorf("%s reported a %s:\n%s", p.name, bad, p.log())
			return
		}
	}
	if p.t.Failed() {
		p.t.Logf("%s said:\n%s", p.name, p.log())
	}
}

// signal sends a signal to the process.
func (p *process) signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		p.t.Errorf("%s to %s: %v", s, p.name, err)
	}
}

// kill ends the process at once, as a power cut would.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended before
	<-p.done
}

// exit waits until the process has ended by itself and returns its exit code.
func (p *process) exit() int {
	p.t.Helper()
	select {
	case <-p.done:
	case <-time.After(patience):
		p.t.Fatalf("%s does not end\n%s", p.name, p.log())
	}
	return p.cmd.ProcessState.ExitCode()
}

// ports remembers what freeAddress has given out.
var ports sync.Map

// freeAddress returns a loopback address that nothing listens on, whose port
// no connection is given by chance: below the range for that.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 1000 {
		address := fmt.Sprintf("127.0.0.1:%d", 20_000+rand.IntN(12_000))
		if _, given := ports.LoadOrStore(address, true); given {
			continue
		}
		if l, err := net.Listen("tcp", address); err == nil {
			must(t, l.Close())
			return address
		}
	}
	t.Fatal("no port is free")
	return ""
}

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for !holds() {
		if time.Now().After(deadline) {
			t.Fatalf("it does not come to pass that %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
