package meter_test

import (
	"bytes"
	"cmp"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"suodi/wasm/abi"
	"suodi/wasm/filters"
	"suodi/wasm/meter"
)

// workload is a filter with something to do on a visit of 171 bytes.
type workload struct {
	name   string
	module []byte
	visit  []byte
}

const agent = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) " +
	"Mobile/15E148 MicroMessenger/8.0.49(0x18003137) NetType/WIFI Language/zh_CN"

var cNames = []string{
	"hash", "sort", "sieve", "matrices", "search", "crc", "tokens", "interpreter", "recursion", "base64",
	"distance", "code-points", "copies", "function-pointers",
}

// workloads builds every workload, of those whose names begin so, that there is
// a toolchain for.
func workloads(t testing.TB, prefix string) []workload {
	t.Helper()
	folder := t.TempDir()
	list := []workload{{name: "rules/platform", module: filters.Platform}}
	for _, name := range []string{"ten", "strings"} {
		list = append(list, workload{name: "rules/" + name, module: compileRules(t, ruleSets[name])})
	}
	build := func(name string, visit []byte, tool string, env []string, args ...string) {
		if !strings.HasPrefix(name, prefix) {
			return
		}
		out := filepath.Join(folder, "out.wasm")
		at := len(args) - 1 // before the source
		cmd := exec.Command(tool, slices.Concat(args[:at], []string{"-o", out}, args[at:])...)
		cmd.Env = append(os.Environ(), env...)
		if text, err := cmd.CombinedOutput(); err != nil {
			t.Logf("%s is left out: %v %s", name, err, bytes.TrimSpace(text[:min(len(text), 300)]))
			return
		}
		module, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, workload{name: name, module: module, visit: visit})
	}
	source := filepath.Join("testdata", "workload")
	for i, name := range cNames {
		build("c/"+name, []byte(agent), "clang", nil, "--target=wasm32", "-O2", "-nostdlib", "-fno-builtin", "-Wl,--no-entry", "-Wl,-z,stack-size=16384",
			"-DWORK="+strconv.Itoa(i), filepath.Join(source, "workload.c"))
	}
	rustc := cmp.Or(os.Getenv("RUSTC"), "rustc") // one that has the target
	build("rust/words", []byte(agent), rustc, nil, "--target=wasm32-unknown-unknown", "-O", "--crate-type=cdylib", "-Cpanic=abort",
		"-Clink-arg=-zstack-size=65536", "-Cstrip=debuginfo", filepath.Join(source, "workload.rs"))
	env := []string{"GOOS=wasip1", "GOARCH=wasm"}
	args := []string{"build", "-buildmode=c-shared", "-ldflags=-s -w"}
	last := len(list)
	build("go/sum", append([]byte{0, 0}, agent...), "go", env, append(args, "./"+filepath.Join(source, "go"))...)
	if len(list) > last {
		list = append(list, workload{name: "go/words", module: list[last].module, visit: append([]byte{0, 1}, agent...)})
	}
	return list
}

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

// TestWorkloads: real programs give the same results metered, and leave the
// same memory.
func TestWorkloads(t *testing.T) {
	list := workloads(t, "")
	if len(list) < 4 {
		t.Log("no compiler for guests is installed: only rule sets are compared")
	}
	for _, w := range list {
		if strings.HasPrefix(w.name, "go/") {
			continue // TestGoStackGrowth has them
		}
		t.Run(w.name, func(t *testing.T) {
			m := admit(t, w.module)
			plain, n := w.start(t, w.module)
			metered, _ := w.start(t, m.Metered)
			for range 50 {
				want, err := plain.call(n)
				if err != nil {
					t.Fatal(err)
				}
				metered.mustCall(n, want)
			}
			if m.Class != abi.Go && !bytes.Equal(memoryOf(plain.mod), memoryOf(metered.mod)) {
				t.Error("the memories differ")
			}
			t.Logf("class %s, %d bytes, metered %d, %d units used", m.Class, len(w.module), len(m.Metered), m.Fuel-metered.fuel())
		})
	}
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
