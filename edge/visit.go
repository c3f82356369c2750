package edge

import (
	"net/netip"
	"runtime/debug"

	"github.com/valyala/fasthttp"

	"suodi/control/link"
	"suodi/edge/page"
	"suodi/wasm"
	"suodi/wasm/abi"
	"suodi/wasm/visit"
)

// visitState is one visit on its way. There is one a slot, reused, so that a
// visit allocates nothing; its slices borrow from the request and from its own
// buffers.
type visitState struct {
	server *Server
	ctx    *fasthttp.RequestCtx
	slot   *wasm.Slot
	world  *world
	chain  *wasm.Chain

	domain   *domain
	slug     []byte
	query    []byte
	address  netip.Addr // the visitor's, once client has found it
	key      []byte
	record   link.Record
	evidence visit.Evidence
	outcome  wasm.Outcome
	target   []byte
	answer   answer

	decoded [4 * link.MaxSlug]byte // the path, percent-decoded; normalizing may shorten it
	host    [260]byte              // the host, in lower case
	keyRoom [260 + link.MaxSlug + 2]byte
	page    []byte

	shortURL []byte // as a guide shows it
	route    []byte // where a filter routes the visit, checked

	count counters
}

// serve is the life of a visit. Each step either lets the visit go on or has
// answered it.
func (s *Server) serve(ctx *fasthttp.RequestCtx) {
	slot := s.host.Acquire(ctx.ConnID())
	v := &s.visits[slot.Index]
	v.begin(s, ctx, slot)
	defer v.end()

	_ = v.checkRate() && // not too many from one address
		v.readKey() && // host → domain, path → slug
		v.lookUp() && // the link's record
		v.checkState() && // paused, archived, expired
		v.gatherFacts() && // what filters need, and no more
		v.runFilters() && // the first verdict that is not pass
		v.chooseTarget() &&
		v.redirect()
}

// begin makes the visit this slot's.
func (v *visitState) begin(s *Server, ctx *fasthttp.RequestCtx, slot *wasm.Slot) {
	v.server, v.ctx, v.slot, v.world = s, ctx, slot, s.world.Load()
	v.chain = slot.Chain()
	v.answer = answerNone
	v.address = netip.Addr{}
	v.slot.Visit.Facts = 0
}

// end records what became of the visit and gives the slot back. A visit whose
// serving panics is answered with 500, and the others go on.
func (v *visitState) end() {
	if reason := recover(); reason != nil {
		v.server.config.Logger.Error("visit panicked", "reason", reason, "stack", string(debug.Stack()))
		v.ctx.Response.Reset()
		v.ctx.SetStatusCode(fasthttp.StatusInternalServerError)
		v.answer = answerPanic
	}
	if v.server.leaving.Load() {
		v.ctx.SetConnectionClose()
	}
	v.tally()
	if v.server.log != nil {
		v.server.log.note(v)
	}
	slot := v.slot
	v.ctx, v.slot, v.world, v.chain, v.domain, v.record = nil, nil, nil, nil, nil, nil
	slot.Release()
}

// lookUp finds the link's record.
func (v *visitState) lookUp() bool {
	v.key = link.AppendKey(v.keyRoom[:0], v.domain.name, v.slug)
	record, found := v.server.links.Lookup(v.key)
	switch {
	case !found && len(v.domain.notFound) > 0:
		return v.sendElsewhere(v.domain.notFound, answerNotFound)
	case !found:
		return v.showPage(page.NotFound, answerNotFound)
	case record == nil: // of a newer control plane: guessing could break a promise
		return v.showUnavailable(answerUnusable)
	}
	v.record = record
	return true
}

// checkState answers links that do not redirect now.
func (v *visitState) checkState() bool {
	switch v.record.State() {
	case link.StateActive:
	case link.StatePaused:
		return v.showPage(page.Paused, answerPaused)
	default:
		return v.showExpired()
	}
	if at := v.record.NotAfter(); at != 0 && v.server.now().Unix() >= at {
		return v.showExpired()
	}
	return true
}

func (v *visitState) showExpired() bool {
	if fallback := v.record.Fallback(); len(fallback) > 0 {
		return v.sendElsewhere(fallback, answerExpired)
	}
	return v.showPage(page.Expired, answerExpired)
}

// runFilters runs the chain and answers what it does not let pass.
func (v *visitState) runFilters() bool {
	for from := 0; ; from = v.outcome.At + 1 {
		v.outcome = v.slot.Run(v.chain, from)
		if v.outcome.Action == abi.Route {
			v.readRoute()
		}
		if v.outcome.Err == nil || v.outcome.Err == abi.ErrTooLarge { //nolint:errorlint // hot path; Run never wraps it
			break
		}
		name, filter := v.chain.At(v.outcome.At)
		if filter.Failures() == 1 { // the others are counted
			v.server.config.Logger.Error("filter broke on a visit", "error", v.outcome.Err)
		}
		// Where the filter fails open the next one decides. The platform filter
		// has nothing to say about a link without sets, so nothing is lost with
		// it there.
		if v.outcome.Action == abi.Deny && (name != platformFilter || v.record.HasSets()) {
			break
		}
	}
	switch {
	case v.outcome.Err == abi.ErrTooLarge: //nolint:errorlint // as above
		return v.showBadRequest(fasthttp.StatusRequestHeaderFieldsTooLarge)
	case v.outcome.Action == abi.Deny:
		return v.showVerdict(page.Refused, answerRefused)
	case v.outcome.Action == abi.Guide:
		return v.showVerdict(page.Guide, answerGuided)
	}
	return true
}

// readRoute checks where a filter routes the visit; a bad URL is the filter's
// failure.
func (v *visitState) readRoute() {
	destination, err := link.ParseDestination(string(v.outcome.URL), link.DestinationPolicy{OwnDomains: v.world.owns})
	if err != nil {
		v.outcome = v.slot.Fail(v.chain, v.outcome, err)
		return
	}
	v.route = append(v.route[:0], destination.URL...)
}

// chooseTarget says where the visit goes.
func (v *visitState) chooseTarget() bool {
	v.target = v.record.Destination()
	if v.outcome.Action == abi.Route {
		v.target = v.route
	}
	return true
}
