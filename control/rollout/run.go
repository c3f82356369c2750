package rollout

import (
	"context"
	"errors"
	"fmt"

	"suodi/wasm"
	"suodi/wasm/abi"
	"suodi/wasm/meter"
)

// HostRunner runs filters as an edge does, on a host of its own that lives for
// one call. What a module may spend on a visit is bounded by metering.
type HostRunner struct{}

// Run returns what the module's filter says of each visit.
func (HostRunner) Run(ctx context.Context, module, params []byte, visits []abi.Visit) (decisions []Decision, err error) {
	admitted, err := meter.Admit(module, meter.Options{})
	if err != nil {
		return nil, err
	}
	host, err := wasm.NewHost(wasm.Config{Slots: 1})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, host.Close()) }()
	if err := host.Install(ctx, []wasm.Binding{{Name: "forecast", Module: admitted.Metered, Params: params}}); err != nil {
		return nil, fmt.Errorf("load the filter: %w", err)
	}
	slot := host.Acquire(0)
	defer slot.Release()
	chain := slot.Chain()
	_, filter := chain.At(0)
	for i := range visits {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		slot.Visit = visits[i]
		failures := filter.Failures()
		out := slot.Run(chain, 0)
		decisions = append(decisions, Decision{
			Action: out.Action, URL: string(out.URL), Failed: out.Err != nil || filter.Failures() != failures,
		})
	}
	return decisions, nil
}

// Decode reads visits as package abi encodes them. Those of another version
// are left out.
func Decode(records [][]byte) []abi.Visit {
	visits := make([]abi.Visit, 0, len(records))
	for _, record := range records {
		var v abi.Visit
		if _, err := v.Decode(record); err == nil {
			visits = append(visits, v)
		}
	}
	return visits
}
