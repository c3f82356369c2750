package meter_test

import (
	"context"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"

	"suodi/wasm/abi"
)

// BenchmarkCloseOnContextDone runs every workload unmetered, metered and under
// wazero's own way to interrupt a guest, in turns, and reports both ratios to
// the first; "all" has the geometric means.
func BenchmarkCloseOnContextDone(b *testing.B) {
	var meters, closes []float64
	for _, w := range workloads(b, "") {
		plain, size := w.start(b, w.module)
		metered, _ := w.start(b, admit(b, w.module).Metered)
		closing := startClosing(b, w.module)
		address, err := plain.mod.ExportedFunction(abi.ExportVisit).Call(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		visit, ok := plain.mod.Memory().Read(uint32(address[0]), abi.BufferSize)
		if !ok || !closing.mod.Memory().Write(uint32(address[0]), visit) {
			b.Fatal("no buffer")
		}
		b.Run(w.name, func(b *testing.B) {
			calls := 1
			for timeCalls(b, plain, size, calls) < 500*time.Microsecond {
				calls *= 2
			}
			var ofMeter, ofClose []float64
			for range 31 {
				base := float64(timeCalls(b, plain, size, calls))
				ofMeter = append(ofMeter, float64(timeCalls(b, metered, size, calls))/base)
				ofClose = append(ofClose, float64(timeClosing(b, closing, size, calls))/base)
			}
			slices.Sort(ofMeter)
			slices.Sort(ofClose)
			meters, closes = append(meters, ofMeter[15]), append(closes, ofClose[15])
			b.ReportMetric(ofMeter[15], "metered-ratio")
			b.ReportMetric(ofClose[15], "closing-ratio")
			b.ReportMetric(0, "ns/op")
		})
	}
	b.Run("all", func(b *testing.B) {
		b.ReportMetric(geometricMean(meters), "metered-ratio")
		b.ReportMetric(geometricMean(closes), "closing-ratio")
		b.ReportMetric(float64(len(meters)), "workloads")
		b.ReportMetric(0, "ns/op")
	})
}

func geometricMean(values []float64) float64 {
	logs := 0.0
	for _, v := range values {
		logs += math.Log(v)
	}
	return math.Exp(logs / float64(len(values)))
}

// startClosing is start under a runtime that interrupts guests whose context
// is done.
func startClosing(b *testing.B, module []byte) *guest {
	b.Helper()
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigCompiler().WithCoreFeatures(api.CoreFeaturesV2).WithCloseOnContextDone(true))
	b.Cleanup(func() { _ = r.Close(ctx) })
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, r); err != nil {
		b.Fatal(err)
	}
	mod, err := r.InstantiateWithConfig(ctx, module, wazero.NewModuleConfig().WithStartFunctions("_initialize"))
	if err != nil {
		b.Fatal(err)
	}
	return &guest{t: b, mod: mod, filter: mod.ExportedFunction(abi.ExportFilter)}
}

// timeClosing is timeCalls with a time-out for each call.
func timeClosing(b *testing.B, g *guest, size uint64, calls int) time.Duration {
	began := time.Now()
	for range calls {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		stack := [1]uint64{size}
		if err := g.filter.CallWithStack(ctx, stack[:]); err != nil {
			b.Fatal(err)
		}
		cancel()
	}
	return time.Since(began)
}
