package rollout

import (
	"context"
	"errors"
	"fmt"

	"suodi/wasm"
	"suodi/wasm/abi"
)

// HostRunner runs filters as an edge does, on a host of its own that lives for
// one call.
type HostRunner struct {
	Go bool // admits modules of class go
}

// Run returns what the module's filter says of each visit.
func (r HostRunner) Run(ctx context.Context, module, params []byte, visits []abi.Visit) (decisions []Decision, err error) {
	host, err := wasm.NewHost(wasm.Config{Slots: 1, Go: r.Go})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, host.Close()) }()
	if err := host.Install(ctx, wasm.Plan{Chain: []wasm.Binding{{Name: "forecast", Module: module}}}); err != nil {
		return nil, fmt.Errorf("load the filter: %w", err)
	}
	slot := host.Acquire(0)
	defer slot.Release()
	chain := slot.Chain()
	for i := range visits {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		slot.Visit = visits[i]
		out := slot.Call(chain, 0, params)
		decisions = append(decisions, Decision{Action: out.Action, URL: string(out.URL), Failed: out.Err != nil})
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
