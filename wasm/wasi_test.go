package wasm_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"suodi/wasm"
	"suodi/wasm/abi"
)

// The types of WASI functions that these tests import, as numbers that guest
// gives types.
const (
	noneToI32   = 0
	pairToI32   = 3
	clockToI32  = 4
	fourToI32   = 5
	i32ToNone   = 6
	openToI32   = 7
	wasiResult  = 3000 // where they write
	wasiVectors = 4000
)

var wasiTypes = [][]byte{
	{0x60, 2, 0x7f, 0x7f, 1, 0x7f},
	{0x60, 3, 0x7f, 0x7e, 0x7f, 1, 0x7f},
	{0x60, 4, 0x7f, 0x7f, 0x7f, 0x7f, 1, 0x7f},
	{0x60, 1, 0x7f, 0},
	{0x60, 9, 0x7f, 0x7f, 0x7f, 0x7f, 0x7f, 0x7e, 0x7e, 0x7f, 0x7f, 1, 0x7f},
}

// calls is a filter that calls a WASI function when a bot visits and denies
// with its answer and, from bit 8, two bytes of what is at wasiResult.
func calls(name string, kind byte, args []byte) guest {
	call := join(args, []byte{0x10, 0})
	if kind == i32ToNone {
		call = join(call, i32Const(0))
	}
	return guest{
		manifest: `{"name":"x","abi":1,"needs":["platforms"]}`,
		types:    wasiTypes,
		imports:  [][]byte{join(text("wasi_snapshot_preview1"), text(name), []byte{0, kind})},
		body: whenBot(call, i32Const(wasiResult), []byte{0x2f, 0, 0}, i32Const(8), []byte{0x74, 0x72}, // | load16 << 8
			[]byte{0xad, 0x42, 8, 0x86, 0x42, 2, 0x84, 0x0f}),
	}
}

func args(values ...int64) (code []byte) {
	for _, v := range values {
		code = join(code, i32Const(v))
	}
	return code
}

// TestWASI: there is nothing but clocks and random numbers, nothing waits, and
// what takes long is paid for.
func TestWASI(t *testing.T) {
	const breaks, anything = -1, -2
	setLength := join(i32Const(wasiVectors+4), i32Const(5), []byte{0x36, 0, 0})
	for _, test := range []struct {
		name, function string
		kind           byte
		args           []byte
		errno, result  int // of two bytes
	}{
		{"real time", "clock_time_get", clockToI32, join(i32Const(0), i64Const(1), i32Const(wasiResult)), 0, anything},
		{"monotonic time", "clock_time_get", clockToI32, join(i32Const(1), i64Const(1), i32Const(wasiResult)), 0, anything},
		{"time of another clock", "clock_time_get", clockToI32, join(i32Const(2), i64Const(1), i32Const(wasiResult)), 28, 0},
		{"time to nowhere", "clock_time_get", clockToI32, join(i32Const(0), i64Const(1), i32Const(-1)), 21, 0},
		{"clock resolution", "clock_res_get", pairToI32, args(0, wasiResult), 0, 1000},
		{"random", "random_get", pairToI32, args(wasiResult, 2), 0, anything},
		{"much randomness", "random_get", pairToI32, args(0, 64<<10), 0, anything},
		{"more than there is memory", "random_get", pairToI32, args(8, 64<<10), 21, 0},
		{"more than can be paid", "random_get", pairToI32, args(0, 1<<30), breaks, 0},
		{"yield", "sched_yield", noneToI32, nil, 0, 0},
		{"no arguments", "args_sizes_get", pairToI32, args(wasiResult, wasiResult+4), 0, 0},
		{"no environment", "environ_sizes_get", pairToI32, args(wasiResult, wasiResult+4), 0, 0},
		{"environment to nowhere", "environ_sizes_get", pairToI32, args(wasiResult, -1), 21, 0},
		{"no folders", "fd_prestat_get", pairToI32, args(3, wasiResult), 8, 0},
		{"status of the output", "fd_fdstat_get", pairToI32, args(1, wasiResult), 0, 2},
		{"status of a file", "fd_fdstat_get", pairToI32, args(3, wasiResult), 8, 0},
		{"reads nothing", "fd_read", fourToI32, args(0, wasiVectors, 1, wasiResult), 0, 0},
		{"writes to the output", "fd_write", fourToI32, join(setLength, args(1, wasiVectors, 1, wasiResult)), 0, 5},
		{"writes to a file", "fd_write", fourToI32, args(3, wasiVectors, 1, wasiResult), 8, 0},
		{"writes too much at a time", "fd_write", fourToI32, args(1, wasiVectors, 1025, wasiResult), 28, 0},
		{"writes more than can be paid", "fd_write", fourToI32, args(1, wasiVectors, -1, wasiResult), breaks, 0},
		{"waits", "poll_oneoff", fourToI32, args(wasiVectors, wasiVectors+1000, 1, wasiResult), 0, 1},
		{"waits for nothing", "poll_oneoff", fourToI32, args(wasiVectors, wasiVectors, 0, wasiResult), 28, 0},
		{"waits for too much", "poll_oneoff", fourToI32, args(wasiVectors, wasiVectors, 1025, wasiResult), 28, 0},
		{"waits for more than can be paid", "poll_oneoff", fourToI32, args(wasiVectors, wasiVectors, -1, wasiResult), breaks, 0},
		{"waits outside memory", "poll_oneoff", fourToI32, args(-1, wasiVectors, 1, wasiResult), 21, 0},
		{"exits", "proc_exit", i32ToNone, args(3), breaks, 0},
		{"opens a file", "path_open", openToI32, join(args(3, 0, 0, 0, 0), i64Const(0), i64Const(0), args(0, wasiResult)), 52, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := newHost(t, 1)
			install(t, h, bind(calls(test.function, test.kind, test.args).encode())...)
			_, f := h.Chain().At(0)
			if f.Class() != abi.Go {
				t.Errorf("class %s", f.Class())
			}
			out := run(h, bot)
			switch {
			case test.errno == breaks:
				if out.Action != abi.Pass || f.Failures() != 1 {
					t.Errorf("%+v; want a failure", out)
				}
			case out.Action != abi.Deny || int(out.Code&0xff) != test.errno || test.result != anything && int(out.Code>>8) != test.result:
				t.Errorf("%+v: error %d, result %d; want %d, %d", out, out.Code&0xff, out.Code>>8, test.errno, test.result)
			}
		})
	}
}

// TestGoReactor runs a filter that standard Go compiled.
func TestGoReactor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "filter.wasm")
	build := exec.CommandContext(t.Context(), "go", "build", "-buildmode=c-shared", "-ldflags=-s -w", "-o", path, "./meter/testdata/workload/go")
	build.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	module, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	h := newHost(t, 2)
	if err := h.Install(t.Context(), wasm.Plan{Named: []wasm.Binding{{Name: "go", Module: module}}}); err != nil {
		t.Fatal(err)
	}
	slot := h.Acquire(0)
	defer slot.Release()
	slot.Visit = abi.Visit{Facts: abi.AllFacts, UserAgent: []byte("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X)")}
	var last wasm.Outcome
	for i := range 200 { // its stack and heap grow on the way
		slot.Visit.Time = int64(i)
		if last = slot.Call(slot.Chain(), 0, nil); last.Err != nil || last.Action != abi.Pass {
			t.Fatalf("visit %d: %+v", i, last)
		}
	}
	if last.Filter.Class() != abi.Go || last.Fuel <= 0 {
		t.Errorf("class %s, %d units", last.Filter.Class(), last.Fuel)
	}
	if e := slot.Explain(slot.Chain(), 0, nil); e.Err != nil || e.Action != last.Action {
		t.Errorf("%+v", e)
	}
	t.Logf("%d units a call", last.Fuel)
}
