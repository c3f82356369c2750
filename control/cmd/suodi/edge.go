package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// stopTimeout is how long the edge may drain before it is killed.
	stopTimeout = 15 * time.Second
	// An edge that dies is started again after firstRest, then after twice as
	// long each time up to longestRest, from the beginning once it lived for
	// steadyAfter.
	firstRest   = 500 * time.Millisecond
	longestRest = 30 * time.Second
	steadyAfter = time.Minute
	// listening is how the line begins that the edge prints when it is up:
	// "suodi-edge: listening edge=ADDRESS admin=ADDRESS".
	listening = "suodi-edge: listening "
	// tailLines is how many of the edge's last lines an error repeats.
	tailLines = 12
)

// errGone says that the edge ended while it was waited for.
var errGone = errors.New("it ended")

// edge is the edge's program running as our child, started again when it dies.
// Its methods are called from one goroutine at a time.
type edge struct {
	path   string
	args   []string
	output io.Writer // of all that it prints
	say    func(format string, args ...any)

	run *edgeRun // the latest; nil before the first
}

// edgeRun is one life of the edge.
type edgeRun struct {
	process *os.Process
	begun   time.Time
	up      chan map[string]string // its addresses, once it is up
	ended   chan struct{}          // closed when it is over
	err     error                  // how it ended; read after ended

	output io.Writer
	mu     sync.Mutex
	tail   []string // its last lines
}

// start starts the program. The kernel ends it when we die, however that
// happens (Linux).
func (e *edge) start() error {
	run := &edgeRun{up: make(chan map[string]string, 1), ended: make(chan struct{}), output: e.output, begun: time.Now()}
	cmd := exec.Command(e.path, e.args...)
	stdout, stderr := &lineWriter{line: run.stdout}, &lineWriter{line: run.stderr}
	cmd.Stdout, cmd.Stderr = stdout, stderr
	cmd.SysProcAttr = childAttributes()
	cmd.WaitDelay = time.Second
	started := make(chan error)
	go func() {
		// The child is told of its parent's death when the thread that started
		// it ends: keep that thread until the child is gone.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			run.err = cmd.Wait()
			stdout.flush()
			stderr.flush()
			close(run.ended)
		}
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start the edge: %w", err)
	}
	run.process = cmd.Process
	e.run = run
	return nil
}

// stdout takes a line that the edge prints. The first says where it listens.
func (r *edgeRun) stdout(line string) {
	rest, found := strings.CutPrefix(line, listening)
	if !found {
		r.stderr(line)
		return
	}
	addresses := map[string]string{}
	for _, word := range strings.Fields(rest) {
		if name, address, ok := strings.Cut(word, "="); ok {
			addresses[name] = address
		}
	}
	select {
	case r.up <- addresses:
	default: // said twice
	}
}

// stderr takes any other line.
func (r *edgeRun) stderr(line string) {
	r.mu.Lock()
	r.tail = append(r.tail, line)
	if len(r.tail) > tailLines {
		r.tail = r.tail[1:]
	}
	r.mu.Unlock()
	_, _ = io.WriteString(r.output, line+"\n") // for people
}

// waitReady waits until the edge that was just started serves.
func (e *edge) waitReady(ctx context.Context) error {
	var addresses map[string]string
	var err error
	select {
	case addresses = <-e.run.up:
		err = awaitReady(ctx, "http://"+addresses["admin"]+"/readyz", e.run.ended)
	case <-e.run.ended:
		err = errGone
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, errGone):
		<-e.run.ended
		err = fmt.Errorf("the edge ended before it was ready (%s)", e.run.how())
	default:
		err = fmt.Errorf("the edge does not become ready: %w", err)
	}
	e.run.mu.Lock()
	defer e.run.mu.Unlock()
	if len(e.run.tail) == 0 {
		return fmt.Errorf("%w; it printed nothing", err)
	}
	return fmt.Errorf("%w; its last lines are:\n  %s", err, strings.Join(e.run.tail, "\n  "))
}

// how says how an edge ended.
func (r *edgeRun) how() string {
	if r.err == nil {
		return "exit status 0"
	}
	return r.err.Error()
}

// keep starts the edge again whenever it dies, until ctx ends.
func (e *edge) keep(ctx context.Context) {
	rest := firstRest
	for {
		select {
		case <-e.run.ended:
		case <-ctx.Done():
			return
		}
		if time.Since(e.run.begun) >= steadyAfter {
			rest = firstRest
		}
		e.say("suodi: the edge died (%s); it is started again in %s", e.run.how(), rest)
		select {
		case <-time.After(rest):
		case <-ctx.Done():
			return
		}
		rest = min(2*rest, longestRest)
		if err := e.start(); err != nil {
			e.say("suodi: %s; trying again in %s", err, rest)
			continue
		}
		select {
		case addresses := <-e.run.up:
			e.say("suodi: the edge is up again at http://%s", reachable(addresses["edge"]))
		case <-e.run.ended:
		case <-ctx.Done():
			return
		}
	}
}

// stop asks the edge to end and kills it when it takes too long or abort is
// closed.
func (e *edge) stop(abort <-chan struct{}) error {
	if e.run == nil {
		return nil
	}
	_ = e.run.process.Signal(syscall.SIGTERM) // fails when it has ended
	var err error
	select {
	case <-e.run.ended:
		return nil
	case <-abort:
		err = errAborted
	case <-time.After(stopTimeout):
		e.say("suodi: the edge did not end within %s and is killed", stopTimeout)
	}
	_ = e.run.process.Kill() // fails when it has ended
	<-e.run.ended
	return err
}
