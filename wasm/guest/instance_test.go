package guest_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"suodi/wasm/abi"
	"suodi/wasm/guest"
	"suodi/wasm/meter"
)

// toolchain returns what a language's compiler is found by.
func toolchain(t testing.TB, language guest.Language) []string {
	t.Helper()
	env, err := guest.Toolchain(t.Context(), language)
	if err != nil {
		t.Fatal(err)
	}
	if language == guest.AssemblyScript {
		asc, err := filepath.Abs("assemblyscript/node_modules/.bin/asc")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(asc); err != nil {
			t.Fatal("the AssemblyScript compiler is missing: make deps installs it")
		}
		env = append(env, "ASC="+asc)
	}
	return env
}

// build makes the project in a folder.
func build(t testing.TB, dir string, language guest.Language) []byte {
	t.Helper()
	var output bytes.Buffer
	module, err := guest.Build(t.Context(), dir, toolchain(t, language), &output)
	if err != nil {
		t.Fatalf("%v\n%s", err, output.Bytes())
	}
	return module
}

// built builds each example once.
var built struct {
	sync.Mutex
	modules map[string][]byte
}

func example(t testing.TB, name string) *instance {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	if built.modules == nil {
		built.modules = map[string][]byte{}
	}
	if built.modules[name] == nil {
		for _, e := range guest.Examples() {
			if e.Name == name {
				dir := t.TempDir()
				if err := guest.NewExample(dir, name); err != nil {
					t.Fatal(err)
				}
				built.modules[name] = build(t, dir, e.Language)
			}
		}
	}
	return start(t, built.modules[name])
}

// instance is a filter as a host runs it: admitted, metered, handed visits and,
// in class restored, its memory put back after each.
type instance struct {
	t      testing.TB
	m      *meter.Module
	mod    api.Module
	filter api.Function
	buffer []byte
	image  []byte // class restored: the memory before the first visit
}

// compiled keeps what was compiled: a program in Go takes seconds.
var compiled = wazero.NewCompilationCache()

func start(t testing.TB, module []byte) *instance {
	t.Helper()
	m, err := meter.Admit(module, meter.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background() // a benchmark's ends before its clean-up
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler().WithCoreFeatures(api.CoreFeaturesV2).WithCompilationCache(compiled))
	t.Cleanup(func() { _ = r.Close(ctx) }) // nothing of the host's is open
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, r); err != nil {
		t.Fatal(err)
	}
	mod, err := r.InstantiateWithConfig(ctx, m.Metered, wazero.NewModuleConfig().WithStartFunctions("_initialize"))
	if err != nil {
		t.Fatal(err)
	}
	in := &instance{t: t, m: m, mod: mod, filter: mod.ExportedFunction(abi.ExportFilter)}
	version, err := mod.ExportedFunction(abi.ExportVersion).Call(ctx)
	if err != nil || version[0] != abi.Version {
		t.Fatalf("%s: %v, %v", abi.ExportVersion, version, err)
	}
	address, err := mod.ExportedFunction(abi.ExportVisit).Call(ctx)
	if err != nil {
		t.Fatal(err)
	}
	memory, _ := mod.Memory().Read(0, mod.Memory().Size())
	if m.Class == abi.Restored {
		in.image = bytes.Clone(memory)
	}
	in.buffer = memory[uint32(address[0]):][:abi.BufferSize]
	return in
}

// decide hands the filter a visit, with the params in canonical form, and
// returns its verdict and a route's URL.
func (in *instance) decide(v *abi.Visit, given string) (abi.Verdict, string, error) {
	in.t.Helper()
	params, err := abi.CanonicalParams(in.m.Manifest.Params, []byte(given))
	if err != nil {
		in.t.Fatal(err)
	}
	if in.m.Class == abi.Go { // the only one whose memory may have moved
		address, err := in.mod.ExportedFunction(abi.ExportVisit).Call(context.Background())
		if err != nil {
			in.t.Fatal(err)
		}
		in.buffer, _ = in.mod.Memory().Read(uint32(address[0]), abi.BufferSize)
	}
	n, err := v.Encode(in.buffer, in.m.Manifest.Facts(), params)
	if err != nil {
		in.t.Fatal(err)
	}
	stack := [1]uint64{uint64(n)}
	if err := in.filter.CallWithStack(context.Background(), stack[:]); err != nil {
		return 0, "", err
	}
	verdict, url := abi.Verdict(stack[0]), ""
	if verdict.Action() == abi.Route {
		bytes, ok := in.mod.Memory().Read(verdict.Address(), verdict.Code())
		if !ok {
			in.t.Fatalf("a route to %d bytes at %d", verdict.Code(), verdict.Address())
		}
		url = string(bytes)
	}
	if in.image != nil {
		in.mod.Memory().Write(0, in.image)
	}
	clear(in.buffer[:n])
	return verdict, url, nil
}

// fuel returns what the last visit spent.
func (in *instance) fuel() int64 {
	return in.m.Fuel - int64(in.mod.ExportedGlobal(meter.FuelGlobal).Get())
}

// spares demands that the last visit left a tenth of its fuel.
func (in *instance) spares() {
	in.t.Helper()
	if spent := in.fuel(); spent > in.m.Fuel*9/10 {
		in.t.Errorf("spent %d of %d units", spent, in.m.Fuel)
	}
}

// want runs the filter and demands a verdict, and for a route its URL.
func (in *instance) want(v *abi.Visit, params string, verdict abi.Verdict, url string) {
	in.t.Helper()
	got, to, err := in.decide(v, params)
	if verdict.Action() == abi.Route && err == nil && got.Action() == abi.Route {
		got = verdict // but for where the URL is
	}
	if err != nil || got != verdict || to != url {
		in.t.Errorf("%s code %d %q, %v; want %s code %d %q", got.Action(), got.Code(), to, err, verdict.Action(), verdict.Code(), url)
	}
}
