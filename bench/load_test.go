package bench_test

import (
	"testing"
	"time"

	"suodi/bench"
	"suodi/bench/load"
	"suodi/bench/peer"
)

// testLoad makes links through the API and puts load on the edge, which must
// answer each as it should.
func testLoad(t *testing.T, c *cluster) {
	config := bench.FillConfig{API: c.api, Token: token, Links: 2500}
	made, err := bench.Fill(t.Context(), config)
	must(t, err)
	if made != 2500 {
		t.Errorf("%d links made", made)
	}
	config.Links = 2600
	if made, err = bench.Fill(t.Context(), config); err != nil || made != 100 {
		t.Errorf("again: %d links made, %v", made, err)
	}
	links, err := load.MadeLinks(2600, peer.Location, load.Popularity{})
	must(t, err)
	for _, fresh := range []bool{false, true} {
		round, err := load.Run(t.Context(), load.Config{
			Address: c.edge, Host: domain, Links: links, Connections: 4, Fresh: fresh, Duration: 500 * time.Millisecond, Statuses: []int{302},
		})
		must(t, err)
		if err := round.Err(); err != nil || round.Failed > 0 {
			t.Errorf("new connections %t: %d of %d visits failed: %v", fresh, round.Failed, round.Visits, round.Errors)
		}
	}
	config.API = "http://" + freeAddress(t)
	if _, err := bench.Fill(t.Context(), config); err == nil {
		t.Error("links were made where nobody is")
	}
}
