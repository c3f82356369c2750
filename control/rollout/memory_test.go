package rollout_test

import (
	"testing"

	"suodi/control/rollout"
	"suodi/wasm/abi"
	"suodi/wasm/meter"
)

func TestMemory(t *testing.T) {
	for _, c := range []struct {
		class abi.Class
		pages uint32
		want  uint32
	}{{abi.Pure, 1, 1}, {abi.Shared, 64, 64}, {abi.Go, 40, 80}, {abi.Go, 100, 100}} {
		if got := rollout.Memory(&meter.Module{Class: c.class, MemoryPages: c.pages}); got != c.want {
			t.Errorf("class %s with %d pages takes %d; want %d", c.class, c.pages, got, c.want)
		}
	}
}
