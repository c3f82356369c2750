package feed_test

import (
	"context"
	"fmt"
	"net"
	"reflect"
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
	"suodi/wasm/visit"
)

func TestFollow(t *testing.T) {
	checkGoroutines(t)
	s := newSource()
	for i := range 30 {
		s.change(uint16(i%5), fmt.Sprintf("k%d", i), "v")
	}
	s.change(feed.BucketDomains, "go.example.com", "a domain")
	server := newServer(s)
	address, _ := serve(t, "127.0.0.1:0", server)
	r := newReplica()
	stop := follow(t, r, "e", address)
	r.awaitRevision(t, s, at(31))
	s.change(2, "k2", "") // removed
	for i := range 50 {
		s.change(uint16(i%5), fmt.Sprintf("k%d", i), "w")
	}
	r.awaitRevision(t, s, at(82))
	if behind := server.WaitEdges(t.Context(), at(82)); behind != nil {
		t.Errorf("behind are %q", behind)
	}
	r.mu.Lock()
	if len(r.begun) != 1 || !r.begun[0] || r.buckets != 6 || r.deltas != 51 || !r.up || len(r.downs) != 0 {
		t.Errorf("begun %v, %d buckets, %d deltas, up %t, downs %v", r.begun, r.buckets, r.deltas, r.up, r.downs)
	}
	r.mu.Unlock()

	// It comes back and hears what it has missed, and no more.
	stop()
	for i := range 10 {
		s.change(3, "k", fmt.Sprint(i))
	}
	stop = follow(t, r, "e", address)
	r.awaitRevision(t, s, at(92))
	r.mu.Lock()
	if len(r.begun) != 2 || r.begun[1] || r.buckets != 6 || r.deltas != 61 {
		t.Errorf("resumed: begun %v, %d buckets, %d deltas", r.begun, r.buckets, r.deltas)
	}
	r.mu.Unlock()

	// What it has missed is not kept any more.
	stop()
	s.change(feed.BucketDomains, "go.example.com", "")
	s.change(3, "k", "last")
	s.compact(1)
	follow(t, r, "e", address)
	r.awaitRevision(t, s, at(94))
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.begun) != 3 || !r.begun[2] || r.deltas != 61 {
		t.Errorf("compacted: begun %v, %d deltas", r.begun, r.deltas)
	}
}

// A replica that had to give up what it held asks for it again, also when
// nothing changes.
func TestFollowAgainAfterALoss(t *testing.T) {
	checkGoroutines(t)
	s := newSource()
	s.change(1, "k", "v")
	s.change(1, "k", "w")
	address, _ := serve(t, "127.0.0.1:0", newServer(s))
	r := newReplica()
	follow(t, r, "e", address)
	r.awaitRevision(t, s, at(2))
	r.told(func() { r.revision, r.entries = link.Revision{}, map[string]string{} })
	r.await(t, "a second snapshot", func() bool { return len(r.begun) == 2 && r.begun[1] })
	r.awaitRevision(t, s, at(2))
}

func TestFollowAgainAfterServerRestart(t *testing.T) {
	checkGoroutines(t)
	s := newSource()
	s.change(1, "k", "v")
	address, stop := serve(t, "127.0.0.1:0", newServer(s))
	r := newReplica()
	follow(t, r, "e", address)
	r.awaitRevision(t, s, at(1))
	for round := range 3 {
		stop()
		r.await(t, "the hang-up", func() bool { return !r.up })
		revision := s.change(1, "k", fmt.Sprint(round))
		_, stop = serve(t, address, newServer(s))
		r.awaitRevision(t, s, revision)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, snapshot := range r.begun[1:] {
		if snapshot {
			t.Errorf("a restart brought a snapshot: %v", r.begun)
		}
	}
}

func TestFollowOfAnotherCluster(t *testing.T) {
	checkGoroutines(t)
	s := newSource()
	s.change(1, "k", "v")
	server := newServer(s)
	address, _ := serve(t, "127.0.0.1:0", server)
	r := newReplica()
	r.cluster, r.revision, r.entries = "cluster-9", at(5), map[string]string{"1 mine": "kept"}
	follow(t, r, "e", address)
	err := r.lastDown(t)
	for _, want := range []string{"cluster-9", "cluster-1", "empty data directory"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not tell %q", err, want)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.up || len(r.begun) != 0 || r.entries["1 mine"] != "kept" {
		t.Errorf("up %t, begun %v, entries %v", r.up, r.begun, r.entries)
	}
}

// scripted is a control plane that says what the test wants, and hears.
type scripted struct {
	feedpb.UnimplementedFeedServer
	say   []*feedpb.ControlMessage
	heard chan *feedpb.EdgeMessage
}

func (s *scripted) Follow(stream grpc.BidiStreamingServer[feedpb.EdgeMessage, feedpb.ControlMessage]) error {
	hello, err := stream.Recv()
	if err != nil {
		return err
	}
	s.hear(stream.Context(), hello)
	for _, message := range s.say {
		if err := stream.Send(message); err != nil {
			return err
		}
	}
	for {
		message, err := stream.Recv()
		if err != nil {
			return err
		}
		s.hear(stream.Context(), message)
		if message.GetNack() != nil {
			return status.Error(codes.Aborted, "nack")
		}
	}
}

func (s *scripted) hear(ctx context.Context, message *feedpb.EdgeMessage) {
	select {
	case s.heard <- message:
	case <-ctx.Done():
	}
}

func welcome(snapshot bool) *feedpb.ControlMessage {
	return &feedpb.ControlMessage{Message: &feedpb.ControlMessage_Welcome{Welcome: &feedpb.Welcome{
		ClusterId: "cluster-1", RecordFormat: link.RecordFormat, Snapshot: snapshot,
	}}}
}

func bucket(b *feedpb.Bucket) *feedpb.ControlMessage {
	return &feedpb.ControlMessage{Message: &feedpb.ControlMessage_Bucket{Bucket: b}}
}

func delta(previous, revision uint64) *feedpb.ControlMessage {
	return &feedpb.ControlMessage{Message: &feedpb.ControlMessage_Delta{Delta: &feedpb.Delta{
		Previous: feed.FromRevision(at(previous)), Revision: feed.FromRevision(at(revision)),
		Entries: []*feedpb.Entry{{Bucket: 1, Key: []byte("k"), Value: []byte("v")}},
	}}}
}

// What does not fit is refused with a word, and nothing of it is taken.
func TestFollowRefuses(t *testing.T) {
	entries := []*feedpb.Entry{{Key: []byte("k"), Value: []byte("v")}}
	hash := feed.EntryHash([]byte("k"), []byte("v"))
	for _, test := range []struct {
		name string
		say  []*feedpb.ControlMessage
		want string
	}{
		{"a gap", []*feedpb.ControlMessage{welcome(false), delta(6, 7)}, "gap: the delta follows revision 1.6, held is 1.5"},
		{"a delta again", []*feedpb.ControlMessage{welcome(false), delta(4, 5)}, "gap"},
		{"a bucket that is not its hash", []*feedpb.ControlMessage{welcome(true), bucket(&feedpb.Bucket{
			Number: 3, Entries: entries, Last: true, Hash: hash + 1,
		})}, "bucket 3: its entries do not amount to its hash"},
		{"a part missing", []*feedpb.ControlMessage{welcome(true), bucket(&feedpb.Bucket{
			Number: 3, Entries: entries, Last: true, Hash: 2 * hash,
		})}, "hash"},
		{"parts of two buckets", []*feedpb.ControlMessage{
			welcome(true), bucket(&feedpb.Bucket{Number: 3, Entries: entries}), bucket(&feedpb.Bucket{Number: 4, Entries: entries, Last: true, Hash: hash}),
		}, "hash"},
		{"an unknown bucket", []*feedpb.ControlMessage{welcome(true), bucket(&feedpb.Bucket{Number: feed.Buckets, Last: true})}, "bucket 4100"},
	} {
		t.Run(test.name, func(t *testing.T) {
			checkGoroutines(t)
			say := test.say
			for range 200 { // more is on its way when the edge hangs up
				say = append(say, &feedpb.ControlMessage{Message: &feedpb.ControlMessage_Heartbeat{Heartbeat: &feedpb.Heartbeat{}}})
			}
			f := &scripted{say: say, heard: make(chan *feedpb.EdgeMessage, 4)}
			address, _ := serve(t, "127.0.0.1:0", f)
			r := newReplica()
			r.cluster, r.revision = "cluster-1", at(5)
			stop := follow(t, r, "e", address)
			if h := (<-f.heard).GetHello(); h.GetEdgeId() != "e" || h.GetClusterId() != "cluster-1" || h.GetRevision().GetIndex() != 5 ||
				len(h.GetRecordFormats()) != 1 || h.GetVersion() != "test" {
				t.Errorf("hello %v", h)
			}
			if !test.say[0].GetWelcome().GetSnapshot() {
				if ack := (<-f.heard).GetAck(); ack.GetRevision().GetIndex() != 5 {
					t.Errorf("welcome was answered with %v", ack)
				}
			}
			nack := (<-f.heard).GetNack()
			if !strings.Contains(nack.GetError(), test.want) || nack.GetRevision().GetIndex() != 5 {
				t.Errorf("nack %v; want %q", nack, test.want)
			}
			if err := r.lastDown(t); !strings.Contains(err.Error(), test.want) {
				t.Errorf("down because %v", err)
			}
			stop()
			r.mu.Lock()
			defer r.mu.Unlock()
			if r.deltas != 0 || r.buckets != 0 || r.revision != at(5) {
				t.Errorf("took %d deltas, %d buckets, holds %s", r.deltas, r.buckets, r.revision)
			}
		})
	}
}

// What a newer control plane says beside is none of the edge's business.
func TestFollowPassesOverTheUnknown(t *testing.T) {
	checkGoroutines(t)
	f := &scripted{
		say:   []*feedpb.ControlMessage{welcome(false), {}, delta(5, 6)},
		heard: make(chan *feedpb.EdgeMessage, 4),
	}
	address, _ := serve(t, "127.0.0.1:0", f)
	r := newReplica()
	r.cluster, r.revision = "cluster-1", at(5)
	follow(t, r, "e", address)
	<-f.heard
	for _, want := range []uint64{5, 6} {
		if ack := (<-f.heard).GetAck(); ack.GetRevision().GetIndex() != want {
			t.Errorf("acknowledged %v; want %d", ack, want)
		}
	}
}

// An upstream that says nothing, or is not there, is left for the next one.
func TestFollowTriesTheNextUpstream(t *testing.T) {
	checkGoroutines(t)
	s := newSource()
	revision := s.change(1, "k", "v")
	silent, _ := serve(t, "127.0.0.1:0", &scripted{heard: make(chan *feedpb.EdgeMessage, 1)})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	nobody := l.Addr().String()
	check(t, l.Close())
	good, _ := serve(t, "127.0.0.1:0", newServer(s))
	r := newReplica()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- feed.Follow(ctx, feed.FollowConfig{
			Upstreams: []string{nobody, silent, good}, EdgeID: "e", Credentials: insecure.NewCredentials(),
			MaxBackoff: time.Millisecond, Silence: 500 * time.Millisecond,
		}, r)
	}()
	r.awaitRevision(t, s, revision)
	cancel()
	check(t, <-done)
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.downs) < 2 || status.Code(r.downs[0]) != codes.Unavailable || !strings.Contains(r.downs[1].Error(), "no message from upstream") {
		t.Errorf("hung up because %v", r.downs)
	}
}

func TestFollowConfig(t *testing.T) {
	for name, config := range map[string]feed.FollowConfig{
		"no upstream":    {EdgeID: "e", Credentials: insecure.NewCredentials()},
		"no credentials": {EdgeID: "e", Upstreams: []string{"127.0.0.1:1"}},
	} {
		t.Run(name, func(t *testing.T) {
			if err := feed.Follow(t.Context(), config, newReplica()); err == nil {
				t.Error("it followed")
			}
		})
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := feed.Follow(ctx, feed.FollowConfig{Upstreams: []string{"127.0.0.1:1"}, Credentials: insecure.NewCredentials()}, newReplica()); err != nil {
		t.Errorf("after its end: %v", err)
	}
}

func TestPlatformEntry(t *testing.T) {
	for _, e := range visit.Shipped().Entries() {
		if got := feed.ToEntry(feed.FromEntry(e)); !reflect.DeepEqual(got, e) {
			t.Errorf("there and back %+v; want %+v", got, e)
		}
	}
}
