package wasm

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"github.com/tetratelabs/wazero"

	"suodi/wasm/abi"
	"suodi/wasm/meter"
)

// Hash names a module by its content: the SHA-256 of its bytes before metering,
// manifest included.
type Hash [sha256.Size]byte

// HashOf returns a module's hash.
func HashOf(module []byte) Hash { return sha256.Sum256(module) }

// String returns the hash in hexadecimal.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// ErrRefused says that a module is not an acceptable filter, or a binding not
// one of it.
var ErrRefused = errors.New("not an acceptable filter")

// Filter is one loaded module. One that stands in the chain has an instance in
// every slot from the start; one that is only named gets each when a visit first
// meets it in that slot, since most links bind few of all the filters there are.
type Filter struct {
	host     *Host
	hash     Hash
	engine   engine
	module   *meter.Module // without its bytes
	facts    abi.Facts
	closed   bool // as the manifest says: fail closed
	rule     bool // it exports suodi_rule
	compiled wazero.CompiledModule
	image    []byte // class restored: the memory after initialising; else nil
	size     int64  // bytes of an instance's memory
	eager    bool   // it has an instance in every slot

	seats    []seat
	failures atomic.Uint64
	breaker  breaker
	spares   chan *instance // for seats whose instance broke; the mender fills it

	mu   sync.Mutex // held while instances are made for spares, and by close
	gone bool       // closed, guarded by mu
}

// seat is what a filter has in one slot; it belongs to the slot's owner.
type seat struct {
	instance *instance // nil at first and after a failure, until the owner comes by again
	used     bool      // it had one
}

// Hash returns the hash of the filter's module.
func (f *Filter) Hash() Hash { return f.hash }

// Manifest returns what the filter says of itself.
func (f *Filter) Manifest() abi.Manifest { return f.module.Manifest }

// Class returns what the filter may keep between visits.
func (f *Filter) Class() abi.Class { return f.module.Class }

// Failures returns how many visits the filter has broken on since it was loaded.
func (f *Filter) Failures() uint64 { return f.failures.Load() }

// Tripped reports whether the filter failed so often that it is not called.
func (f *Filter) Tripped() bool { return f.breaker.open.Load() }

// spareInstances is how many instances of a filter wait for a seat whose own
// broke: so many visits may break it at a time and the next ones not notice.
const spareInstances = 4

// errNoGo refuses class go where nobody has asked for it.
var errNoGo = errors.New("class go (it imports WASI) is not enabled here: one call may take a second, and where the " +
	"garbage collector waits for it so does every visit; whoever accepts that starts with --go-filters")

// load admits, compiles and tries a module.
func (h *Host) load(ctx context.Context, b source) (filter *Filter, err error) {
	f := &Filter{
		host: h, hash: HashOf(b.module), seats: make([]seat, len(h.slots)), spares: make(chan *instance, spareInstances),
		breaker: breaker{limits: h.config.Trip},
	}
	defer func() {
		if err != nil {
			f.close(ctx)
			err = fmt.Errorf("%w: %w", ErrRefused, err)
		}
	}()
	if f.module, err = meter.Admit(b.module, h.config.Meter); err != nil {
		return nil, err
	}
	switch {
	case f.module.Class == abi.Go && !h.config.Go:
		return nil, errNoGo
	case f.module.Class == abi.Go:
		f.engine = engineGo
	case !b.own:
		f.engine = engineUploaded
	}
	f.facts = abi.AllFacts
	if f.module.HasManifest {
		f.facts = f.module.Manifest.Facts()
	}
	f.closed = f.module.Manifest.Fail == abi.FailClosed
	if err = f.compile(ctx); err != nil {
		return nil, err
	}
	if err = f.try(ctx); err != nil {
		return nil, err
	}
	return f, nil
}

// footprint is how many bytes the instances take when there are all of them.
func (f *Filter) footprint() int64 {
	return int64(len(f.image)) + f.size*int64(len(f.seats)+cap(f.spares))
}

// settle makes an instance for every slot, before any visit meets the filter.
func (f *Filter) settle(ctx context.Context) (err error) {
	for i := range f.seats {
		if f.seats[i].instance, err = f.instantiate(ctx); err != nil {
			return fmt.Errorf("%w: %w", ErrRefused, err)
		}
		f.seats[i].used = true
	}
	if err = f.fill(ctx); err != nil {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	f.eager = true
	return nil
}

// compile makes machine code of the metered module, whose bytes it lets go.
func (f *Filter) compile(ctx context.Context) (err error) {
	defer func() {
		// wazero is trusted not to panic on a bad module; if it ever does, a
		// module is refused and the process lives.
		if r := recover(); r != nil {
			err = fmt.Errorf("compiling it panicked: %v", r)
		}
	}()
	if f.compiled, err = f.host.engines[f.engine].CompileModule(ctx, f.module.Metered); err != nil {
		return fmt.Errorf("compile: %w", err)
	}
	f.module.Metered = nil
	_, f.rule = f.compiled.ExportedFunctions()[abi.ExportRule]
	return nil
}

// try runs an instance, which is then thrown away, on an empty visit, and takes
// the picture that instances of class restored are put back to.
func (f *Filter) try(ctx context.Context) error {
	in, err := f.instantiate(ctx)
	if err != nil {
		return err
	}
	defer in.close(ctx)
	if f.module.Class == abi.Restored {
		f.image = bytes.Clone(in.whole)
	}
	var empty abi.Visit
	if f.rule {
		if _, err := in.rule(ctx, &empty, nil); err != nil {
			return fmt.Errorf("%s on an empty visit: %w", abi.ExportRule, err)
		}
	}
	if _, err := in.call(ctx, &empty, nil); err != nil {
		return fmt.Errorf("on an empty visit: %w", err)
	}
	f.size = int64(in.module.Memory().Size())
	return nil
}

// fill makes spare instances until there are enough.
func (f *Filter) fill(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for !f.gone && len(f.spares) < cap(f.spares) { // nobody else puts one in
		in, err := f.instantiate(ctx)
		if err != nil {
			return err
		}
		f.spares <- in
	}
	return nil
}

// close frees the filter; no slot may hold it any more.
func (f *Filter) close(ctx context.Context) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gone = true
	for i := range f.seats {
		if in := f.seats[i].instance; in != nil {
			in.close(ctx)
		}
		f.seats[i].instance = nil
	}
	for len(f.spares) > 0 {
		(<-f.spares).close(ctx)
	}
	if f.compiled != nil {
		_ = f.compiled.Close(ctx) // documented to return nil with this engine
	}
}
