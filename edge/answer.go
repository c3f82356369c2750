package edge

import (
	"errors"
	"net"
	"strconv"

	"github.com/valyala/fasthttp"

	"suodi/edge/page"
	"suodi/wasm/abi"
	"suodi/wasm/visit"
)

// answer is what became of a visit, as metrics tell it.
type answer uint8

const (
	answerNone       answer = iota
	answerRedirected        // to its destination or a route
	answerGuided
	answerRefused
	answerNotFound
	answerPaused
	answerExpired
	answerRoot
	answerReserved
	answerBad      // malformed, too large
	answerUnusable // a record this program cannot serve
	answerEmpty    // the edge has nothing yet
	answerPanic
	answerLimited // came too fast
	answers       = iota
)

var answerNames = [answers]string{
	"none", "redirected", "guided", "refused", "not_found", "paused", "expired", "root", "reserved",
	"bad_request", "unusable_record", "empty_edge", "panic", "limited",
}

// Header names and values in the form that needs no work.
var (
	headerLocation     = []byte("Location")
	headerCacheControl = []byte("Cache-Control")
	valueNoStore       = []byte("no-store")
	valuePermanent     = []byte("private, max-age=90")
)

// retryAfter is what an edge in trouble asks for, in seconds.
const retryAfter = "5"

// redirect sends the visit to its target.
func (v *visitState) redirect() bool {
	v.answer = answerRedirected
	response := &v.ctx.Response
	status := v.record.Status()
	cache := valueNoStore
	if status == fasthttp.StatusMovedPermanently || status == fasthttp.StatusPermanentRedirect {
		cache = valuePermanent
	}
	response.SetStatusCode(status)
	response.Header.SetCanonical(headerLocation, v.target)
	response.Header.SetCanonical(headerCacheControl, cache)
	return false
}

// sendElsewhere sends a visit whose link does not answer to where its owner
// wants it.
func (v *visitState) sendElsewhere(url []byte, a answer) bool {
	v.answer = a
	response := &v.ctx.Response
	response.SetStatusCode(fasthttp.StatusFound)
	response.Header.SetCanonical(headerLocation, url)
	response.Header.SetCanonical(headerCacheControl, valueNoStore)
	return false
}

// sendEmpty answers with a status and nothing else.
func (v *visitState) sendEmpty(status int, a answer) bool {
	v.answer = a
	v.ctx.Response.SetStatusCode(status)
	v.ctx.Response.Header.SetCanonical(headerCacheControl, valueNoStore)
	return false
}

// sendRobots lets crawlers follow links as people do.
func (v *visitState) sendRobots() bool {
	v.answer = answerReserved
	v.ctx.SetContentType("text/plain; charset=utf-8")
	v.ctx.SetBodyString("User-agent: *\nDisallow:\n")
	return false
}

// showPage answers with a page.
func (v *visitState) showPage(kind page.Kind, a answer) bool {
	return v.show(kind, a, page.Data{Lang: v.lang()})
}

// lang is the language that the visitor's pages speak.
func (v *visitState) lang() page.Lang {
	return page.Language(v.ctx.Request.Header.Peek(fasthttp.HeaderAcceptLanguage))
}

// showUnavailable answers a visit that this edge cannot serve now.
func (v *visitState) showUnavailable(a answer) bool {
	v.ctx.Response.Header.Set("Retry-After", retryAfter)
	return v.showPage(page.Unavailable, a)
}

// showBadRequest answers a request that asks for no link.
func (v *visitState) showBadRequest(status int) bool {
	v.showPage(page.BadRequest, answerBad)
	v.ctx.SetStatusCode(status)
	return false
}

// showVerdict answers what a filter did not let pass. People and crawlers get
// the same: the page speaks of the app in the visit's set, never of the bot.
func (v *visitState) showVerdict(kind page.Kind, a answer) bool {
	lang := v.lang()
	data := page.Data{Lang: lang}
	if v.outcome.Code != 0 {
		text := v.outcome.Filter.Manifest().Codes[strconv.FormatUint(uint64(v.outcome.Code), 10)]
		if text.Page == abi.PageNotFound && v.outcome.Action == abi.Deny {
			return v.showPage(page.NotFound, a)
		}
		if data.Reason = text.En; lang == page.Chinese && text.Zh != "" || text.En == "" {
			data.Reason = text.Zh
		}
	}
	for n := range v.world.names {
		if number := uint8(n); v.world.apps.Has(number) && v.slot.Visit.Platforms.Has(number) {
			data.Platform = v.world.names[number].id
			if data.Platform != visit.Browser { // no app in particular: the pages have words for it
				data.PlatformName = v.world.names[number].in(lang)
			}
		}
	}
	if kind == page.Guide {
		v.shortURL = append(append(v.shortURL[:0], v.domain.baseURL...), v.ctx.Request.Header.RequestURI()...)
		// Lent until the page is rendered: nobody keeps it.
		data.ShortURL = text(v.shortURL)
	}
	return v.show(kind, a, data)
}

func (v *visitState) show(kind page.Kind, a answer, data page.Data) bool {
	v.answer = a
	if v.domain != nil {
		data.DomainName = v.domain.shown
	}
	response := &v.ctx.Response
	response.SetStatusCode(page.Status(kind))
	for _, h := range v.server.pages.Headers(kind) {
		response.Header.Set(h.Name, h.Value)
	}
	v.page = v.server.pages.Render(v.page[:0], kind, data)
	response.SetBody(v.page)
	return false
}

// refuseRequest answers what fasthttp could not read as a request.
func (s *Server) refuseRequest(ctx *fasthttp.RequestCtx, err error) {
	status := fasthttp.StatusBadRequest
	var small *fasthttp.ErrSmallBuffer
	var network *net.OpError
	switch {
	case errors.As(err, &small):
		status = fasthttp.StatusRequestHeaderFieldsTooLarge
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		status = fasthttp.StatusRequestEntityTooLarge
	case errors.As(err, &network) && network.Timeout():
		status = fasthttp.StatusRequestTimeout
	}
	if status != fasthttp.StatusRequestTimeout { // most of those said nothing at all
		s.metrics.refused.Add(1)
	}
	ctx.Response.Reset()
	for _, h := range s.pages.Headers(page.BadRequest) {
		ctx.Response.Header.Set(h.Name, h.Value)
	}
	ctx.SetStatusCode(status)
	ctx.Response.SetBody(s.pages.Render(nil, page.BadRequest, page.Data{}))
}

// tally counts the visit.
func (v *visitState) tally() {
	v.count.answers[v.answer].Add(1)
	if v.slot.Visit.Facts&abi.FactPlatforms != 0 {
		v.count.platforms[v.slot.Visit.Platform].Add(1)
	}
}
