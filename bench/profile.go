package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"time"

	"suodi/bench/load"
	"suodi/bench/peer"
)

// ProfileConfig says how an edge is profiled; zero means the default.
type ProfileConfig struct {
	Edge      peer.Server   // required
	Program   string        // of the edge; "": where Edge finds it
	Scenarios []Scenario    // in turns; default all
	Links     uint64        // default 1,000,000
	Duration  time.Duration // of each scenario; default 10 s
	Dir       string        // for the edge's files; required
	Cores     *[2]int       // the edge's and the generator's; nil: as the system likes

	Progress func(load.Progress) // nil: nobody hears
	Begin    func(what string)   // of what comes next; nil: nobody hears
}

// Profile starts an edge, puts the scenarios' load on it, one after the other,
// and returns what its processor did meanwhile, as pprof and the compiler read
// it.
func Profile(ctx context.Context, config ProfileConfig) (profile []byte, err error) {
	if config.Duration == 0 {
		config.Duration = 10 * time.Second
	}
	p := &peers{config: PeersConfig{
		Servers: []peer.Server{config.Edge}, Scenarios: config.Scenarios, Links: config.Links, Warmup: time.Second,
		Duration: config.Duration, Dir: config.Dir, Cores: config.Cores, Progress: config.Progress, Begin: config.Begin,
	}.withDefaults()}
	if config.Program != "" {
		p.config.Programs = map[string]string{config.Edge.Name: config.Program}
	}
	if p.admin, err = peer.FreeAddress(); err != nil {
		return nil, err
	}
	defer p.close()
	if err := p.start(ctx); err != nil {
		return nil, err
	}
	if config.Cores != nil {
		if err := peer.PinSelf(config.Cores[1]); err != nil {
			return nil, err
		}
	}
	// A round takes its warm-up and its duration.
	length := time.Duration(len(p.config.Scenarios)) * (p.config.Duration + p.config.Warmup)
	type fetched struct {
		profile []byte
		err     error
	}
	done := make(chan fetched, 1)
	go func() {
		profile, err := fetchProfile(ctx, p.admin, length)
		done <- fetched{profile, err}
	}()
	for i, scenario := range p.config.Scenarios {
		p.config.Begin(scenario.ID)
		if _, roundErr := p.round(ctx, scenario, p.running[0], uint64(i+1)); roundErr != nil {
			err = errors.Join(err, fmt.Errorf("%s: %w", scenario.ID, roundErr))
		}
	}
	got := <-done
	return got.profile, errors.Join(err, got.err)
}

// fetchProfile asks an admin address for a profile of its processor.
func fetchProfile(ctx context.Context, admin string, length time.Duration) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, length+time.Minute)
	defer cancel()
	url := fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%.0f", admin, math.Ceil(length.Seconds()))
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	var body bytes.Buffer
	_, err = io.Copy(&body, response.Body)
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return nil, fmt.Errorf("profile: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("profile: %s: %s", response.Status, bytes.TrimSpace(body.Bytes()))
	}
	return body.Bytes(), nil
}
