package inner

import (
	"context"
	"errors"
	"fmt"
	"time"

	"suodi/bench/report"
)

// Config says how parts are timed; zero means the default.
type Config struct {
	Rounds   int           // default 5
	Duration time.Duration // of a round; default 1 s
	// Begin hears of what is timed next; nil: nobody does.
	Begin func(what string)
}

func (c Config) withDefaults() Config {
	if c.Rounds == 0 {
		c.Rounds = 5
	}
	if c.Duration == 0 {
		c.Duration = time.Second
	}
	if c.Begin == nil {
		c.Begin = func(string) {}
	}
	return c
}

func (c Config) validate() error {
	if c.Rounds < 1 {
		return fmt.Errorf("rounds: want at least 1, not %d", c.Rounds)
	}
	if c.Duration < time.Millisecond {
		return fmt.Errorf("duration: want at least 1ms, not %v", c.Duration)
	}
	return nil
}

// part is something that is timed. Do is given 0, 1, 2 … and reports whether
// the operation came out as it should.
type part struct {
	name string
	note string
	do   func(n uint64) bool
}

// groupSize is how many operations share one reading of the clock.
const groupSize = 8

// time times parts in turns, round by round.
func (c Config) time(ctx context.Context, scenario string, parts []part) ([]report.Subject, error) {
	subjects := make([]report.Subject, len(parts))
	for i, p := range parts {
		subjects[i] = report.Subject{Name: p.name, Scenario: scenario, Note: p.note}
	}
	at := make([]uint64, len(parts))
	for n := range c.Rounds {
		for i, p := range parts {
			c.Begin(fmt.Sprintf("round %d of %d: %s", n+1, c.Rounds, p.name))
			_, err := c.round(ctx, p, &at[i], c.Duration/5) // warms up
			var round *report.Round
			if err == nil {
				round, err = c.round(ctx, p, &at[i], c.Duration)
			}
			if err != nil {
				return nil, fmt.Errorf("%s: %w", p.name, err)
			}
			subjects[i].Rounds = append(subjects[i].Rounds, *round)
		}
	}
	return subjects, nil
}

// round times a part for some time.
func (c Config) round(ctx context.Context, p part, at *uint64, long time.Duration) (*report.Round, error) {
	h := report.NewHistogram()
	begun := time.Now()
	last, wrong := time.Duration(0), uint64(0)
	for last < long {
		for range 128 {
			for range groupSize {
				if !p.do(*at) {
					wrong++
				}
				*at++
			}
			now := time.Since(begun)
			h.RecordN(int64(now-last)/groupSize, groupSize)
			last = now
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	if wrong > 0 {
		return nil, fmt.Errorf("%d of %d operations came out wrong", wrong, h.Count())
	}
	visits := uint64(h.Count())
	return &report.Round{
		Started: begun.UTC(), Seconds: last.Seconds(), Visits: visits, Rate: float64(visits) / last.Seconds(), Latency: h.Latency(),
	}, nil
}

// once makes a round of a single measurement.
func once(begun time.Time, took time.Duration) report.Round {
	h := report.NewHistogram()
	h.Record(int64(took))
	return report.Round{Started: begun.UTC(), Seconds: took.Seconds(), Visits: 1, Rate: 1 / took.Seconds(), Latency: h.Latency()}
}

var errNothing = errors.New("not found")

// scramble makes numbers that follow each other look random (the finalizer of
// SplitMix64; S. Vigna).
func scramble(n uint64) uint64 {
	n += 0x9e3779b97f4a7c15
	n = (n ^ n>>30) * 0xbf58476d1ce4e5b9
	n = (n ^ n>>27) * 0x94d049bb133111eb
	return n ^ n>>31
}
