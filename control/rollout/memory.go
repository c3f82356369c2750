package rollout

import (
	"suodi/wasm/abi"
	"suodi/wasm/meter"
)

// goMemory is what an instance of class go takes, in pages of 64 KiB: 5 MiB, for
// Go's runtime grows its memory as it starts.
const goMemory = 80

// Memory is how much memory one instance of a module takes on an edge, in pages
// of 64 KiB. Data segments are in it: they are copied there.
func Memory(module *meter.Module) uint32 {
	if module.Class == abi.Go {
		return max(module.MemoryPages, goMemory)
	}
	return module.MemoryPages
}
