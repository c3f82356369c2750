package edge_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/edge"
)

// explainHeader is a header line that asks why, signed.
func explainHeader(t *testing.T) string {
	t.Helper()
	key, err := feed.DeriveKey(fleetSecret, feed.PurposeExplain)
	check(t, err)
	return feed.ExplainHeader + ": " + feed.SignExplain(key, time.Now().Add(time.Minute))
}

// Whoever may ask why may not do so faster than anybody may visit.
func TestExplainIsLimited(t *testing.T) {
	server := openSite(t, func(c *edge.Config) { c.RatePerAddress = 1 })
	bring(t, server, &feedpb.Chain{})
	for i, want := range []int{200, 200, 429} {
		if r := askOnce(t, server, "/plain", explainHeader(t)); r.StatusCode != want {
			t.Errorf("explanation %d: status %d, want %d", i, r.StatusCode, want)
		}
	}
}

// Few visits are explained at a time: a visitor is turned away, and control
// waits.
func TestExplainFewAtATime(t *testing.T) {
	server := openSite(t, func(*edge.Config) {})
	bring(t, server, &feedpb.Chain{})
	answerer := server.Replica().(feed.Answerer)
	told := &feedpb.ExplainVisit{Domain: siteDomain, Slug: "plain"}
	release := server.HoldTraces()
	if r := askOnce(t, server, "/plain", explainHeader(t)); r.StatusCode != 503 || r.Header.Get("Retry-After") == "" {
		t.Errorf("status %d, Retry-After %q", r.StatusCode, r.Header.Get("Retry-After"))
	}
	if r := askOnce(t, server, "/plain"); r.StatusCode != 302 {
		t.Errorf("a visit that does not ask why: status %d", r.StatusCode)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := answerer.Explain(ctx, told); !errors.Is(err, context.Canceled) {
		t.Errorf("control is answered with %v", err)
	}
	release()
	for i := range 10 { // each gives its turn back
		if r := askOnce(t, server, "/plain", explainHeader(t)); r.StatusCode != 200 {
			t.Fatalf("explanation %d: status %d", i, r.StatusCode)
		}
		_, err := answerer.Explain(t.Context(), told)
		check(t, err)
	}
}

// An edge that is leaving closes the connections of those who ask why, too.
func TestExplainWhenLeaving(t *testing.T) {
	server := openSite(t, func(*edge.Config) {})
	bring(t, server, &feedpb.Chain{})
	server.Leave()
	if r := askOnce(t, server, "/plain", explainHeader(t)); r.StatusCode != 200 || !r.Close {
		t.Errorf("status %d, connection closed: %t", r.StatusCode, r.Close)
	}
}
