package table_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"sync"
	"sync/atomic"
	"testing"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/link"
	"suodi/edge/table"
)

// settled waits until nothing is being folded or verified.
func settled(t testing.TB, tab *table.Table) {
	t.Helper()
	eventually(t, "the table to settle", func() bool {
		s := tab.Stats()
		return !s.Folding && !s.Verifying && tab.Saving() == nil
	})
}

// folded waits until the table has been folded more often than it had.
func folded(t testing.TB, tab *table.Table, before uint64) {
	t.Helper()
	eventually(t, "a fold", func() bool { return tab.Stats().Folds > before })
}

func names(t testing.TB, dir, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, pattern))
	check(t, err)
	for i := range files {
		files[i] = filepath.Base(files[i])
	}
	return files
}

func newest(t testing.TB, dir, pattern string) string {
	t.Helper()
	files := names(t, dir, pattern)
	if len(files) == 0 {
		t.Fatalf("no %s in %s", pattern, dir)
	}
	return filepath.Join(dir, files[len(files)-1])
}

// Files do not grow for ever, and what is folded is all there is.
func TestFold(t *testing.T) {
	dir := t.TempDir()
	config := table.Config{Dir: dir, RewriteBytes: 4 << 10}
	tab := open(t, config)
	domain := &feedpb.Entry{Bucket: feed.BucketDomains, Key: []byte("go.example.com"), Value: []byte("a domain")}
	snapshot(t, tab, 1, put(t, 1, "first", "https://first.example/"), put(t, 1, "second", "https://second.example/"), domain)
	for n := uint64(2); n < 2000; n++ {
		delta(t, tab, n, put(t, n, fmt.Sprintf("s%d", n%20), fmt.Sprintf("https://example.org/%d", n)),
			&feedpb.Entry{Bucket: feed.BucketPlatforms, Key: []byte{1}, Value: fmt.Append(nil, n)})
		if n%20 == 7 {
			delta(t, tab, n, put(t, n, "s3", ""), put(t, n, "second", ""))
		}
		if n%400 == 0 {
			folded(t, tab, n/400-1)
		}
	}
	settled(t, tab)
	want := stateOf(tab)
	if want.Links != 20 || destination(tab, "second") != "" || destination(tab, "first") == "" {
		t.Errorf("%d links; want 20, without the second, with the first", want.Links)
	}
	if bases := names(t, dir, "base-*"); len(bases) != 2 {
		t.Errorf("bases %q; want the one in force and the one before", bases)
	}
	if logs := names(t, dir, "changes-*"); len(logs) != 2 {
		t.Errorf("logs %q; want one a base", logs)
	}
	if left := names(t, dir, "*.tmp"); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
	closeTable(t, tab)
	tab = open(t, config)
	if got := stateOf(tab); !reflect.DeepEqual(got, want) {
		t.Errorf("opened again: %+v\nwant %+v", got, want)
	}
}

// Bases that were replaced are unmapped when visits have left.
func TestUnmapsWhenVisitsHaveLeft(t *testing.T) {
	visiting, left := make(chan struct{}), make(chan struct{})
	var waits atomic.Int32
	tab := open(t, table.Config{Dir: t.TempDir(), Wait: func() {
		if waits.Add(1) == 1 {
			close(visiting)
		}
		<-left
	}})
	snapshot(t, tab, 1, put(t, 1, "a", "https://a.example/"))
	r, _ := tab.Lookup(key("a"))
	one := tab.Stats().MappedBytes
	snapshot(t, tab, 2, put(t, 2, "a", "https://b.example/"))
	<-visiting
	if got := string(r.Destination()); got != "https://a.example/" {
		t.Errorf("the borrowed record leads to %q", got)
	}
	if got := destination(tab, "a"); got != "https://b.example/" {
		t.Errorf("the new one leads to %q", got)
	}
	close(left)
	eventually(t, "the old base to be unmapped", func() bool { return tab.Stats().MappedBytes == one })
}

// The table is what a map would be, whatever happens and in whatever order.
func TestModel(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	config := table.Config{Dir: t.TempDir(), RewriteBytes: 2 << 10}
	tab := open(t, config)
	model := map[string]string{}
	folds := uint64(0)
	index := uint64(1)
	snapshot(t, tab, index)
	slugs := append(sameBucket(8), "a", "b", "c", "d", "e", "f", "g", "h")
	url := func() string { return fmt.Sprintf("https://example.org/%d", index) }
	for step := range 3000 {
		index++
		switch kind := random.IntN(1000); {
		case kind < 2: // everything anew
			var entries []*feedpb.Entry
			clear(model)
			for _, slug := range slugs[random.IntN(len(slugs)):] {
				entries = append(entries, put(t, index, slug, url()))
				model[slug] = url()
			}
			snapshot(t, tab, index, entries...)
		case kind < 20: // one bucket anew
			var entries []*feedpb.Entry
			for _, slug := range slugs[:8] {
				delete(model, slug)
				if random.IntN(2) == 0 {
					entries = append(entries, put(t, index, slug, url()))
					model[slug] = url()
				}
			}
			index++
			check(t, tab.Bucket(77, at(index-1), entries))
			delta(t, tab, index)
		case kind < 25: // a restart
			folds += tab.Stats().Folds
			closeTable(t, tab)
			tab = open(t, config)
		default:
			var entries []*feedpb.Entry
			for range 1 + random.IntN(3) {
				slug := slugs[random.IntN(len(slugs))]
				if random.IntN(3) == 0 {
					entries = append(entries, put(t, index, slug, ""))
					delete(model, slug)
				} else {
					entries = append(entries, put(t, index, slug, url()))
					model[slug] = url()
				}
			}
			delta(t, tab, index, entries...)
		}
		if step%50 == 0 {
			settled(t, tab)
		}
		if tab.Links() != len(model) {
			t.Fatalf("step %d: %d links; want %d", step, tab.Links(), len(model))
		}
		for _, slug := range slugs {
			if got := destination(tab, slug); got != model[slug] {
				t.Fatalf("step %d: %s leads to %q; want %q", step, slug, got, model[slug])
			}
		}
	}
	if folds+tab.Stats().Folds == 0 {
		t.Error("nothing was folded")
	}
}

// Look-ups are right while the table is folded over and over.
func TestLookupWhileFolding(t *testing.T) {
	var wait sync.RWMutex // visits hold it to read
	tab := open(t, table.Config{Dir: t.TempDir(), RewriteBytes: 1, Wait: func() {
		wait.Lock()
		defer wait.Unlock()
	}})
	var entries []*feedpb.Entry
	for i := range 300 {
		entries = append(entries, put(t, 1, fmt.Sprint("still-", i), fmt.Sprint("https://example.org/", i)))
	}
	snapshot(t, tab, 1, entries...)
	var stop atomic.Bool
	var readers sync.WaitGroup
	for reader := range 2 {
		readers.Go(func() {
			for i := reader; !stop.Load(); i = (i + 7) % 300 {
				wait.RLock()
				r, _ := tab.Lookup(key(fmt.Sprint("still-", i)))
				if string(r.Destination()) != fmt.Sprint("https://example.org/", i) {
					t.Errorf("still-%d leads to %q", i, r)
					stop.Store(true)
				}
				_, found := tab.Lookup(key(fmt.Sprint("never-", i)))
				wait.RUnlock()
				if found {
					t.Errorf("never-%d is there", i)
					stop.Store(true)
				}
				tab.Stats()
			}
		})
	}
	for n := uint64(2); tab.Stats().Folds < 5 && !stop.Load(); n++ {
		delta(t, tab, n, put(t, n, fmt.Sprint("new-", n%500), "https://example.org/"))
	}
	stop.Store(true)
	readers.Wait()
}

// A table that another program checked is checked again, and made anew.
func TestUnusableIsJudgedAgain(t *testing.T) {
	dir := t.TempDir()
	tab := open(t, table.Config{Dir: dir})
	k := key("garbage")
	snapshot(t, tab, 1, &feedpb.Entry{Bucket: uint32(link.Bucket(k)), Key: k, Value: []byte("garbage")}, put(t, 1, "a", "https://a.example/"))
	closeTable(t, tab)
	path := newest(t, dir, "base-*")
	b, err := os.ReadFile(path)
	check(t, err)
	b[12] ^= 1 // the checks of another program
	seal(b)
	check(t, os.WriteFile(path, b, 0o600))
	tab = open(t, table.Config{Dir: dir, RewriteBytes: 1})
	for range 2 {
		if r, found := tab.Lookup(k); !found || r != nil {
			t.Errorf("garbage: found %t with %q", found, r)
		}
		if got := destination(tab, "a"); got != "https://a.example/" {
			t.Errorf("a leads to %q", got)
		}
		folded(t, tab, 0)
	}
}
