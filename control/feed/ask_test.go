package feed_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
)

// teller is a replica that reports and answers.
type teller struct {
	*replica
	explain func(context.Context, *feedpb.ExplainVisit) (*feed.Explanation, error)
	tallies []*feedpb.FilterTally // guarded by the replica's mutex
}

func (e *teller) Boot() uint64 { return 42 }

func (e *teller) Tallies() []*feedpb.FilterTally {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.tallies
}

func (e *teller) Explain(ctx context.Context, visit *feedpb.ExplainVisit) (*feed.Explanation, error) {
	return e.explain(ctx, visit)
}

func (*teller) Sample(_ context.Context, count int) ([][]byte, error) {
	visits := make([][]byte, count+1) // one too many
	for i := range visits {
		visits[i] = bytes.Repeat([]byte{byte(i)}, 8<<10)
	}
	return visits, nil
}

func explainAsk(slug string) *feedpb.Ask {
	return &feedpb.Ask{Ask: &feedpb.Ask_Explain{Explain: &feedpb.ExplainVisit{Slug: slug}}}
}

func TestAsk(t *testing.T) {
	checkGoroutines(t)
	s := newSource()
	revision := s.change(1, "k", "v")
	server := newServer(s)
	address, _ := serve(t, "127.0.0.1:0", server)
	if _, err := server.Ask(t.Context(), "", explainAsk("a")); !errors.Is(err, feed.ErrNoEdge) {
		t.Errorf("with no edge: %v", err)
	}
	e := &teller{replica: newReplica(), explain: func(_ context.Context, v *feedpb.ExplainVisit) (*feed.Explanation, error) {
		if v.GetSlug() == "bad" {
			return nil, errors.New("there is no such thing")
		}
		return &feed.Explanation{Slug: v.GetSlug(), Answer: "redirected", Status: 302}, nil
	}}
	followAs(t, e, "teller", address)
	mute := newReplica()
	follow(t, mute, "a-mute-one", address)
	e.awaitRevision(t, s, revision)
	mute.awaitRevision(t, s, revision)

	for _, edge := range []string{"", "teller"} {
		answer, err := server.Ask(t.Context(), edge, explainAsk("spring"))
		check(t, err)
		var told feed.Explanation
		check(t, json.Unmarshal(answer.GetExplanation(), &told))
		if told.Slug != "spring" || told.Status != 302 {
			t.Errorf("explanation %s", answer.GetExplanation())
		}
	}
	if _, err := server.Ask(t.Context(), "", explainAsk("bad")); !errors.Is(err, feed.ErrRefused) || !strings.Contains(err.Error(), "no such thing") {
		t.Errorf("refused: %v", err)
	}
	if _, err := server.Ask(t.Context(), "", &feedpb.Ask{}); !errors.Is(err, feed.ErrRefused) {
		t.Errorf("an ask the edge does not know: %v", err)
	}
	if _, err := server.Ask(t.Context(), "a-mute-one", explainAsk("a")); !errors.Is(err, feed.ErrNoEdge) {
		t.Errorf("one that answers nothing: %v", err)
	}

	sample := func(count uint32) [][]byte {
		answer, err := server.Ask(t.Context(), "", &feedpb.Ask{Ask: &feedpb.Ask_Sample{Sample: &feedpb.SampleVisits{Count: count}}})
		check(t, err)
		return answer.GetVisits()
	}
	if visits := sample(3); len(visits) != 3 || visits[2][0] != 2 {
		t.Errorf("%d visits", len(visits))
	}
	if visits := sample(1000); len(visits) < 400 || len(visits) > 511 { // what fits a message
		t.Errorf("%d visits", len(visits))
	}
	// A change still arrives.
	e.awaitRevision(t, s, s.change(1, "k", "w"))
}

// One that hangs up answers nobody; one that takes long is not waited for, and
// is not asked without end.
func TestAskInVain(t *testing.T) {
	checkGoroutines(t)
	s := newSource()
	revision := s.change(1, "k", "v")
	server := newServer(s)
	address, _ := serve(t, "127.0.0.1:0", server)
	asked := make(chan struct{}, 100)
	e := &teller{replica: newReplica(), explain: func(ctx context.Context, _ *feedpb.ExplainVisit) (*feed.Explanation, error) {
		asked <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	stop := followAs(t, e, "e", address)
	e.awaitRevision(t, s, revision)

	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error, 4)
	for range 4 {
		go func() {
			_, err := server.Ask(ctx, "", explainAsk("a"))
			errs <- err
		}()
	}
	for range 4 {
		<-asked
	}
	if _, err := server.Ask(ctx, "", explainAsk("a")); !errors.Is(err, feed.ErrRefused) {
		t.Errorf("a fifth: %v", err)
	}
	cancel()
	for range 4 {
		if err := <-errs; !errors.Is(err, context.Canceled) {
			t.Errorf("given up: %v", err)
		}
	}
	go func() {
		_, err := server.Ask(t.Context(), "", explainAsk("a"))
		errs <- err
	}()
	stop()
	if err := <-errs; err == nil {
		t.Error("an edge that hung up has answered")
	}
}

func TestReports(t *testing.T) {
	checkGoroutines(t)
	s := newSource()
	s.change(1, "k", "v")
	server := newServer(s)
	address, _ := serve(t, "127.0.0.1:0", server)
	e := &teller{replica: newReplica()}
	followAs(t, e, "e", address)
	for _, denied := range []uint64{1, 2} {
		want := []*feedpb.FilterTally{{Name: "x", Version: 3, Denied: denied}}
		e.told(func() { e.tallies = want })
		e.await(t, "the report", func() bool {
			// Heartbeats come, and each looks again.
			edges := server.Edges()
			return len(edges) == 1 && edges[0].Boot == 42 && edges[0].Answers && len(edges[0].Tallies) == 1 && proto.Equal(edges[0].Tallies[0], want[0])
		})
	}
}
