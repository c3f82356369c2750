package state_test

import (
	"testing"

	"suodi/control/state"
	"suodi/wasm"
	"suodi/wasm/abi"
	"suodi/wasm/meter"
)

func TestPassModule(t *testing.T) {
	module, err := meter.Admit(state.PassModule(), meter.Options{})
	check(t, err)
	if module.Class != abi.Pure || !module.HasManifest || module.Manifest.Facts() != 0 {
		t.Errorf("class %s, manifest %+v", module.Class, module.Manifest)
	}
	host, err := wasm.NewHost(wasm.Config{Slots: 1})
	check(t, err)
	defer func() { check(t, host.Close()) }()
	check(t, host.Install(t.Context(), wasm.Plan{Chain: []wasm.Binding{{Name: "pass", Module: state.PassModule()}}}))
	slot := host.Acquire(0)
	defer slot.Release()
	if out := slot.Run(slot.Chain(), 0); out.Action != abi.Pass || out.Err != nil {
		t.Errorf("it says %s, %v", out.Action, out.Err)
	}
	if hash := wasm.HashOf(state.PassModule()); string(hash[:]) != string(state.PassHash()) {
		t.Error("its hash is another")
	}
}
