package edge

import (
	"net/netip"
	"runtime/debug"
	"time"

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
	bound    [2 * link.MaxFilters]boundFilter
	bindings int // of bound
	outcome  wasm.Outcome
	target   []byte
	answer   answer
	trace    *trace // nil but for a visit that is to be explained

	decoded [4 * link.MaxSlug]byte // the path, percent-decoded; normalizing may shorten it
	host    [260]byte              // the host, in lower case
	keyRoom [260 + link.MaxSlug + 2]byte
	page    []byte

	shortURL []byte // as a guide shows it
	route    []byte // where a filter routes the visit, checked

	routeFrom []byte // what the filter gave for route
	routeIn   *world // with whose domains it was checked; nil: it was not

	count counters
}

// life is what a visit goes through. Each step either lets it go on or has
// answered it.
var life = [...]struct {
	name string
	take func(*visitState) bool
}{
	{"rate", (*visitState).checkRate},      // not too many from one address
	{"key", (*visitState).readKey},         // host → domain, path → slug
	{"link", (*visitState).lookUp},         // the link's record
	{"state", (*visitState).checkState},    // paused, archived, expired
	{"facts", (*visitState).gatherFacts},   // what filters need, and no more
	{"filters", (*visitState).runFilters},  // the first verdict that is not pass
	{"target", (*visitState).chooseTarget}, // where it goes
	{"redirect", (*visitState).redirect},
}

// serve is the life of a visit.
func (s *Server) serve(ctx *fasthttp.RequestCtx) { s.serveTraced(ctx, nil) }

// serveTraced is serve for a visit that may have to be explained.
func (s *Server) serveTraced(ctx *fasthttp.RequestCtx, t *trace) {
	slot := s.host.Acquire(ctx.ConnID())
	v := &s.visits[slot.Index]
	v.begin(s, ctx, slot, t)
	defer v.end()
	for i := range life {
		if v.trace != nil {
			if !v.takeTraced(life[i].name, life[i].take) {
				break
			}
		} else if !life[i].take(v) {
			break
		}
	}
	if v.trace == nil && v.slot.Visit.Facts != 0 {
		s.samples.take(v)
	}
}

func (v *visitState) takeTraced(name string, take func(*visitState) bool) bool {
	defer v.trace.step(name, time.Now())
	return take(v)
}

// begin makes the visit this slot's.
func (v *visitState) begin(s *Server, ctx *fasthttp.RequestCtx, slot *wasm.Slot, t *trace) {
	v.server, v.ctx, v.slot, v.world = s, ctx, slot, s.world.Load()
	v.chain = slot.Chain()
	v.answer, v.bindings = answerNone, 0
	v.address = netip.Addr{}
	v.slot.Visit.Facts = 0
	why := readEvidence(&v.evidence, &ctx.Request.Header)
	if v.trace = t; t == nil {
		v.trace = s.asks(why)
	}
}

// end records what became of the visit and gives the slot back. A visit whose
// serving panics is answered with 500, and the others go on; one whose record
// the disk fails to give, with 503.
func (v *visitState) end() {
	switch reason := recover(); {
	case reason == nil:
	case v.server.table.Fault(reason):
		v.record = nil // not to be touched again
		v.ctx.Response.Reset()
		v.showUnavailable(answerUnusable)
	default:
		v.server.config.Logger.Error("visit panicked", "reason", reason, "stack", string(debug.Stack()))
		v.ctx.Response.Reset()
		v.ctx.SetStatusCode(fasthttp.StatusInternalServerError)
		v.answer = answerPanic
	}
	if v.trace == nil {
		v.note()
	} else {
		v.endTrace()
	}
	if v.server.leaving.Load() {
		v.ctx.SetConnectionClose()
	}
	slot := v.slot
	v.ctx, v.slot, v.world, v.chain, v.domain, v.record, v.trace = nil, nil, nil, nil, nil, nil, nil
	slot.Release()
}

// note counts the visit and writes it down.
func (v *visitState) note() {
	v.tally()
	if v.server.log != nil {
		v.server.log.note(v)
	}
}

// now is the time of the visit.
func (v *visitState) now() int64 {
	if v.trace != nil && v.trace.told.GetTime() != 0 {
		return v.trace.told.GetTime()
	}
	return v.server.now().Unix()
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
	if at := v.record.NotAfter(); at != 0 && v.now() >= at {
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

// chooseTarget says where the visit goes.
func (v *visitState) chooseTarget() bool {
	v.target = v.record.Destination()
	if v.outcome.Action == abi.Route {
		v.target = v.route
	}
	return true
}
