package api

import (
	"bytes"
	"context"
	"slices"
	"time"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/rollout"
	"suodi/control/state"
	"suodi/raftstore"
	"suodi/wasm/abi"
)

const (
	// forecastVisits is how many visits a forecast looks at.
	forecastVisits = 1000
	// sampleTimeout is how long an edge may take to tell them, forecastTimeout
	// how long a forecast may take in all.
	sampleTimeout   = 2 * time.Second
	forecastTimeout = 6 * time.Second
)

// forecasting is a forecast that is being made while its version is staged.
type forecasting struct {
	cancel context.CancelFunc
	made   chan *rollout.Forecast // nil: none is wanted
}

// startForecast begins to run a version and the one in force over recent
// visits, if that is wanted.
func (s *service) startForecast(ctx context.Context, name string, p *pushed, wanted string) *forecasting {
	f := &forecasting{cancel: func() {}}
	able := slices.ContainsFunc(s.backend.Edges(), func(e feed.Edge) bool { return e.Answers })
	if wanted == "0" || wanted == "" && !able {
		return f
	}
	ctx, f.cancel = context.WithTimeout(ctx, forecastTimeout)
	f.made = make(chan *rollout.Forecast, 1)
	go func() {
		forecast, err := s.forecast(ctx, name, p)
		if err != nil {
			forecast = &rollout.Forecast{FromTo: map[string]int{}, Examples: []rollout.Example{}, Unavailable: err.Error()}
		}
		f.made <- forecast
	}()
	return f
}

// wait returns the forecast, nil when none was wanted.
func (f *forecasting) wait() *rollout.Forecast {
	if f.made == nil {
		return nil
	}
	forecast := <-f.made
	f.made = nil
	return forecast
}

// stop ends a forecast that nobody waits for any more.
func (f *forecasting) stop() {
	f.cancel()
	f.wait()
}

func (s *service) forecast(ctx context.Context, name string, p *pushed) (*rollout.Forecast, error) {
	inForce, err := s.inForce(ctx, name)
	if err != nil {
		return nil, err
	}
	sampling, cancel := context.WithTimeout(ctx, sampleTimeout)
	defer cancel()
	answer, err := s.backend.Ask(sampling, "", &feedpb.Ask{Ask: &feedpb.Ask_Sample{Sample: &feedpb.SampleVisits{Count: forecastVisits}}})
	if err != nil {
		return nil, err
	}
	visits := rollout.Decode(answer.GetVisits())
	before, err := s.runner.Run(ctx, inForce.module, inForce.params, visits)
	if err != nil {
		return nil, err
	}
	after := before
	if !bytes.Equal(inForce.module, p.module) {
		params, err := declared(p.manifest, nil)
		if err != nil {
			return nil, err
		}
		given, err := complete(params, inForce.params)
		if err != nil {
			given = nil // it runs by name, with params that are not known
		}
		if after, err = s.runner.Run(ctx, p.module, given, visits); err != nil {
			return nil, err
		}
	}
	forecast := rollout.Compare(visits, before, after, p.needs&^abi.FactLink, inForce.platform)
	if inForce.elsewhere {
		forecast.Note = "the filter is not in the chain: it runs where it is bound by name, and these are visits of all links"
	}
	return &forecast, nil
}

// running is a filter as visits meet it now.
type running struct {
	module, params []byte
	platforms      map[uint8]string
	elsewhere      bool // in force, and not in the chain
}

func (r *running) platform(n uint8) string { return r.platforms[n] }

// inForce reads what is in force of a filter: what passes every visit where
// nothing is.
func (s *service) inForce(ctx context.Context, name string) (*running, error) {
	out := &running{module: state.PassModule(), platforms: map[uint8]string{}}
	err := s.backend.Read(ctx, false, func(r raftstore.Reader) error {
		f, _, err := state.GetFilter(r, name)
		if err != nil {
			return err
		}
		if f.GetCurrent() != 0 {
			version, err := state.GetVersion(r, name, f.GetCurrent())
			if err != nil {
				return err
			}
			if out.module, err = state.Module(r, version.GetHash()); err != nil {
				return err
			}
		}
		chain, err := state.GetChain(r)
		if err != nil {
			return err
		}
		place := chain.Place(name)
		out.params, out.elsewhere = place.GetParams(), place == nil && f.GetCurrent() != 0
		platforms, err := state.Platforms(r)
		for _, p := range platforms {
			out.platforms[uint8(p.GetNumber())] = p.GetId()
		}
		return err
	})
	return out, err
}
