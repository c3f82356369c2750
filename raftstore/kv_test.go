package raftstore_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"suodi/raftstore"
)

// kv is a state machine for tests. Commands are text:
//
//	set KEY VALUE   add KEY (a counter)   del FROM TO   fail   panic   refuse
type kv struct {
	applied atomic.Int64  // entries seen by this instance
	hold    chan struct{} // when set, Apply receives from it first
}

var errBroken = errors.New("state machine broken")

func (m *kv) Apply(e raftstore.Entry, _ raftstore.Reader, b raftstore.Batch) (any, error) {
	m.applied.Add(1)
	if m.hold != nil {
		<-m.hold
	}
	words := strings.SplitN(string(e.Data), " ", 3)
	switch words[0] {
	case "set":
		b.Set([]byte(words[1]), []byte(words[2]))
		return "ok", nil
	case "add":
		old, _, err := b.Get([]byte(words[1]))
		if err != nil {
			return nil, err
		}
		var n uint64
		if len(old) == 8 {
			n = binary.LittleEndian.Uint64(old)
		}
		b.Set([]byte(words[1]), binary.LittleEndian.AppendUint64(nil, n+1))
		return n + 1, nil
	case "del":
		b.DeleteRange([]byte(words[1]), []byte(words[2]))
		return "ok", nil
	case "fail":
		b.Set([]byte("half"), []byte("applied"))
		return nil, errBroken
	case "panic":
		panic("poisoned entry")
	default:
		return "refused", nil
	}
}

func testConfig(t testing.TB, dir string) raftstore.Config {
	_, transport := raft.NewInmemTransport(raft.ServerAddress(t.Name()))
	c := raftstore.Config{
		Dir: dir, NodeID: "n1", Transport: transport, StateMachine: &kv{},
		Bootstrap:        []raftstore.Peer{{ID: "n1", Address: t.Name()}},
		HeartbeatTimeout: 100 * time.Millisecond, MemTableSize: 4 << 20, CacheSize: 16 << 20,
	}
	if os.Getenv("RAFTSTORE_LOG") != "" {
		c.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	return c
}

// open opens a store that is closed with the test.
func open(t testing.TB, c raftstore.Config) *raftstore.Store {
	t.Helper()
	s, err := raftstore.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeStore(t, s) })
	return s
}

func closeStore(t testing.TB, s *raftstore.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func apply(t testing.TB, s *raftstore.Store, format string, args ...any) (any, uint64) {
	t.Helper()
	result, index, err := s.Apply(context.Background(), fmt.Appendf(nil, format, args...))
	if err != nil {
		t.Fatal(err)
	}
	return result, index
}

// dump returns the user keys of a store, and checks that scanning backwards
// gives the same.
func dump(t testing.TB, s *raftstore.Store) map[string]string {
	t.Helper()
	v, err := s.View()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = v.Close() }()
	all := map[string]string{}
	for item, err := range v.Scan(nil, nil) {
		if err != nil {
			t.Fatal(err)
		}
		all[string(item.Key)] = string(item.Value)
	}
	n := 0
	for item, err := range v.ScanReverse(nil, nil) {
		if err != nil {
			t.Fatal(err)
		}
		if all[string(item.Key)] != string(item.Value) {
			t.Fatalf("backwards, %q is %q", item.Key, item.Value)
		}
		n++
	}
	if n != len(all) {
		t.Fatalf("%d keys forwards, %d backwards", len(all), n)
	}
	return all
}

// checkGoroutines fails the test when goroutines of ours or of the libraries
// below are left at its end.
func checkGoroutines(t testing.TB) {
	t.Cleanup(func() {
		deadline, tick := time.After(10*time.Second), time.NewTicker(5*time.Millisecond)
		defer tick.Stop()
		for {
			left := goroutines()
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

func goroutines() (left []string) {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	for _, g := range strings.Split(string(buf), "\n\n")[1:] {
		for _, of := range []string{"suodi/raftstore.", "hashicorp/raft.", "cockroachdb/pebble", "go.etcd.io/bbolt"} {
			if strings.Contains(g, of) && !strings.Contains(g, "testing.tRunner") {
				left = append(left, g)
				break
			}
		}
	}
	return left
}

// freePort returns a loopback address nobody listens on just now.
func freePort(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}
