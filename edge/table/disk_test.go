package table_test

import (
	"fmt"
	"reflect"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"suodi/edge/table"
)

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
