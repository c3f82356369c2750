package raftstore_test

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/hashicorp/raft"

	"suodi/raftstore"
)

// put writes one key for each fixed-size part of a command.
func put(size int) machineFunc {
	return func(e raftstore.Entry, _ raftstore.Reader, b raftstore.Batch) (any, error) {
		for data := e.Data; len(data) >= size; data = data[size:] {
			b.Set(data[:16], data[16:size])
		}
		return nil, nil
	}
}

func benchConfig(dir string) raftstore.Config {
	_, transport := raft.NewInmemTransport("n1")
	return raftstore.Config{
		Dir: dir, NodeID: "n1", Transport: transport, StateMachine: put(120),
		Bootstrap: []raftstore.Peer{{ID: "n1", Address: "n1"}},
	}
}

// BenchmarkApply applies commands of 120 bytes, one key each.
func BenchmarkApply(b *testing.B) {
	for _, clients := range []int{1, 64} {
		b.Run(fmt.Sprintf("inflight=%d", clients), func(b *testing.B) {
			s := open(b, benchConfig(b.TempDir()))
			var wg sync.WaitGroup
			b.ReportAllocs()
			b.ResetTimer()
			for client := range clients {
				wg.Go(func() {
					data := make([]byte, 120)
					for i := client; i < b.N; i += clients {
						copy(data, fmt.Appendf(nil, "%016x", uint64(i)*0x9e3779b97f4a7c15))
						if _, _, err := s.Apply(context.Background(), data); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wg.Wait()
		})
	}
}

// BenchmarkReadIndex is the cost of a linearizable read's barrier, one voter.
func BenchmarkReadIndex(b *testing.B) {
	s := open(b, benchConfig(b.TempDir()))
	b.ReportAllocs()
	for b.Loop() {
		if err := s.ReadIndex(context.Background()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkSnapshot is what entries wait for when a snapshot is taken.
func BenchmarkSnapshot(b *testing.B) {
	s := open(b, benchConfig(b.TempDir()))
	f := s.FSM()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Snapshot(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkRestart opens a store of a million keys until it serves.
func BenchmarkRestart(b *testing.B) {
	dir := b.TempDir()
	s, err := raftstore.Open(b.Context(), benchConfig(dir))
	if err != nil {
		b.Fatal(err)
	}
	const keys, each = 1_000_000, 1000
	for i := 0; i < keys; i += each {
		var data bytes.Buffer
		for k := i; k < i+each; k++ {
			fmt.Fprintf(&data, "%016x%0104d", uint64(k)*0x9e3779b97f4a7c15, k)
		}
		if _, _, err := s.Apply(b.Context(), data.Bytes()); err != nil {
			b.Fatal(err)
		}
	}
	closeStore(b, s)
	for b.Loop() {
		s, err := raftstore.Open(b.Context(), benchConfig(dir))
		if err != nil {
			b.Fatal(err)
		}
		closeStore(b, s)
	}
}
