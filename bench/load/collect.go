package load

import (
	"maps"
	"slices"
	"time"

	"suodi/bench/report"
)

// Progress is how a run goes.
type Progress struct {
	Elapsed, Total time.Duration // of the warm-up and the measurement together
	Warming        bool
	Rate           float64 // of the last interval, visits a second
	P50, P99       float64 // of the last interval, microseconds
	Visits, Failed uint64  // so far, those of the warm-up too
}

// collector puts the workers' pieces together; of one goroutine.
type collector struct {
	config  Config
	workers int
	total   *report.Histogram
	series  []report.Interval // of the measurement
	waiting map[int]*gathered
	visits  uint64 // of the measurement
	failed  uint64
	seen    Progress
}

// gathered is one interval of which not all workers have told.
type gathered struct {
	told int
	sum  *piece
}

func newCollector(config Config, workers int) *collector {
	return &collector{config: config, workers: workers, total: report.NewHistogram(), waiting: map[int]*gathered{}}
}

// run takes pieces until there are no more.
func (c *collector) run(in <-chan *piece, free chan<- *piece) {
	for p := range in {
		g := c.waiting[p.index]
		if g == nil {
			g = &gathered{sum: &piece{index: p.index, latency: report.NewHistogram()}}
			c.waiting[p.index] = g
		}
		g.told++
		g.sum.visits += p.visits
		g.sum.failed += p.failed
		g.sum.latency.Add(p.latency)
		if g.told == c.workers {
			c.take(p.index)
		}
		select {
		case free <- p: // its worker's again
		default:
		}
	}
	for _, index := range slices.Sorted(maps.Keys(c.waiting)) { // some workers ended earlier than others
		c.take(index)
	}
}

// take closes an interval.
func (c *collector) take(index int) {
	sum := c.waiting[index].sum
	delete(c.waiting, index)
	interval := c.config.interval()
	c.seen.Visits += sum.visits
	c.seen.Failed += sum.failed
	if index >= 0 {
		c.total.Add(sum.latency)
		c.visits += sum.visits
		c.failed += sum.failed
		c.series = append(c.series, report.Interval{
			At: (time.Duration(index) * interval).Seconds(), Seconds: interval.Seconds(), Visits: sum.visits, Failed: sum.failed,
			P50: sum.latency.Quantile(.5), P99: sum.latency.Quantile(.99), Max: sum.latency.Max(),
		})
	}
	c.seen.Total = c.config.Warmup + c.config.Duration
	c.seen.Elapsed = min(c.config.Warmup+time.Duration(index+1)*interval, c.seen.Total)
	c.seen.Warming = index < 0
	c.seen.Rate = float64(sum.visits) / interval.Seconds()
	c.seen.P50, c.seen.P99 = sum.latency.Quantile(.5), sum.latency.Quantile(.99)
	c.config.Progress(c.seen)
}
