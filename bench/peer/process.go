package peer

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"suodi/bench/load"
)

// Process is a server that runs.
type Process struct {
	Server Server
	Setup  Setup
	cmd    *exec.Cmd
	stderr tail
	done   chan struct{}
	err    error // once done is closed
	close  sync.Once
}

// patience is how long a server may take to come up: nginx and HAProxy take a
// while over a million links.
const patience = 2 * time.Minute

// Start starts a server on a core (-1: any) and waits until it answers.
func Start(ctx context.Context, server Server, setup Setup, core int) (*Process, error) {
	if err := os.MkdirAll(setup.Dir, 0o700); err != nil {
		return nil, err
	}
	setup.Links = server.Given(setup.Links)
	args, err := server.prepare(setup)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", server.Name, err)
	}
	p := &Process{Server: server, Setup: setup, cmd: exec.Command(setup.Program, args...), done: make(chan struct{})}
	p.cmd.Dir = setup.Dir
	p.cmd.Env = append(os.Environ(), "HOME="+setup.Dir, "XDG_CONFIG_HOME="+setup.Dir, "XDG_DATA_HOME="+setup.Dir)
	if core >= 0 {
		p.cmd.Env = append(p.cmd.Env, "GOMAXPROCS=1")
	}
	p.cmd.Stdout, p.cmd.Stderr = &p.stderr, &p.stderr
	if err := startOn(p.cmd, core); err != nil {
		return nil, fmt.Errorf("%s: %w", server.Name, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	if err := p.ready(ctx); err != nil {
		p.Close()
		return nil, fmt.Errorf("%s: %w; it said: %s", server.Name, err, p.stderr.String())
	}
	return p, nil
}

// ready waits until the server answers its first and its last link, and checks
// how.
func (p *Process) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	transport := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: Host}}
	client := &http.Client{Transport: transport, Timeout: 5 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error {
		return http.ErrUseLastResponse
	}}
	addresses := []string{"http://" + p.Setup.Plain}
	if p.Setup.Secure != "" {
		addresses = append(addresses, "https://"+p.Setup.Secure)
	}
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for {
		var err error
		for _, address := range addresses {
			for _, n := range []uint64{0, p.Setup.Links - 1} {
				err = errors.Join(err, p.visit(ctx, client, address, n))
			}
		}
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("it ended: %w", p.err)
		case <-ctx.Done():
			return err
		case <-ticker.C:
		}
	}
}

// visit checks what the server answers to a visit of a link.
func (p *Process) visit(ctx context.Context, client *http.Client, address string, n uint64) error {
	slug := string(load.AppendSlug(nil, n))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/"+slug, nil)
	if err != nil {
		return err
	}
	request.Host = Host
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	if err := response.Body.Close(); err != nil {
		return err
	}
	want := Location + slug
	got := response.Header.Get("Location")
	if response.StatusCode != http.StatusFound || got == "" || !p.Server.Constant && got != want {
		return notReady("%s/%s is answered %d to %q", address, slug, response.StatusCode, got)
	}
	return nil
}

// Close ends the server.
func (p *Process) Close() {
	p.close.Do(func() {
		_ = p.cmd.Process.Signal(os.Interrupt) // it may have ended by itself
		select {
		case <-p.done:
		case <-time.After(3 * time.Second):
			_ = p.cmd.Process.Kill()
			<-p.done
		}
	})
}

// Usage returns what the server has used.
func (p *Process) Usage() (Usage, error) {
	select {
	case <-p.done:
		return Usage{}, fmt.Errorf("%s has ended: %w: %s", p.Server.Name, p.err, p.stderr.String())
	default:
	}
	return usageOf(p.cmd.Process.Pid)
}

// Usage is what a process and its children have used.
type Usage struct {
	CPU    time.Duration // of processor time
	Memory uint64        // resident bytes
}

// FreeAddress returns a loopback address that nothing listens on.
func FreeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// tail keeps the end of what is written to it.
type tail struct {
	mu sync.Mutex
	b  bytes.Buffer
}

const maxTail = 4 << 10

func (t *tail) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.b.Write(p)
	if over := t.b.Len() - maxTail; over > 0 {
		t.b.Next(over)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(t.b.String())
}
