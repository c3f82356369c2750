//go:build wasip1

package suodi

import "unsafe"

// buffer is where the host writes a visit before it calls; url keeps what the
// last verdict points to.
var (
	buffer [8 << 10]byte
	url    string
)

//go:wasmexport suodi_abi
func exportABI() int32 { return 1 }

//go:wasmexport suodi_visit
func exportVisit() int32 { return int32(uintptr(unsafe.Pointer(&buffer))) }

//go:wasmexport suodi_filter
func exportFilter(length int32) int64 {
	verdict := Decide(buffer[:length])
	url = verdict.URL
	return int64(verdict.pack(uint32(uintptr(unsafe.Pointer(unsafe.StringData(url))))))
}

// maxCode is the largest code, and the longest URL, that a verdict carries.
const maxCode = 1<<24 - 1

// pack returns the verdict as the host takes it, the URL at address.
func (v Verdict) pack(address uint32) uint64 {
	if v.Action == ActionRoute {
		return uint64(v.Action) | uint64(len(v.URL)&maxCode)<<8 | uint64(address)<<32
	}
	return uint64(v.Action) | uint64(v.Code&maxCode)<<8
}
