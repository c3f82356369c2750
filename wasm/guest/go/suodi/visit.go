package suodi

import (
	"encoding/binary"
	"net/netip"
	"strconv"
	"strings"
)

// Visit is what is known of one visit. It must not be kept; what its methods
// return may be. Texts are as the client sent them and may be invalid UTF-8. A
// fact that manifest.json does not ask for is zero or empty.
type Visit struct {
	record []byte
}

// NewVisit reads a record as the host writes it, for tests.
func NewVisit(record []byte) *Visit { return &Visit{record: record} }

// Facts is a set of facts.
type Facts uint32

// The facts.
const (
	FactPlatforms Facts = 1 << iota
	FactLink
	FactVersions
	FactCountry
	FactLanguage
	FactClock
	FactIP
	FactHash
	FactHost
	FactSlug
	FactPath
	FactQuery
	FactReferrer
	FactUserAgent
	FactRequestedWith
)

// Device is the form of the visitor's device.
type Device uint8

// The devices.
const (
	DeviceUnknown Device = iota
	DeviceMobile
	DeviceTablet
	DeviceDesktop
)

// Platform is a platform's number.
type Platform uint8

// Set is a set of platforms.
type Set [4]uint64

// Has reports whether a platform is in the set.
func (s Set) Has(p Platform) bool { return s[p>>6]>>(p&63)&1 != 0 }

// Intersects reports whether the sets share a platform.
func (s Set) Intersects(t Set) bool { return s[0]&t[0]|s[1]&t[1]|s[2]&t[2]|s[3]&t[3] != 0 }

// IsEmpty reports whether the set has no platform.
func (s Set) IsEmpty() bool { return s == Set{} }

func (v *Visit) u16(at int) uint16 { return binary.LittleEndian.Uint16(v.record[at:]) }
func (v *Visit) u64(at int) uint64 { return binary.LittleEndian.Uint64(v.record[at:]) }

func (v *Visit) set(at int) Set {
	return Set{v.u64(at), v.u64(at + 8), v.u64(at + 16), v.u64(at + 24)}
}

func (v *Visit) text(at int) string {
	start := int(v.u16(at))
	return string(v.record[start : start+int(v.u16(at+2))])
}

// Facts returns the facts that are present.
func (v *Visit) Facts() Facts { return Facts(binary.LittleEndian.Uint32(v.record[8:])) }

// Platform returns the most specific platform.
func (v *Visit) Platform() Platform { return Platform(v.u16(12)) }

// OS returns the operating system's platform.
func (v *Visit) OS() Platform { return Platform(v.u16(14)) }

// OSMajor returns the operating system's major version, 0 = unknown.
func (v *Visit) OSMajor() int { return int(v.u16(16)) }

// BrowserMajor returns the browser's major version, 0 = unknown.
func (v *Visit) BrowserMajor() int { return int(v.u16(18)) }

// Device returns the form of the device.
func (v *Visit) Device() Device { return Device(v.record[20]) }

// Bot reports whether a robot visits.
func (v *Visit) Bot() bool { return v.record[21] != 0 }

// Weekday returns 1 for Monday … 7 for Sunday, in the domain's time zone.
func (v *Visit) Weekday() int { return int(v.record[22]) }

// Hour returns 0 … 23, in the domain's time zone.
func (v *Visit) Hour() int { return int(v.record[23]) }

// Date returns year, month and day in the domain's time zone.
func (v *Visit) Date() (year, month, day int) {
	date := int(binary.LittleEndian.Uint32(v.record[24:]))
	return date / 10000, date / 100 % 100, date % 100
}

// Country returns two letters, "ZZ" for unknown.
func (v *Visit) Country() string { return string(v.record[28:30]) }

// Time returns seconds since 1970-01-01 UTC.
func (v *Visit) Time() int64 { return int64(v.u64(32)) }

// Hash returns a number that is the same for the same visitor of the same link.
func (v *Visit) Hash() uint64 { return v.u64(40) }

// IP returns the visitor's address.
func (v *Visit) IP() netip.Addr { return netip.AddrFrom16([16]byte(v.record[48:])).Unmap() }

// Platforms returns every platform that the visit stands for.
func (v *Visit) Platforms() Set { return v.set(64) }

// Allow returns the link's allow set.
func (v *Visit) Allow() Set { return v.set(96) }

// Guard returns the link's guard set.
func (v *Visit) Guard() Set { return v.set(128) }

// Browser returns the browser's name.
func (v *Visit) Browser() string { return v.text(160) }

// Region returns the region within the country.
func (v *Visit) Region() string { return v.text(164) }

// Language returns the visitor's preferred language.
func (v *Visit) Language() string { return v.text(168) }

// Host returns the host that was visited.
func (v *Visit) Host() string { return v.text(172) }

// Slug returns the link's slug.
func (v *Visit) Slug() string { return v.text(176) }

// Path returns the path of the request.
func (v *Visit) Path() string { return v.text(180) }

// Query returns the query without the question mark.
func (v *Visit) Query() string { return v.text(184) }

// Referrer returns the page that the visitor came from.
func (v *Visit) Referrer() string { return v.text(188) }

// UserAgent returns what the browser says of itself.
func (v *Visit) UserAgent() string { return v.text(192) }

// RequestedWith returns the Android package whose web view visits.
func (v *Visit) RequestedWith() string { return v.text(196) }

// QueryValue returns the first value of a name in the query, as it was sent
// (percent-encoded).
func (v *Visit) QueryValue(name string) (value string, ok bool) {
	for pair := range strings.SplitSeq(v.Query(), "&") {
		if key, value, _ := strings.Cut(pair, "="); key == name {
			return value, true
		}
	}
	return "", false
}

// Params returns all params as JSON, in canonical form: no white space, nothing
// escaped.
func (v *Visit) Params() string { return v.text(200) }

// param returns a parameter's value as JSON. A key is told from a text by the
// colon: no text holds a quotation mark.
func (v *Visit) param(name string) string {
	_, value, ok := strings.Cut(v.Params(), `"`+name+`":`)
	if !ok {
		return ""
	}
	if text, ok := strings.CutPrefix(value, `"`); ok {
		return value[:strings.IndexByte(text, '"')+2]
	}
	return value[:strings.IndexAny(value, ",}")]
}

// ParamText returns a parameter of type string.
func (v *Visit) ParamText(name string) (text string, ok bool) {
	value := v.param(name)
	if value == "" || value[0] != '"' {
		return "", false
	}
	return value[1 : len(value)-1], true
}

// ParamInt returns a parameter of type int, or what otherwise holds.
func (v *Visit) ParamInt(name string, otherwise int64) int64 {
	if n, err := strconv.ParseInt(v.param(name), 10, 64); err == nil {
		return n
	}
	return otherwise
}

// ParamBool returns a parameter of type bool, or what otherwise holds.
func (v *Visit) ParamBool(name string, otherwise bool) bool {
	switch v.param(name) {
	case "true":
		return true
	case "false":
		return false
	}
	return otherwise
}
