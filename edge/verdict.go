package edge

import (
	"bytes"

	"github.com/valyala/fasthttp"

	"suodi/control/link"
	"suodi/edge/page"
	"suodi/wasm"
	"suodi/wasm/abi"
)

// boundFilter is a filter that the visit's domain or link binds.
type boundFilter struct {
	place  int
	params []byte
}

// bind finds the filters that the domain and the link bind, and returns the
// facts they need. A name that no filter in force has passes.
func (v *visitState) bind() (need abi.Facts) {
	for i := range v.domain.filters {
		need |= v.bindOne(v.domain.filters[i].name, v.domain.filters[i].params)
	}
	if v.record.HasFilters() {
		for f := v.record.Filters(); f.Next(); {
			need |= v.bindOne(f.Name(), f.Params())
		}
	}
	return need
}

func (v *visitState) bindOne(name, params []byte) abi.Facts {
	place, ok := v.chain.Named(name)
	if !ok || v.bindings == len(v.bound) {
		return 0
	}
	v.bound[v.bindings] = boundFilter{place, params}
	v.bindings++
	return v.chain.NeedsAt(place)
}

// runFilters runs the cluster's chain, then the domain's filters, then the
// link's, and answers what they do not let pass.
func (v *visitState) runFilters() bool {
	if !v.runChain() {
		v.runBound()
	}
	switch {
	case v.outcome.Err == abi.ErrTooLarge: //nolint:errorlint // hot path; Run never wraps it
		return v.showBadRequest(fasthttp.StatusRequestHeaderFieldsTooLarge)
	case v.outcome.Action == abi.Deny:
		return v.showVerdict(page.Refused, answerRefused)
	case v.outcome.Action == abi.Guide:
		return v.showVerdict(page.Guide, answerGuided)
	}
	return true
}

// runChain reports whether the chain has decided.
func (v *visitState) runChain() bool {
	for from := 0; ; from = v.outcome.At + 1 {
		v.outcome = v.askChain(from)
		if v.outcome.At >= v.chain.Len() {
			return false
		}
		if v.decided() {
			// Where the platform filter has no verdict, nothing is lost with it for
			// a link without sets: it has nothing to say about one.
			if name, _ := v.chain.At(v.outcome.At); v.outcome.Err == nil || name != platformFilter || v.record.HasSets() {
				return true
			}
		}
	}
}

// runBound asks the filters that the domain and the link bind.
func (v *visitState) runBound() {
	for i := range v.bound[:v.bindings] {
		v.outcome = v.askBound(&v.bound[i])
		if v.decided() {
			return
		}
	}
}

// decided reports whether the outcome ends the filters, and checks it. A filter
// that broke is logged the first time; the others are counted.
func (v *visitState) decided() bool {
	if v.outcome.Action == abi.Route {
		v.readRoute()
	}
	if err := v.outcome.Err; err != nil && broke(err) && v.outcome.Filter.Failures() == 1 && v.trace == nil {
		v.server.config.Logger.Error("filter broke on a visit", "error", err)
	}
	return v.outcome.Action != abi.Pass
}

// broke reports whether an outcome's error is of a filter that was called.
func broke(err error) bool {
	return err != abi.ErrTooLarge && err != wasm.ErrTripped && err != wasm.ErrNoInstance //nolint:errorlint // as outcomes hold them
}

func (v *visitState) askChain(from int) wasm.Outcome {
	if v.trace == nil {
		return v.slot.Run(v.chain, from)
	}
	for place := from; place < v.chain.Len(); place++ {
		if outcome := v.explainFilter(place, nil); outcome.Action != abi.Pass || outcome.Err != nil {
			return outcome
		}
	}
	return wasm.Outcome{Action: abi.Pass, At: v.chain.Len()}
}

func (v *visitState) askBound(b *boundFilter) wasm.Outcome {
	if v.trace == nil {
		return v.slot.Call(v.chain, b.place, b.params)
	}
	return v.explainFilter(b.place, b.params)
}

// readRoute checks where a filter routes the visit; a bad URL is the filter's
// failure. What was checked last in this slot, with the same domains, needs no
// second look: most filters lead to few places.
func (v *visitState) readRoute() {
	if v.trace == nil && v.world == v.routeIn && bytes.Equal(v.outcome.URL, v.routeFrom) {
		v.slot.Accept(v.chain, &v.outcome)
		return
	}
	v.routeIn = nil
	destination, err := link.ParseDestination(string(v.outcome.URL), link.DestinationPolicy{OwnDomains: v.world.owns})
	switch {
	case err == nil:
		v.route = append(v.route[:0], destination.URL...)
		if v.trace == nil {
			v.routeIn, v.routeFrom = v.world, append(v.routeFrom[:0], v.outcome.URL...)
			v.slot.Accept(v.chain, &v.outcome)
		}
	case v.trace != nil:
		v.outcome = v.explainFailure(err)
	default:
		v.outcome = v.slot.Fail(v.chain, v.outcome, err)
	}
}
