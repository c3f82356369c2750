package feed_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/link"
)

// edge is the edge's side of one conversation, message by message.
type edge struct {
	grpc.BidiStreamingClient[feedpb.EdgeMessage, feedpb.ControlMessage]
	t testing.TB
}

func dial(t testing.TB, address string) *edge {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	check(t, err)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(func() {
		cancel()
		check(t, conn.Close())
	})
	stream, err := feedpb.NewFeedClient(conn).Follow(ctx)
	check(t, err)
	return &edge{stream, t}
}

func (e *edge) hello(h *feedpb.Hello) {
	e.t.Helper()
	check(e.t, e.Send(&feedpb.EdgeMessage{Message: &feedpb.EdgeMessage_Hello{Hello: h}}))
}

func (e *edge) ack(r link.Revision) {
	e.t.Helper()
	check(e.t, e.Send(&feedpb.EdgeMessage{Message: &feedpb.EdgeMessage_Ack{Ack: &feedpb.Ack{Revision: feed.FromRevision(r)}}}))
}

// until receives until a message is what is looked for.
func until[M any](e *edge, get func(*feedpb.ControlMessage) *M) *M {
	e.t.Helper()
	for {
		message, err := e.Recv()
		check(e.t, err)
		if m := get(message); m != nil {
			return m
		}
	}
}

func hello(id, cluster string, revision link.Revision) *feedpb.Hello {
	return &feedpb.Hello{EdgeId: id, ClusterId: cluster, Revision: feed.FromRevision(revision), RecordFormats: []uint32{link.RecordFormat}}
}

func TestServerRefuses(t *testing.T) {
	checkGoroutines(t)
	s := newSource()
	s.change(1, "k", "v")
	server := newServer(s)
	address, _ := serve(t, "127.0.0.1:0", server)
	ack := &feedpb.EdgeMessage{Message: &feedpb.EdgeMessage_Ack{Ack: &feedpb.Ack{}}}
	for _, test := range []struct {
		name  string
		first *feedpb.EdgeMessage
		code  codes.Code
		want  []string
	}{
		{"no hello", ack, codes.InvalidArgument, []string{"hello"}},
		{"nothing in the message", &feedpb.EdgeMessage{}, codes.InvalidArgument, []string{"hello"}},
		{"no id", say(hello("", "", link.Revision{})), codes.InvalidArgument, []string{"edge_id"}},
		{"an id too long", say(hello(strings.Repeat("x", 129), "", link.Revision{})), codes.InvalidArgument, []string{"edge_id"}},
		{"another cluster", say(hello("e", "cluster-9", at(1))), codes.FailedPrecondition, []string{"cluster-9", "cluster-1", "empty data directory"}},
		{"unknown formats", say(&feedpb.Hello{EdgeId: "e", RecordFormats: []uint32{98, 99}}), codes.FailedPrecondition, []string{"[98 99]", "[1]"}},
		{"no formats", say(&feedpb.Hello{EdgeId: "e"}), codes.FailedPrecondition, []string{"formats"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			e := dial(t, address)
			check(t, e.Send(test.first))
			_, err := e.Recv()
			if status.Code(err) != test.code {
				t.Fatalf("error %v; want %s", err, test.code)
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not tell %q", err, want)
				}
			}
			if edges := server.Edges(); len(edges) != 0 {
				t.Errorf("edges %v", edges)
			}
		})
	}
	t.Run("a second hello", func(t *testing.T) {
		e := dial(t, address)
		e.hello(hello("e", "", link.Revision{}))
		e.hello(hello("e", "", link.Revision{}))
		if err := drain(e); status.Code(err) != codes.InvalidArgument {
			t.Errorf("error %v", err)
		}
	})
	t.Run("a nack", func(t *testing.T) {
		e := dial(t, address)
		e.hello(hello("e", "", link.Revision{}))
		check(t, e.Send(&feedpb.EdgeMessage{Message: &feedpb.EdgeMessage_Nack{Nack: &feedpb.Nack{
			Revision: feed.FromRevision(at(1)), Error: "it smells",
		}}}))
		if err := drain(e); status.Code(err) != codes.Aborted || !strings.Contains(err.Error(), "it smells") {
			t.Errorf("error %v", err)
		}
	})
	t.Run("a hang-up", func(t *testing.T) {
		e := dial(t, address)
		e.hello(hello("e", "", link.Revision{}))
		check(t, e.CloseSend())
		if err := drain(e); !errors.Is(err, io.EOF) {
			t.Errorf("error %v; want a clean end", err)
		}
	})
}

func say(h *feedpb.Hello) *feedpb.EdgeMessage {
	return &feedpb.EdgeMessage{Message: &feedpb.EdgeMessage_Hello{Hello: h}}
}

// drain receives until the stream ends and returns why it did.
func drain(e *edge) error {
	for {
		if _, err := e.Recv(); err != nil {
			return err
		}
	}
}

func TestSnapshotOrDeltas(t *testing.T) {
	for _, test := range []struct {
		name     string
		cluster  string
		held     link.Revision
		snapshot bool
	}{
		{"holds nothing", "", link.Revision{}, true},
		{"holds a cluster and no revision", "cluster-1", link.Revision{}, true},
		{"holds a revision of no cluster", "", at(9), true},
		{"is behind", "cluster-1", at(8), false},
		{"is up to date", "cluster-1", at(10), false},
		{"is behind what is kept", "cluster-1", at(3), true},
		{"is ahead", "cluster-1", at(11), true},
		{"is far ahead", "cluster-1", at(1 << 40), true},
		{"is of a later epoch", "cluster-1", link.Revision{Epoch: 2, Index: 1}, true},
		{"is of an earlier epoch", "cluster-1", link.Revision{Epoch: 0, Index: 10}, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			checkGoroutines(t)
			s := newSource()
			for i := range 10 {
				s.change(7, "k", fmt.Sprintf("v%d", i))
			}
			s.compact(5)
			server := newServer(s)
			address, _ := serve(t, "127.0.0.1:0", server)
			e := dial(t, address)
			e.hello(hello("e", test.cluster, test.held))
			welcome := until(e, (*feedpb.ControlMessage).GetWelcome)
			if welcome.GetSnapshot() != test.snapshot || welcome.GetClusterId() != "cluster-1" || welcome.GetRecordFormat() != link.RecordFormat {
				t.Fatalf("welcome %v", welcome)
			}
			if !test.snapshot {
				for i := test.held.Index + 1; i <= 10; i++ {
					if d := until(e, (*feedpb.ControlMessage).GetDelta); d.GetPrevious().GetIndex() != i-1 || d.GetRevision().GetIndex() != i {
						t.Errorf("delta %v; want %d", d, i)
					}
				}
				return
			}
			for number := range uint32(feed.Buckets) {
				b := until(e, (*feedpb.ControlMessage).GetBucket)
				if b.GetNumber() != number || !b.GetLast() || feed.ToRevision(b.GetRevision()) != at(10) || (len(b.GetEntries()) == 1) != (number == 7) {
					t.Fatalf("bucket %v; want %d", b, number)
				}
			}
			if end := until(e, (*feedpb.ControlMessage).GetSnapshotEnd); feed.ToRevision(end.GetRevision()) != at(10) {
				t.Errorf("ends at %v", end)
			}
			// Nothing follows before the snapshot is acknowledged, whatever the
			// edge said that it held.
			s.change(7, "k", "v10")
			for range 3 {
				message, err := e.Recv()
				check(t, err)
				if message.GetHeartbeat() == nil {
					t.Fatalf("before the acknowledgement came %v", message)
				}
			}
			e.ack(at(10))
			if d := until(e, (*feedpb.ControlMessage).GetDelta); d.GetRevision().GetIndex() != 11 {
				t.Errorf("delta %v", d)
			}
		})
	}
}

// Nobody waits for an edge that does not answer.
func TestSilentEdgeHoldsUpNobody(t *testing.T) {
	checkGoroutines(t)
	s := newSource()
	s.change(1, "k", "v")
	server := newServer(s)
	address, _ := serve(t, "127.0.0.1:0", server)
	silent := dial(t, address)
	silent.hello(hello("silent", "cluster-1", at(1)))
	until(silent, (*feedpb.ControlMessage).GetHeartbeat)
	r := newReplica()
	follow(t, r, "lively", address)
	r.awaitRevision(t, s, at(1))
	for i := range 100 {
		s.change(uint16(i), "k", fmt.Sprintf("v%d", i))
	}
	r.awaitRevision(t, s, at(101))

	// The silent one has a batch of four, then heartbeats of the head.
	deltas := 0
	for beats := 0; beats < 3; {
		message, err := silent.Recv()
		check(t, err)
		if message.GetDelta() != nil {
			deltas++
		}
		if h := message.GetHeartbeat(); h != nil && h.GetHead().GetIndex() == 101 {
			beats++
		}
	}
	if deltas != 4 {
		t.Errorf("the silent edge got %d deltas; want the 4 of a batch", deltas)
	}
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	var behind []string
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for range 5000 { // the lively one's acknowledgement may still be on its way
		if behind = server.WaitEdges(ended, at(101)); slices.Equal(behind, []string{"silent"}) {
			break
		}
		<-tick.C
	}
	if !slices.Equal(behind, []string{"silent"}) {
		t.Errorf("behind are %q", behind)
	}
	silent.ack(at(5)) // it wakes up
	if d := until(silent, (*feedpb.ControlMessage).GetDelta); d.GetRevision().GetIndex() != 6 {
		t.Errorf("the next delta is %v", d)
	}
}

// An edge so slow that its deltas go away is told to come back.
func TestTooFarBehind(t *testing.T) {
	checkGoroutines(t)
	s := newSource()
	s.change(1, "k", "v")
	address, _ := serve(t, "127.0.0.1:0", newServer(s))
	e := dial(t, address)
	e.hello(hello("slow", "cluster-1", at(1)))
	for i := range 20 {
		s.change(1, "k", fmt.Sprint(i))
	}
	for range 4 {
		until(e, (*feedpb.ControlMessage).GetDelta)
	}
	s.compact(2)
	e.ack(at(5))
	if err := drain(e); status.Code(err) != codes.OutOfRange {
		t.Errorf("error %v", err)
	}
}

// A change that fits no message reaches the edges as a snapshot.
func TestChangeLargerThanAMessage(t *testing.T) {
	checkGoroutines(t)
	s := newSource()
	s.change(1, "k", "v")
	server := newServer(s)
	address, _ := serve(t, "127.0.0.1:0", server)
	r := newReplica()
	follow(t, r, "e", address)
	r.awaitRevision(t, s, at(1))
	s.mu.Lock() // many modules at once
	large := &feedpb.Delta{Previous: feed.FromRevision(at(1)), Revision: feed.FromRevision(at(2))}
	s.buckets[feed.BucketModules] = map[string][]byte{}
	for i := range 5 {
		key, value := fmt.Sprintf("module-%d", i), []byte(strings.Repeat("m", 2<<20))
		s.buckets[feed.BucketModules][key] = value
		large.Entries = append(large.Entries, &feedpb.Entry{Bucket: feed.BucketModules, Key: []byte(key), Value: value})
	}
	s.deltas, s.head = append(s.deltas, large), at(2)
	s.signal.notify()
	s.mu.Unlock()
	r.awaitRevision(t, s, at(2))
	r.awaitRevision(t, s, s.change(1, "k", "w"))
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.begun) != 2 || !r.begun[1] || r.deltas != 1 {
		t.Errorf("begun %v, %d deltas", r.begun, r.deltas)
	}
}

func TestWaitEdges(t *testing.T) {
	checkGoroutines(t)
	s := newSource()
	first := s.change(1, "k", "v")
	server := newServer(s)
	if behind := server.WaitEdges(t.Context(), first); behind != nil {
		t.Errorf("without edges, behind are %q", behind)
	}
	address, _ := serve(t, "127.0.0.1:0", server)
	a, b := dial(t, address), dial(t, address)
	a.hello(hello("a", "", link.Revision{}))
	b.hello(hello("b", "cluster-1", first)) // up to date, without a word
	until(b, (*feedpb.ControlMessage).GetHeartbeat)
	until(a, (*feedpb.ControlMessage).GetSnapshotEnd)
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	if behind := server.WaitEdges(ended, first); !slices.Equal(behind, []string{"a"}) {
		t.Errorf("behind are %q; want a alone", behind)
	}
	if edges := server.Edges(); len(edges) != 2 || edges[0].ID != "a" || !edges[0].Revision.IsZero() || edges[1].Revision != first ||
		!edges[1].ConnectedAt.Equal(s.now) {
		t.Errorf("edges %+v", edges)
	}
	waited := make(chan []string)
	go func() { waited <- server.WaitEdges(context.Background(), first) }()
	a.ack(first)
	if behind := <-waited; behind != nil {
		t.Errorf("after the acknowledgement, behind are %q", behind)
	}

	// An edge that goes away is waited for no longer.
	second := s.change(1, "k", "v2")
	go func() { waited <- server.WaitEdges(context.Background(), second) }()
	b.ack(second)
	check(t, a.CloseSend())
	if behind := <-waited; behind != nil {
		t.Errorf("after a went, behind are %q", behind)
	}
}

func TestLargeBucketIsSplit(t *testing.T) {
	checkGoroutines(t)
	s := newSource()
	for i := range 10 {
		s.change(9, fmt.Sprintf("k%d", i), strings.Repeat(fmt.Sprint(i), 700<<10))
	}
	s.change(feed.BucketModules, "module", strings.Repeat("m", 4<<20)) // larger than a part
	address, _ := serve(t, "127.0.0.1:0", newServer(s))
	e := dial(t, address)
	e.hello(hello("e", "", link.Revision{}))
	parts, entries := 0, 0
	var hash uint64
	for {
		b := until(e, (*feedpb.ControlMessage).GetBucket)
		if b.GetNumber() != 9 {
			if b.GetNumber() > 9 {
				break
			}
			continue
		}
		parts++
		size := 0
		for _, entry := range b.GetEntries() {
			hash += feed.EntryHash(entry.GetKey(), entry.GetValue())
			size += len(entry.GetValue())
			entries++
		}
		if size > 1<<20 {
			t.Errorf("a part of %d bytes", size)
		}
		if b.GetLast() != (entries == 10) || b.GetLast() && b.GetHash() != hash {
			t.Errorf("after %d entries: last %t, hash %x; want %x", entries, b.GetLast(), b.GetHash(), hash)
		}
	}
	if parts != 10 || entries != 10 {
		t.Errorf("%d parts with %d entries", parts, entries)
	}
	r := newReplica()
	follow(t, r, "f", address)
	r.awaitRevision(t, s, at(11))
}

func TestFilterStatusIsKept(t *testing.T) {
	checkGoroutines(t)
	s := newSource()
	revision := s.change(1, "k", "v")
	server := newServer(s)
	address, _ := serve(t, "127.0.0.1:0", server)
	r := newReplica()
	r.filters = []*feedpb.FilterStatus{{Name: "x", Hash: []byte("h"), Error: "does not load"}}
	follow(t, r, "e", address)
	r.awaitRevision(t, s, revision)
	if behind := server.WaitEdges(t.Context(), revision); behind != nil {
		t.Fatalf("behind are %q", behind)
	}
	edges := server.Edges()
	if len(edges) != 1 || edges[0].ID != "e" || edges[0].Version != "test" || edges[0].Revision != revision ||
		len(edges[0].Filters) != 1 || edges[0].Filters[0].GetError() != "does not load" {
		t.Errorf("edges %+v", edges)
	}
}

func TestEntryHash(t *testing.T) {
	a := feed.EntryHash([]byte("key"), []byte("value"))
	if a != 0x5e5d661880ae4316 {
		t.Errorf("hash %#x: it is part of the format", a)
	}
	if a == feed.EntryHash([]byte("keyv"), []byte("alue")) || a == feed.EntryHash([]byte("key"), []byte("values")) {
		t.Error("different entries have one hash")
	}
	if feed.EntryHash(nil, nil) == 0 {
		t.Error("an empty entry counts for nothing")
	}
}

func TestHeartbeatTellsClusterTime(t *testing.T) {
	checkGoroutines(t)
	s := newSource()
	s.now = time.Date(2031, 5, 6, 7, 8, 9, 10, time.UTC)
	revision := s.change(1, "k", "v")
	address, _ := serve(t, "127.0.0.1:0", newServer(s))
	r := newReplica()
	follow(t, r, "e", address)
	r.await(t, "heartbeats", func() bool { return len(r.heartbeats) >= 3 })
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, h := range r.heartbeats {
		if !h.time.Equal(s.now) || h.head != revision {
			t.Errorf("heartbeat %+v", h)
		}
	}
}
