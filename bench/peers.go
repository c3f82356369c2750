package bench

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"suodi/bench/load"
	"suodi/bench/peer"
	"suodi/bench/report"
)

// PeersConfig says what a comparison of servers does; zero means the default.
type PeersConfig struct {
	Servers   []peer.Server     // ours first: ratios are to it; required
	Programs  map[string]string // where a server's program is, by name; others are looked for
	Scenarios []Scenario        // default all
	Links     uint64            // default 1,000,000
	Rounds    int               // of each server and scenario; default 5
	Warmup    time.Duration     // of each round; default 1 s
	Duration  time.Duration     // of a round; default 5 s
	Dir       string            // for the servers' files; required
	// Cores are the server's and the generator's; nil: as the system likes.
	Cores      *[2]int
	Popularity load.Popularity

	Progress func(load.Progress) // nil: nobody hears
	Begin    func(what string)   // of what comes next; nil: nobody hears
}

// Scenario is a way to visit.
type Scenario struct {
	ID     string
	Name   string
	TLS    bool
	Fresh  bool
	Resume float64
}

// Scenarios returns all, the one that matters most first: visitors of a short
// link come once, over TLS, and half of them have been at the domain before.
func Scenarios() []Scenario {
	return []Scenario{
		{ID: "tls-half", Name: "a new TLS 1.3 connection per visit, half of them resumed", TLS: true, Fresh: true, Resume: .5},
		{ID: "tls-full", Name: "a new TLS 1.3 connection per visit, none resumed", TLS: true, Fresh: true},
		{ID: "fresh", Name: "a new plain connection per visit", Fresh: true},
		{ID: "kept", Name: "64 kept plain connections"},
	}
}

func (c PeersConfig) withDefaults() PeersConfig {
	if c.Scenarios == nil {
		c.Scenarios = Scenarios()
	}
	if c.Links == 0 {
		c.Links = 1_000_000
	}
	if c.Rounds == 0 {
		c.Rounds = 5
	}
	if c.Warmup == 0 {
		c.Warmup = time.Second
	}
	if c.Duration == 0 {
		c.Duration = 5 * time.Second
	}
	if c.Progress == nil {
		c.Progress = func(load.Progress) {}
	}
	if c.Begin == nil {
		c.Begin = func(string) {}
	}
	return c
}

// Peers puts the same load on several servers, in turns, and fills the report.
// Servers that are not installed or do not start are named in it. An error says
// that nothing could be compared.
func Peers(ctx context.Context, config PeersConfig, into *report.Report) error {
	config = config.withDefaults()
	if config.Dir == "" {
		return errors.New("directory: none given")
	}
	p := &peers{config: config, report: into}
	defer p.close()
	if err := p.start(ctx); err != nil {
		return err
	}
	if config.Cores != nil {
		if err := peer.PinSelf(config.Cores[1]); err != nil {
			return err
		}
	} else {
		into.Warn("servers and generator were not kept on cores of their own: they take time from each other")
	}
	for _, scenario := range config.Scenarios {
		if err := p.measure(ctx, scenario); err != nil {
			return err
		}
	}
	return nil
}

// peers is one comparison.
type peers struct {
	config  PeersConfig
	report  *report.Report
	admin   string // an edge's address for profiles; "": of its choice
	running []*peer.Process
}

// start starts every server that there is.
func (p *peers) start(ctx context.Context) error {
	setup := peer.Setup{Links: p.config.Links, Admin: p.admin}
	if err := setup.MakeCertificate(p.config.Dir); err != nil {
		return err
	}
	secure := slices.ContainsFunc(p.config.Scenarios, func(s Scenario) bool { return s.TLS })
	for _, server := range p.config.Servers {
		program, err := p.config.Programs[server.Name], error(nil)
		if program == "" {
			if program, err = server.Find(); err != nil {
				p.missing(server.Name, err.Error(), server.WayOut)
				continue
			}
		}
		p.config.Begin(fmt.Sprintf("starting %s with %d links", server.Name, server.Given(p.config.Links)))
		own := setup
		own.Program, own.Dir = program, filepath.Join(p.config.Dir, server.Name)
		if own.Plain, err = peer.FreeAddress(); err != nil {
			return err
		}
		if secure {
			if own.Secure, err = peer.FreeAddress(); err != nil {
				return err
			}
		}
		core := -1
		if p.config.Cores != nil {
			core = p.config.Cores[0]
		}
		process, err := peer.Start(ctx, server, own, core)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			p.missing(server.Name, err.Error(), "")
			continue
		}
		p.running = append(p.running, process)
	}
	if len(p.running) == 0 {
		return errors.New("none of the servers could be started")
	}
	return nil
}

func (p *peers) missing(name, reason, wayOut string) {
	p.report.Missing = append(p.report.Missing, report.Missing{Name: name, Reason: reason, WayOut: wayOut})
}

// measure puts the load of a scenario on every server, in turns. Each round has
// another order, so that what changes with time changes for all.
func (p *peers) measure(ctx context.Context, scenario Scenario) error {
	var subjects []report.Subject
	var takes []*peer.Process
	for _, process := range p.running {
		subjects = append(subjects, report.Subject{Name: process.Server.Name, Scenario: scenario.Name, Note: process.Server.Note})
		takes = append(takes, process)
	}
	random := rand.New(rand.NewPCG(1, 1))
	for n := range p.config.Rounds {
		for _, i := range random.Perm(len(takes)) {
			p.config.Begin(fmt.Sprintf("%s: round %d of %d, %s", scenario.ID, n+1, p.config.Rounds, takes[i].Server.Name))
			round, err := p.round(ctx, scenario, takes[i], uint64(n+1))
			if err != nil {
				return fmt.Errorf("%s, %s: %w", takes[i].Server.Name, scenario.ID, err)
			}
			subjects[i].Rounds = append(subjects[i].Rounds, *round)
			for _, doubt := range load.Doubts(round) {
				p.report.Warn(scenario.ID + ": " + doubt)
			}
			if round.Generator.Busy < .85 && round.Server.CPU < .85 {
				p.report.Warn("neither the server nor the generator had its core for itself all the time: other programs ran; compare visits per CPU second")
			}
		}
	}
	p.report.Subjects = append(p.report.Subjects, subjects...)
	return nil
}

// round puts the load of a scenario on one server.
func (p *peers) round(ctx context.Context, scenario Scenario, process *peer.Process, seed uint64) (*report.Round, error) {
	location := peer.Location
	if process.Server.Constant {
		location = ""
	}
	links, err := load.MadeLinks(process.Setup.Links, location, p.config.Popularity)
	if err != nil {
		return nil, err
	}
	config := load.Config{
		Address: process.Setup.Plain, Host: peer.Host, Fresh: scenario.Fresh, Links: links, Seed: seed,
		Duration: p.config.Duration, Statuses: []int{302}, Progress: p.config.Progress,
	}
	if scenario.TLS {
		config.Address, config.TLS = process.Setup.Secure, &load.TLS{Resume: scenario.Resume}
	}
	warm := config
	warm.Duration = p.config.Warmup
	if _, err := load.Run(ctx, warm); err != nil {
		return nil, err
	}
	before, err := process.Usage()
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	round, err := load.Run(ctx, config)
	if err != nil {
		return nil, err
	}
	elapsed := time.Since(begun)
	after, err := process.Usage()
	if err = errors.Join(err, round.Err()); err != nil {
		return nil, err
	}
	used := (after.CPU - before.CPU).Seconds()
	round.Server = &report.Server{CPU: used / elapsed.Seconds(), Memory: after.Memory}
	if used > 0 {
		round.Server.Capacity = float64(round.Visits) / used
	}
	round.Series = nil // five seconds have no course worth keeping
	return round, nil
}

func (p *peers) close() {
	for _, process := range p.running {
		process.Close()
	}
}

// PickScenarios returns the scenarios of some ids.
func PickScenarios(ids []string) (picked []Scenario, err error) {
	var known []string
	for _, s := range Scenarios() {
		known = append(known, s.ID)
	}
	for _, id := range ids {
		at := slices.Index(known, id)
		if at < 0 {
			return nil, fmt.Errorf("scenario %q: want some of %s", id, strings.Join(known, ", "))
		}
		picked = append(picked, Scenarios()[at])
	}
	return picked, nil
}
