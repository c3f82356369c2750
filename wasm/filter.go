package wasm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"suodi/wasm/abi"
)

// Hash names a module by its content: the SHA-256 of its bytes, manifest
// included.
type Hash [sha256.Size]byte

// HashOf returns a module's hash.
func HashOf(module []byte) Hash { return sha256.Sum256(module) }

// String returns the hash in hexadecimal.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// ErrRefused says that a module is not an acceptable filter.
var ErrRefused = errors.New("not an acceptable filter")

// Filter is one loaded module with an instance in every slot.
type Filter struct {
	hash     Hash
	manifest abi.Manifest
	facts    abi.Facts
	host     *Host
	compiled wazero.CompiledModule
	// instances has one entry a slot, touched only by the slot's owner; nil
	// after a failure, until that owner comes by again.
	instances []*instance
	failures  atomic.Uint64
}

// Hash returns the hash of the filter's module.
func (f *Filter) Hash() Hash { return f.hash }

// Manifest returns what the filter says of itself.
func (f *Filter) Manifest() abi.Manifest { return f.manifest }

// Failures returns how many visits the filter has broken on.
func (f *Filter) Failures() uint64 { return f.failures.Load() }

// instance is a filter's module with memory of its own.
type instance struct {
	module api.Module
	filter api.Function
	visit  []byte // the guest's visit buffer; its memory never grows or moves
	used   int    // bytes that earlier visits may have left in it
}

// load compiles a module and instantiates it once a slot.
func (h *Host) load(ctx context.Context, module []byte) (filter *Filter, err error) {
	defer func() {
		// wazero is trusted not to panic on a bad module; if it ever does, a
		// module is refused and the process lives.
		if r := recover(); r != nil {
			filter, err = nil, fmt.Errorf("%w: compiling it panicked: %v", ErrRefused, r)
		}
	}()
	if len(module) > MaxModule {
		return nil, fmt.Errorf("%w: %d bytes; the limit is %d", ErrRefused, len(module), MaxModule)
	}
	compiled, err := h.runtime.CompileModule(ctx, module)
	if err != nil {
		return nil, fmt.Errorf("%w: compile: %w", ErrRefused, err)
	}
	f := &Filter{hash: HashOf(module), host: h, compiled: compiled, instances: make([]*instance, len(h.slots))}
	defer func() {
		if filter == nil {
			f.close(ctx)
		}
	}()
	if err := f.admit(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	for i := range f.instances {
		if f.instances[i], err = f.instantiate(ctx); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrRefused, err)
		}
	}
	return f, nil
}

// admit checks what the module imports, exports and says of itself.
func (f *Filter) admit() error {
	if imports := f.compiled.ImportedFunctions(); len(imports) > 0 {
		module, name, _ := imports[0].Import()
		return fmt.Errorf("imports %s.%s; a filter imports nothing", module, name)
	}
	if len(f.compiled.ImportedMemories()) > 0 {
		return errors.New("imports a memory; a filter imports nothing")
	}
	memory, ok := f.compiled.ExportedMemories()[abi.ExportMemory]
	if !ok {
		return fmt.Errorf("does not export its memory as %q", abi.ExportMemory)
	}
	if maximum, bounded := memory.Max(); !bounded || maximum != memory.Min() {
		return fmt.Errorf("memory of %d pages may grow; its maximum must equal its minimum", memory.Min())
	}
	functions := f.compiled.ExportedFunctions()
	for _, want := range []struct {
		name            string
		params, results []api.ValueType
	}{
		{abi.ExportVersion, nil, []api.ValueType{api.ValueTypeI32}},
		{abi.ExportVisit, nil, []api.ValueType{api.ValueTypeI32}},
		{abi.ExportFilter, []api.ValueType{api.ValueTypeI32}, []api.ValueType{api.ValueTypeI64}},
	} {
		got, ok := functions[want.name]
		if !ok {
			return fmt.Errorf("does not export the function %q", want.name)
		}
		if string(got.ParamTypes()) != string(want.params) || string(got.ResultTypes()) != string(want.results) {
			return fmt.Errorf("exports %q with another signature than the ABI's", want.name)
		}
	}
	f.facts = abi.AllFacts
	for _, section := range f.compiled.CustomSections() {
		if section.Name() != abi.ManifestSection {
			continue
		}
		manifest, err := abi.ParseManifest(section.Data())
		if err != nil {
			return err
		}
		f.manifest, f.facts = manifest, manifest.Facts()
		return nil
	}
	return nil
}

// instantiate makes one instance and tries it on an empty visit.
func (f *Filter) instantiate(ctx context.Context) (*instance, error) {
	config := wazero.NewModuleConfig().WithName("").WithStartFunctions()
	module, err := f.host.runtime.InstantiateModule(ctx, f.compiled, config)
	if err != nil {
		return nil, fmt.Errorf("instantiate: %w", err)
	}
	in := &instance{module: module, filter: module.ExportedFunction(abi.ExportFilter)}
	if err := in.start(ctx); err != nil {
		return nil, errors.Join(err, module.Close(ctx))
	}
	return in, nil
}

func (in *instance) start(ctx context.Context) error {
	version, err := in.module.ExportedFunction(abi.ExportVersion).Call(ctx)
	if err != nil {
		return fmt.Errorf("call %s: %w", abi.ExportVersion, err)
	}
	if version[0] != abi.Version {
		return fmt.Errorf("speaks ABI version %d; this host speaks %d", version[0], abi.Version)
	}
	address, err := in.module.ExportedFunction(abi.ExportVisit).Call(ctx)
	if err != nil {
		return fmt.Errorf("call %s: %w", abi.ExportVisit, err)
	}
	var ok bool
	if in.visit, ok = in.module.Memory().Read(uint32(address[0]), abi.BufferSize); !ok {
		return fmt.Errorf("its visit buffer at %d does not fit its memory", address[0])
	}
	var empty abi.Visit
	if _, err := in.call(ctx, &empty, 0, nil, &[1]uint64{}); err != nil {
		return fmt.Errorf("on an empty visit: %w", err)
	}
	return nil
}

// call hands the visit's facts to the guest and returns its verdict.
func (in *instance) call(ctx context.Context, v *abi.Visit, needs abi.Facts, params []byte, stack *[1]uint64) (abi.Verdict, error) {
	n, err := v.Encode(in.visit, needs, params)
	if err != nil {
		in.used = len(in.visit) // what was written before it did not fit
		return 0, err
	}
	if n < in.used {
		clear(in.visit[n:in.used]) // nothing of the previous visitor stays readable
	}
	in.used = n
	stack[0] = uint64(n)
	if err := in.filter.CallWithStack(ctx, stack[:]); err != nil {
		return 0, err
	}
	return abi.Verdict(stack[0]), nil
}

// discard drops the slot's instance after a failure: its state is unknown.
func (f *Filter) discard(ctx context.Context, slot int) {
	in := f.instances[slot]
	f.instances[slot] = nil
	if in != nil {
		_ = in.module.Close(ctx) // closing an instance without host resources has nothing to fail
	}
}

// close frees the filter; no slot may hold it any more.
func (f *Filter) close(ctx context.Context) {
	for i := range f.instances {
		f.discard(ctx, i)
	}
	_ = f.compiled.Close(ctx) // documented to return nil with this engine
}
