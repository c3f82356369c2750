package wasm

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"suodi/wasm/abi"
	"suodi/wasm/meter"
)

// instance is a filter's module with memory of its own. One goroutine at a
// time uses it.
type instance struct {
	filter api.Function
	facts  abi.Facts // the filter's
	simple bool      // class pure or shared: nothing to be done before a visit
	soiled bool      // class restored: a visit was here since it was restored
	visit  []byte    // the visit buffer in the guest's memory
	used   int       // bytes that earlier visits may have left in the buffer
	stack  [1]uint64 // the argument and result of a call

	of     *Filter
	module api.Module
	fuel   api.MutableGlobal // what is left of it
	at     uint32            // where the visit buffer is
	memory api.Memory        // class go: it may move when it grows; else nil
	whole  []byte            // the memory, which never moves; class go: nil
}

// instantiate makes an instance and initialises it.
func (f *Filter) instantiate(ctx context.Context) (in *instance, err error) {
	defer func() {
		if r := recover(); r != nil { // see compile
			in, err = nil, fmt.Errorf("instantiating it panicked: %v", r)
		}
	}()
	config := wazero.NewModuleConfig().WithName("").WithStartFunctions()
	module, err := f.host.engines[f.engine].InstantiateModule(ctx, f.compiled, config)
	if err != nil {
		return nil, fmt.Errorf("instantiate: %w", (&instance{}).trapped(err))
	}
	class := f.module.Class
	in = &instance{
		of: f, module: module, filter: module.ExportedFunction(abi.ExportFilter), facts: f.facts,
		simple: class == abi.Pure || class == abi.Shared,
	}
	if err := in.start(ctx); err != nil {
		return nil, errors.Join(err, module.Close(ctx))
	}
	return in, nil
}

// start initialises the guest and asks it where its visit buffer is.
func (in *instance) start(ctx context.Context) error {
	var ok bool
	if in.fuel, ok = in.module.ExportedGlobal(meter.FuelGlobal).(api.MutableGlobal); !ok {
		return errors.New("the metered module does not export its fuel")
	}
	if in.of.module.Initialize {
		if _, err := in.module.ExportedFunction("_initialize").Call(ctx); err != nil {
			return fmt.Errorf("call _initialize: %w", in.trapped(err))
		}
	}
	version, err := in.module.ExportedFunction(abi.ExportVersion).Call(ctx)
	if err != nil {
		return fmt.Errorf("call %s: %w", abi.ExportVersion, in.trapped(err))
	}
	if api.DecodeU32(version[0]) != abi.Version {
		return fmt.Errorf("speaks ABI version %d; this host speaks %d", api.DecodeU32(version[0]), abi.Version)
	}
	address, err := in.module.ExportedFunction(abi.ExportVisit).Call(ctx)
	if err != nil {
		return fmt.Errorf("call %s: %w", abi.ExportVisit, in.trapped(err))
	}
	memory := in.module.Memory()
	in.at = api.DecodeU32(address[0])
	if in.visit, ok = memory.Read(in.at, abi.BufferSize); !ok {
		return fmt.Errorf("its visit buffer at %d does not fit its memory of %d bytes", in.at, memory.Size())
	}
	if in.of.module.Class == abi.Go {
		in.memory = memory
	} else {
		in.whole, _ = memory.Read(0, memory.Size())
	}
	return nil
}

// hand writes a visit into the guest's buffer and returns its length.
func (in *instance) hand(v *abi.Visit, params []byte) (int, error) {
	if !in.simple {
		in.prepare()
	}
	n, err := v.Encode(in.visit, in.facts, params)
	if err != nil {
		in.used = len(in.visit) // what was written before it did not fit
		return 0, err
	}
	if n < in.used {
		clear(in.visit[n:in.used]) // nothing of the previous visitor stays readable
	}
	in.used = n
	return n, nil
}

// prepare makes an instance of class restored or go ready for a visit.
func (in *instance) prepare() {
	if in.memory != nil {
		in.visit, _ = in.memory.Read(in.at, abi.BufferSize) // it was there, and memories do not shrink
		return
	}
	if in.soiled { // by this same visit: the filter stands in two places
		in.restore()
	}
	in.soiled = true
}

// call hands the visit's facts to the guest and returns its verdict.
func (in *instance) call(ctx context.Context, v *abi.Visit, params []byte) (abi.Verdict, error) {
	n, err := in.hand(v, params)
	if err != nil {
		return 0, err
	}
	in.stack[0] = uint64(n)
	if err := in.filter.CallWithStack(ctx, in.stack[:]); err != nil {
		return 0, in.trapped(err)
	}
	return abi.Verdict(in.stack[0]), nil
}

// trapped says why a call of the guest's failed. Of the guest's stack only the
// function that trapped is told: the rest says nothing to anybody else.
func (in *instance) trapped(err error) error {
	what, stack, traced := strings.Cut(err.Error(), "\nwasm stack trace:\n\t")
	if !traced {
		return err
	}
	what = strings.TrimPrefix(what, "wasm error: ")
	if in.fuel != nil && int64(in.fuel.Get()) < 0 {
		what = "out of fuel"
	}
	where, _, _ := strings.Cut(stack, "\n")
	return fmt.Errorf("%w: %s in %s", errTrap, what, where)
}

// url appends to room what a route's URL or template comes to, within its
// capacity.
func (in *instance) url(room []byte, verdict abi.Verdict, v *abi.Visit, params []byte) ([]byte, error) {
	n := verdict.Length()
	view, ok := in.module.Memory().Read(verdict.Address(), n)
	if !ok || n == 0 || int64(n) > int64(cap(room)) {
		return nil, fmt.Errorf("%w: route to %d bytes at %d", errVerdict, n, verdict.Address())
	}
	if !verdict.Template() {
		return append(room, view...), nil
	}
	there := v.Facts
	v.Facts &= in.facts // what it did not ask for it does not get this way either
	url, err := abi.AppendURL(room, view, v, params)
	v.Facts = there
	if err != nil {
		return nil, fmt.Errorf("%w: route: %w", errVerdict, err)
	}
	return url, nil
}

// rule asks for the rule that decides this visit; 0 for none. It has a call's
// fuel.
func (in *instance) rule(ctx context.Context, v *abi.Visit, params []byte) (uint32, error) {
	n, err := in.hand(v, params)
	if err != nil {
		return 0, err
	}
	in.fuel.Set(uint64(in.of.module.Fuel))
	result, err := in.module.ExportedFunction(abi.ExportRule).Call(ctx, uint64(n))
	if err != nil {
		return 0, in.trapped(err)
	}
	return api.DecodeU32(result[0]), nil
}

// spent is the fuel that the last call used.
func (in *instance) spent() int64 { return in.of.module.Fuel - int64(in.fuel.Get()) }

// restore puts the memory back to what initialising left. The metered module
// does the same for globals by itself.
func (in *instance) restore() {
	copy(in.whole, in.of.image)
	in.soiled, in.used = false, 0
}

func (in *instance) close(ctx context.Context) {
	_ = in.module.Close(ctx) // closing an instance without host resources has nothing to fail
}
