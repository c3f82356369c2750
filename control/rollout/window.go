package rollout

import (
	"fmt"
	"maps"
	"slices"

	"suodi/control/link"
)

// Canary is one version on trial.
type Canary struct {
	Filter     string
	Started    link.Revision // names the trial for good
	InForce    uint32        // number of the version in force; 0: one that passes every visit
	Version    uint32        // of the canary
	Edges      []string      // that run it on all visits; empty: all edges run it on a share
	Thresholds Thresholds
}

// Reading is what one edge says of one filter at one moment.
type Reading struct {
	Edge    string
	Boot    uint64            // another one when the edge's counters have begun anew
	Tallies map[uint32]Tally  // by version; nil: the edge has not reported yet
	Errors  map[uint32]string // why a version cannot run there
}

// Window gathers what edges say while one canary is watched: what was counted
// before it opened does not count.
type Window struct {
	canary Canary
	edges  map[string]*watched
	failed string // why an edge cannot run the canary
}

// watched is one edge in the window.
type watched struct {
	boot uint64
	last map[uint32]Tally // as read last, of every version read since the boot
	sum  map[uint32]Tally // counted in the window
}

// NewWindow opens a window on a canary.
func NewWindow(canary Canary) *Window { return &Window{canary: canary, edges: map[string]*watched{}} }

// Read takes what an edge says now. Its first reading is where counting begins;
// one after a restart, which only another boot is, counts from nothing.
func (w *Window) Read(r Reading) {
	if why := r.Errors[w.canary.Version]; why != "" && w.failed == "" {
		w.failed = fmt.Sprintf("edge %s cannot run it: %s", r.Edge, why)
	}
	if r.Tallies == nil {
		return
	}
	edge, known := w.edges[r.Edge]
	switch {
	case !known:
		edge = &watched{boot: r.Boot, last: maps.Clone(r.Tallies), sum: map[uint32]Tally{}}
		w.edges[r.Edge] = edge
	case edge.boot != r.Boot:
		edge.boot, edge.last = r.Boot, map[uint32]Tally{}
	}
	for _, version := range []uint32{w.canary.InForce, w.canary.Version} {
		if now, ok := r.Tallies[version]; ok {
			edge.sum[version] = edge.sum[version].Add(now.since(edge.last[version]))
		}
	}
	maps.Copy(edge.last, r.Tallies) // a version left out this time is where it was
}

// Counted returns what both groups of visits came to.
func (w *Window) Counted() (inForce, canary Tally) {
	for id, edge := range w.edges {
		chosen := slices.Contains(w.canary.Edges, id)
		tried, runs := edge.sum[w.canary.Version]
		if len(w.canary.Edges) == 0 && runs || chosen {
			canary = canary.Add(tried)
		}
		if len(w.canary.Edges) == 0 && runs || len(w.canary.Edges) > 0 && !chosen {
			inForce = inForce.Add(edge.sum[w.canary.InForce])
		}
	}
	return inForce, canary
}

// Judge says why the canary must be halted, "" when it need not be.
func (w *Window) Judge() string {
	if w.failed != "" {
		return w.failed
	}
	return w.canary.Thresholds.Judge(w.Counted())
}
