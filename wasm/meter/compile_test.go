package meter_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"

	"suodi/wasm/meter"
)

// TestCompileTime builds functions of the shapes that wazero's compiler is
// slowest at, as large as Limits.Work admits them, and compiles them.
func TestCompileTime(t *testing.T) {
	const work = 50_000_000 // a sixtieth of the limit
	limits := meter.Limits{Work: work}
	local := func(op byte, i int) []byte { return join([]byte{op}, unsigned(uint64(i))) }
	loops := func(locals, nested int) func(n int) []byte {
		return func(n int) []byte {
			var code []byte
			for i := range locals {
				code = join(code, []byte{0x20, 0}, local(0x21, 3+i))
			}
			for i := range n {
				code = append(code, repeat(nested, 0x03, 0x40)...)
				for j := range nested {
					l := 3 + (i*nested+j)%locals
					code = join(code, local(0x20, l), []byte{0x0d, byte(j), 0x20, 0}, local(0x21, l))
				}
				code = append(code, repeat(nested, 0x0b)...)
			}
			return append(code, pass...)
		}
	}
	for _, shape := range []struct {
		name   string
		locals int
		code   func(n int) []byte
	}{
		{"ifs", 0, func(n int) []byte { return append(repeat(n, 0x20, 0, 0x04, 0x40, 0x0b), pass...) }},
		{"nested ifs", 0, func(n int) []byte {
			return join(repeat(n, 0x20, 0, 0x04, 0x40), repeat(n, 0x20, 0, 0x21, 0, 0x0b), pass)
		}},
		{"fills", 0, func(n int) []byte { return append(repeat(n, 0x20, 0, 0x20, 0, 0x20, 0, 0xfc, 11, 0), pass...) }},
		{"branch table", 0, func(n int) []byte {
			return join([]byte{0x02, 0x40, 0x20, 0, 0x0e}, unsigned(uint64(n)), make([]byte, n+1), []byte{0x0b}, pass)
		}},
		{"loops, few locals", 4, loops(4, 1)},
		{"loops, many locals", 500, loops(500, 1)},
		{"loops in loops", 100, loops(100, 32)},
	} {
		t.Run(shape.name, func(t *testing.T) {
			var last *meter.Module
			size := 0
			for n := 1; ; n += n/4 + 1 {
				p := filter(shape.code(n))
				p.functions[filterAt].locals += strings.Repeat(i32, shape.locals)
				m, err := meter.Admit(p.encode(), meter.Options{Limits: limits})
				if err != nil {
					t.Log(n, err)
					break
				}
				last, size = m, len(p.encode())
			}
			if last == nil {
				t.Fatal("none is admitted")
			}
			r := wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfigCompiler())
			defer func() { _ = r.Close(context.Background()) }()
			began := time.Now()
			if _, err := r.CompileModule(t.Context(), last.Metered); err != nil {
				t.Fatal(err)
			}
			took := time.Since(began)
			t.Log(fmt.Sprint(size, " bytes took ", took))
			if took > work*600*time.Nanosecond { // 2 ns are expected, of a quiet machine without -race
				t.Errorf("compiling takes %v", took)
			}
		})
	}
}
