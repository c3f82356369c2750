package link

import (
	"net/netip"
	"strings"
	"unicode/utf8"

	"golang.org/x/net/idna"
)

// maxDomain and maxLabel are the limits of DNS, in bytes (RFC 1035, 2.3.4).
const (
	maxDomain = 253
	maxLabel  = 63
)

// Domain is a host without port in canonical form: lower-case ASCII, IDN as
// punycode, no dot at its end; or an IPv4 address; or an IPv6 address in
// brackets, as in a URL and in a Host header.
type Domain string

// hostProfile maps hosts as browsers do (UTS #46, non-transitional), with the
// checks for joiners and right-to-left text. It lets through what real hosts
// have and registries refuse: hyphens in third place and underscores;
// checkHostASCII bounds the latter.
var hostProfile = idna.New(
	idna.MapForLookup(),
	idna.Transitional(false),
	idna.CheckHyphens(false),
	idna.StrictDomainName(false),
	idna.BidiRule(),
)

// ParseDomain returns the canonical form of a host: a DNS name, "localhost" or
// an IP address (IPv6 with or without brackets). It refuses ports and a dot at
// the end. The error is a *FieldError.
func ParseDomain(s string) (Domain, error) {
	domain, err := parseDomain(s)
	if err != nil {
		return "", err
	}
	return domain, nil
}

func parseDomain(s string) (Domain, *FieldError) {
	if s == "" {
		return "", refuse("domain", s, "is missing", "name the host, for example go.example.com")
	}
	if strings.HasPrefix(s, "[") || strings.Count(s, ":") > 1 {
		inner := s
		if strings.HasPrefix(s, "[") {
			inner = strings.TrimSuffix(s[1:], "]")
			if len(inner) != len(s)-2 {
				return "", refuse("domain", s, "is no IPv6 address in brackets", "write it like [2001:db8::1], without a port")
			}
		}
		return parseIPv6("domain", s, inner)
	}
	if strings.Contains(s, "://") {
		return "", refuse("domain", s, "is a URL", "give the host alone, for example go.example.com")
	}
	if strings.Contains(s, ":") {
		return "", refuse("domain", s, "has a port", "give the host alone; every port of it answers the same links")
	}
	host, err := canonicalHost("domain", s)
	if err != nil {
		return "", err
	}
	if strings.HasSuffix(string(host), ".") {
		return "", refuse("domain", s, "ends with a dot", "leave the dot out")
	}
	return host, nil
}

// Unicode returns the domain as people read it, IDN labels decoded; the
// canonical form itself when it does not decode.
func (d Domain) Unicode() string {
	if !strings.Contains(string(d), "xn--") {
		return string(d)
	}
	u, err := hostProfile.ToUnicode(string(d))
	if err != nil {
		return string(d)
	}
	return u
}

// parseIPv6 reads an IPv6 address without brackets and zone.
func parseIPv6(field, shown, s string) (Domain, *FieldError) {
	addr, err := netip.ParseAddr(s)
	if err != nil || !addr.Is6() || addr.Zone() != "" {
		return "", refuse(field, shown, "has an invalid IPv6 address", "write it like [2001:db8::1], without a zone")
	}
	return Domain("[" + addr.String() + "]"), nil
}

// canonicalHost maps a DNS name or IPv4 address to lower-case ASCII and checks
// it. One dot at its end is kept, for the caller to judge. A host whose last
// label is a number must be a plain IPv4 address: browsers read 127.1,
// 2130706433 and 0x7f.1 as 127.0.0.1 (WHATWG URL, "ends in a number"), and
// such spellings serve only to hide it.
func canonicalHost(field, s string) (Domain, *FieldError) {
	if !utf8.ValidString(s) {
		return "", refuse(field, s, "is not valid UTF-8", "write it in UTF-8 or punycode")
	}
	if reason := firstOf(s, unfit); reason != "" {
		return "", refuse(field, s, reason, "remove it")
	}
	host := lowerASCII(s)
	if needsIDNA(host) {
		mapped, err := hostProfile.ToASCII(host)
		if err != nil {
			return "", refuse(field, s, "has an invalid internationalised host name", "check its spelling")
		}
		shown, err := hostProfile.ToUnicode(mapped)
		if err != nil || !onlyHostASCII(shown) {
			return "", refuse(field, s, "has an invalid internationalised host name", "check its spelling")
		}
		host = mapped
	}
	if !onlyHostASCII(host) {
		return "", refuse(field, s, "has a character that no host may have",
			"use letters, digits, hyphens and dots")
	}
	name := strings.TrimSuffix(host, ".")
	if len(name) == 0 || len(name) > maxDomain {
		return "", refuse(field, s, "has a host that is empty or longer than 253 bytes", "check its spelling")
	}
	last := ""
	for last = range strings.SplitSeq(name, ".") {
		if last == "" || len(last) > maxLabel {
			return "", refuse(field, s, "has a host with an empty label or one longer than 63 bytes", "check its dots")
		}
	}
	if isNumber(last) {
		if addr, err := netip.ParseAddr(name); err != nil || !addr.Is4() {
			return "", refuse(field, s, "has a host that ends in a number and is no IPv4 address",
				"write the address as four decimal numbers, like 192.0.2.1")
		}
	}
	return Domain(host), nil
}

// needsIDNA reports whether a lower-case host has anything to map or decode.
func needsIDNA(host string) bool {
	for i := range len(host) {
		if host[i] >= utf8.RuneSelf {
			return true
		}
	}
	return strings.Contains(host, "xn--")
}

// onlyHostASCII reports whether every ASCII character of host may be in a host.
func onlyHostASCII(host string) bool {
	for i := range len(host) {
		c := host[i]
		if c < utf8.RuneSelf && (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '.' && c != '_' {
			return false
		}
	}
	return true
}

// isNumber reports whether browsers take a label for a number: decimal or
// octal digits, or 0x and hexadecimal digits.
func isNumber(label string) bool {
	if hex, found := strings.CutPrefix(label, "0x"); found {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return strings.Trim(label, "0123456789") == ""
}

// lowerASCII lower-cases ASCII letters alone.
func lowerASCII(s string) string {
	for i := range len(s) {
		if c := s[i]; c >= 'A' && c <= 'Z' {
			b := []byte(s)
			for j := i; j < len(b); j++ {
				if b[j] >= 'A' && b[j] <= 'Z' {
					b[j] += 'a' - 'A'
				}
			}
			return string(b)
		}
	}
	return s
}
