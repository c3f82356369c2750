package bench_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"testing"
	"time"

	"suodi/bench"
	"suodi/bench/peer"
)

// TestProfile checks that a profile is one of an edge that answered visits.
func TestProfile(t *testing.T) {
	t.Parallel()
	scenarios, err := bench.PickScenarios([]string{"kept"})
	must(t, err)
	profile, err := bench.Profile(t.Context(), bench.ProfileConfig{
		Edge: peer.All(program(t, "suodi-bench"))[0], Scenarios: scenarios, Links: 100, Duration: 500 * time.Millisecond, Dir: t.TempDir(),
	})
	must(t, err)
	unpacked, err := gzip.NewReader(bytes.NewReader(profile))
	must(t, err)
	data, err := io.ReadAll(unpacked)
	must(t, err)
	// Names of functions are text in it.
	if name := []byte("suodi/edge.(*Server).serveTraced"); !bytes.Contains(data, name) {
		t.Errorf("no %s in a profile of %d bytes", name, len(data))
	}
}
