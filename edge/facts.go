package edge

import (
	"bytes"

	"github.com/valyala/fasthttp"

	"suodi/control/feed"
	"suodi/wasm/abi"
	"suodi/wasm/visit"
)

// gatherFacts fills in what the visit's filters need, and the platforms, which
// are counted and which pages speak of.
func (v *visitState) gatherFacts() bool {
	need := v.chain.Needs() | v.bind() | abi.FactPlatforms
	if v.trace != nil {
		need = abi.AllFacts
	}
	v.gather(need)
	return true
}

// gather fills in facts.
func (v *visitState) gather(need abi.Facts) {
	facts := &v.slot.Visit
	v.server.classifier.Classify(&v.evidence, need, facts)
	if need&abi.FactLink != 0 {
		facts.Facts |= abi.FactLink
		facts.Allow, facts.Guard = abi.Set{}, abi.Set{}
		if v.record.HasSets() {
			facts.Allow, facts.Guard = abi.Set(v.record.Allow()), abi.Set(v.record.Guard())
		}
	}
	if rare := need &^ (abi.FactPlatforms | abi.FactVersions | abi.FactLink); rare != 0 {
		v.gatherRare(rare)
	}
}

// readEvidence finds what a client says of itself, the first of each header, and
// whether it asks why. One walk over them all is quicker than a Peek for each,
// which spells its name anew.
func readEvidence(e *visit.Evidence, header *fasthttp.RequestHeader) (why []byte) {
	*e = visit.Evidence{UserAgent: header.UserAgent()}
	for name, value := range header.All() {
		var at *[]byte
		switch string(name) {
		case "X-Requested-With":
			at = &e.RequestedWith
		case "Sec-Ch-Ua-Platform":
			at = &e.HintPlatform
		case "Sec-Ch-Ua-Mobile":
			at = &e.HintMobile
		case feed.ExplainHeader:
			at = &why
		default:
			continue
		}
		if *at == nil {
			*at = value
		}
	}
	return why
}

// gatherRare fills in the facts that few filters need.
func (v *visitState) gatherRare(need abi.Facts) {
	facts, header := &v.slot.Visit, &v.ctx.Request.Header
	if need&abi.FactClock != 0 {
		v.domain.clock.Fill(facts, v.now())
	}
	if need&(abi.FactIP|abi.FactCountry|abi.FactHash) != 0 {
		facts.IP = v.client().As16()
	}
	if need&abi.FactCountry != 0 {
		v.readPlace(facts)
	}
	facts.Host = v.domain.name
	facts.Slug = v.slug
	facts.Path = header.RequestURI()
	if at := bytes.IndexByte(facts.Path, '?'); at >= 0 {
		facts.Path = facts.Path[:at]
	}
	facts.Query = v.query
	facts.UserAgent = v.evidence.UserAgent
	facts.RequestedWith = v.evidence.RequestedWith
	if need&abi.FactLanguage != 0 {
		facts.Language = firstLanguage(header.Peek(fasthttp.HeaderAcceptLanguage))
	}
	if need&abi.FactReferrer != 0 {
		facts.Referrer = header.Referer()
	}
	if need&abi.FactHash != 0 {
		// The hash needs a key that all edges share; without one it is absent.
		k := v.server.keys.Load()
		if k == nil {
			need &^= abi.FactHash
		} else {
			facts.Hash = visit.Hash(k.visitHash, v.key, facts.IP, facts.UserAgent)
		}
	}
	facts.Facts |= need
}

// readPlace fills in country and region.
func (v *visitState) readPlace(facts *abi.Visit) {
	if v.trace != nil && v.trace.told.GetCountry() != "" {
		copy(facts.Country[:], bytes.ToUpper([]byte(v.trace.told.GetCountry())))
		facts.Region = nil
		return
	}
	place := v.server.country.Lookup(facts.IP)
	facts.Country, facts.Region = place.Country, place.Region
}

// firstLanguage returns the first tag of an Accept-Language header.
func firstLanguage(header []byte) []byte {
	if at := bytes.IndexAny(header, ",;"); at >= 0 {
		header = header[:at]
	}
	return bytes.TrimSpace(header)
}
