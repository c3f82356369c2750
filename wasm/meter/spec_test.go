package meter_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"suodi/wasm/meter"
)

// ample is fuel that no program of these tests can use up.
const ample = 1 << 60

// specFolder returns the folder of the specification's tests that come with
// wazero: scripts made into JSON by wast2json, and their modules.
func specFolder(t testing.TB) string {
	t.Helper()
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero").Output()
	if err != nil {
		t.Fatalf("finding wazero's sources: %v", err)
	}
	folder := filepath.Join(strings.TrimSpace(string(out)), "internal", "integration_test", "spectest")
	if _, err := os.Stat(filepath.Join(folder, "v2", "testdata")); err != nil {
		t.Fatalf("wazero's specification tests: %v", err)
	}
	return folder
}

type script struct {
	Commands []struct {
		Type       string `json:"type"`
		Line       int    `json:"line"`
		Name       string `json:"name"`
		Filename   string `json:"filename"`
		As         string `json:"as"`
		ModuleType string `json:"module_type"`
		Action     struct {
			Type   string  `json:"type"`
			Module string  `json:"module"`
			Field  string  `json:"field"`
			Args   []value `json:"args"`
		} `json:"action"`
	} `json:"commands"`
}

type value struct {
	Type  string `json:"type"`
	Value any    `json:"value"`
}

func (v value) bits() uint64 {
	text, _ := v.Value.(string)
	if text == "null" {
		return 0
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && n < 0 {
		if strings.HasSuffix(v.Type, "32") {
			return uint64(uint32(n))
		}
		return uint64(n)
	}
	n, _ := strconv.ParseUint(text, 10, 64)
	if v.Type == "externref" {
		n++ // wazero's null is 0
	}
	return n
}

// world is one runtime with the script's modules in it.
type world struct {
	runtime wazero.Runtime
	named   map[string]api.Module
	last    api.Module
}

func newWorld(t testing.TB, spectest []byte) *world {
	w := &world{
		runtime: wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfigCompiler().WithCoreFeatures(api.CoreFeaturesV2)),
		named:   map[string]api.Module{},
	}
	t.Cleanup(func() { _ = w.runtime.Close(context.Background()) })
	if _, err := w.runtime.Instantiate(t.Context(), spectest); err != nil {
		t.Fatal(err)
	}
	return w
}

// instantiate returns what became of it, as text.
func (w *world) instantiate(ctx context.Context, module []byte, name, as string) string {
	mod, err := w.runtime.InstantiateWithConfig(ctx, module, wazero.NewModuleConfig().WithName(as).WithStartFunctions())
	if err != nil {
		return reason(err)
	}
	w.last = mod
	if name != "" {
		w.named[name] = mod
	}
	return "instantiated"
}

func (w *world) module(name string) api.Module {
	if name != "" {
		return w.named[name]
	}
	return w.last
}

// invoke returns the results or the trap as text.
func (w *world) invoke(ctx context.Context, module, field string, args []uint64) string {
	results, err := w.module(module).ExportedFunction(field).Call(ctx, args...)
	if err != nil {
		return reason(err)
	}
	return fmt.Sprintf("%#x", results)
}

// reason is an error's text without the stack trace and without what depends on
// the module's bytes.
func reason(err error) string {
	text, _, _ := strings.Cut(err.Error(), "\n")
	return text
}

// memoryOf returns what a module's memory holds, nil without one.
func memoryOf(m api.Module) (memory []byte) {
	defer func() { _ = recover() }() // the Memory of a module without one is not nil but holds nil
	if m != nil {
		memory, _ = m.Memory().Read(0, m.Memory().Size())
	}
	return memory
}

// specTally counts what a run of the suite did.
type specTally struct{ files, modules, calls, refused, limited int }

// TestSpecification runs the whole core suite of the specification but SIMD
// twice, metered and not, and compares results, traps and memories. What the
// suite calls malformed or invalid must be refused.
func TestSpecification(t *testing.T) {
	folder := specFolder(t)
	files, err := filepath.Glob(filepath.Join(folder, "v2", "testdata", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	spectest, err := os.ReadFile(filepath.Join(folder, "testdata", "spectest.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	var tally specTally
	for _, file := range files {
		if strings.HasPrefix(filepath.Base(file), "simd_") {
			continue
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".json"), func(t *testing.T) {
			runScript(t, file, spectest, &tally)
		})
	}
	t.Logf("%d files, %d modules, %d calls equal, %d bad modules refused; %d modules are over the default limits",
		tally.files, tally.modules, tally.calls, tally.refused, tally.limited)
	if tally.files < 80 || tally.modules < 900 || tally.calls < 15_000 || tally.refused < 1_500 {
		t.Error("the suite is not all there")
	}
}

func runScript(t *testing.T, file string, spectest []byte, tally *specTally) {
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var s script
	if err := json.Unmarshal(raw, &s); err != nil {
		t.Fatal(err)
	}
	tally.files++
	ctx := t.Context()
	plain, metered := newWorld(t, spectest), newWorld(t, spectest)
	compare := func(line int, what, a, b string) {
		if a != b {
			t.Errorf("line %d: %s: unmetered %s, metered %s", line, what, a, b)
		}
	}
	compareMemories := func(line int) {
		if !bytes.Equal(memoryOf(plain.last), memoryOf(metered.last)) {
			t.Errorf("line %d: the memories differ", line)
		}
	}
	read := func(name string) []byte {
		module, err := os.ReadFile(filepath.Join(filepath.Dir(file), name))
		if err != nil {
			t.Fatal(err)
		}
		return module
	}
	for i, c := range s.Commands {
		switch c.Type {
		case "module", "assert_uninstantiable", "assert_unlinkable":
			if c.ModuleType == "text" {
				continue
			}
			compareMemories(c.Line)
			module := read(c.Filename)
			rewritten, err := meter.Rewrite(module, ample)
			if err != nil {
				t.Errorf("line %d: %s refused: %v", c.Line, c.Filename, err)
				continue
			}
			if err := meter.CheckLimits(module); err != nil {
				t.Logf("over the default limits: %s: %v", c.Filename, err)
				tally.limited++
			}
			as := ""
			if i+1 < len(s.Commands) && s.Commands[i+1].Type == "register" {
				as = s.Commands[i+1].As
			}
			compare(c.Line, c.Type, plain.instantiate(ctx, module, c.Name, as), metered.instantiate(ctx, rewritten, c.Name, as))
			tally.modules++
		case "assert_malformed", "assert_invalid":
			if c.ModuleType == "text" {
				continue
			}
			if _, err := meter.Rewrite(read(c.Filename), ample); err == nil {
				t.Errorf("line %d: %s is not refused", c.Line, c.Filename)
			}
			tally.refused++
		case "action", "assert_return", "assert_trap", "assert_exhaustion":
			if c.Action.Type == "get" {
				compare(c.Line, "get "+c.Action.Field,
					plain.module(c.Action.Module).ExportedGlobal(c.Action.Field).String(),
					metered.module(c.Action.Module).ExportedGlobal(c.Action.Field).String())
				continue
			}
			args := []uint64{}
			for _, a := range c.Action.Args {
				args = append(args, a.bits())
			}
			a := plain.invoke(ctx, c.Action.Module, c.Action.Field, args)
			b := metered.invoke(ctx, c.Action.Module, c.Action.Field, args)
			if returnsFunction(plain.module(c.Action.Module).ExportedFunction(c.Action.Field)) {
				a, b = strconv.FormatBool(a == "[0x0]"), strconv.FormatBool(b == "[0x0]") // pointers differ
			}
			compare(c.Line, c.Action.Field, a, b)
			if c.Type == "assert_trap" {
				compareMemories(c.Line)
			}
			tally.calls++
		}
	}
	compareMemories(0)
}

func returnsFunction(f api.Function) bool {
	return slices.Contains(f.Definition().ResultTypes(), 0x70)
}
