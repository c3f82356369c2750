package api_test

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/link"
	"suodi/wasm/abi"
)

const patience = 20 * time.Second // for what takes milliseconds

// edge is a connected edge without any visits: what it reports is made up.
type edge struct {
	t  testing.TB
	id string

	mu       sync.Mutex
	changed  chan struct{}
	cluster  string
	revision link.Revision
	entries  map[string][]byte
	tallies  map[uint32]*feedpb.FilterTally // by version, of whatever filter has it
	broken   map[uint32]string              // versions that do not load
	visits   [][]byte
	asked    *feedpb.ExplainVisit // last
}

// connect follows the node's feed until the test ends.
func (n *node) connect(id string) *edge {
	n.t.Helper()
	e := &edge{
		t: n.t, id: id, changed: make(chan struct{}), entries: map[string][]byte{},
		tallies: map[uint32]*feedpb.FilterTally{}, broken: map[uint32]string{},
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- feed.Follow(ctx, feed.FollowConfig{
			Upstreams: []string{n.FeedAddress()}, EdgeID: id, Version: "test", Credentials: insecure.NewCredentials(),
			ReportEvery: 5 * time.Millisecond,
		}, e)
	}()
	n.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			n.t.Error(err)
		}
	})
	n.await("the edge", func() bool { return n.do("GET", "/v1/fleet", "").get("edges", 0) != nil })
	e.await("its first report", func() bool { return e.revision.Index > 0 })
	return e
}

// await asks the API until something is so.
func (n *node) await(what string, is func() bool) {
	n.t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.After(patience); !is(); {
		select {
		case <-ticker.C:
		case <-deadline:
			n.t.Fatalf("%s did not come", what)
		}
	}
}

// await waits until something is so of what the edge holds, which is locked for it.
func (e *edge) await(what string, is func() bool) {
	e.t.Helper()
	deadline := time.After(patience)
	for {
		e.mu.Lock()
		ok, changed := is(), e.changed
		e.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			e.t.Fatalf("%s did not come to edge %s", what, e.id)
		}
	}
}

// set changes what the edge says of itself.
func (e *edge) set(how func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	how()
	close(e.changed)
	e.changed = make(chan struct{})
}

func entryKey(bucket uint16, key []byte) string { return fmt.Sprintf("%d %s", bucket, key) }

// chain is what the edge holds of it; it is locked.
func (e *edge) chain() *feedpb.Chain {
	chain := &feedpb.Chain{}
	if err := proto.Unmarshal(e.entries[entryKey(feed.BucketChain, nil)], chain); err != nil {
		e.t.Error(err)
	}
	return chain
}

// binding is what the edge holds of a filter by name; it is locked.
func (e *edge) binding(name string) *feedpb.Binding {
	for _, b := range e.chain().GetNamed() {
		if b.GetFilter() == name {
			return b
		}
	}
	return nil
}

func (e *edge) Held() (string, link.Revision) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.cluster, e.revision
}

func (e *edge) Begin(cluster string, _ bool) error {
	e.set(func() { e.cluster = cluster })
	return nil
}

func (e *edge) Bucket(number uint16, _ link.Revision, entries []*feedpb.Entry) error {
	e.set(func() {
		for _, entry := range entries {
			e.entries[entryKey(number, entry.GetKey())] = entry.GetValue()
		}
	})
	return nil
}

func (e *edge) End(revision link.Revision) error {
	e.set(func() { e.revision = revision })
	return nil
}

func (e *edge) Delta(d *feedpb.Delta) error {
	e.set(func() {
		for _, entry := range d.GetEntries() {
			k := entryKey(uint16(entry.GetBucket()), entry.GetKey())
			if entry.Value == nil {
				delete(e.entries, k)
			} else {
				e.entries[k] = entry.GetValue()
			}
		}
		e.revision = feed.ToRevision(d.GetRevision())
	})
	return nil
}

func (*edge) Heartbeat(link.Revision, time.Time) {}
func (*edge) Connected(bool, error)              {}

func (e *edge) Filters() (statuses []*feedpb.FilterStatus) {
	e.mu.Lock()
	defer e.mu.Unlock()
	add := func(name string, version uint32, hash []byte, canary bool) {
		status := &feedpb.FilterStatus{Name: name, Version: version, Canary: canary, Error: e.broken[version]}
		if _, ok := e.entries[entryKey(feed.BucketModules, hash)]; ok && status.Error == "" {
			status.Hash = bytes.Clone(hash)
		}
		statuses = append(statuses, status)
	}
	for _, b := range e.chain().GetNamed() {
		add(b.GetFilter(), b.GetVersion(), b.GetHash(), false)
		if c := b.GetCanary(); c != nil {
			add(b.GetFilter(), c.GetVersion(), c.GetHash(), true)
		}
	}
	return statuses
}

func (*edge) Boot() uint64 { return 1 }

func (e *edge) Tallies() (tallies []*feedpb.FilterTally) {
	e.mu.Lock()
	defer e.mu.Unlock()
	add := func(name string, version uint32, hash []byte) {
		t := &feedpb.FilterTally{}
		if counted := e.tallies[version]; counted != nil {
			t = proto.CloneOf(counted)
		}
		t.Name, t.Version, t.Hash = name, version, hash
		tallies = append(tallies, t)
	}
	for _, b := range e.chain().GetNamed() {
		add(b.GetFilter(), b.GetVersion(), b.GetHash())
		if c := b.GetCanary(); c != nil {
			add(b.GetFilter(), c.GetVersion(), c.GetHash())
		}
	}
	return tallies
}

func (e *edge) Explain(_ context.Context, visit *feedpb.ExplainVisit) (*feed.Explanation, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if visit.GetSlug() == "odd" {
		return nil, fmt.Errorf("it is too odd")
	}
	e.asked = visit
	return &feed.Explanation{
		Edge: e.id, Slug: visit.GetSlug(), Answer: "denied", Status: 403, Platforms: []string{"ios"}, Facts: map[string]any{"country": "CN"},
		Filters: []feed.ExplainedFilter{{Name: "x", Version: 3, Action: "deny", Rule: "no phones", Reason: &abi.Text{Zh: "不", En: "no"}}},
	}, nil
}

func (e *edge) Sample(context.Context, int) ([][]byte, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.visits, nil
}
