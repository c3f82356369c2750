package table_test

import (
	"fmt"
	"testing"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/edge/table"
)

// TestRelease lends the directory to another table, which changes it in every
// way it can be left in.
func TestRelease(t *testing.T) {
	for _, test := range []struct {
		name   string
		config table.Config // of the other
		use    func(t *testing.T, other *table.Table)
		want   uint64 // the revision in the end
	}{
		{"not used", table.Config{}, nil, 2},
		{"read", table.Config{}, func(*testing.T, *table.Table) {}, 2},
		{"changed", table.Config{}, func(t *testing.T, other *table.Table) {
			delta(t, other, 3, put(t, 3, "moved", "https://b.example/3"))
		}, 3},
		{"changed and folded", table.Config{RewriteBytes: 1}, func(t *testing.T, other *table.Table) {
			for i := range 50 {
				delta(t, other, uint64(3+i), put(t, uint64(3+i), "moved", fmt.Sprintf("https://b.example/%d", 3+i)))
			}
			eventually(t, "a fold", func() bool { return other.Stats().Folds > 0 })
		}, 52},
		{"taken over by a snapshot", table.Config{}, func(t *testing.T, other *table.Table) {
			snapshot(t, other, 9, put(t, 9, "moved", "https://b.example/9"), put(t, 9, "stays", "https://a.example/"))
		}, 9},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			tab := open(t, table.Config{Dir: dir})
			snapshot(t, tab, 1, put(t, 1, "stays", "https://a.example/"), put(t, 1, "moved", "https://a.example/moved"))
			delta(t, tab, 2, put(t, 2, "new", "https://a.example/new"))
			check(t, tab.Release())
			if test.use != nil {
				test.config.Dir = dir
				other := open(t, test.config)
				test.use(t, other)
				if err := tab.Resume(); err == nil {
					t.Fatal("resumed while another table has the directory")
				}
				if got := destination(tab, "moved"); got != "https://a.example/moved" {
					t.Errorf("released, it finds %q", got)
				}
				if err := tab.Delta(&feedpb.Delta{Previous: feed.FromRevision(at(2)), Revision: feed.FromRevision(at(3))}); err == nil {
					t.Error("released, it takes a change")
				}
				closeTable(t, other)
			}
			check(t, tab.Resume())
			if _, held := tab.Held(); held != at(test.want) {
				t.Errorf("resumed at %s, want %d", held, test.want)
			}
			moved := "https://a.example/moved"
			if test.want > 2 {
				moved = fmt.Sprintf("https://b.example/%d", test.want)
			}
			for slug, want := range map[string]string{"stays": "https://a.example/", "moved": moved} {
				if got := destination(tab, slug); got != want {
					t.Errorf("%s leads to %q, want %q", slug, got, want)
				}
			}
			delta(t, tab, test.want+1, put(t, test.want+1, "after", "https://a.example/after"))
			closeTable(t, tab)
			if got := destination(open(t, table.Config{Dir: dir}), "after"); got != "https://a.example/after" {
				t.Errorf("what came after it was resumed leads to %q on the next start", got)
			}
		})
	}
}

// TestCloseReleased: the end of a process that has handed its directory over.
func TestCloseReleased(t *testing.T) {
	dir := t.TempDir()
	tab := open(t, table.Config{Dir: dir})
	snapshot(t, tab, 1, put(t, 1, "stays", "https://a.example/"))
	check(t, tab.Release())
	other := open(t, table.Config{Dir: dir})
	closeTable(t, tab)
	if _, err := table.Open(table.Config{Dir: dir}); err == nil {
		t.Error("closing the one that let go has freed the other's directory")
	}
	if got := destination(other, "stays"); got != "https://a.example/" {
		t.Errorf("the other finds %q", got)
	}
}
