package load

import (
	"context"
	"fmt"
	"math"
	"time"

	"suodi/bench/report"
)

// SweepConfig says how the highest rate is looked for; zero means the default.
type SweepConfig struct {
	Load    Config        // of each try; its Rate is not used
	Limit   time.Duration // that p99 must stay under; default 1 ms
	From    float64       // the first rate; default 1,000
	Most    float64       // that is tried; default 1,000,000
	Precise float64       // share of the rate that it is found out to; default 0.03
	Confirm int           // how often the rate found must hold again; default 3

	// Try hears of each try before it begins; nil: nobody does.
	Try func(rate float64, confirms bool)
}

func (c SweepConfig) withDefaults() SweepConfig {
	if c.Limit == 0 {
		c.Limit = time.Millisecond
	}
	if c.From == 0 {
		c.From = 1000
	}
	if c.Most == 0 {
		c.Most = 1_000_000
	}
	if c.Precise == 0 {
		c.Precise = .03
	}
	if c.Confirm == 0 {
		c.Confirm = 3
	}
	if c.Try == nil {
		c.Try = func(float64, bool) {}
	}
	return c
}

func (c SweepConfig) validate() error {
	switch {
	case c.Limit < 0:
		return fmt.Errorf("limit: want more than 0, not %v", c.Limit)
	case !(c.From > 0) || !(c.Most >= c.From):
		return fmt.Errorf("rates: want from %v to %v to be more than 0 and in order", c.From, c.Most)
	case !(c.Precise > 0 && c.Precise < 1):
		return fmt.Errorf("precision: want a share between 0 and 1, not %v", c.Precise)
	case c.Confirm < 1:
		return fmt.Errorf("confirmations: want at least 1, not %d", c.Confirm)
	}
	return nil
}

// sweep is one search.
type sweep struct {
	ctx    context.Context // of the one call of Sweep
	config SweepConfig
	steps  []report.Step
	rounds []report.Round
}

// Sweep looks for the highest rate of an open loop at which p99 stays under the
// limit: it doubles the rate until it does not hold, halves the interval, and
// tries what it found again; when that does not hold it goes down by the
// precision and tries again. The rounds are those that confirmed.
func Sweep(ctx context.Context, config SweepConfig) (*report.Sweep, []report.Round, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, nil, err
	}
	s := &sweep{ctx: ctx, config: config}
	rate, err := s.search()
	if err == nil {
		rate, err = s.confirm(rate)
	}
	if err != nil {
		return nil, nil, err
	}
	return &report.Sweep{Limit: float64(config.Limit) / 1000, Rate: rate, Steps: s.steps}, s.rounds, nil
}

// search returns the highest rate that held once; 0: none did.
func (s *sweep) search() (float64, error) {
	good, bad := 0.0, math.Inf(1)
	rate := s.config.From
	for {
		ok, _, err := s.try(rate, false)
		if err != nil {
			return 0, err
		}
		if ok {
			good = rate
		} else {
			bad = rate
		}
		switch {
		case good >= s.config.Most:
			return good, nil
		case math.IsInf(bad, 1):
			rate = min(2*good, s.config.Most)
		case good == 0 && bad <= s.config.From/64:
			return 0, nil
		case good == 0:
			rate = bad / 4
		case bad-good <= s.config.Precise*good:
			return good, nil
		default:
			rate = (good + bad) / 2
		}
	}
}

// confirm tries a rate that held again, and lower ones until one holds as often
// as it must; 0: none did.
func (s *sweep) confirm(rate float64) (float64, error) {
	for lowest := rate / 4; rate > lowest; rate *= 1 - s.config.Precise {
		s.rounds = nil
		held := true
		for n := 0; held && n < s.config.Confirm; n++ {
			ok, round, err := s.try(rate, true)
			if err != nil {
				return 0, err
			}
			held = ok
			s.rounds = append(s.rounds, *round)
		}
		if held {
			return rate, nil
		}
	}
	return 0, nil
}

// try puts load on and says whether the limit was held.
func (s *sweep) try(rate float64, confirms bool) (bool, *report.Round, error) {
	s.config.Try(rate, confirms)
	config := s.config.Load
	config.Rate = rate
	config.Seed += uint64(len(s.steps)) + 1
	round, err := Run(s.ctx, config)
	if err == nil {
		err = s.ctx.Err()
	}
	if err != nil {
		return false, nil, err
	}
	step := report.Step{Rate: rate, Achieved: round.Rate, P99: round.Latency.P99, Confirms: confirms}
	limit := float64(s.config.Limit) / 1000
	switch worthless := round.Err(); {
	case worthless != nil && round.Visits == 0:
		return false, nil, worthless // no rate would do
	case worthless != nil:
		step.Reason = worthless.Error()
	case round.Latency.P99 >= limit:
		step.Reason = fmt.Sprintf("p99 is %.0f µs", round.Latency.P99)
	case round.Rate < .99*rate:
		step.Reason = fmt.Sprintf("only %.0f a second were answered", round.Rate)
	default:
		step.OK = true
	}
	s.steps = append(s.steps, step)
	return step.OK, round, nil
}
