package table_test

import (
	"bytes"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"suodi/control/feed/feedpb"
	"suodi/control/link"
	"suodi/edge/table"
)

// Readers see whole records, and of one link never an older one than before.
func TestLookupWhileTheTableChanges(t *testing.T) {
	tab := open(t, table.Config{Dir: t.TempDir(), RewriteBytes: 64 << 10})
	const links = 8
	slug := func(i int) string { return fmt.Sprintf("slug-%d", i) }
	var entries []*feedpb.Entry
	for i := range links {
		entries = append(entries, put(t, 1, slug(i), "https://example.org/1"))
	}
	snapshot(t, tab, 1, entries...)
	var stop atomic.Bool
	var lookups atomic.Int64
	var readers sync.WaitGroup
	for range 3 {
		readers.Go(func() {
			var last [links]link.Revision
			for i := 0; !stop.Load(); i = (i + 1) % links {
				r, found := tab.Lookup(key(slug(i)))
				if !found || r == nil {
					t.Errorf("%s is not there", slug(i))
					return
				}
				revision := r.Revision()
				if revision.Compare(last[i]) < 0 || string(r.Destination()) != fmt.Sprintf("https://example.org/%d", revision.Index) {
					t.Errorf("%s at %s after %s leads to %s", slug(i), revision, last[i], r.Destination())
					return
				}
				last[i] = revision
				lookups.Add(1)
				if tab.Links() < links {
					t.Errorf("%d links", tab.Links())
					return
				}
				if _, held := tab.Held(); held.Compare(revision) < 0 && held.Index != revision.Index-1 {
					t.Errorf("holds %s and serves %s", held, revision)
					return
				}
			}
		})
	}
	for n := uint64(2); n < 400; n++ {
		url := fmt.Sprintf("https://example.org/%d", n)
		delta(t, tab, n, put(t, n, slug(int(n)%links), url), put(t, n, fmt.Sprintf("new-%d", n), url))
		if n%50 == 0 { // one bucket anew
			e := put(t, n, slug(int(n)%links), url)
			var all []*feedpb.Entry
			tab.Each(uint16(e.GetBucket()), func(key string, value []byte) bool {
				all = append(all, &feedpb.Entry{Key: []byte(key), Value: bytes.Clone(value)})
				return true
			})
			check(t, tab.Bucket(uint16(e.GetBucket()), at(n), all))
		}
	}
	for lookups.Load() < 1000 {
		runtime.Gosched()
	}
	stop.Store(true)
	readers.Wait()
}

// Close ends what Open began.
func TestCloseLeavesNothingRunning(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 5 {
		tab := open(t, table.Config{Dir: t.TempDir(), RewriteBytes: 1})
		snapshot(t, tab, 1, put(t, 1, "a", "https://a.example/"))
		delta(t, tab, 2, put(t, 2, "a", "https://a.example/2")) // a fold may be under way
		closeTable(t, tab)
	}
	eventually(t, "goroutines to end", func() bool { return runtime.NumGoroutine() <= before })
}
