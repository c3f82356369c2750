package raftstore_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	raftboltdb "github.com/hashicorp/raft-boltdb/v2"

	"suodi/raftstore"
)

func TestCheckGap(t *testing.T) {
	tests := []struct {
		name                              string
		at, first, last, floor, installed uint64
		ok                                bool
	}{
		{"new node", 0, 0, 0, 0, 0, true},
		{"log not applied yet", 0, 1, 9, 0, 0, true},
		{"unflushed tail", 5, 1, 9, 3, 0, true},
		{"all applied", 9, 4, 9, 5, 0, true},
		{"truncated up to the state", 9, 10, 12, 9, 0, true},
		{"log empty after truncation", 9, 0, 0, 9, 0, true},
		{"log empty after installation", 9, 0, 0, 9, 9, true},
		{"installed, mark not yet moved", 9, 1, 4, 2, 9, true},
		{"installation begun only", 4, 1, 4, 2, 9, true},
		{"state deleted, log whole", 0, 1, 9, 5, 0, true},
		{"state rolled back within the log", 4, 3, 9, 6, 0, true},
		{"state deleted, log truncated", 0, 6, 9, 5, 0, false},
		{"state deleted, log empty", 0, 0, 0, 5, 0, false},
		{"state deleted, log short", 0, 1, 4, 5, 0, false},
		{"state deleted after installation", 0, 1, 9, 5, 3, false},
		{"state rolled back behind the log", 2, 6, 9, 5, 0, false},
		{"log begins after the state", 5, 7, 9, 5, 0, false},
		{"log rolled back", 9, 1, 4, 3, 0, false},
		{"log deleted", 9, 0, 0, 0, 0, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			err := raftstore.CheckGap(test.at, test.first, test.last, raftstore.Mark{Floor: test.floor, Installing: test.installed})
			if test.ok != (err == nil) || err != nil && !errors.Is(err, raftstore.ErrGap) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// TestGap damages a directory as people do, and opens it.
func TestGap(t *testing.T) {
	tests := []struct {
		name     string
		trailing uint64 // entries kept; 0 truncates nothing
		damage   func(t *testing.T, dir, old string)
		ok       bool
	}{
		{"state deleted, log whole", 0, func(t *testing.T, dir, _ string) { remove(t, dir, "state") }, true},
		{"state deleted, log truncated", 5, func(t *testing.T, dir, _ string) { remove(t, dir, "state") }, false},
		{"database deleted, log truncated", 5, func(t *testing.T, dir, _ string) { remove(t, dir, "state/db-*") }, false},
		{"CURRENT deleted, log truncated", 5, func(t *testing.T, dir, _ string) { remove(t, dir, "state/CURRENT") }, false},
		{"state rolled back, log truncated", 5, func(t *testing.T, dir, old string) {
			remove(t, dir, "state")
			copyDir(t, filepath.Join(old, "state"), filepath.Join(dir, "state"))
		}, false},
		{"log deleted", 0, func(t *testing.T, dir, _ string) { remove(t, dir, "raft.db") }, false},
		{"log rolled back", 0, func(t *testing.T, dir, old string) {
			remove(t, dir, "raft.db")
			copyDir(t, filepath.Join(old, "raft.db"), filepath.Join(dir, "raft.db"))
		}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			checkGoroutines(t)
			dir, old := t.TempDir(), t.TempDir()
			fill := func(n int) {
				c := testConfig(t, dir)
				c.TrailingLogs = test.trailing
				s := open(t, c)
				for range n {
					apply(t, s, "add n")
				}
				if test.trailing > 0 {
					if err := s.Snapshot(t.Context()); err != nil {
						t.Fatal(err)
					}
				}
				closeStore(t, s)
			}
			fill(20)
			copyDir(t, dir, old)
			fill(20)
			test.damage(t, dir, old)
			left := databases(t, dir)
			for range 2 { // refusing changes nothing
				s, err := raftstore.Open(t.Context(), testConfig(t, dir))
				if !test.ok {
					if !errors.Is(err, raftstore.ErrGap) {
						t.Fatalf("open: %v", err)
					}
					t.Log(err)
					if now := databases(t, dir); !slices.Equal(now, left) {
						t.Errorf("of the databases %v there are %v", left, now)
					}
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				if result, _ := apply(t, s, "add n"); result.(uint64) < 41 {
					t.Errorf("result %v: entries are missing", result)
				}
				closeStore(t, s)
			}
		})
	}
}

// databases lists the databases in a directory, in force or not.
func databases(t *testing.T, dir string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, "state", "db-*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestInterruptedBootstrap opens what a crash leaves between the term and the
// first entry.
func TestInterruptedBootstrap(t *testing.T) {
	dir := t.TempDir()
	bolt, err := raftboltdb.NewBoltStore(filepath.Join(dir, "raft.db"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(bolt.SetUint64([]byte("CurrentTerm"), 1), bolt.Close()); err != nil {
		t.Fatal(err)
	}
	apply(t, open(t, testConfig(t, dir)), "set a 1")
}

// copyDir copies a file or a folder.
func copyDir(t *testing.T, from, to string) {
	t.Helper()
	info, err := os.Stat(from)
	if err != nil {
		t.Fatal(err)
	}
	if info.IsDir() {
		if err := os.CopyFS(to, os.DirFS(from)); err != nil {
			t.Fatal(err)
		}
		return
	}
	b, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	write(t, to, b)
}
