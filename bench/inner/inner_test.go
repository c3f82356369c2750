package inner_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"suodi/bench/inner"
	"suodi/bench/report"
)

var short = inner.Config{Rounds: 2, Duration: 2 * time.Millisecond}

// timed checks that subjects were timed: each in every round, with a rate that
// fits the mean.
func timed(t *testing.T, subjects []report.Subject, err error, names ...string) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range subjects {
		got = append(got, s.Name)
		for _, round := range s.Rounds {
			if err := round.Err(); err != nil {
				t.Errorf("%s: %v", s.Name, err)
			}
			if mean := 1e6 / round.Rate; round.Latency.Mean <= 0 || mean < .5*round.Latency.Mean || mean > 2*round.Latency.Mean+.1 {
				t.Errorf("%s: %v µs from the rate, %v from the latencies", s.Name, mean, round.Latency.Mean)
			}
		}
		if want := 2; s.Name != "fill" && len(s.Rounds) != want {
			t.Errorf("%s: %d rounds", s.Name, len(s.Rounds))
		}
	}
	if strings.Join(got, "|") != strings.Join(names, "|") {
		t.Errorf("timed %q", got)
	}
}

func TestTable(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "table")
	subjects, err := inner.Table(t.Context(), inner.TableConfig{Config: short, Links: 1000, Dir: dir})
	timed(t, subjects, err, "fill", "restart to the first right answer",
		"look-up, any link", "look-up, the same 1,000", "look-up, no such link", "two dependent memory misses")
	if note := subjects[2].Note; !strings.Contains(note, "bytes of memory a link") {
		t.Errorf("note %q", note)
	}
}

func TestClassify(t *testing.T) {
	subjects, err := inner.Classify(t.Context(), short, nil)
	timed(t, subjects, err, "platforms, known", "platforms, never seen", "platforms and versions, known", "platforms and versions, never seen")
}

func TestFilter(t *testing.T) {
	subjects, err := inner.Filter(t.Context(), short, "", nil)
	timed(t, subjects, err, "a link without sets", "a link that guards an app, visitor passes",
		"a link that guards an app, visitor is in it", "a link that allows another system")
	if _, err := inner.Filter(t.Context(), short, "broken", []byte("no module")); err == nil || !strings.Contains(err.Error(), "broken") {
		t.Errorf("a broken module: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	for says, config := range map[string]inner.Config{"rounds: want": {Rounds: -1}, "duration: want": {Duration: 1}} {
		if _, err := inner.Filter(t.Context(), config, "", nil); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("want %q, got %v", says, err)
		}
	}
	if _, err := inner.Table(t.Context(), inner.TableConfig{}); err == nil {
		t.Error("a table nowhere is timed")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := inner.Filter(ctx, short, "", nil); !errors.Is(err, context.Canceled) {
		t.Errorf("when interrupted: %v", err)
	}
}
