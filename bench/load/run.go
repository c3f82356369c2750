package load

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"suodi/bench/report"
)

// driver is what puts load on and tells a recorder.
type driver interface {
	// run returns when the load is over, with the reason if it is before its
	// time; an error says that there was none.
	run(ctx context.Context) (stopped string, err error)
}

// Run puts load on and returns what came back. An error says that it could not
// be done; what the visits got is in the round, whose Err says whether it is
// worth anything.
func Run(ctx context.Context, config Config) (*report.Round, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	workers := config.Workers
	if config.TLS != nil || !loopSupported {
		workers = 1 // with a goroutine for each connection
	}
	pieces, free := make(chan *piece, 4*workers), make(chan *piece, 4*workers)
	begin, end := int64(config.Warmup), int64(config.Warmup+config.Duration)
	clock := time.Now()
	var recorders []*recorder
	var drivers []driver
	for n := range workers {
		s := newSchedule(&config, clock, n, workers)
		r := newRecorder(begin, end, int64(config.interval()), pieces, free)
		recorders = append(recorders, r)
		if config.TLS != nil || !loopSupported {
			drivers = append(drivers, newDialer(&config, s, r))
			continue
		}
		lanes := (config.Connections + workers - 1 - n) / workers
		l, err := newLoop(&config, s, r, n, lanes)
		if err != nil {
			return nil, err
		}
		drivers = append(drivers, l)
	}
	sum := newCollector(config, workers)
	var collecting, driving sync.WaitGroup
	collecting.Go(func() { sum.run(pieces, free) })
	stopped, errs := make([]string, workers), make([]error, workers)
	for n, d := range drivers {
		driving.Go(func() { stopped[n], errs[n] = d.run(ctx) })
	}
	driving.Wait()
	elapsed := time.Since(clock)
	close(pieces)
	collecting.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	round := roundOf(config, sum, recorders, elapsed)
	round.Started = clock.Add(config.Warmup).UTC()
	for _, reason := range stopped {
		if reason != "" {
			round.Stopped = reason
		}
	}
	return round, nil
}

// roundOf sums a run up.
func roundOf(config Config, sum *collector, recorders []*recorder, elapsed time.Duration) *report.Round {
	round := &report.Round{Target: config.Rate, Visits: sum.visits, Failed: sum.failed, Latency: sum.total.Latency(), Series: sum.series}
	last, busy := int64(0), int64(0)
	lag := report.NewHistogram()
	generator := &report.Generator{}
	handshakes, resumed := uint64(0), uint64(0)
	for _, r := range recorders {
		last = max(last, r.last)
		busy += r.busy
		lag.Add(r.lag)
		generator.Reconnects += r.reconnects
		handshakes += r.handshakes
		resumed += r.resumed
		for _, e := range r.failures {
			at := slices.IndexFunc(round.Errors, func(o report.Error) bool { return o.Class == e.Class })
			switch {
			case e.Count == 0: // in the warm-up only
			case at < 0:
				round.Errors = append(round.Errors, e)
			default:
				round.Errors[at].Count += e.Count
			}
		}
	}
	seconds := max(config.Duration, time.Duration(last)-config.Warmup)
	if elapsed < config.Warmup+config.Duration { // it stopped
		seconds = max(elapsed-config.Warmup, 0)
	}
	round.Seconds = seconds.Seconds()
	if round.Seconds > 0 {
		round.Rate = float64(round.Visits) / round.Seconds
	}
	generator.Busy = float64(busy) / float64(elapsed) / float64(len(recorders))
	generator.Lag = lag.Quantile(.99)
	round.Generator = generator
	if handshakes > 0 {
		share := float64(resumed) / float64(handshakes)
		round.Resumed = &share
	}
	return round
}

// busy is the share of its time from which on a generator counts as the limit.
const busy = .9

// Doubts says what may make a round worth less than it looks.
func Doubts(round *report.Round) (doubts []string) {
	g := round.Generator
	if g != nil && g.Busy > busy {
		doubts = append(doubts, "the generator was busy all the time: the figures may be its own limit rather than the server's; "+
			"give it more cores (--workers), or compare what the server spends on a visit")
	}
	if round.Target > 0 && round.Rate < .99*round.Target && round.Err() == nil {
		doubts = append(doubts, "fewer visits a second than asked for were answered: the server was overloaded, or all connections were waiting (--connections)")
	}
	if g != nil && g.Lag > 1000 {
		doubts = append(doubts, "the generator began visits more than 1 ms late: it shares its core, or cannot keep up; their latencies are too long")
	}
	return doubts
}
