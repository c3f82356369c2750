package meter_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"suodi/wasm/filters"
	"suodi/wasm/meter"
)

// FuzzAdmit: arbitrary bytes never make Admit panic, and what it admits
// compiles, before and after metering.
func FuzzAdmit(f *testing.F) {
	f.Add(filters.Platform)
	files, err := filepath.Glob(filepath.Join("..", "testdata", "hostile", "*.wasm"))
	if err != nil || len(files) == 0 {
		f.Fatalf("the corpus: %d files, %v", len(files), err)
	}
	for _, file := range files {
		module, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(module)
	}
	f.Fuzz(func(t *testing.T, module []byte) {
		kept := bytes.Clone(module)
		m, err := meter.Admit(module, meter.Options{Limits: meter.Limits{Work: 10_000_000}})
		if !bytes.Equal(kept, module) {
			t.Fatal("the module was changed")
		}
		if err != nil {
			if e := (*meter.Error)(nil); !errors.As(err, &e) || e.Message == "" || e.Offset < 0 || e.Offset > len(module) {
				t.Fatalf("no proper refusal: %#v", err)
			}
			return
		}
		r := wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfigCompiler().WithCoreFeatures(api.CoreFeaturesV2))
		defer func() { _ = r.Close(t.Context()) }()
		if _, err := r.CompileModule(t.Context(), module); err != nil {
			t.Fatalf("admitted, but wazero says of the original: %v", err)
		}
		if _, err := r.CompileModule(t.Context(), m.Metered); err != nil {
			t.Fatalf("admitted, but wazero says of the metered module: %v", err)
		}
	})
}
