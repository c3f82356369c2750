package raftstore_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/hashicorp/raft"

	"suodi/raftstore"
)

// crashDir makes the test binary the victim of TestKill.
const crashDir = "RAFTSTORE_TEST_CRASH_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		if err := crashChild(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1) // it should have been killed
	}
	os.Exit(m.Run())
}

// crashChild counts as fast as it can and prints every count acknowledged.
func crashChild(dir string) error {
	_, transport := raft.NewInmemTransport("n1")
	s, err := raftstore.Open(context.Background(), raftstore.Config{
		Dir: dir, NodeID: "n1", Transport: transport, StateMachine: &kv{},
		Bootstrap:     []raftstore.Peer{{ID: "n1", Address: "n1"}},
		SnapshotBytes: 40_000, TrailingLogs: 50,
	})
	if err != nil {
		return err
	}
	for range 8 {
		go func() {
			for {
				result, _, err := s.Apply(context.Background(), []byte("add n"))
				if err != nil {
					fmt.Fprintln(os.Stderr, err)
					os.Exit(1)
				}
				// One write for each, so that none is torn.
				if _, err := os.Stdout.WriteString(strconv.FormatUint(result.(uint64), 10) + "\n"); err != nil {
					os.Exit(1)
				}
			}
		}()
	}
	select {}
}

func TestKill(t *testing.T) {
	dir := t.TempDir()
	acknowledged := map[uint64]bool{}
	var highest uint64
	for round := range 3 {
		// Killed after so many; snapshots come about every 400.
		n := []int{100, 700, 1500}[round]
		child := exec.Command(os.Args[0])
		child.Env = append(os.Environ(), crashDir+"="+dir)
		child.Stderr = os.Stderr
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for i := 0; lines.Scan(); i++ { // to the end: what was printed was acknowledged
			if i == n {
				if err := child.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
			count, err := strconv.ParseUint(lines.Text(), 10, 64)
			if err != nil {
				t.Fatalf("child said %q", lines.Text())
			}
			if acknowledged[count] {
				t.Fatalf("count %d was given twice", count)
			}
			acknowledged[count], highest = true, max(highest, count)
		}
		_ = child.Wait() // killed

		c := testConfig(t, dir)
		c.Bootstrap[0].Address = "n1"
		_, c.Transport = raft.NewInmemTransport("n1")
		machine := c.StateMachine.(*kv)
		s := open(t, c)
		v, err := s.View()
		if err != nil {
			t.Fatal(err)
		}
		b, _, err := v.Get([]byte("n"))
		if err != nil {
			t.Fatal(err)
		}
		_ = v.Close()
		got := binary.LittleEndian.Uint64(b)
		// At most the eight in flight are there without having been said. Each
		// of the counts is one application, so none was lost or applied twice.
		if got < highest || got > highest+8 {
			t.Errorf("round %d: counted %d, acknowledged %d", round, got, highest)
		}
		if lost := int(got) - len(acknowledged); lost > 8*(round+1) {
			t.Errorf("round %d: %d counts were never said, more than were in flight", round, lost)
		}
		replayed := machine.applied.Load()
		if total := int64(got); round == 2 && (replayed == 0 || replayed > total/2) {
			t.Errorf("%d of %d entries replayed; only the unflushed tail should be", replayed, total)
		}
		t.Logf("round %d: %d counted, %d acknowledged, %d replayed", round, got, len(acknowledged), replayed)
		closeStore(t, s)
		highest = got
	}
}
