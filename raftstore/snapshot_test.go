package raftstore_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"suodi/raftstore"
)

// TestSnapshotIsAMarker holds that taking a snapshot does nothing while entries
// wait, and that the metadata are the state's own.
func TestSnapshotIsAMarker(t *testing.T) {
	s := open(t, testConfig(t, t.TempDir()))
	_, index := apply(t, s, "set a 1")
	take := func() {
		snapshot, err := s.FSM().Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		snapshot.Release()
	}
	if n := testing.AllocsPerRun(100, take); n != 0 {
		t.Errorf("%v allocations", n)
	}
	const runs = 100_000
	start := time.Now()
	for range runs {
		take()
	}
	if each := time.Since(start) / runs; each > time.Microsecond {
		t.Errorf("takes %v", each)
	}
	list, err := s.Snapshots().List()
	if err != nil || len(list) != 1 {
		t.Fatalf("list %v, %v", list, err)
	}
	m := list[0]
	if m.Index != index || m.Term == 0 || len(m.Configuration.Servers) != 1 || m.ConfigurationIndex != 1 {
		t.Errorf("meta %+v, applied %d", m, index)
	}
	// A barrier moves the library's index on; the snapshot must cover it, for
	// the log may be truncated up to there.
	if err := errors.Join(s.Barrier(t.Context()), s.Snapshot(t.Context())); err != nil {
		t.Fatal(err)
	}
	if list, err = s.Snapshots().List(); err != nil || list[0].Index != index+1 || s.Applied() != index {
		t.Errorf("meta %+v, applied %d: %v", list[0], s.Applied(), err)
	}
}

// TestSendAndReceive moves a snapshot by hand through the library's interface.
func TestSendAndReceive(t *testing.T) {
	checkGoroutines(t)
	c := testConfig(t, t.TempDir())
	c.ClusterID = "one"
	from := open(t, c)
	for i := range 100 {
		apply(t, from, "set k%d %0100d", i, i)
	}
	meta, stream, err := from.Snapshots().Open("any")
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(stream)
	if err != nil || int64(len(b)) != meta.Size {
		t.Fatalf("read %d of %d bytes: %v", len(b), meta.Size, err)
	}
	if err := stream.Close(); err != nil {
		t.Fatal(err)
	}
	// One that is not read to its end.
	_, half, err := from.Snapshots().Open("any")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(half, make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	if err := half.Close(); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(c.Dir, "state/send-*")); len(left) != 0 {
		t.Errorf("left %v", left)
	}

	damaged := bytes.Clone(b)
	damaged[len(b)/2] ^= 1
	tests := []struct {
		name    string
		b       []byte
		index   uint64
		cluster string
		want    error
	}{
		{"damaged", damaged, meta.Index, "", raftstore.ErrCorrupt},
		{"short", b[:len(b)-1], meta.Index, "", io.ErrUnexpectedEOF},
		{"long", append(bytes.Clone(b), 0), meta.Index, "", raftstore.ErrCorrupt},
		{"empty", nil, meta.Index, "", nil},
		{"another index", b, meta.Index + 1, "", raftstore.ErrCorrupt},
		{"another cluster", b, meta.Index, "two", raftstore.ErrWrongCluster},
		{"good", b, meta.Index, "one", nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := testConfig(t, t.TempDir())
			c.NodeID, c.Bootstrap, c.ClusterID = "n2", nil, test.cluster
			to := open(t, c)
			sink, err := to.Snapshots().Create(1, test.index, meta.Term, meta.Configuration, meta.ConfigurationIndex, nil)
			if err != nil {
				t.Fatal(err)
			}
			_, err = io.Copy(sink, bytes.NewReader(test.b))
			if err != nil {
				if cancelled := sink.Cancel(); cancelled != nil {
					t.Error(cancelled)
				}
			} else {
				err = sink.Close()
			}
			if test.name == "good" {
				if err != nil {
					t.Fatal(err)
				}
				restore(t, to, sink.ID())
				(&cluster{t: t}).equal(from, to)
				return
			}
			if err == nil || test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("got %v", err)
			}
			if err := to.Err(); err != nil {
				t.Errorf("a snapshot that was refused halts: %v", err)
			}
			if left := glob(t, c.Dir, "state/*"); len(left) != 2 {
				t.Errorf("left %v", left)
			}
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		c := testConfig(t, t.TempDir())
		c.NodeID, c.Bootstrap = "n2", nil
		to := open(t, c)
		sink, err := to.Snapshots().Create(1, meta.Index, meta.Term, meta.Configuration, meta.ConfigurationIndex, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := sink.Write(b[:len(b)/2]); err != nil {
			t.Fatal(err)
		}
		if err := sink.Cancel(); err != nil {
			t.Error(err)
		}
		if left := glob(t, c.Dir, "state/*"); len(left) != 2 {
			t.Errorf("left %v", left)
		}
	})
}

func restore(t *testing.T, to *raftstore.Store, id string) {
	t.Helper()
	_, r, err := to.Snapshots().Open(id)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(to.FSM().Restore(r), r.Close()); err != nil {
		t.Fatal(err)
	}
}

// TestFailedInstallHalts makes the swap itself fail.
func TestFailedInstallHalts(t *testing.T) {
	checkGoroutines(t)
	from := open(t, testConfig(t, t.TempDir()))
	apply(t, from, "set a 1")
	meta, stream, err := from.Snapshots().Open("any")
	if err != nil {
		t.Fatal(err)
	}
	c := testConfig(t, t.TempDir())
	c.NodeID, c.Bootstrap = "n2", nil
	to := open(t, c)
	sink, err := to.Snapshots().Create(1, meta.Index, meta.Term, meta.Configuration, meta.ConfigurationIndex, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(sink, stream)
	if err := errors.Join(err, sink.Close(), stream.Close()); err != nil {
		t.Fatal(err)
	}
	// A folder stands where the new CURRENT is to be written.
	if err := os.Mkdir(filepath.Join(c.Dir, "state/CURRENT.new"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, r, err := to.Snapshots().Open(sink.ID())
	if err != nil {
		t.Fatal(err)
	}
	if err := to.FSM().Restore(r); err == nil {
		t.Error("restore succeeded")
	}
	<-to.Fatal()
	if _, err := to.View(); !errors.Is(err, raftstore.ErrHalted) {
		t.Errorf("view: %v", err)
	}
	closeStore(t, to)
	// The old state is as it was, and the next attempt can succeed.
	c.Transport = testConfig(t, "").Transport
	to = open(t, c)
	if to.Applied() != 0 || to.ClusterID() != "" {
		t.Errorf("half of it was installed: %d %q", to.Applied(), to.ClusterID())
	}
}

// TestViewsOfReplacedState reads while snapshots are installed.
func TestViewsOfReplacedState(t *testing.T) {
	checkGoroutines(t)
	from := open(t, testConfig(t, t.TempDir()))
	c := testConfig(t, t.TempDir())
	c.NodeID, c.Bootstrap = "n2", nil
	to := open(t, c)
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for last := uint64(0); ; {
				v, err := to.View()
				if err != nil {
					t.Error(err)
					return
				}
				if v.Applied() < last {
					t.Errorf("view at %d after one at %d", v.Applied(), last)
				}
				last = v.Applied()
				n := 0
				for _, err := range v.Scan(nil, nil) {
					if err != nil {
						t.Error(err)
					}
					n++
				}
				// Configuration, no-op, barrier and identity come first.
				if last > 0 && uint64(n)+4 != last {
					t.Errorf("%d keys at index %d", n, last)
				}
				_ = v.Close()
				select {
				case <-done:
					return
				default:
				}
			}
		})
	}
	for i := range 20 {
		apply(t, from, "set k%d v", i)
		meta, stream, err := from.Snapshots().Open("any")
		if err != nil {
			t.Fatal(err)
		}
		sink, err := to.Snapshots().Create(1, meta.Index, meta.Term, meta.Configuration, meta.ConfigurationIndex, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(sink, stream)
		if err := errors.Join(err, sink.Close(), stream.Close()); err != nil {
			t.Fatal(err)
		}
		restore(t, to, sink.ID())
	}
	close(done)
	wg.Wait()
	(&cluster{t: t}).equal(from, to)
}

func TestAlignLog(t *testing.T) {
	tests := []struct {
		name        string
		index, term uint64
		first, last uint64 // afterwards; the log was 1 to 10, all of term 1
	}{
		{"agrees", 5, 1, 1, 10},
		{"diverged", 5, 2, 5, 10},
		{"diverged at its end", 10, 2, 10, 10},
		{"behind", 20, 2, 0, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := testConfig(t, t.TempDir())
			c.NodeID, c.Bootstrap = "n2", nil
			s := open(t, c)
			for i := uint64(1); i <= 10; i++ {
				if err := s.Log().StoreLog(&raft.Log{Index: i, Term: 1, Data: []byte("x")}); err != nil {
					t.Fatal(err)
				}
			}
			if err := s.AlignLog(test.index, test.term); err != nil {
				t.Fatal(err)
			}
			st := s.Status()
			if st.FirstLog != test.first || st.LastLog != test.last {
				t.Errorf("log %d to %d, want %d to %d", st.FirstLog, st.LastLog, test.first, test.last)
			}
			var entry raft.Log
			if err := s.Log().GetLog(test.index, &entry); err == nil && entry.Term != test.term {
				t.Errorf("entry %d has term %d", entry.Index, entry.Term)
			}
		})
	}
}
