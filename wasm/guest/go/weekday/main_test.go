package main

import (
	"testing"

	"suodi/wasm/abi"
	"suodi/wasm/guest/go/suodi"
)

// TestOnThisMachine: a filter can be tested without WebAssembly.
func TestOnThisMachine(t *testing.T) {
	buffer := make([]byte, abi.BufferSize)
	visit := abi.Visit{Facts: abi.FactClock, Weekday: 5, Hour: 20}
	n, err := visit.Encode(buffer, abi.FactClock, []byte(`{"friday":"https://live.example.com/","from":19,"until":22}`))
	if err != nil {
		t.Fatal(err)
	}
	if got := suodi.Decide(buffer[:n]); got != suodi.Route("https://live.example.com/") {
		t.Errorf("%+v", got)
	}
}
