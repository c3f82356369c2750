package wasm

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"suodi/wasm/abi"
)

// MaxModule is the largest module a host loads, in bytes.
const MaxModule = 4 << 20

// maxPages bounds an instance's memory, in pages of 64 KiB.
const maxPages = 64

// Config says how a Host is made.
type Config struct {
	// Slots is how many visits may be inside filters at a time; 0 means four a
	// processor and at least 16. Each slot costs one instance of every filter.
	Slots int
}

func (c Config) withDefaults() Config {
	if c.Slots == 0 {
		c.Slots = max(16, 4*runtime.GOMAXPROCS(0))
	}
	return c
}

// Host owns the engine, the slots and the chain in force. Its methods may be
// called from any goroutine.
type Host struct {
	ctx     context.Context // wazero wants one for every call; it never ends
	runtime wazero.Runtime
	slots   []Slot
	chain   atomic.Pointer[Chain]

	mu     sync.Mutex // held by Install and Close
	closed bool
}

// ErrClosed says that the host was closed.
var ErrClosed = errors.New("filter host is closed")

// NewHost returns a host with an empty chain. It fails where wazero has no
// compiler for the machine: an interpreter would keep none of our promises.
func NewHost(config Config) (host *Host, err error) {
	defer func() {
		if r := recover(); r != nil {
			host, err = nil, fmt.Errorf("WebAssembly compiler: %v", r)
		}
	}()
	config = config.withDefaults()
	h := &Host{ctx: context.Background(), slots: make([]Slot, config.Slots)}
	h.runtime = wazero.NewRuntimeWithConfig(h.ctx, wazero.NewRuntimeConfigCompiler().
		WithCoreFeatures(api.CoreFeaturesV2).
		WithMemoryLimitPages(maxPages).
		WithCustomSections(true))
	for i := range h.slots {
		h.slots[i].host = h
		h.slots[i].Index = i
	}
	h.chain.Store(&Chain{})
	return h, nil
}

// Install puts a chain in force: visits that take a slot after it returns run
// the new one, and nobody runs the old one any more. When a module cannot be
// loaded the chain stays as it was and the error, which wraps ErrRefused, names
// the filter.
func (h *Host) Install(ctx context.Context, bindings []Binding) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return ErrClosed
	}
	old := h.chain.Load()
	loaded := map[Hash]*Filter{}
	for _, link := range old.links {
		loaded[link.filter.hash] = link.filter
	}
	chain := &Chain{}
	var fresh []*Filter
	for _, b := range bindings {
		filter, ok := loaded[HashOf(b.Module)]
		if !ok {
			var err error
			if filter, err = h.load(ctx, b.Module); err != nil {
				closeAll(ctx, fresh)
				return fmt.Errorf("filter %s: %w", b.Name, err)
			}
			loaded[filter.hash] = filter
			fresh = append(fresh, filter)
		}
		if len(b.Params) > abi.MaxParams {
			closeAll(ctx, fresh)
			return fmt.Errorf("filter %s: %w: %d bytes of params; the limit is %d", b.Name, ErrRefused, len(b.Params), abi.MaxParams)
		}
		chain.links = append(chain.links, chainLink{name: b.Name, filter: filter, params: b.Params})
		chain.needs |= filter.facts
	}
	h.chain.Store(chain)
	h.Wait()
	for _, link := range chain.links {
		delete(loaded, link.filter.hash)
	}
	for _, filter := range loaded {
		filter.close(ctx)
	}
	return nil
}

func closeAll(ctx context.Context, filters []*Filter) {
	for _, f := range filters {
		f.close(ctx)
	}
}

// Chain returns the chain in force, for looking at; to run it take a slot.
func (h *Host) Chain() *Chain { return h.chain.Load() }

// Close takes the chain out of force and frees everything. It is idempotent.
func (h *Host) Close() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil
	}
	h.closed = true
	h.chain.Store(&Chain{})
	h.Wait()
	return h.runtime.Close(h.ctx)
}
