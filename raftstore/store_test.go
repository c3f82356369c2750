package raftstore_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"suodi/raftstore"
)

func TestSingleNode(t *testing.T) {
	checkGoroutines(t)
	c := testConfig(t, t.TempDir())
	c.HeartbeatTimeout = 0 // the default; a sole voter does not wait for it
	start := time.Now()
	s := open(t, c)
	t.Logf("leader after %v", time.Since(start))
	if id, addr, self := s.Leader(); id != "n1" || addr != t.Name() || !self {
		t.Errorf("leader %q %q %v", id, addr, self)
	}
	if len(s.ClusterID()) != 32 || s.Epoch() != 1 {
		t.Errorf("cluster %q epoch %d", s.ClusterID(), s.Epoch())
	}
	result, index := apply(t, s, "set a 1")
	if result != "ok" || index != s.Applied() || index == 0 {
		t.Errorf("result %v index %d applied %d", result, index, s.Applied())
	}
	if result, _ := apply(t, s, "refuse"); result != "refused" {
		t.Errorf("result %v", result)
	}
	if err := s.ReadIndex(t.Context()); err != nil {
		t.Error(err)
	}
	if err := s.Barrier(t.Context()); err != nil {
		t.Error(err)
	}
	// The barrier is an entry that the state machine never sees.
	if err := s.ReadIndex(t.Context()); err != nil {
		t.Error(err)
	}
	if all := dump(t, s); len(all) != 1 || all["a"] != "1" {
		t.Errorf("state %v", all)
	}
	st := s.Status()
	if st.State != "Leader" || st.Err != nil || st.Leader.ID != "n1" || len(st.Members) != 1 || st.LastLog == 0 {
		t.Errorf("status %+v", st)
	}
	closeStore(t, s)
	if _, _, err := s.Apply(t.Context(), []byte("set a 2")); !errors.Is(err, raftstore.ErrClosed) {
		t.Errorf("apply after close: %v", err)
	}
	if _, err := s.View(); !errors.Is(err, raftstore.ErrClosed) {
		t.Errorf("view after close: %v", err)
	}
	if err := s.ReadIndex(t.Context()); !errors.Is(err, raftstore.ErrClosed) {
		t.Errorf("read index after close: %v", err)
	}
	if _, err := s.Next(t.Context(), 1<<40); !errors.Is(err, raftstore.ErrClosed) {
		t.Errorf("next after close: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
}

func TestRestartReplaysNothing(t *testing.T) {
	checkGoroutines(t)
	dir := t.TempDir()
	c := testConfig(t, dir)
	s := open(t, c)
	for i := range 100 {
		apply(t, s, "add n")
		apply(t, s, "set k%03d v%d", i, i)
	}
	want, id, applied := dump(t, s), s.ClusterID(), s.Applied()
	closeStore(t, s)
	for range 3 {
		c = testConfig(t, dir)
		machine := c.StateMachine.(*kv)
		c.Bootstrap[0].Address = "elsewhere" // ignored: the directory has a cluster
		s = open(t, c)
		if n := machine.applied.Load(); n != 0 {
			t.Errorf("%d entries replayed", n)
		}
		if s.ClusterID() != id || s.Applied() < applied {
			t.Errorf("cluster %s, applied %d; were %s, %d", s.ClusterID(), s.Applied(), id, applied)
		}
		if got := dump(t, s); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("state %v, want %v", got, want)
		}
		closeStore(t, s)
	}
}

func TestBatchAndReader(t *testing.T) {
	var at raftstore.Entry
	c := testConfig(t, t.TempDir())
	c.StateMachine = machineFunc(func(e raftstore.Entry, r raftstore.Reader, b raftstore.Batch) (any, error) {
		at = e
		if string(e.Data) == "fill" {
			for _, k := range []string{"", "a", "b", "c", "\xff", "\xff\xff"} {
				b.Set([]byte(k), []byte("v"+k))
			}
			return nil, nil
		}
		b.Set([]byte("b"), []byte("new"))
		b.Delete([]byte("a"))
		b.DeleteRange([]byte("\xff"), nil)
		b.DeleteRange([]byte("z"), []byte("c")) // nothing is between them
		return strings.Join([]string{
			keys(r.Scan(nil, nil)), keys(b.Scan(nil, nil)),
			keys(b.ScanReverse([]byte("b"), []byte("d"))), keys(b.Scan([]byte("b"), []byte("b"))),
		}, " "), nil
	})
	s := open(t, c)
	apply(t, s, "fill")
	old, err := s.View()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = old.Close() }()
	result, index := apply(t, s, "change")
	want := `["" "a" "b" "c" "\xff" "\xff\xff"] ["" "b" "c"] ["c" "b"] []`
	if result != want {
		t.Errorf("scans are\n%s, want\n%s", result, want)
	}
	if at.Index != index || at.Term == 0 || at.Epoch != 1 || string(at.Data) != "change" {
		t.Errorf("entry %+v, index %d", at, index)
	}
	if old.Applied() != index-1 || old.Epoch() != 1 {
		t.Errorf("view at %d, entry at %d", old.Applied(), index)
	}
	if v, ok, err := old.Get([]byte("b")); string(v) != "vb" || !ok || err != nil {
		t.Errorf("old view: %q %v %v", v, ok, err)
	}
	now, err := s.View()
	if err != nil {
		t.Fatal(err)
	}
	if now.Applied() != index {
		t.Errorf("view at %d, entry at %d", now.Applied(), index)
	}
	if v, ok, err := now.Get([]byte("b")); string(v) != "new" || !ok || err != nil {
		t.Errorf("new view: %q %v %v", v, ok, err)
	}
	if _, ok, err := now.Get([]byte("a")); ok || err != nil {
		t.Errorf("deleted key: %v %v", ok, err)
	}
	for range 2 {
		if err := now.Close(); err != nil {
			t.Error(err)
		}
	}
}

type machineFunc func(raftstore.Entry, raftstore.Reader, raftstore.Batch) (any, error)

func (f machineFunc) Apply(e raftstore.Entry, r raftstore.Reader, b raftstore.Batch) (any, error) {
	return f(e, r, b)
}

func keys(scan func(func(raftstore.Item, error) bool)) string {
	var all []string
	for item, err := range scan {
		if err != nil {
			return err.Error()
		}
		all = append(all, string(item.Key))
	}
	return fmt.Sprintf("%q", all)
}

func TestApplyErrors(t *testing.T) {
	checkGoroutines(t)
	c := testConfig(t, t.TempDir())
	hold := make(chan struct{})
	c.StateMachine = &kv{hold: hold}
	s := open(t, c)
	if _, _, err := s.Apply(t.Context(), make([]byte, raftstore.MaxEntrySize+1)); !errors.Is(err, raftstore.ErrTooLarge) {
		t.Errorf("large entry: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, _, err := s.Apply(ctx, []byte("add n")); !errors.Is(err, raftstore.ErrOutcomeUnknown) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("deadline after it was proposed: %v", err)
	}
	close(hold)
	if err := s.Barrier(t.Context()); err != nil {
		t.Fatal(err)
	}
	if result, _ := apply(t, s, "add n"); result != uint64(2) {
		t.Errorf("result %v: the entry of unknown outcome was lost", result)
	}
	if _, _, err := s.Apply(t.Context(), make([]byte, raftstore.MaxEntrySize)); err != nil {
		t.Errorf("largest entry: %v", err)
	}
}

func TestHalt(t *testing.T) {
	for _, command := range []string{"fail", "panic"} {
		t.Run(command, func(t *testing.T) {
			checkGoroutines(t)
			dir := t.TempDir()
			s := open(t, testConfig(t, dir))
			apply(t, s, "set a 1")
			before := s.Applied()
			_, _, err := s.Apply(t.Context(), []byte(command))
			if !errors.Is(err, raftstore.ErrHalted) || !errors.Is(err, raftstore.ErrOutcomeUnknown) {
				t.Errorf("apply: %v", err)
			}
			<-s.Fatal()
			if err := s.Err(); !errors.Is(err, raftstore.ErrHalted) || command == "fail" && !errors.Is(err, errBroken) {
				t.Errorf("err: %v", err)
			}
			if _, _, err := s.Apply(t.Context(), []byte("set a 2")); !errors.Is(err, raftstore.ErrHalted) {
				t.Errorf("apply when halted: %v", err)
			}
			if _, err := s.View(); !errors.Is(err, raftstore.ErrHalted) {
				t.Errorf("view when halted: %v", err)
			}
			if err := s.ReadIndex(t.Context()); !errors.Is(err, raftstore.ErrHalted) {
				t.Errorf("read index when halted: %v", err)
			}
			if s.Applied() != before {
				t.Errorf("applied %d, was %d", s.Applied(), before)
			}
			closeStore(t, s)
			// A version that can apply the entry goes on where this one stopped.
			c := testConfig(t, dir)
			c.StateMachine = machineFunc(func(raftstore.Entry, raftstore.Reader, raftstore.Batch) (any, error) { return nil, nil })
			s = open(t, c)
			if all := dump(t, s); all["a"] != "1" || len(all) != 1 {
				t.Errorf("state %v", all)
			}
			if s.Applied() <= before {
				t.Errorf("applied %d, was %d", s.Applied(), before)
			}
		})
	}
}

func TestNextWakes(t *testing.T) {
	s := open(t, testConfig(t, t.TempDir()))
	_, index := apply(t, s, "set a 0")
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for at := index; at < index+50; {
				next, err := s.Next(t.Context(), at)
				if err != nil || next <= at {
					t.Errorf("next after %d is %d, %v", at, next, err)
					return
				}
				at = next
			}
		})
	}
	wg.Go(func() {
		if err := s.WaitApplied(t.Context(), index+50); err != nil {
			t.Error(err)
		}
	})
	for i := range 50 {
		apply(t, s, "set a %d", i)
	}
	wg.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.WaitApplied(ctx, 1<<40); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled wait: %v", err)
	}
}

func TestConcurrentApply(t *testing.T) {
	c := testConfig(t, t.TempDir())
	c.SnapshotBytes = 20_000 // some snapshots meanwhile
	c.TrailingBytes = 10_000
	registry := prometheus.NewRegistry()
	c.Registerer = registry
	s := open(t, c)
	const clients, each = 16, 50
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for range each {
				apply(t, s, "add n")
				if err := s.ReadIndex(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := binary.LittleEndian.Uint64([]byte(dump(t, s)["n"])); n != clients*each {
		t.Errorf("counted %d", n)
	}
	got := map[string]float64{}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		m := f.GetMetric()[0]
		got[f.GetName()] = m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
	}
	if got["suodi_raftstore_applied_index"] != float64(s.Applied()) || got["suodi_raftstore_is_leader"] != 1 ||
		got["suodi_raftstore_apply_seconds"] != clients*each+1 || got["suodi_raftstore_snapshots_total"] < 2 {
		t.Errorf("metrics %v", got)
	}
	st := s.Status()
	if st.FirstLog < 2 || st.LastLog-st.FirstLog > clients*each-1 {
		t.Errorf("log %d to %d was not truncated", st.FirstLog, st.LastLog)
	}
	closeStore(t, s)
	if families, _ := registry.Gather(); len(families) != 0 {
		t.Errorf("%d metric families after close", len(families))
	}
}

func TestRefusals(t *testing.T) {
	dir := t.TempDir()
	s := open(t, testConfig(t, dir))
	apply(t, s, "set a 1")
	if _, err := raftstore.Open(t.Context(), testConfig(t, dir)); !errors.Is(err, raftstore.ErrLocked) || !strings.Contains(err.Error(), "raft.db") {
		t.Errorf("second open: %v", err)
	}
	closeStore(t, s)
	tests := []struct {
		name   string
		change func(*raftstore.Config)
		want   error
	}{
		{"another cluster", func(c *raftstore.Config) { c.ClusterID = "other" }, raftstore.ErrWrongCluster},
		{"another node", func(c *raftstore.Config) { c.NodeID, c.Bootstrap = "n2", nil }, raftstore.ErrWrongNode},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := testConfig(t, dir)
			test.change(&c)
			if _, err := raftstore.Open(t.Context(), c); !errors.Is(err, test.want) {
				t.Errorf("open: %v", err)
			}
		})
	}
}

func TestGivenClusterID(t *testing.T) {
	c := testConfig(t, t.TempDir())
	c.ClusterID = "my-cluster"
	if s := open(t, c); s.ClusterID() != "my-cluster" {
		t.Errorf("cluster id %q", s.ClusterID())
	}
}

func TestConfigErrors(t *testing.T) {
	tests := map[string]func(*raftstore.Config){
		"no directory":           func(c *raftstore.Config) { c.Dir = "" },
		"no node":                func(c *raftstore.Config) { c.NodeID = "" },
		"no state machine":       func(c *raftstore.Config) { c.StateMachine = nil },
		"no transport":           func(c *raftstore.Config) { c.Transport = nil },
		"long cluster id":        func(c *raftstore.Config) { c.ClusterID = strings.Repeat("x", 65) },
		"short election":         func(c *raftstore.Config) { c.ElectionTimeout = time.Millisecond },
		"long lease":             func(c *raftstore.Config) { c.LeaderLeaseTimeout = time.Hour },
		"not among the peers":    func(c *raftstore.Config) { c.NodeID = "n2" },
		"peer twice":             func(c *raftstore.Config) { c.Bootstrap = append(c.Bootstrap, c.Bootstrap[0]) },
		"peer without address":   func(c *raftstore.Config) { c.Bootstrap[0].Address = "" },
		"negative trailing size": func(c *raftstore.Config) { c.TrailingBytes = -1 },
	}
	for name, change := range tests {
		t.Run(name, func(t *testing.T) {
			c := testConfig(t, t.TempDir())
			change(&c)
			if _, err := raftstore.Open(t.Context(), c); err == nil || !strings.Contains(err.Error(), "config: ") {
				t.Errorf("open: %v", err)
			}
		})
	}
}

func TestCorruptFiles(t *testing.T) {
	tests := []struct {
		name, file string
		damage     func(t *testing.T, path string)
	}{
		{"foreign raft.db", "raft.db", func(t *testing.T, path string) { write(t, path, bytes.Repeat([]byte("no"), 40_000)) }},
		{"short raft.db", "raft.db", func(t *testing.T, path string) { truncate(t, path, 16384) }},
		{"foreign CURRENT", "state/CURRENT", func(t *testing.T, path string) { write(t, path, []byte("db-1")) }},
		{"no manifest", "state/db-*", func(t *testing.T, path string) { remove(t, path, "MANIFEST-*", "marker.manifest*") }},
		{"short table", "state/db-*", func(t *testing.T, path string) {
			for _, f := range glob(t, path, "*.sst") {
				truncate(t, f, 10)
			}
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			checkGoroutines(t)
			dir := t.TempDir()
			s := open(t, testConfig(t, dir))
			for i := range 200 {
				apply(t, s, "set k%d %0200d", i, i)
			}
			closeStore(t, s)
			path := glob(t, dir, test.file)[0]
			test.damage(t, path)
			_, err := raftstore.Open(t.Context(), testConfig(t, dir))
			if err == nil || !strings.Contains(err.Error(), path) {
				t.Errorf("open: %v", err)
			}
			t.Log(err)
		})
	}
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func truncate(t *testing.T, path string, size int64) {
	t.Helper()
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}

func glob(t *testing.T, dir, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(files) == 0 {
		t.Fatalf("no %s in %s: %v", pattern, dir, err)
	}
	return files
}

func remove(t *testing.T, dir string, patterns ...string) {
	t.Helper()
	for _, p := range patterns {
		for _, f := range glob(t, dir, p) {
			if err := os.RemoveAll(f); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestNothingChattyIsLogged(t *testing.T) {
	var mu sync.Mutex
	var out bytes.Buffer
	c := testConfig(t, t.TempDir())
	c.Logger = slog.New(slog.NewTextHandler(writerFunc(func(b []byte) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		return out.Write(b)
	}), nil))
	s := open(t, c)
	apply(t, s, "set a 1")
	if err := s.Snapshot(t.Context()); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s)
	if out.Len() != 0 {
		t.Errorf("logged at info or above:\n%s", out.String())
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }
