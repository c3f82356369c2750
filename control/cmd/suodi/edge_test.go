package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/proto"

	"suodi/control"
	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/link"
	"suodi/wasm/abi"
	"suodi/wasm/visit"
)

// madeUpEdge follows a feed and makes up what it says of visits: every version
// of a filter had 1,000, of which it passed 900 and denied 100.
type madeUpEdge struct {
	id      string
	refuses uint32 // a version that does not load

	mu       sync.Mutex
	cluster  string
	revision link.Revision
	chain    []byte
}

// connectEdge is the script's command edge ID [VERSION]: it connects an edge, one
// that refuses a version, and waits until the control plane knows what it runs.
func connectEdge(ts *testscript.TestScript, _ bool, args []string) {
	e := &madeUpEdge{id: args[0]}
	if len(args) > 1 {
		_, err := fmt.Sscan(args[1], &e.refuses)
		ts.Check(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	server := ts.Value(serverKey{}).(*control.Server)
	go func() {
		done <- feed.Follow(ctx, feed.FollowConfig{
			Upstreams: []string{server.FeedAddress()}, EdgeID: e.id, Version: "test", Credentials: insecure.NewCredentials(),
			ReportEvery: 5 * time.Millisecond,
		}, e)
	}()
	ts.Defer(func() {
		cancel()
		if err := <-done; err != nil {
			ts.Logf("edge: %v", err)
		}
	})
	await(ts, false, []string{e.id + `.* 1,000 `, "suodi", "filter", "status", "platform"})
}

// await is the script's command await PATTERN PROGRAM...: it runs a program again
// and again until what it prints to either output matches.
func await(ts *testscript.TestScript, _ bool, args []string) {
	pattern := regexp.MustCompile("(?m)" + args[0])
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for deadline := time.After(patience); ; {
		_ = ts.Exec(args[1], args[2:]...) // it may fail until it is so
		if pattern.MatchString(ts.ReadFile("stdout")) || pattern.MatchString(ts.ReadFile("stderr")) {
			return
		}
		select {
		case <-ticker.C:
		case <-deadline:
			ts.Fatalf("%s never came: %s%s", args[0], ts.ReadFile("stdout"), ts.ReadFile("stderr"))
		}
	}
}

func (e *madeUpEdge) Held() (string, link.Revision) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.cluster, e.revision
}

func (e *madeUpEdge) set(how func()) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	how()
	return nil
}

func (e *madeUpEdge) Begin(cluster string, _ bool) error {
	return e.set(func() { e.cluster = cluster })
}

func (e *madeUpEdge) Bucket(number uint16, _ link.Revision, entries []*feedpb.Entry) error {
	return e.set(func() {
		if number == feed.BucketChain && len(entries) > 0 {
			e.chain = entries[0].GetValue()
		}
	})
}

func (e *madeUpEdge) End(revision link.Revision) error {
	return e.set(func() { e.revision = revision })
}

func (e *madeUpEdge) Delta(d *feedpb.Delta) error {
	return e.set(func() {
		for _, entry := range d.GetEntries() {
			if uint16(entry.GetBucket()) == feed.BucketChain {
				e.chain = entry.GetValue()
			}
		}
		e.revision = feed.ToRevision(d.GetRevision())
	})
}

func (*madeUpEdge) Heartbeat(link.Revision, time.Time) {}
func (*madeUpEdge) Connected(bool, error)              {}

// versions calls a function for every version of a filter in force.
func (e *madeUpEdge) versions(each func(name string, version uint32, hash []byte, canary bool)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	chain := &feedpb.Chain{}
	if err := proto.Unmarshal(e.chain, chain); err != nil {
		panic(err)
	}
	// As on real ones, a filter in the chain comes twice.
	for _, b := range slices.Concat(chain.GetBindings(), chain.GetNamed()) {
		each(b.GetFilter(), b.GetVersion(), b.GetHash(), false)
		if c := b.GetCanary(); c != nil {
			each(b.GetFilter(), c.GetVersion(), c.GetHash(), true)
		}
	}
}

func (e *madeUpEdge) Filters() (statuses []*feedpb.FilterStatus) {
	e.versions(func(name string, version uint32, hash []byte, canary bool) {
		s := &feedpb.FilterStatus{Name: name, Version: version, Hash: bytes.Clone(hash), Canary: canary}
		if version == e.refuses {
			s.Hash, s.Error = nil, "it does not load here"
		}
		statuses = append(statuses, s)
	})
	return statuses
}

func (*madeUpEdge) Boot() uint64 { return 1 }

func (e *madeUpEdge) Tallies() (tallies []*feedpb.FilterTally) {
	e.versions(func(name string, version uint32, hash []byte, _ bool) {
		tallies = append(tallies, &feedpb.FilterTally{Name: name, Version: version, Hash: bytes.Clone(hash), Passed: 900, Denied: 100, Erred: 7})
	})
	return tallies
}

func (e *madeUpEdge) Explain(_ context.Context, asked *feedpb.ExplainVisit) (*feed.Explanation, error) {
	if asked.GetSlug() == "odd" {
		return nil, errors.New("it is too odd")
	}
	return &feed.Explanation{
		Edge: e.id, Revision: link.Revision{Epoch: 1, Index: 9}, Domain: asked.GetDomain(), Slug: asked.GetSlug(),
		Answer: "denied", Status: 403, Platform: "wechat", Platforms: []string{"mobile", "wechat"},
		Facts: map[string]any{"country": asked.GetCountry(), "time": asked.GetTime(), "user_agent": asked.GetUserAgent(), "bot": false},
		Filters: []feed.ExplainedFilter{
			{Name: "platform", Version: 1, Action: "pass", Nanoseconds: 61},
			{Name: "campaign", Version: 2, Canary: true, Action: "deny", Code: 1, Rule: "night", Reason: &abi.Text{Zh: "关闭", En: "Closed"}, Erred: true, Nanoseconds: 1234},
		},
		Steps: []feed.ExplainedStep{{Name: "look up", Nanoseconds: 200}, {Name: "run filters", Nanoseconds: 2_500_000}},
	}, nil
}

// Sample returns four visits from WeChat.
func (*madeUpEdge) Sample(context.Context, int) (records [][]byte, err error) {
	wechat, _ := visit.Shipped().ByID("wechat")
	for range 4 {
		v := abi.Visit{
			Facts: abi.FactPlatforms | abi.FactUserAgent | abi.FactCountry, Platform: wechat.Number, Country: [2]byte{'C', 'N'},
			UserAgent: []byte("MicroMessenger/8.0"),
		}
		v.Platforms.Add(wechat.Number)
		record := make([]byte, abi.BufferSize)
		n, err := v.Encode(record, abi.AllFacts, nil)
		if err != nil {
			return nil, err
		}
		records = append(records, record[:n])
	}
	return records, nil
}

// TestProgress draws a bar as it fills and wipes it away.
func TestProgress(t *testing.T) {
	var out bytes.Buffer
	p := &progress{out: &out, what: "pushing", total: 1000}
	p.show(500)
	p.show(500)
	p.show(1000)
	p.end()
	p.show(1000)
	want := "\rpushing [████████████············]  50 %\rpushing [████████████████████████] 100 %\r" + "                                          "[:len("pushing [] 100 %")+barCells] + "\r"
	if out.String() != want {
		t.Errorf("got %q\nwant %q", out.String(), want)
	}
	// Nobody looks at a file.
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	c := &cli{invocation: invocation{stderr: f, getenv: func(string) string { return "" }}}
	if q := c.newProgress("pushing", 1<<20); q.out != nil {
		t.Error("it is drawn into a file")
	}
}
