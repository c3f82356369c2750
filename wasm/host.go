package wasm

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"suodi/wasm/meter"
)

// Config says how a Host is made.
type Config struct {
	// Slots is how many visits may be inside filters at a time; 0 means four a
	// processor and at least 16. Each slot costs one instance of every filter in
	// the chain, and of every named one that it has met.
	Slots int
	// Filters is how many modules may be in force; 0 means 256.
	Filters int
	// Memory is how many bytes the instances of all of them may take; 0 means
	// 64 MiB a slot and at least 1 GiB. What class go grows to later is not
	// foreseen.
	Memory int64
	// Meter says which modules are admitted and what a call may spend; its zero
	// fields mean meter's defaults.
	Meter meter.Options
	// Go admits modules of class go. They have 50 times the fuel, and while the
	// collector of this process waits for such a call to end, all visits do.
	Go bool
	// Trip says when a filter that breaks is not called any more.
	Trip TripLimits
	// Now is the clock that Trip goes by; nil means time.Now.
	Now func() time.Time
}

func (c Config) withDefaults() Config {
	if c.Slots == 0 {
		c.Slots = max(16, 4*runtime.GOMAXPROCS(0))
	}
	if c.Filters == 0 {
		c.Filters = 256
	}
	if c.Memory == 0 {
		c.Memory = max(1<<30, int64(c.Slots)*64<<20)
	}
	c.Meter = c.Meter.WithDefaults()
	c.Trip = c.Trip.withDefaults()
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Host owns the engines, the slots and the chain in force. Its methods may be
// called from any goroutine.
type Host struct {
	ctx      context.Context // wazero wants one for every call; it never ends
	config   Config
	engines  *engines
	slots    []Slot
	chain    atomic.Pointer[Chain]
	inGo     atomic.Int64 // visits in calls of class go
	mender   mender
	restorer restorer
	quit     chan struct{}  // ends the mender and the restorer
	workers  sync.WaitGroup // which Close waits for

	mu     sync.Mutex // held by Install and Close
	ledger ledger
	loaded map[Hash]*Filter // what the chain in force uses, and what refused ones would
	closed bool
}

// ErrClosed says that the host was closed.
var ErrClosed = errors.New("filter host is closed")

// NewHost returns a host with an empty chain, to be closed. It fails where
// wazero has no compiler for the machine: an interpreter would keep none of our
// promises.
func NewHost(config Config) (host *Host, err error) {
	defer func() {
		if r := recover(); r != nil {
			host, err = nil, fmt.Errorf("WebAssembly compiler: %v", r)
		}
	}()
	config = config.withDefaults()
	h := &Host{
		ctx: context.Background(), config: config, slots: make([]Slot, config.Slots), loaded: map[Hash]*Filter{}, ledger: ledger{},
		mender: newMender(), restorer: newRestorer(config.Slots), quit: make(chan struct{}),
	}
	if h.engines, err = openEngines(h.ctx, config.Meter.Limits); err != nil {
		return nil, err
	}
	for i := range h.slots {
		h.slots[i].host = h
		h.slots[i].Index = i
	}
	h.chain.Store(&Chain{})
	mender, restorer := h.mender, h.restorer
	h.workers.Go(func() { mender.run(h.ctx, h.quit) })
	h.workers.Go(func() { restorer.run(h.quit) })
	return h, nil
}

// Chain returns the chain in force, for looking at; to run it take a slot.
func (h *Host) Chain() *Chain { return h.chain.Load() }

// Close takes the chain out of force, waits for the visits in slots and frees
// everything. It is idempotent.
func (h *Host) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil
	}
	h.closed = true
	h.chain.Store(&Chain{})
	h.Wait()
	close(h.quit)
	h.workers.Wait()
	for _, f := range h.loaded {
		f.close(h.ctx)
	}
	return h.engines.close(h.ctx)
}
