// A filter as a standard Go reactor. Byte 0 of the visit says how deep its
// stack gets; byte 1 whether it uses strings and maps.
package main

import (
	"strings"
	"unsafe"
)

var (
	visit [8192]byte
	seen  = map[string]int{}
)

//go:wasmexport suodi_abi
func suodiABI() int32 { return 1 }

//go:wasmexport suodi_visit
func suodiVisit() int32 { return int32(uintptr(unsafe.Pointer(&visit))) }

//go:noinline
func deep(n int) int {
	var frame [64]int
	frame[n%64] = n
	if n == 0 {
		return 0
	}
	return deep(n-1) + frame[n%64]
}

//go:wasmexport suodi_filter
func suodiFilter(n int32) int64 {
	sum := deep(int(visit[0]) * 8)
	if visit[1] != 0 {
		for _, word := range strings.Fields(strings.ToUpper(string(visit[2:n]))) {
			seen[word]++
		}
	} else {
		for _, c := range visit[2:n] {
			sum = sum*31 + int(c)
		}
	}
	return int64(sum+len(seen)) << 8 & 0xffffff00
}

func main() {}
