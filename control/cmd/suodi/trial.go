package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"suodi/wasm"
	"suodi/wasm/abi"
	"suodi/wasm/meter"
)

// trial is a filter that is to be run on one visit.
type trial struct {
	file     string
	module   []byte
	own      bool // it was compiled here from a rule set
	admitted *meter.Module
	params   []byte
	visit    *abi.Visit
	repeat   int
}

// trialReport is what filter run says, and its form in JSON.
type trialReport struct {
	File      string       `json:"file"`
	Name      string       `json:"name,omitempty"` // as the manifest says
	Action    string       `json:"action"`
	URL       string       `json:"url,omitempty"` // of a route
	Code      uint32       `json:"code,omitempty"`
	Reason    *abi.Reason  `json:"reason,omitempty"`
	Rule      uint32       `json:"rule,omitempty"`
	RuleName  string       `json:"rule_name,omitempty"`
	Erred     bool         `json:"erred,omitempty"` // a condition could not be decided on the way
	Error     string       `json:"error,omitempty"` // why it broke; the action is its fail mode's
	Class     abi.Class    `json:"class"`
	Fail      abi.FailMode `json:"fail"`
	Platform  string       `json:"platform"`
	Platforms []string     `json:"platforms"`
	Fuel      int64        `json:"fuel"`
	FuelLimit int64        `json:"fuel_limit"`
	// Nanoseconds is the median of so many Calls.
	Nanoseconds float64 `json:"nanoseconds,omitempty"`
	Calls       int     `json:"calls"`
}

// run runs the filter as an edge does.
func (t *trial) run(ctx context.Context) (report *trialReport, err error) {
	host, err := wasm.NewHost(wasm.Config{Slots: 1, Go: true})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, host.Close()) }()
	manifest := t.admitted.Manifest
	name := manifest.Name
	if name == "" {
		name = "unnamed"
	}
	plan := wasm.Plan{Chain: []wasm.Binding{{Name: name, Module: t.module, Own: t.own, Params: t.params}}}
	if err := host.Install(ctx, plan); err != nil {
		return nil, fmt.Errorf("%s is refused: %w", t.file, err)
	}
	e := t.explain(host)
	report = &trialReport{
		File: t.file, Name: manifest.Name, Action: e.Action.String(), URL: string(e.URL), Code: e.Code, Rule: e.Rule, RuleName: e.RuleName,
		Erred: e.Erred, Class: t.admitted.Class, Fail: abi.FailOpen, Fuel: min(e.Fuel, t.admitted.Fuel), FuelLimit: t.admitted.Fuel,
		Nanoseconds: float64(e.Took), Calls: 1,
	}
	if manifest.Fail != "" {
		report.Fail = manifest.Fail
	}
	if reason, ok := manifest.Codes[strconv.FormatUint(uint64(e.Code), 10)]; ok && (e.Action == abi.Deny || e.Action == abi.Guide) && e.Err == nil {
		report.Reason = &reason
	}
	switch {
	case errors.Is(e.Err, abi.ErrTooLarge):
		report.Error = fmt.Sprintf("the visit does not fit into the %d bytes that a filter is handed; an edge refuses it", abi.BufferSize)
	case e.Err != nil:
		report.Error = e.Err.Error()
	case t.repeat > 1:
		report.Nanoseconds, report.Calls = t.measure(ctx, host)
	}
	return report, nil
}

// explain runs the filter once.
func (t *trial) explain(host *wasm.Host) wasm.Explanation {
	slot := host.Acquire(0)
	defer slot.Release()
	slot.Visit = *t.visit
	e := slot.Explain(slot.Chain(), 0, t.params)
	e.URL = slices.Clone(e.URL)
	return e
}

// tryTimeout bounds how long calls are repeated.
const tryTimeout = 2 * time.Second

// batch is how many calls are timed together, so that reading the clock, which
// takes as long as a short call, does not count.
const batch = 64

// measure returns how long a call takes, in nanoseconds: the median of batches.
// In class restored calls are timed one by one, each on a restored instance, as
// visits find it.
func (t *trial) measure(ctx context.Context, host *wasm.Host) (median float64, calls int) {
	size := batch
	if t.admitted.Class == abi.Restored || t.repeat < batch {
		size = 1
	}
	var took []float64
	for end := time.Now().Add(tryTimeout); calls < t.repeat && ctx.Err() == nil; {
		size = min(size, t.repeat-calls)
		slot := host.Acquire(0)
		slot.Visit = *t.visit
		chain, began := slot.Chain(), time.Now()
		for range size {
			slot.Call(chain, 0, t.params)
		}
		now := time.Now()
		slot.Release()
		took = append(took, float64(now.Sub(began))/float64(size))
		if calls += size; now.After(end) {
			break
		}
	}
	if len(took) == 0 { // it was interrupted
		return 0, 0
	}
	slices.Sort(took)
	return took[len(took)/2], calls
}
