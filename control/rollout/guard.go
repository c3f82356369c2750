package rollout

import (
	"context"
	"log/slog"
	"time"

	"suodi/control/link"
)

// Fleet is what a Guard looks at and acts on.
type Fleet interface {
	// Leads reports whether this node leads: nobody else judges.
	Leads() bool
	// Canaries returns the canaries that run.
	Canaries() ([]Canary, error)
	// Readings returns what every edge says of a filter.
	Readings(filter string) []Reading
	// Halt takes a canary out of force, unless it is not the one any more.
	Halt(ctx context.Context, canary Canary, reason string) error
}

// GuardConfig says how a Guard works; zero means the default.
type GuardConfig struct {
	Fleet    Fleet
	Interval time.Duration // between looks; default 2 s
	Logger   *slog.Logger  // nil discards
}

// Guard halts canaries that do harm.
type Guard struct {
	config  GuardConfig
	windows map[trial]*Window
}

// trial names one trial of one version.
type trial struct {
	filter  string
	started link.Revision
}

// NewGuard returns a guard of the configuration's fleet.
func NewGuard(config GuardConfig) *Guard {
	if config.Interval == 0 {
		config.Interval = 2 * time.Second
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	return &Guard{config: config, windows: map[trial]*Window{}}
}

// Run looks at the canaries until ctx ends.
func (g *Guard) Run(ctx context.Context) {
	ticker := time.NewTicker(g.config.Interval)
	defer ticker.Stop()
	for {
		g.look(ctx)
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// look takes one reading of every canary and halts those it must. A node that
// does not lead forgets what it saw: when it leads again it begins anew.
func (g *Guard) look(ctx context.Context) {
	if !g.config.Fleet.Leads() {
		clear(g.windows)
		return
	}
	canaries, err := g.config.Fleet.Canaries()
	if err != nil {
		g.config.Logger.Error("canaries cannot be looked at", "error", err)
		return
	}
	open := map[trial]*Window{}
	for _, c := range canaries {
		t := trial{c.Filter, c.Started}
		w, ok := g.windows[t]
		if !ok {
			w = NewWindow(c)
		}
		open[t] = w
		for _, r := range g.config.Fleet.Readings(c.Filter) {
			w.Read(r)
		}
		if reason := w.Judge(); reason != "" {
			g.halt(ctx, c, reason)
		}
	}
	g.windows = open
}

func (g *Guard) halt(ctx context.Context, c Canary, reason string) {
	logger := g.config.Logger.With("filter", c.Filter, "version", c.Version, "reason", reason)
	if err := g.config.Fleet.Halt(ctx, c, reason); err != nil {
		logger.Error("canary must be halted and cannot be, it is tried again", "error", err)
		return
	}
	logger.Warn("canary halted")
}
