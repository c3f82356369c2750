package table

import "sync/atomic"

// Stats is how the table fares; sizes are in bytes.
type Stats struct {
	BaseBytes      int64  // of the base file in force
	IndexBytes     int64  // of its index, in private memory
	MappedBytes    int64  // mapped, with bases that somebody may still read
	OverlayEntries int64  // keys that changed since the base
	OverlayBytes   int64  // of memory for them
	LogBytes       int64  // of changes since the base, on disk; without those being folded
	Folds          uint64 // bases that were made of a base and its changes
	FoldFailures   uint64 // attempts that failed
	Quarantines    uint64 // damaged files that were put aside
	Folding        bool   // a new base is due or being made
	Verifying      bool   // the base has not been read whole since it was opened
}

// counts are what Stats tells of what has happened, and of what the mutex
// guards.
type counts struct {
	folds, foldFailures, quarantines atomic.Uint64
	mapped, log                      atomic.Int64
	folding, verifying               atomic.Bool
}

// note copies what the mutex guards. It is held.
func (c *counts) note(t *Table) {
	var mapped int64
	for _, b := range t.retired {
		mapped += int64(len(b.data))
	}
	if b := t.contents.state.base; b != nil {
		mapped += int64(len(b.data))
	}
	c.mapped.Store(mapped)
	c.folding.Store(t.fold != nil || t.foldIsDue())
	c.log.Store(0)
	if t.log != nil {
		c.log.Store(t.log.size)
	}
}

// Stats returns how the table fares.
func (t *Table) Stats() Stats {
	s, done := t.reading()
	defer done()
	c := &t.counts
	stats := Stats{
		MappedBytes: c.mapped.Load(), LogBytes: c.log.Load(), Folding: c.folding.Load(),
		Folds: c.folds.Load(), FoldFailures: c.foldFailures.Load(), Quarantines: c.quarantines.Load(), Verifying: c.verifying.Load(),
		OverlayEntries: s.active.entries.Load(), OverlayBytes: s.active.size.Load(),
	}
	if s.frozen != nil {
		stats.OverlayEntries += s.frozen.entries.Load()
		stats.OverlayBytes += s.frozen.size.Load()
	}
	if s.base != nil {
		stats.BaseBytes, stats.IndexBytes = s.base.size, int64(len(s.base.index))
	}
	return stats
}
