package feed_test

import (
	"context"
	"fmt"
	"maps"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/link"
)

const patience = 20 * time.Second // for what takes milliseconds

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func at(index uint64) link.Revision { return link.Revision{Epoch: 1, Index: index} }

// signal tells those who wait that something has changed.
type signal struct{ changed chan struct{} }

func newSignal() signal { return signal{make(chan struct{})} }

func (s *signal) notify() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// source is a feed.Source of nothing but memory.
type source struct {
	mu      sync.Mutex
	signal  signal
	cluster string
	now     time.Time
	head    link.Revision
	deltas  []*feedpb.Delta
	buckets map[uint16]map[string][]byte
}

func newSource() *source {
	return &source{
		signal: newSignal(), cluster: "cluster-1", now: time.Unix(1_800_000_000, 123), buckets: map[uint16]map[string][]byte{},
	}
}

// change sets key to value in a bucket, or removes it, as the next revision.
func (s *source) change(bucket uint16, key, value string) link.Revision {
	s.mu.Lock()
	defer s.mu.Unlock()
	entry := &feedpb.Entry{Bucket: uint32(bucket), Key: []byte(key)}
	if s.buckets[bucket] == nil {
		s.buckets[bucket] = map[string][]byte{}
	}
	if value == "" {
		delete(s.buckets[bucket], key)
	} else {
		entry.Value = []byte(value)
		s.buckets[bucket][key] = entry.Value
	}
	next := at(s.head.Index + 1)
	s.deltas = append(s.deltas, &feedpb.Delta{
		Previous: feed.FromRevision(s.head), Revision: feed.FromRevision(next), Entries: []*feedpb.Entry{entry},
	})
	s.head = next
	s.signal.notify()
	return next
}

// compact forgets all deltas but the last n.
func (s *source) compact(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deltas = s.deltas[len(s.deltas)-n:]
}

func (s *source) entries() map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := map[string]string{}
	for number, bucket := range s.buckets {
		for key, value := range bucket {
			all[fmt.Sprintf("%d %s", number, key)] = string(value)
		}
	}
	return all
}

func (s *source) ClusterID() string { return s.cluster }
func (s *source) Now() time.Time    { return s.now }

func (s *source) Head() (link.Revision, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.head, nil
}

func (s *source) Wait(ctx context.Context, after link.Revision) error {
	for {
		s.mu.Lock()
		head, changed := s.head, s.signal.changed
		s.mu.Unlock()
		if head.Compare(after) > 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (s *source) Deltas(after link.Revision, yield func(*feedpb.Delta) bool) error {
	s.mu.Lock()
	deltas, head := slices.Clone(s.deltas), s.head
	s.mu.Unlock()
	if after.Compare(head) >= 0 {
		return nil
	}
	i := slices.IndexFunc(deltas, func(d *feedpb.Delta) bool { return feed.ToRevision(d.GetPrevious()) == after })
	if i < 0 {
		return feed.ErrCompacted
	}
	for _, d := range deltas[i:] {
		if !yield(d) {
			return nil
		}
	}
	return nil
}

func (s *source) Snapshot() (feed.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	copied := &snapshot{revision: s.head, buckets: map[uint16]map[string][]byte{}}
	for number, bucket := range s.buckets {
		copied.buckets[number] = maps.Clone(bucket)
	}
	return copied, nil
}

type snapshot struct {
	revision link.Revision
	buckets  map[uint16]map[string][]byte
}

func (s *snapshot) Revision() link.Revision { return s.revision }
func (s *snapshot) Close() error            { return nil }
func (s *snapshot) Bucket(number uint16, yield func(key, value []byte) bool) error {
	for key, value := range s.buckets[number] {
		if !yield([]byte(key), value) {
			return nil
		}
	}
	return nil
}

// replica is a feed.Replica of nothing but memory, with what it was told.
type replica struct {
	mu       sync.Mutex
	signal   signal
	cluster  string
	revision link.Revision
	entries  map[string]string
	filters  []*feedpb.FilterStatus

	begun      []bool // was it with a snapshot?
	buckets    int    // that were not empty
	deltas     int
	up         bool
	downs      []error
	heartbeats []heartbeat
}

type heartbeat struct {
	head link.Revision
	time time.Time
}

func newReplica() *replica { return &replica{signal: newSignal(), entries: map[string]string{}} }

func (r *replica) told(how func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	how()
	r.signal.notify()
}

func (r *replica) Held() (string, link.Revision) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cluster, r.revision
}

func (r *replica) Begin(cluster string, snapshot bool) error {
	r.told(func() { r.cluster, r.begun = cluster, append(r.begun, snapshot) })
	return nil
}

func (r *replica) Bucket(number uint16, _ link.Revision, entries []*feedpb.Entry) error {
	r.told(func() {
		maps.DeleteFunc(r.entries, func(k, _ string) bool { return strings.HasPrefix(k, fmt.Sprintf("%d ", number)) })
		for _, e := range entries {
			r.entries[fmt.Sprintf("%d %s", number, e.GetKey())] = string(e.GetValue())
		}
		if len(entries) > 0 {
			r.buckets++
		}
	})
	return nil
}

func (r *replica) End(revision link.Revision) error {
	r.told(func() { r.revision = revision })
	return nil
}

func (r *replica) Delta(d *feedpb.Delta) error {
	r.told(func() {
		for _, e := range d.GetEntries() {
			k := fmt.Sprintf("%d %s", e.GetBucket(), e.GetKey())
			if e.Value == nil {
				delete(r.entries, k)
			} else {
				r.entries[k] = string(e.GetValue())
			}
		}
		r.revision = feed.ToRevision(d.GetRevision())
		r.deltas++
	})
	return nil
}

func (r *replica) Heartbeat(head link.Revision, clusterTime time.Time) {
	r.told(func() { r.heartbeats = append(r.heartbeats, heartbeat{head, clusterTime}) })
}

func (r *replica) Filters() []*feedpb.FilterStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.filters
}

func (r *replica) Connected(up bool, reason error) {
	r.told(func() {
		r.up = up
		if !up {
			r.downs = append(r.downs, reason)
		}
	})
}

// await waits until what is true of the replica; the replica is locked for it.
func (r *replica) await(t testing.TB, what string, is func() bool) {
	t.Helper()
	deadline := time.After(patience)
	for {
		r.mu.Lock()
		ok, changed := is(), r.signal.changed
		r.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			r.mu.Lock()
			defer r.mu.Unlock()
			t.Fatalf("%s did not come: holds %s, begun %v, %d deltas, %d entries, up %t, down because %v",
				what, r.revision, r.begun, r.deltas, len(r.entries), r.up, r.downs)
		}
	}
}

// awaitRevision waits until the replica holds exactly what the source does.
func (r *replica) awaitRevision(t testing.TB, s *source, revision link.Revision) {
	t.Helper()
	r.await(t, "revision "+revision.String(), func() bool { return r.revision == revision })
	r.mu.Lock()
	defer r.mu.Unlock()
	if want := s.entries(); !maps.Equal(r.entries, want) {
		t.Errorf("holds %d entries; want %d", len(r.entries), len(want))
	}
}

// lastDown waits until the feed is down and returns why.
func (r *replica) lastDown(t testing.TB) error {
	t.Helper()
	r.await(t, "a hang-up", func() bool { return len(r.downs) > 0 })
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.downs[len(r.downs)-1]
}

// serve serves a feed on an address until stop, or the test, ends it.
func serve(t testing.TB, address string, f feedpb.FeedServer) (at string, stop func()) {
	t.Helper()
	l, err := net.Listen("tcp", address)
	check(t, err)
	g := grpc.NewServer(feed.ServerOptions()...)
	feedpb.RegisterFeedServer(g, f)
	served := make(chan error, 1)
	go func() { served <- g.Serve(l) }()
	stop = sync.OnceFunc(func() {
		g.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return l.Addr().String(), stop
}

func newServer(s *source) *feed.Server {
	return feed.NewServer(feed.ServerConfig{Source: s, Heartbeat: 10 * time.Millisecond, BatchSize: 4})
}

// follow follows until stop, or the test, ends it.
func follow(t testing.TB, r *replica, id string, upstreams ...string) (stop func()) {
	t.Helper()
	return followAs(t, r, id, upstreams...)
}

// followAs is follow for any replica.
func followAs(t testing.TB, r feed.Replica, id string, upstreams ...string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- feed.Follow(ctx, feed.FollowConfig{
			Upstreams: upstreams, EdgeID: id, Version: "test", Credentials: insecure.NewCredentials(),
			MaxBackoff: 20 * time.Millisecond, Silence: 2 * time.Second, ReportEvery: 5 * time.Millisecond,
		}, r)
	}()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	return stop
}

// checkGoroutines fails the test when goroutines of the feed are left.
func checkGoroutines(t testing.TB) {
	t.Cleanup(func() {
		deadline, tick := time.After(patience), time.NewTicker(5*time.Millisecond)
		defer tick.Stop()
		for {
			var left []string
			buf := make([]byte, 1<<20)
			buf = buf[:runtime.Stack(buf, true)]
			for _, g := range strings.Split(string(buf), "\n\n")[1:] {
				if strings.Contains(g, "suodi/control/feed.") || strings.Contains(g, "google.golang.org/grpc") {
					left = append(left, g)
				}
			}
			if len(left) == 0 {
				return
			}
			select {
			case <-tick.C:
			case <-deadline:
				t.Errorf("%d goroutines left:\n\n%s", len(left), strings.Join(left, "\n\n"))
				return
			}
		}
	})
}
