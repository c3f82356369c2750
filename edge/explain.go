package edge

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/link"
	"suodi/wasm"
	"suodi/wasm/abi"
)

// trace is what a visit that is to be explained writes down on its way. Such a
// visit goes through the same steps as any other but leaves nothing behind.
type trace struct {
	told    *feedpb.ExplainVisit // what is to be assumed; nil: the request itself
	address netip.Addr           // the same; invalid: the request's
	busy    bool                 // too many are explained: this one is not
	feed.Explanation
}

// asks returns a trace for a visit whose header asks for an explanation and was
// signed for this fleet, else nil: others are visits like any.
func (s *Server) asks(header []byte) *trace {
	if len(header) == 0 {
		return nil
	}
	k := s.keys.Load()
	if k == nil || feed.VerifyExplain(k.explain, string(header), s.now()) != nil {
		return nil
	}
	select {
	case s.traced <- struct{}{}:
		return &trace{}
	default:
		return &trace{busy: true}
	}
}

// maxTraced is how many visits may be explained at a time: each holds a slot
// while new instances are made for it, which takes a thousand times a visit's
// time.
const maxTraced = 4

// endTrace answers with the explanation, but for a visit that came too fast to
// be explained.
func (v *visitState) endTrace() {
	if v.answer != answerLimited {
		v.sendExplanation()
	}
	if v.trace.told == nil && !v.trace.busy {
		<-v.server.traced
	}
}

// step notes a step and how long it took.
func (t *trace) step(name string, began time.Time) {
	t.Steps = append(t.Steps, feed.ExplainedStep{Name: name, Nanoseconds: time.Since(began).Nanoseconds()})
}

// explainFilter is Slot.Explain for a place, noted.
func (v *visitState) explainFilter(place int, params []byte) wasm.Outcome {
	e := v.slot.Explain(v.chain, place, params)
	hash := e.Filter.Hash()
	f := feed.ExplainedFilter{
		Name: e.Name, Version: e.Version, Hash: hex.EncodeToString(hash[:]), Canary: e.Canary,
		Action: e.Action.String(), Code: e.Code, Erred: e.Erred, Nanoseconds: e.Took.Nanoseconds(), Rule: e.RuleName,
	}
	if f.Rule == "" && e.Rule > 0 {
		f.Rule = strconv.FormatUint(uint64(e.Rule), 10)
	}
	if reason, ok := e.Filter.Manifest().Codes[strconv.FormatUint(uint64(e.Code), 10)]; ok && e.Code > 0 {
		f.Reason = &reason.Text
	}
	if e.Err != nil {
		f.Error = e.Err.Error()
	}
	v.trace.Filters = append(v.trace.Filters, f)
	return e.Outcome
}

// explainFailure notes that what a filter decided is of no use.
func (v *visitState) explainFailure(reason error) wasm.Outcome {
	outcome := v.outcome
	outcome.Action, outcome.URL, outcome.Code, outcome.Err = abi.Pass, nil, 0, reason
	if outcome.Filter.Manifest().Fail == abi.FailClosed {
		outcome.Action = abi.Deny
	}
	last := &v.trace.Filters[len(v.trace.Filters)-1]
	last.Action, last.Error = outcome.Action.String(), reason.Error()
	return outcome
}

// explain completes the trace with what the visit got.
func (v *visitState) explain() {
	e := &v.trace.Explanation
	e.Edge = v.server.config.ID
	_, e.Revision = v.server.table.Held()
	e.Slug, e.Answer = string(v.slug), strings.ReplaceAll(answerNames[v.answer], "_", "-")
	e.Status = v.ctx.Response.StatusCode()
	e.Location = string(v.ctx.Response.Header.PeekBytes(headerLocation))
	if v.domain != nil {
		e.Domain = string(v.domain.name)
	}
	e.Platforms, e.Facts = []string{}, map[string]any{}
	if e.Filters == nil {
		e.Filters = []feed.ExplainedFilter{}
	}
	if v.record != nil && v.slot.Visit.Facts&abi.FactPlatforms != 0 {
		v.explainFacts(e)
	}
}

// deviceNames are the words of rules for abi.Device.
var deviceNames = [...]string{abi.DeviceUnknown: "unknown", abi.DeviceMobile: "mobile", abi.DeviceTablet: "tablet", abi.DeviceDesktop: "desktop"}

// explainFacts tells what filters were given.
func (v *visitState) explainFacts(e *feed.Explanation) {
	facts, names := &v.slot.Visit, &v.world.names
	e.Platform = names[facts.Platform].id
	for n := range names {
		if facts.Platforms.Has(uint8(n)) && names[n].id != "" {
			e.Platforms = append(e.Platforms, names[n].id)
		}
	}
	for name, value := range map[string]any{
		"os": names[facts.OS].id, "device": deviceNames[min(int(facts.Device), len(deviceNames)-1)], "bot": facts.Bot,
		"browser": string(facts.Browser), "browser_major": facts.BrowserMajor, "os_major": facts.OSMajor,
		"country": string(facts.Country[:]), "region": string(facts.Region), "language": string(facts.Language),
		"date": facts.Date, "hour": facts.Hour, "weekday": facts.Weekday, "time": facts.Time,
		"ip": netip.AddrFrom16(facts.IP).Unmap().String(), "hash": strconv.FormatUint(facts.Hash, 16),
		"host": string(facts.Host), "path": string(facts.Path), "query": string(facts.Query),
		"referrer": string(facts.Referrer), "user_agent": string(facts.UserAgent), "requested_with": string(facts.RequestedWith),
	} {
		e.Facts[name] = value
	}
	if facts.Facts&abi.FactHash == 0 {
		delete(e.Facts, "hash")
	}
}

// sendExplanation answers with the trace in place of what the visit got.
func (v *visitState) sendExplanation() {
	v.explain()
	body, err := json.Marshal(&v.trace.Explanation)
	if err != nil {
		body = []byte(`{}`)
	}
	v.ctx.Response.Reset()
	v.ctx.SetContentType("application/json; charset=utf-8")
	v.ctx.Response.Header.SetCanonical(headerCacheControl, valueNoStore)
	v.ctx.SetBody(body)
}

// Explain serves a visit that control asks about.
func (r *replica) Explain(wait context.Context, told *feedpb.ExplainVisit) (*feed.Explanation, error) {
	t := &trace{told: told}
	if told.GetIp() != "" {
		address, err := netip.ParseAddr(told.GetIp())
		if err != nil {
			return nil, fmt.Errorf("ip %q: want an address", told.GetIp())
		}
		t.address = address.Unmap().WithZone("")
	}
	if country := told.GetCountry(); country != "" && len(country) != 2 {
		return nil, fmt.Errorf("country %q: want two letters", country)
	}
	select {
	case r.server.traced <- struct{}{}:
		defer func() { <-r.server.traced }()
	case <-wait.Done():
		return nil, wait.Err()
	}
	ctx := &fasthttp.RequestCtx{}
	ctx.Init(&fasthttp.Request{}, nil, nil)
	header := &ctx.Request.Header
	header.SetMethod(fasthttp.MethodGet)
	header.SetHost(told.GetDomain())
	header.SetUserAgent(told.GetUserAgent())
	for name, value := range map[string]string{
		"X-Requested-With": told.GetRequestedWith(), "Accept-Language": told.GetLanguage(), "Referer": told.GetReferrer(),
	} {
		if value != "" {
			header.Set(name, value)
		}
	}
	uri := "/" + link.Slug(told.GetSlug()).Escaped()
	if told.GetQuery() != "" {
		uri += "?" + told.GetQuery()
	}
	header.SetRequestURI(uri)
	r.server.serveTraced(ctx, t)
	if t.Answer == "" {
		return nil, errors.New("the visit could not be served")
	}
	return &t.Explanation, nil
}

// Sample returns recent visits.
func (r *replica) Sample(_ context.Context, count int) ([][]byte, error) {
	return r.server.samples.newest(count), nil
}
