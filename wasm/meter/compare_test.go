package meter_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"suodi/wasm/abi"
	"suodi/wasm/meter"
)

// start returns an instance with the workload's visit in its buffer, and the
// filter's argument.
func (w workload) start(t testing.TB, module []byte) (*guest, uint64) {
	t.Helper()
	g := start(t, module)
	address, err := g.mod.ExportedFunction(abi.ExportVisit).Call(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if w.visit == nil {
		g.decide(someVisits()[1])
		return g, abi.BufferSize
	}
	if !g.mod.Memory().Write(uint32(address[0]), w.visit) {
		t.Fatal("no buffer")
	}
	return g, uint64(len(w.visit))
}

// TestWorkloads: real programs in four languages give the same results metered,
// trap alike, and leave the same memory: on the visit they were made for and on
// many that were spoilt.
func TestWorkloads(t *testing.T) {
	for _, w := range workloads(t, "") {
		t.Run(w.name, func(t *testing.T) {
			m := admit(t, w.module)
			if w.visit == nil {
				plain, n := w.start(t, w.module)
				metered, _ := w.start(t, m.Metered)
				metered.mustCall(n, plain.verdict(n))
				return
			}
			rounds := 300
			if m.Class == abi.Go {
				rounds = 30
			}
			if raceDetector {
				rounds /= 10
			}
			traps := w.compare(t, m, rounds)
			t.Logf("class %s, %d bytes, metered %d; %d of %d visits trapped", m.Class, len(w.module), len(m.Metered), traps, rounds)
		})
	}
}

// compare gives a module and its metered form so many visits, and returns how
// many trapped.
func (w workload) compare(t *testing.T, m *meter.Module, rounds int) (traps int) {
	t.Helper()
	random := rand.New(rand.NewPCG(1, uint64(len(w.module))))
	var plain, metered *guest
	for round := range rounds {
		if plain == nil {
			plain, metered = start(t, w.module), start(t, m.Metered)
		}
		visit := bytes.Clone(w.visit)
		for range round % 20 { // none in the first round
			visit[w.fixed+random.IntN(len(visit)-w.fixed)] = byte(random.IntN(256))
		}
		want, _ := plain.outcome(visit)
		got, trapped := metered.outcome(visit)
		if got != want {
			t.Fatalf("on visit %d %q: metered %s; want %s", round, visit, got, want)
		}
		// Go's runtime keeps the time and random seeds in its memory.
		if m.Class != abi.Go && !bytes.Equal(memoryOf(plain.mod), memoryOf(metered.mod)) {
			t.Fatalf("on visit %d %q the memories differ", round, visit)
		}
		if trapped {
			if round == 0 {
				t.Fatalf("traps on the visit it was made for: %s", got)
			}
			traps++
			plain, metered = nil, nil // as a host does
		}
	}
	return traps
}

// outcome gives the guest a visit and returns its verdict, or why it trapped.
func (g *guest) outcome(visit []byte) (text string, trapped bool) {
	g.t.Helper()
	address, err := g.mod.ExportedFunction(abi.ExportVisit).Call(g.t.Context())
	if err != nil {
		g.t.Fatal(err)
	}
	if !g.mod.Memory().Write(uint32(address[0]), visit) {
		g.t.Fatal("no buffer")
	}
	verdict, err := g.call(uint64(len(visit)))
	if err != nil {
		return reason(err), true
	}
	return fmt.Sprintf("%#x", verdict), false
}

// verdict runs the filter, which must not trap.
func (g *guest) verdict(n uint64) uint64 {
	g.t.Helper()
	verdict, err := g.call(n)
	if err != nil {
		g.t.Fatal(err)
	}
	return verdict
}

// TestGoStackGrowth: a goroutine's stack moves when it grows, and the stack
// pointer is a global, so in class go globals must not be reset.
func TestGoStackGrowth(t *testing.T) {
	for _, w := range workloads(t, "go/") {
		if w.name != "go/words" {
			continue
		}
		m := admit(t, w.module)
		if m.Class != abi.Go || !m.Initialize {
			t.Fatalf("class %s, _initialize %t", m.Class, m.Initialize)
		}
		plain, n := w.start(t, w.module)
		metered, _ := w.start(t, m.Metered)
		for i := range 40 {
			for _, g := range []*guest{plain, metered} {
				address, err := g.mod.ExportedFunction(abi.ExportVisit).Call(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				g.mod.Memory().WriteByte(uint32(address[0]), byte(i))
			}
			want, err := plain.call(n)
			if err != nil {
				t.Fatal(err)
			}
			metered.mustCall(n, want)
		}
		return
	}
	t.Log("no Go workload")
}

// BenchmarkMetered runs every workload metered and not, in turns, and reports
// the ratio; "all" has the geometric mean.
func BenchmarkMetered(b *testing.B) {
	list := workloads(b, "")
	logs, n := 0.0, 0
	for _, w := range list {
		m := admit(b, w.module)
		plain, size := w.start(b, w.module)
		metered, _ := w.start(b, m.Metered)
		b.Run(w.name, func(b *testing.B) {
			base, ratio := compareTimes(b, plain, metered, size)
			b.ReportMetric(base, "base-ns")
			b.ReportMetric(ratio, "ratio")
			b.ReportMetric(0, "ns/op")
			logs += math.Log(ratio)
			n++
		})
	}
	if n > 0 {
		b.Run("all", func(b *testing.B) {
			b.ReportMetric(math.Exp(logs/float64(n)), "ratio")
			b.ReportMetric(float64(n), "workloads")
			b.ReportMetric(0, "ns/op")
		})
	}
}

// compareTimes returns the unmetered time of a call in nanoseconds and the
// median of the metered times' ratios to it, over rounds that run both.
func compareTimes(b *testing.B, plain, metered *guest, size uint64) (base, ratio float64) {
	calls := 1
	for timeCalls(b, plain, size, calls) < time.Millisecond {
		calls *= 2
	}
	var bases, ratios []float64
	for range 101 {
		p := timeCalls(b, plain, size, calls)
		m := timeCalls(b, metered, size, calls)
		bases = append(bases, float64(p.Nanoseconds())/float64(calls))
		ratios = append(ratios, float64(m)/float64(p))
	}
	slices.Sort(bases)
	slices.Sort(ratios)
	return bases[len(bases)/2], ratios[len(ratios)/2]
}

func timeCalls(b *testing.B, g *guest, size uint64, calls int) time.Duration {
	began := time.Now()
	for range calls {
		if _, err := g.call(size); err != nil {
			b.Fatal(err)
		}
	}
	return time.Since(began)
}

// BenchmarkAdmit admits modules of different sizes.
func BenchmarkAdmit(b *testing.B) {
	for _, w := range workloads(b, "") {
		if w.name != "rules/ten" && w.name != "c/hash" && w.name != "rust/words" && w.name != "go/words" {
			continue
		}
		b.Run(w.name, func(b *testing.B) {
			b.SetBytes(int64(len(w.module)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := meter.Admit(w.module, meter.Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
