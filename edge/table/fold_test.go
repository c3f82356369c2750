package table_test

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

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

// full fails the writes that are named, as a full disk does, while it is on.
type full struct {
	on   atomic.Bool
	name string
}

func (f *full) step(name string) error {
	if f.on.Load() && (name == f.name || f.name == "") {
		return syscall.ENOSPC
	}
	return nil
}

// While the disk is full the table goes on in memory; when it is not any more,
// everything is saved.
func TestDiskFull(t *testing.T) {
	for _, name := range []string{"", "write log", "create log", "create base", "write base", "write header", "sync base", "rename base", "sync directory"} {
		t.Run(strings.ReplaceAll("no "+name, " ", "-"), func(t *testing.T) {
			disk := &full{name: name}
			config := table.WithStep(table.Config{Dir: t.TempDir(), RewriteBytes: 1, RetryEvery: time.Millisecond}, disk.step)
			tab := open(t, config)
			snapshot(t, tab, 1, put(t, 1, "a", "https://a.example/"))
			delta(t, tab, 2, put(t, 2, "b", "https://b.example/"))
			disk.on.Store(true)
			failed := tab.Stats().FoldFailures
			for n := uint64(3); n < 50; n++ {
				url := fmt.Sprintf("https://b.example/%d", n)
				delta(t, tab, n, put(t, n, "b", url))
				if destination(tab, "a") != "https://a.example/" || destination(tab, "b") != url {
					t.Fatalf("a leads to %q, b to %q", destination(tab, "a"), destination(tab, "b"))
				}
			}
			if _, held := tab.Held(); held != at(49) {
				t.Errorf("holds %s", held)
			}
			eventually(t, "a failure", func() bool { return tab.Stats().FoldFailures > failed+1 || tab.Saving() != nil })
			if err := tab.Saving(); (name == "" || name == "write log") && err == nil {
				t.Error("the table claims to be saved")
			}
			disk.on.Store(false)
			before := tab.Stats().Folds
			delta(t, tab, 50, put(t, 50, "c", "https://c.example/"))
			folded(t, tab, before)
			settled(t, tab)
			want := stateOf(tab)
			closeTable(t, tab)
			if got := stateOf(open(t, config)); !reflect.DeepEqual(got, want) {
				t.Errorf("opened again: %+v\nwant %+v", got, want)
			}
		})
	}
}

// A snapshot that cannot be saved is refused; what was there stays.
func TestDiskFullForASnapshot(t *testing.T) {
	for _, name := range []string{"create log", "create base", "write base", "write header", "sync base", "rename base"} {
		t.Run(strings.ReplaceAll("no "+name, " ", "-"), func(t *testing.T) {
			disk := &full{name: name}
			config := table.WithStep(table.Config{Dir: t.TempDir()}, disk.step)
			tab := open(t, config)
			snapshot(t, tab, 1, put(t, 1, "a", "https://a.example/"))
			want := stateOf(tab)
			settled(t, tab)
			disk.on.Store(true)
			err := tab.Begin("cluster-1")
			if err == nil {
				err = tab.End(at(9))
			}
			if err == nil {
				t.Error("the snapshot was taken")
			}
			disk.on.Store(false)
			if got := stateOf(tab); !reflect.DeepEqual(got, want) {
				t.Errorf("afterwards: %+v\nwant %+v", got, want)
			}
			delta(t, tab, 2, put(t, 2, "b", "https://b.example/"))
			want = stateOf(tab)
			closeTable(t, tab)
			tab = open(t, config)
			if got := stateOf(tab); !reflect.DeepEqual(got, want) {
				t.Errorf("opened again: %+v\nwant %+v", got, want)
			}
			snapshot(t, tab, 9, put(t, 9, "c", "https://c.example/"))
			if destination(tab, "c") == "" || tab.Links() != 1 {
				t.Error("the next snapshot was not taken")
			}
		})
	}
}

// Changing the same links for ever, while nothing can be folded, takes bounded
// memory.
func TestMemoryIsBounded(t *testing.T) {
	disk := &full{}
	tab := open(t, table.WithStep(table.Config{Dir: t.TempDir(), RewriteBytes: 1 << 20, RetryEvery: time.Hour}, disk.step))
	snapshot(t, tab, 1)
	disk.on.Store(true)
	long := "https://example.org/" + strings.Repeat("x", 1900)
	var most int64
	for n := uint64(2); n < 8000; n++ {
		delta(t, tab, n, put(t, n, fmt.Sprint(n%100), long))
		most = max(most, tab.Stats().OverlayBytes)
	}
	if most > 5<<20 {
		t.Errorf("100 links of 2 KB took %d bytes", most)
	}
	if destination(tab, "99") != long || tab.Links() != 100 {
		t.Errorf("%d links", tab.Links())
	}
}

// crash copies the directory at every write, as a kill would leave it.
type crash struct {
	t   *testing.T
	dir string

	mu     sync.Mutex // the table writes in two goroutines
	acked  uint64     // index that was acknowledged last
	copies []crashed
	during func()            // something to do while a base is folded
	model  map[string]string // what the table should hold
	states map[uint64]map[string]string
}

type crashed struct {
	step  string
	dir   string
	acked uint64
}

func (c *crash) step(name string) error {
	c.mu.Lock()
	during := c.during
	if name == "sync base" {
		c.during = nil
	}
	c.mu.Unlock()
	if during != nil && name == "sync base" {
		during()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	dir := c.t.TempDir()
	// Others may write meanwhile, but not what a kill would not leave behind.
	check(c.t, os.CopyFS(dir, os.DirFS(c.dir)))
	c.copies = append(c.copies, crashed{name, dir, c.acked})
	return nil
}

// says notes what a change will make of the table.
func (c *crash) says(index uint64, entries []*feedpb.Entry) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, e := range entries {
		if e.Value == nil {
			delete(c.model, string(e.GetKey()))
		} else {
			c.model[string(e.GetKey())] = string(e.GetValue())
		}
	}
	c.states[index] = maps.Clone(c.model)
}

func (c *crash) acknowledged(index uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.acked = max(c.acked, index)
}

// A process that is killed at any write comes back with everything that was
// acknowledged, and with nothing half done.
func TestKilledAtEveryWrite(t *testing.T) {
	c := &crash{t: t, dir: t.TempDir(), model: map[string]string{}, states: map[uint64]map[string]string{0: {}}}
	tab := open(t, table.WithStep(table.Config{Dir: c.dir, RewriteBytes: 1500}, c.step))
	change := func(index uint64, entries ...*feedpb.Entry) {
		c.says(index, entries)
		delta(t, tab, index, entries...)
		c.acknowledged(index)
	}
	few := func(index uint64, entries ...*feedpb.Entry) { // a snapshot of few buckets
		clear(c.model)
		c.says(index, entries)
		check(t, tab.Begin("cluster-1"))
		for _, e := range entries {
			check(t, tab.Bucket(uint16(e.GetBucket()), at(index), []*feedpb.Entry{{Key: e.GetKey(), Value: e.GetValue()}}))
		}
		check(t, tab.End(at(index)))
		c.acknowledged(index)
	}
	few(5, put(t, 5, "a", "https://a.example/"), put(t, 5, "b", "https://b.example/"))
	for n := uint64(6); n < 40; n++ {
		done := make(chan struct{})
		c.mu.Lock()
		c.during = func() {
			defer close(done)
			change(n*100+50, put(t, n, fmt.Sprint("during-", n), "https://example.org/"), put(t, n, "b", ""))
		}
		c.mu.Unlock()
		change(n*100, put(t, n, "a", fmt.Sprint("https://a.example/", n)), put(t, n, fmt.Sprint("s", n%7), "https://example.org/"))
		settled(t, tab)
		c.mu.Lock()
		began := c.during == nil
		c.during = nil
		c.mu.Unlock()
		if began {
			<-done
		}
	}
	few(5000, put(t, 5000, "z", "https://z.example/"))
	change(5001, put(t, 5001, "y", "https://y.example/"))
	closeTable(t, tab)
	folds := 0
	for _, k := range c.copies {
		tab := open(t, table.Config{Dir: k.dir})
		got := stateOf(tab)
		want, known := c.states[got.Revision.Index]
		if !known || got.Revision.Index < k.acked || got.Links != len(want) || len(got.Entries) != len(want) {
			t.Errorf("killed at %q after %d: %+v\nwant %+v", k.step, k.acked, got, want)
		}
		for name, value := range got.Entries {
			if _, key, _ := strings.Cut(name, " "); want[key] != value {
				t.Errorf("killed at %q after %d: at %s %q is %q", k.step, k.acked, got.Revision, key, value)
			}
		}
		if got.Revision.Index > 0 {
			delta(t, tab, 9000, put(t, 9000, "more", "https://more.example/"))
			more := stateOf(tab)
			closeTable(t, tab)
			tab = open(t, table.Config{Dir: k.dir})
			if got := stateOf(tab); !reflect.DeepEqual(got, more) {
				t.Errorf("killed at %q, gone on and opened again: %+v\nwant %+v", k.step, got, more)
			}
		}
		closeTable(t, tab)
		if k.step == "rename base" {
			folds++
		}
	}
	if folds < 5 {
		t.Errorf("%d bases were made", folds)
	}
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
