package bench_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// maker makes links one after another until it is told to stop, and remembers
// those that were acknowledged.
type maker struct {
	c    *cluster
	stop chan struct{}
	wg   sync.WaitGroup

	mu    sync.Mutex
	acked []string // other links may be there or not
}

func (c *cluster) makeLinks(name string, wait string) *maker {
	m := &maker{c: c, stop: make(chan struct{})}
	m.wg.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-m.stop:
				return
			default:
			}
			slug := fmt.Sprintf("%s-%d", name, i)
			r := c.call(http.MethodPost, "/v1/links"+wait, fields{"url": target + "-" + slug, "slug": slug}, nil)
			m.mu.Lock()
			if r.err == nil && (r.status == http.StatusCreated || r.status == http.StatusAccepted) {
				m.acked = append(m.acked, slug)
			}
			m.mu.Unlock()
			if r.err != nil {
				return
			}
		}
	})
	return m
}

// soFar returns the links that were acknowledged by now.
func (m *maker) soFar() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.acked)
}

func (m *maker) count() int { return len(m.soFar()) }

func (m *maker) finish() []string {
	close(m.stop)
	m.wg.Wait()
	return m.acked
}

// serves checks that the edge has every link that was acknowledged.
func (c *cluster) serves(t *testing.T, slugs []string) {
	t.Helper()
	v := c.visitor(t)
	for _, slug := range slugs {
		if a := v.browse("/" + slug); a.Status != 302 || a.Location != target+"-"+slug {
			t.Errorf("acknowledged link %s is answered %d to %q", slug, a.Status, a.Location)
		}
	}
}

// TestControlKilled kills the control plane in the middle of making links,
// again and again.
func TestControlKilled(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	var all []string
	for round := range 6 {
		m := c.makeLinks(fmt.Sprintf("control-%d", round), "")
		eventually(t, "links are made", func() bool { return m.count() >= 3+7*round })
		c.control.kill()
		acked := m.finish()
		all = append(all, acked...)
		// The edge goes on with what it has.
		if a := c.visitor(t).browse("/none"); a.Status != 404 {
			t.Errorf("without the control plane the edge answers %d", a.Status)
		}
		c.startControl()
		for _, slug := range acked {
			c.want(http.StatusOK, c.call(http.MethodGet, "/v1/links/"+domain+"/"+slug, nil, nil))
		}
	}
	c.awaitFeed()
	c.link(fields{}) // behind all others
	c.serves(t, all)
}

// TestEdgeKilled kills the edge in the middle of taking links, again and again.
func TestEdgeKilled(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	var all []string
	for round := range 6 {
		m := c.makeLinks(fmt.Sprintf("edge-%d", round), "?wait=edges&wait_timeout=1")
		eventually(t, "links are made", func() bool { return m.count() >= 3+5*round })
		c.node.kill()
		before := m.count()
		eventually(t, "links are made without an edge", func() bool { return m.count() >= before+3 })
		all = append(all, m.finish()...)
		c.startEdge()
		c.awaitFeed()
		c.link(fields{}) // behind all others
		c.serves(t, all)
	}
	// Both at once, and the control plane stays away: the edge has its disk.
	m := c.makeLinks("both", "?wait=edges")
	eventually(t, "links are made", func() bool { return m.count() >= 20 })
	taken := m.soFar() // by an edge; later ones perhaps when none was there any more
	c.node.kill()
	c.control.kill()
	acked := m.finish()
	c.startEdge()
	c.serves(t, all)
	c.serves(t, taken)
	status, text := c.adminGet("/readyz")
	if status != 200 || !strings.Contains(text, "control plane is away") {
		t.Errorf("without the control plane the edge's /readyz says %d %s", status, text)
	}
	c.startControl()
	c.awaitFeed()
	c.link(fields{})
	c.serves(t, acked)
}

// TestEdgeFileCut cuts the end of the edge's changes, as a power cut may, and
// then its links while they are mapped, all of them: it must start, go on, and
// the feed must bring the rest.
func TestEdgeFileCut(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	var slugs []string
	for i := range 5 {
		slug := fmt.Sprintf("cut-%d", i)
		c.link(fields{"slug": slug, "url": target + "-" + slug})
		slugs = append(slugs, slug)
	}
	c.node.kill()
	cut := func(pattern string, size func(was int64) int64) {
		paths, err := filepath.Glob(filepath.Join(c.dir, "edge", "table", pattern))
		must(t, err)
		if len(paths) == 0 {
			t.Fatalf("the edge has no %s", pattern)
		}
		for _, path := range paths {
			info, err := os.Stat(path)
			must(t, err)
			must(t, os.Truncate(path, size(info.Size())))
		}
	}
	cut("changes-*.log", func(was int64) int64 { return was - 7 })
	c.startEdge()
	c.awaitFeed()
	c.link(fields{})
	c.serves(t, slugs)

	c.node.kill() // so that its links come to stand in a base
	cut("base-*.tbl", func(int64) int64 { return 0 })
	c.startEdge()
	c.awaitFeed()
	c.link(fields{})
	c.serves(t, slugs)
	cut("base-*.tbl", func(int64) int64 { return 0 }) // while it is mapped
	v := c.visitor(t)
	eventually(t, "the feed brings the links again", func() bool { return v.browse("/"+slugs[0]).Status == http.StatusFound })
	c.serves(t, slugs)
}

// TestWaitForEdges stops the edge without killing it: a change that waits for
// edges must say that this one is behind, and the edge must catch up.
func TestWaitForEdges(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.link(fields{"slug": "before"}) // 201, or the helper fails
	c.node.signal(syscall.SIGSTOP)
	start := time.Now()
	r := c.call(http.MethodPost, "/v1/links?wait=edges&wait_timeout=1", fields{"url": target + "-stopped", "slug": "stopped"}, nil)
	took := time.Since(start)
	c.node.signal(syscall.SIGCONT)
	if r.status != http.StatusAccepted || r.header.Get("Suodi-Edges-Behind") != "edge-1" {
		t.Errorf("with a stopped edge the API answers %d, behind %q: %s", r.status, r.header.Get("Suodi-Edges-Behind"), r.body)
	}
	if took < 900*time.Millisecond || took > 10*time.Second {
		t.Errorf("it waited %s, asked for 1 s", took)
	}
	c.link(fields{"slug": "after"})
	c.serves(t, []string{"stopped"})
}

// TestEdgeBeforeControl starts an edge on an empty directory with nobody to
// follow: it must answer 503 and come up when the control plane does.
func TestEdgeBeforeControl(t *testing.T) {
	t.Parallel()
	c := &cluster{
		t: t, dir: t.TempDir(), api: "http://" + freeAddress(t), edge: freeAddress(t),
		feed: freeAddress(t), raft: freeAddress(t), admin: freeAddress(t),
	}
	c.startEdge()
	a := c.visitor(t).browse("/any")
	if a.Status != http.StatusServiceUnavailable || a.Header.Get("Retry-After") == "" {
		t.Errorf("an empty edge answers %d %v", a.Status, a.Header)
	}
	if status, text := c.adminGet("/readyz"); status != http.StatusServiceUnavailable || !strings.Contains(text, "control plane") {
		t.Errorf("its /readyz says %d %s", status, text)
	}
	if status, _ := c.adminGet("/healthz"); status != http.StatusOK {
		t.Errorf("its /healthz says %d", status)
	}
	c.startControl()
	c.awaitFeed()
	c.link(fields{"slug": "any"})
	if a := c.visitor(t).browse("/any"); a.Status != http.StatusFound {
		t.Errorf("with the control plane it answers %d", a.Status)
	}
	// Another cluster's data must not mix with this one's.
	c.control.kill()
	must(t, os.RemoveAll(filepath.Join(c.dir, "control")))
	c.startControl()
	eventually(t, "the edge says whose data it has", func() bool {
		return strings.Contains(c.node.log(), "belongs to cluster")
	})
	if a := c.visitor(t).browse("/any"); a.Status != http.StatusFound {
		t.Errorf("with another cluster's control plane it answers %d", a.Status)
	}
}
