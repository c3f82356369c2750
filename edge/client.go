package edge

import (
	"bytes"
	"net/netip"
	"time"
	"unsafe"

	"github.com/valyala/fasthttp"

	"suodi/edge/limit"
	"suodi/edge/page"
)

// client returns the visitor's address: the peer's or, where that is a proxy
// whose word is taken, what it says. It is found once a visit.
func (v *visitState) client() netip.Addr {
	if v.trace != nil && v.trace.address.IsValid() {
		return v.trace.address
	}
	if !v.address.IsValid() {
		v.address = limit.AddressOf(v.ctx.RemoteAddr())
		if len(v.server.config.Proxies) > 0 && v.server.trusts(v.address) {
			v.address = v.forwarded(v.address)
		}
	}
	return v.address
}

// trusts reports whether an address is a proxy's.
func (s *Server) trusts(address netip.Addr) bool {
	for _, network := range s.config.Proxies {
		if network.Contains(address) {
			return true
		}
	}
	return false
}

var headerForwardedFor = []byte("X-Forwarded-For")

// forwarded reads X-Forwarded-For from its end, where the nearest proxy wrote:
// the first address that is no proxy of ours is the visitor's. What stands
// before it anybody may have written.
func (v *visitState) forwarded(nearest netip.Addr) netip.Addr {
	lines := v.ctx.Request.Header.PeekAll(string(headerForwardedFor))
	for i := len(lines) - 1; i >= 0; i-- {
		line := lines[i]
		for len(line) > 0 {
			at := bytes.LastIndexByte(line, ',')
			address, ok := parseForwarded(text(bytes.TrimSpace(line[at+1:])))
			if !ok {
				return nearest
			}
			if nearest = address; !v.server.trusts(nearest) {
				return nearest
			}
			line = line[:max(at, 0)]
		}
	}
	return nearest
}

// parseForwarded reads an address, which some proxies write with its port.
func parseForwarded(entry string) (address netip.Addr, ok bool) {
	address, err := netip.ParseAddr(entry)
	if err != nil {
		var withPort netip.AddrPort
		withPort, err = netip.ParseAddrPort(entry)
		address = withPort.Addr()
	}
	return address.Unmap().WithZone(""), err == nil
}

// text shows bytes as a string for the length of a call that keeps nothing.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// rates are the limits on visits a second; nil is none.
type rates struct {
	all, each *limit.Rate
}

func newRates(config Config) (r rates) {
	if config.Rate > 0 {
		r.all = limit.NewRate(config.Rate, int(2*config.Rate), 1)
	}
	if config.RatePerAddress > 0 {
		r.each = limit.NewRate(config.RatePerAddress, int(2*config.RatePerAddress), 1<<16)
	}
	return r
}

// checkRate answers visits that come too fast.
func (v *visitState) checkRate() bool {
	r := &v.server.rates
	if v.trace != nil && v.trace.busy {
		return v.showUnavailable(answerLimited)
	}
	if r.all == nil && r.each == nil || v.trace != nil && v.trace.told != nil {
		return true
	}
	now := time.Now()
	if r.each != nil {
		if wait, ok := r.each.Allow(v.client(), now); !ok {
			return v.showTooMany(wait)
		}
	}
	if r.all != nil {
		if wait, ok := r.all.Allow(netip.Addr{}, now); !ok {
			return v.showTooMany(wait)
		}
	}
	return true
}

func (v *visitState) showTooMany(wait time.Duration) bool {
	seconds := int64((wait + time.Second - 1) / time.Second)
	v.ctx.Response.Header.SetBytesV(fasthttp.HeaderRetryAfter, fasthttp.AppendUint(nil, int(seconds)))
	return v.showPage(page.TooMany, answerLimited)
}
