package edge

import (
	"bytes"

	"github.com/valyala/fasthttp"

	"suodi/wasm/abi"
	"suodi/wasm/visit"
)

// gatherFacts fills in what the chain's filters need, and the platforms, which
// are counted and which pages speak of.
func (v *visitState) gatherFacts() bool {
	need := v.chain.Needs() | abi.FactPlatforms
	facts := &v.slot.Visit
	header := &v.ctx.Request.Header
	readEvidence(&v.evidence, header)
	v.server.classifier.Classify(&v.evidence, need, facts)
	if need&abi.FactLink != 0 {
		facts.Facts |= abi.FactLink
		facts.Allow, facts.Guard = abi.Set{}, abi.Set{}
		if v.record.HasSets() {
			facts.Allow, facts.Guard = abi.Set(v.record.Allow()), abi.Set(v.record.Guard())
		}
	}
	if rare := need &^ (abi.FactPlatforms | abi.FactVersions | abi.FactLink); rare != 0 {
		v.gatherRare(rare, header)
	}
	return true
}

// readEvidence finds what a client says of itself, the first of each header. One
// walk over them all is quicker than a Peek for each, which spells its name anew.
func readEvidence(e *visit.Evidence, header *fasthttp.RequestHeader) {
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
		default:
			continue
		}
		if *at == nil {
			*at = value
		}
	}
}

// gatherRare fills in the facts that few filters need.
func (v *visitState) gatherRare(need abi.Facts, header *fasthttp.RequestHeader) {
	facts := &v.slot.Visit
	if need&abi.FactClock != 0 {
		now := v.server.now().UTC()
		facts.Time = now.Unix()
		facts.Hour = uint8(now.Hour())
		facts.Weekday = uint8((now.Weekday()+6)%7 + 1) // Sunday is 7
		facts.Date = uint32(now.Year()*10_000 + int(now.Month())*100 + now.Day())
	}
	if need&abi.FactIP != 0 {
		facts.IP = v.client().As16()
	}
	facts.Country = [2]byte{'Z', 'Z'}
	facts.Region = nil
	facts.Host = v.domain.name
	facts.Slug = v.slug
	facts.Path = header.RequestURI()
	if at := bytes.IndexByte(facts.Path, '?'); at >= 0 {
		facts.Path = facts.Path[:at]
	}
	facts.Query = v.query
	facts.UserAgent = v.evidence.UserAgent
	if need&abi.FactLanguage != 0 {
		facts.Language = firstLanguage(header.Peek(fasthttp.HeaderAcceptLanguage))
	}
	if need&abi.FactReferrer != 0 {
		facts.Referrer = header.Referer()
	}
	if need&abi.FactRequestedWith != 0 {
		facts.RequestedWith = v.evidence.RequestedWith
	}
	// The visit hash needs a key that all edges share; without one it is absent.
	facts.Facts |= need &^ abi.FactHash
}

// firstLanguage returns the first tag of an Accept-Language header.
func firstLanguage(header []byte) []byte {
	if at := bytes.IndexAny(header, ",;"); at >= 0 {
		header = header[:at]
	}
	return bytes.TrimSpace(header)
}
