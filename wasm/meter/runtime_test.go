package meter_test

import (
	"context"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"suodi/wasm/abi"
	"suodi/wasm/meter"
)

// guest is an instance of a module.
type guest struct {
	t      testing.TB
	mod    api.Module
	filter api.Function
}

func admit(t testing.TB, module []byte) *meter.Module {
	t.Helper()
	m, err := meter.Admit(module, meter.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// instantiate runs a module's start function and, if it has one, _initialize.
func instantiate(t testing.TB, module []byte) (*guest, error) {
	t.Helper()
	ctx := context.Background() // a benchmark's ends before its clean-up
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler().WithCoreFeatures(api.CoreFeaturesV2))
	t.Cleanup(func() { _ = r.Close(ctx) })
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, r); err != nil {
		t.Fatal(err)
	}
	mod, err := r.InstantiateWithConfig(ctx, module, wazero.NewModuleConfig().WithStartFunctions("_initialize"))
	if err != nil {
		return nil, err
	}
	return &guest{t: t, mod: mod, filter: mod.ExportedFunction(abi.ExportFilter)}, nil
}

func start(t testing.TB, module []byte) *guest {
	t.Helper()
	g, err := instantiate(t, module)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// call runs the filter.
func (g *guest) call(n uint64) (uint64, error) {
	stack := [1]uint64{n}
	err := g.filter.CallWithStack(context.Background(), stack[:])
	return stack[0], err
}

// mustCall runs the filter and wants a result.
func (g *guest) mustCall(n, want uint64) {
	g.t.Helper()
	if got, err := g.call(n); err != nil || got != want {
		g.t.Errorf("filter(%d) is %#x, %v; want %#x", n, got, err, want)
	}
}

// fuel is what is left.
func (g *guest) fuel() int64 { return int64(g.mod.ExportedGlobal(meter.FuelGlobal).Get()) }
