package bench_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestTakeOver replaces a running edge by a new process, again and again, while
// visitors come on new connections and on old ones: not one may be dropped, and
// what the control plane says meanwhile reaches the new process.
func TestTakeOver(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.link(fields{"slug": "steady"})
	eventually(t, "the link is on the edge", func() bool { return c.visitor(t).browse("/steady").Status == http.StatusFound })

	visitors := startLoad(c)
	c.failedTakeOver(t)
	for round := range 2 {
		before := c.node
		c.node = launch(t, nil, program(t, "suodi-edge"), "--data", filepath.Join(c.dir, "edge"), "--listen", c.edge,
			"--admin", c.admin, "--upstream", c.feed, "--id", "edge-1", "--log-level", "warn", "--take-over")
		if code := before.exit(); code != 0 {
			t.Fatalf("round %d: the process that was replaced exits with %d", round, code)
		}
		slug := fmt.Sprint("after-", round)
		c.link(fields{"slug": slug})
		eventually(t, "a link made afterwards is on the edge", func() bool {
			return c.visitor(t).browse("/"+slug).Status == http.StatusFound
		})
	}
	visits, failed := visitors.stop()
	if failed != nil {
		t.Errorf("after %d visits: %v", visits, failed)
	}
	if visits < 100 {
		t.Errorf("only %d visits were made meanwhile", visits)
	}
}

// failedTakeOver starts a process that takes over and then cannot go on: the
// one before must go on instead, and hear what the control plane says.
func (c *cluster) failedTakeOver(t *testing.T) {
	t.Helper()
	cmd := exec.Command(program(t, "suodi-edge"), "--data", filepath.Join(c.dir, "edge"), "--listen", c.edge, "--admin", c.admin,
		"--upstream", c.feed, "--id", "edge-1", "--take-over", "--tls", "127.0.0.1:0", "--certificates", "/nowhere.crt:/nowhere.key")
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "/nowhere.crt") {
		t.Fatalf("an edge without its certificate ended with %v: %s", err, out)
	}
	c.link(fields{"slug": "not-replaced"})
	eventually(t, "a link made after the failure is on the edge", func() bool {
		return c.visitor(t).browse("/not-replaced").Status == http.StatusFound
	})
}

// steadyLoad is visitors of /steady who come all the time.
type steadyLoad struct {
	visits atomic.Int64
	ended  chan struct{}
	group  sync.WaitGroup
	mu     sync.Mutex
	failed error
}

func startLoad(c *cluster) *steadyLoad {
	l := &steadyLoad{ended: make(chan struct{})}
	for i := range 4 {
		client := &http.Client{
			Timeout:       patience,
			Transport:     &http.Transport{DisableKeepAlives: i%2 == 0},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
		l.group.Go(func() {
			defer client.CloseIdleConnections()
			for pause := time.NewTicker(2 * time.Millisecond); ; {
				select {
				case <-l.ended:
					pause.Stop()
					return
				case <-pause.C:
				}
				if err := visitSteady(client, c.edge); err != nil {
					l.mu.Lock()
					l.failed = errors.Join(l.failed, err)
					l.mu.Unlock()
					return
				}
				l.visits.Add(1)
			}
		})
	}
	return l
}

func visitSteady(client *http.Client, edge string) error {
	request, err := http.NewRequest(http.MethodGet, "http://"+edge+"/steady", nil)
	if err != nil {
		return err
	}
	request.Host = domain
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return err
	}
	if response.StatusCode != http.StatusFound {
		return fmt.Errorf("status %d", response.StatusCode)
	}
	return nil
}

// stop ends the visits and tells how many went well and what failed.
func (l *steadyLoad) stop() (int64, error) {
	close(l.ended)
	l.group.Wait()
	return l.visits.Load(), l.failed
}
