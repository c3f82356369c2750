package link

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// MaxURL is the length of the longest destination in bytes, in canonical form.
const MaxURL = 8192

// neverSchemes run code in the page or browser that follows them, read local
// files or drive the browser itself; no administrator can enable them.
var neverSchemes = []string{
	"about", "blob", "chrome", "chrome-extension", "chrome-untrusted", "content", "data", "devtools", "edge", "feed",
	"file", "filesystem", "hcp", "jar", "javascript", "livescript", "mhtml", "mk", "mocha", "moz-extension", "ms-its",
	"ms-msdt", "res", "resource", "safari-web-extension", "search-ms", "shell", "vbscript", "view-source", "wyciwyg",
}

// What browsers percent-encode in each part of a URL beside controls, space and
// non-ASCII (WHATWG URL, percent-encode sets).
const (
	encodeInPath     = "\"<>^`{}"
	encodeInQuery    = "\"<>"
	encodeInFragment = "\"<>`"
)

// DestinationPolicy is what a cluster allows links to point to.
type DestinationPolicy struct {
	// Schemes are the app schemes that links may use beside http and https,
	// without colon; none by default. Those that run code never work.
	Schemes []string
	// OwnDomains reports whether a host, without port, is one we answer, so
	// that a link to it would lead back here. nil = none is.
	OwnDomains func(Domain) bool
}

// Destination is where a link leads.
type Destination struct {
	// URL is the canonical form: stored, and served as it is. It is ASCII and
	// passes SafeLocation.
	URL string
	// Host is the canonical host; "" for app schemes.
	Host Domain
	// HostUnicode is the host as people read it; "" for app schemes.
	HostUnicode string
	// MixedScript says that a label of the host mixes scripts that no language
	// mixes, as in a name made to look like another.
	MixedScript bool
}

// ParseDestination returns the canonical form of an absolute URL. The error is
// a *FieldError for the field "url".
//
// White space around it is removed. The scheme is lower-cased; of http and
// https URLs also the host, which becomes punycode and loses a dot at its end,
// while a default port is dropped and an empty path becomes "/". Non-ASCII
// characters, spaces and what browsers encode in each part is percent-encoded.
// Percent-encoding that is there stays exactly as it is, and so do dot
// segments, the query's order and the fragment. A "%" that encodes nothing
// becomes "%25" in path and fragment, where it breaks parsers, and stays in
// the query, where old servers give "%u4E2D" a meaning.
//
// %0D, %0A and %00 are kept after the host: they are three harmless ASCII
// characters each in a Location header, and only the destination decodes them.
// No host may have them.
//
// Hosts of app schemes are compared by apps as they are written, so they stay
// as they are.
func ParseDestination(raw string, policy DestinationPolicy) (Destination, error) {
	destination, err := parseDestination(raw, policy)
	if err != nil {
		return Destination{}, err
	}
	return destination, nil
}

func parseDestination(raw string, policy DestinationPolicy) (Destination, *FieldError) {
	s := strings.TrimSpace(raw)
	if err := checkURLText(s); err != nil {
		return Destination{}, err
	}
	scheme, rest, err := cutScheme(s)
	if err != nil {
		return Destination{}, err
	}
	var d Destination
	switch {
	case scheme == "http" || scheme == "https":
		d, err = parseWeb(s, scheme, rest, policy)
	case slices.Contains(neverSchemes, scheme):
		return Destination{}, refuseURL(s, fmt.Sprintf("has the scheme %s:, which no link may have", scheme), "use https://")
	case slices.ContainsFunc(policy.Schemes, func(enabled string) bool { return strings.EqualFold(enabled, scheme) }):
		d, err = parseApp(s, scheme, rest)
	default:
		return Destination{}, refuseScheme(s, scheme, rest)
	}
	if err == nil && len(d.URL) > MaxURL {
		err = refuseURL(s, fmt.Sprintf("is %d bytes long when encoded", len(d.URL)), fmt.Sprintf("use at most %d bytes", MaxURL))
	}
	if err != nil {
		return Destination{}, err
	}
	return d, nil
}

// checkURLText refuses what may stand nowhere in a URL.
func checkURLText(s string) *FieldError {
	switch {
	case s == "":
		return refuseURL(s, "is missing", "give an address that begins with https:// or http://")
	case len(s) > MaxURL:
		return refuseURL(s, fmt.Sprintf("is %d bytes long", len(s)), fmt.Sprintf("use at most %d bytes", MaxURL))
	case !utf8.ValidString(s):
		return refuseURL(s, "is not valid UTF-8", "percent-encode bytes of other encodings, like %D6%D0")
	case strings.Contains(s, `\`):
		return refuseURL(s, "contains a backslash", "write / between parts of the address, or %5C inside one")
	}
	if reason := firstOf(s, unfit); reason != "" {
		return refuseURL(s, reason, "remove it, or percent-encode it where it is meant")
	}
	return nil
}

// cutScheme splits s after its scheme, which it lower-cases.
func cutScheme(s string) (scheme, rest string, err *FieldError) {
	n := schemeLen(s)
	if n == 0 {
		hint := "begin it with https:// or http://"
		if strings.HasPrefix(s, "//") {
			hint = "write https:" + withoutUserinfo(s)
		} else if i := strings.IndexAny(s, "./"); i > 0 && s[i] == '.' {
			hint = "write https://" + withoutUserinfo(s)
		}
		return "", "", refuseURL(s, "has no scheme", shorten(hint))
	}
	return lowerASCII(s[:n]), s[n+1:], nil
}

// schemeLen returns the length of the scheme that s begins with and a colon
// follows (RFC 3986, 3.1), 0 when there is none.
func schemeLen[T string | []byte](s T) int {
	for i := range len(s) {
		switch c := s[i]; {
		case c|0x20 >= 'a' && c|0x20 <= 'z':
		case i > 0 && (c >= '0' && c <= '9' || c == '+' || c == '-' || c == '.'):
		case c == ':':
			return i
		default:
			return 0
		}
	}
	return 0
}

func refuseScheme(s, scheme, rest string) *FieldError {
	if rest != "" && rest[0] >= '0' && rest[0] <= '9' && (scheme == "localhost" || strings.Contains(scheme, ".")) {
		return refuseURL(s, "has no scheme", shorten("write https://"+withoutUserinfo(s)))
	}
	return refuseURL(s, fmt.Sprintf("has the scheme %s:, which is not enabled", scheme),
		"use https://, or have an administrator enable this app scheme")
}

// parseWeb parses what follows "http:" or "https:".
func parseWeb(s, scheme, rest string, policy DestinationPolicy) (Destination, *FieldError) {
	authority, tail, found := cutAuthority(rest)
	if !found || authority == "" {
		return Destination{}, refuseURL(s, "has no host", "write "+scheme+"://, the host and the path, with two slashes exactly")
	}
	if err := refuseUserinfo(s, authority); err != nil {
		return Destination{}, err
	}
	host, port, err := splitHostPort(s, scheme, authority)
	if err != nil {
		return Destination{}, err
	}
	if policy.OwnDomains != nil && ownHost(host, policy.OwnDomains) {
		return Destination{}, refuseURL(s, "leads back to one of our own domains ("+string(host)+")",
			"give the address that visitors should reach in the end")
	}
	b := make([]byte, 0, len(s)+8)
	b = append(b, scheme...)
	b = append(b, "://"...)
	b = append(b, host...)
	if port != "" {
		b = append(b, ':')
		b = append(b, port...)
	}
	if !strings.HasPrefix(tail, "/") {
		b = append(b, '/')
	}
	b = appendTail(b, tail)
	shown := host.Unicode()
	return Destination{URL: string(b), Host: host, HostUnicode: shown, MixedScript: mixesScripts(shown)}, nil
}

// parseApp parses what follows the scheme of an app.
func parseApp(s, scheme, rest string) (Destination, *FieldError) {
	if rest == "" {
		return Destination{}, refuseURL(s, "ends after its scheme", "say where in the app it leads")
	}
	authority, tail, found := cutAuthority(rest)
	if err := refuseUserinfo(s, authority); err != nil {
		return Destination{}, err
	}
	if i := strings.IndexAny(authority, " \"<>[]^`{|}"); i >= 0 {
		return Destination{}, refuseURL(s, fmt.Sprintf("has %q in its host", authority[i:i+1]), "check what follows ://")
	}
	b := make([]byte, 0, len(s)+8)
	b = append(b, scheme...)
	b = append(b, ':')
	if found {
		b = append(b, "//"...)
		b = appendEncoded(b, authority, "", true)
	}
	return Destination{URL: string(appendTail(b, tail))}, nil
}

// cutAuthority splits "//authority" from the path, query and fragment.
func cutAuthority(rest string) (authority, tail string, found bool) {
	rest, found = strings.CutPrefix(rest, "//")
	if !found {
		return "", rest, false
	}
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		return rest[:i], rest[i:], true
	}
	return rest, "", true
}

// refuseUserinfo refuses a user name or password.
func refuseUserinfo(s, authority string) *FieldError {
	if !strings.Contains(authority, "@") {
		return nil
	}
	return refuseURL(s, "has a user name or password before its host", "remove everything between // and the last @, and the @")
}

// splitHostPort returns the canonical host, and the port unless it is the
// scheme's own.
func splitHostPort(s, scheme, authority string) (Domain, string, *FieldError) {
	var host Domain
	var err *FieldError
	after, bracketed := strings.CutPrefix(authority, "[")
	if bracketed {
		inner, port, closed := strings.Cut(after, "]")
		if !closed || strings.ContainsAny(port, "[]") || port != "" && port[0] != ':' {
			return "", "", refuseURL(s, "has brackets that enclose no IPv6 address", "write it like http://[2001:db8::1]:8080/")
		}
		host, err = parseIPv6("url", s, inner)
		after = port
	} else {
		name, _, _ := strings.Cut(authority, ":")
		after = authority[len(name):]
		if strings.ContainsAny(authority, "[]") || strings.Count(after, ":") > 1 {
			return "", "", refuseURL(s, "has a host with brackets or colons in it", "write IPv6 addresses in brackets, like http://[2001:db8::1]/")
		}
		if name == "" {
			return "", "", refuseURL(s, "has no host", "name the host after "+scheme+"://")
		}
		host, err = canonicalHost("url", name)
		host = Domain(strings.TrimSuffix(string(host), "."))
	}
	if err != nil {
		err.Value = refuseURL(s, "", "").Value // the whole URL says more than the host alone
		return "", "", err
	}
	if after == "" {
		return host, "", nil
	}
	port, ok := canonicalPort(after[1:])
	if !ok {
		return "", "", refuseURL(s, "has an invalid port", "use a number from 1 to 65535, or leave out the colon")
	}
	if scheme == "http" && port == "80" || scheme == "https" && port == "443" {
		port = ""
	}
	return host, port, nil
}

func canonicalPort(s string) (string, bool) {
	if s == "" || len(s) > 5 || strings.Trim(s, "0123456789") != "" {
		return "", false
	}
	n, err := strconv.Atoi(s)
	return strconv.Itoa(n), err == nil && n >= 1 && n <= 65535
}

// ownHost asks own about host, and about the IPv4 address it maps to IPv6.
func ownHost(host Domain, own func(Domain) bool) bool {
	if own(host) {
		return true
	}
	if !strings.HasPrefix(string(host), "[") {
		return false
	}
	addr, err := netip.ParseAddr(strings.Trim(string(host), "[]"))
	return err == nil && addr.Is4In6() && own(Domain(addr.Unmap().String()))
}

// appendTail appends path, query and fragment, each encoded by its own rules.
func appendTail(b []byte, tail string) []byte {
	tail, fragment, hasFragment := strings.Cut(tail, "#")
	path, query, hasQuery := strings.Cut(tail, "?")
	b = appendEncoded(b, path, encodeInPath, true)
	if hasQuery {
		b = append(b, '?')
		b = appendEncoded(b, query, encodeInQuery, false)
	}
	if hasFragment {
		b = append(b, '#')
		b = appendEncoded(b, fragment, encodeInFragment, true)
	}
	return b
}

// appendEncoded percent-encodes spaces, non-ASCII bytes and the characters of
// encode; with repair also a "%" that two hexadecimal digits do not follow.
func appendEncoded(b []byte, s, encode string, repair bool) []byte {
	for i := range len(s) {
		c := s[i]
		if c <= ' ' || c >= 0x7f || strings.IndexByte(encode, c) >= 0 ||
			c == '%' && repair && (i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2])) {
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
		} else {
			b = append(b, c)
		}
	}
	return b
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f'
}

// refuseURL returns the FieldError for a URL, whose user name and password it
// does not repeat.
func refuseURL(s, reason, hint string) *FieldError {
	return refuse("url", withoutUserinfo(s), reason, hint)
}

// withoutUserinfo masks what stands where a user name and password would, also
// in URLs that are written wrongly.
func withoutUserinfo(s string) string {
	start := schemeLen(s)
	if start > 0 {
		start++ // the colon
	}
	rest := strings.TrimLeft(s[start:], `/\`)
	if len(rest) == len(s)-start {
		return s
	}
	end := strings.IndexAny(rest, `/\?#`)
	if end < 0 {
		end = len(rest)
	}
	at := strings.LastIndexByte(rest[:end], '@')
	if at < 0 {
		return s
	}
	return s[:len(s)-len(rest)] + "***" + rest[at:]
}

// shorten keeps a hint that repeats an address to a readable length.
func shorten(hint string) string { return refuse("", hint, "", "").Value }
