package table_test

import (
	"fmt"
	"maps"
	"os"
	"reflect"
	"strings"
	"sync"
	"testing"

	"suodi/control/feed/feedpb"
	"suodi/edge/table"
)

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
