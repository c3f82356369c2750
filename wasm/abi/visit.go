package abi

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
)

// Sizes and names of version 1. Changing any of them breaks compatibility.
const (
	Version    = 1
	BufferSize = 8 << 10 // bytes a filter reserves for the visit
	HeadSize   = 256     // where the string area begins
	MaxParams  = 1 << 10

	// ManifestSection is the custom section that holds the Manifest.
	ManifestSection = "suodi.manifest"

	ExportMemory  = "memory"
	ExportVersion = "suodi_abi"
	ExportVisit   = "suodi_visit"
	ExportFilter  = "suodi_filter"
	ExportRule    = "suodi_rule" // optional
)

// Offsets of the record's fields, as the package comment lists them.
const (
	OffVersion       = 0
	OffLength        = 4
	OffFacts         = 8
	OffPlatform      = 12
	OffOS            = 14
	OffOSMajor       = 16
	OffBrowserMajor  = 18
	OffDevice        = 20
	OffBot           = 21
	OffWeekday       = 22
	OffHour          = 23
	OffDate          = 24
	OffCountry       = 28
	OffApp           = 30
	OffTime          = 32
	OffHash          = 40
	OffIP            = 48
	OffPlatforms     = 64
	OffAllow         = 96
	OffGuard         = 128
	OffBrowser       = 160
	OffRegion        = 164
	OffLanguage      = 168
	OffHost          = 172
	OffSlug          = 176
	OffPath          = 180
	OffQuery         = 184
	OffReferrer      = 188
	OffUserAgent     = 192
	OffRequestedWith = 196
	OffParams        = 200
)

// Facts is a bit set of facts: what a filter needs, or what a visit holds.
type Facts uint32

// The facts. Their order is part of the format.
const (
	FactPlatforms Facts = 1 << iota // platform, platforms, device, bot, os
	FactLink                        // the link's allow and guard sets
	FactVersions                    // browser, browser major, os major
	FactCountry                     // country, region
	FactLanguage
	FactClock // time, date, hour, weekday
	FactIP
	FactHash
	FactHost
	FactSlug
	FactPath
	FactQuery
	FactReferrer
	FactUserAgent
	FactRequestedWith

	AllFacts = FactRequestedWith<<1 - 1
)

// factNames are the words a manifest uses, in the order of the bits.
var factNames = [...]string{
	"platforms", "link", "versions", "country", "language", "clock", "ip", "hash",
	"host", "slug", "path", "query", "referrer", "user_agent", "requested_with",
}

// Names returns the manifest's words for the set, in the order of the bits.
func (f Facts) Names() []string {
	names := []string{}
	for i, name := range factNames {
		if f&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// FactsNamed is the inverse of Facts.Names.
func FactsNamed(names []string) (Facts, error) {
	var set Facts
next:
	for _, name := range names {
		for i, known := range factNames {
			if name == known {
				set |= 1 << i
				continue next
			}
		}
		return 0, fmt.Errorf("unknown fact %q; the facts are %q", name, factNames)
	}
	return set, nil
}

// Set is a set of platform numbers, 256 bits; number n is bit n%64 of word n/64.
type Set [4]uint64

// Add puts platform number n into the set.
func (s *Set) Add(n uint8) { s[n>>6] |= 1 << (n & 63) }

// Has reports whether platform number n is in the set.
func (s Set) Has(n uint8) bool { return s[n>>6]&(1<<(n&63)) != 0 }

// Intersects reports whether the sets share a platform.
func (s Set) Intersects(t Set) bool {
	return s[0]&t[0]|s[1]&t[1]|s[2]&t[2]|s[3]&t[3] != 0
}

// IsEmpty reports whether the set has no platform.
func (s Set) IsEmpty() bool { return s[0]|s[1]|s[2]|s[3] == 0 }

// Device is the form a visitor's device has.
type Device uint8

// The devices. Their numbers are part of the format.
const (
	DeviceUnknown Device = iota
	DeviceMobile
	DeviceTablet
	DeviceDesktop
)

// Visit is what the host knows of one visit. Facts says which of the fields
// are filled; the others are not read. Byte slices are borrowed for the length
// of the call that they are given to.
type Visit struct {
	Facts Facts

	Platform     uint8 // the most specific one: a crawler, else App
	App          uint8 // the most specific one that is no crawler
	OS           uint8
	OSMajor      uint16
	BrowserMajor uint16
	Device       Device
	Bot          bool
	Weekday      uint8 // 1 Monday … 7 Sunday
	Hour         uint8
	Date         uint32  // year*10000 + month*100 + day
	Country      [2]byte // "ZZ" = unknown
	Time         int64   // Unix seconds
	Hash         uint64
	IP           [16]byte
	Platforms    Set
	Allow, Guard Set

	Browser       []byte
	Region        []byte
	Language      []byte
	Host          []byte
	Slug          []byte
	Path          []byte
	Query         []byte
	Referrer      []byte
	UserAgent     []byte
	RequestedWith []byte
}

// ErrTooLarge says that a visit does not fit its buffer.
var ErrTooLarge = errors.New("visit does not fit the filter's buffer")

// ErrMalformed says that bytes are not a visit of this version.
var ErrMalformed = errors.New("malformed visit")

// strings lists the record's strings with the fact that each belongs to.
func (v *Visit) strings() [10]struct {
	fact  Facts
	off   int
	value *[]byte
} {
	return [10]struct {
		fact  Facts
		off   int
		value *[]byte
	}{
		{FactVersions, OffBrowser, &v.Browser},
		{FactCountry, OffRegion, &v.Region},
		{FactLanguage, OffLanguage, &v.Language},
		{FactHost, OffHost, &v.Host},
		{FactSlug, OffSlug, &v.Slug},
		{FactPath, OffPath, &v.Path},
		{FactQuery, OffQuery, &v.Query},
		{FactReferrer, OffReferrer, &v.Referrer},
		{FactUserAgent, OffUserAgent, &v.UserAgent},
		{FactRequestedWith, OffRequestedWith, &v.RequestedWith},
	}
}

// stringFacts are the facts that fill the string area.
const stringFacts = FactVersions | FactCountry | FactLanguage | FactHost | FactSlug | FactPath |
	FactQuery | FactReferrer | FactUserAgent | FactRequestedWith

// Encode writes into buf (at least BufferSize bytes) those facts of v that are
// both present and in needs, then params, and returns the record's length. It
// does not allocate. It fails with ErrTooLarge rather than truncate.
func (v *Visit) Encode(buf []byte, needs Facts, params []byte) (int, error) {
	facts := v.Facts & needs
	buf = buf[:BufferSize]
	head := buf[:HeadSize]
	clear(head)
	le := binary.LittleEndian
	le.PutUint32(head[OffVersion:], Version)
	le.PutUint32(head[OffFacts:], uint32(facts))
	if facts&FactPlatforms != 0 {
		le.PutUint16(head[OffPlatform:], uint16(v.Platform))
		le.PutUint16(head[OffOS:], uint16(v.OS))
		le.PutUint16(head[OffApp:], uint16(v.App))
		head[OffDevice] = byte(v.Device)
		if v.Bot {
			head[OffBot] = 1
		}
		putSet(head[OffPlatforms:], &v.Platforms)
	}
	if facts&FactLink != 0 {
		putSet(head[OffAllow:], &v.Allow)
		putSet(head[OffGuard:], &v.Guard)
	}
	if facts&FactVersions != 0 {
		le.PutUint16(head[OffOSMajor:], v.OSMajor)
		le.PutUint16(head[OffBrowserMajor:], v.BrowserMajor)
	}
	if facts&FactCountry != 0 {
		copy(head[OffCountry:], v.Country[:])
	}
	if facts&FactClock != 0 {
		head[OffWeekday] = v.Weekday
		head[OffHour] = v.Hour
		le.PutUint32(head[OffDate:], v.Date)
		le.PutUint64(head[OffTime:], uint64(v.Time))
	}
	if facts&FactHash != 0 {
		le.PutUint64(head[OffHash:], v.Hash)
	}
	if facts&FactIP != 0 {
		copy(head[OffIP:], v.IP[:])
	}
	n := HeadSize
	if facts&stringFacts != 0 {
		if n = v.encodeStrings(buf, n, facts); n < 0 {
			return 0, ErrTooLarge
		}
	}
	if len(params) > 0 {
		if len(params) > MaxParams {
			return 0, ErrTooLarge
		}
		if n = putString(buf, n, OffParams, params); n < 0 {
			return 0, ErrTooLarge
		}
	}
	le.PutUint32(head[OffLength:], uint32(n))
	return n, nil
}

// encodeStrings appends the strings among the facts at n and returns the new
// end, or -1 when they do not fit. It is v.strings written out, for speed.
func (v *Visit) encodeStrings(buf []byte, n int, facts Facts) int {
	if facts&FactVersions != 0 {
		n = putString(buf, n, OffBrowser, v.Browser)
	}
	if facts&FactCountry != 0 {
		n = putString(buf, n, OffRegion, v.Region)
	}
	if facts&FactLanguage != 0 {
		n = putString(buf, n, OffLanguage, v.Language)
	}
	if facts&FactHost != 0 {
		n = putString(buf, n, OffHost, v.Host)
	}
	if facts&FactSlug != 0 {
		n = putString(buf, n, OffSlug, v.Slug)
	}
	if facts&FactPath != 0 {
		n = putString(buf, n, OffPath, v.Path)
	}
	if facts&FactQuery != 0 {
		n = putString(buf, n, OffQuery, v.Query)
	}
	if facts&FactReferrer != 0 {
		n = putString(buf, n, OffReferrer, v.Referrer)
	}
	if facts&FactUserAgent != 0 {
		n = putString(buf, n, OffUserAgent, v.UserAgent)
	}
	if facts&FactRequestedWith != 0 {
		n = putString(buf, n, OffRequestedWith, v.RequestedWith)
	}
	return n
}

// putString appends s at n, notes it at off, and returns the new end, or -1
// when s does not fit, or n is -1.
func putString(buf []byte, n, off int, s []byte) int {
	if n < 0 || len(s) > len(buf)-n {
		return -1
	}
	binary.LittleEndian.PutUint16(buf[off:], uint16(n))
	binary.LittleEndian.PutUint16(buf[off+2:], uint16(len(s)))
	return n + copy(buf[n:], s)
}

func putSet(b []byte, s *Set) {
	for i, word := range s {
		binary.LittleEndian.PutUint64(b[8*i:], word)
	}
}

func getSet(b []byte) (s Set) {
	for i := range s {
		s[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return s
}

// Decode reads a record into v and returns its params. The slices of v and
// the params alias record. It refuses every record that Encode would not have
// written byte for byte.
func (v *Visit) Decode(record []byte) (params []byte, err error) {
	if len(record) < HeadSize || len(record) > BufferSize {
		return nil, fmt.Errorf("%w: %d bytes", ErrMalformed, len(record))
	}
	le := binary.LittleEndian
	if version := le.Uint32(record[OffVersion:]); version != Version {
		return nil, fmt.Errorf("%w: version %d", ErrMalformed, version)
	}
	if n := le.Uint32(record[OffLength:]); int(n) != len(record) {
		return nil, fmt.Errorf("%w: length %d in %d bytes", ErrMalformed, n, len(record))
	}
	platform, os, app := le.Uint16(record[OffPlatform:]), le.Uint16(record[OffOS:]), le.Uint16(record[OffApp:])
	if platform > 255 || os > 255 || app > 255 {
		return nil, fmt.Errorf("%w: platform number over 255", ErrMalformed)
	}
	*v = Visit{
		Facts:        Facts(le.Uint32(record[OffFacts:])),
		Platform:     uint8(platform),
		OS:           uint8(os),
		App:          uint8(app),
		OSMajor:      le.Uint16(record[OffOSMajor:]),
		BrowserMajor: le.Uint16(record[OffBrowserMajor:]),
		Device:       Device(record[OffDevice]),
		Bot:          record[OffBot] != 0,
		Weekday:      record[OffWeekday],
		Hour:         record[OffHour],
		Date:         le.Uint32(record[OffDate:]),
		Country:      [2]byte(record[OffCountry:]),
		Time:         int64(le.Uint64(record[OffTime:])),
		Hash:         le.Uint64(record[OffHash:]),
		IP:           [16]byte(record[OffIP:]),
		Platforms:    getSet(record[OffPlatforms:]),
		Allow:        getSet(record[OffAllow:]),
		Guard:        getSet(record[OffGuard:]),
	}
	if v.Facts&^AllFacts != 0 {
		return nil, fmt.Errorf("%w: unknown facts %#x", ErrMalformed, uint32(v.Facts&^AllFacts))
	}
	for _, s := range v.strings() {
		if *s.value, err = stringAt(record, s.off); err != nil {
			return nil, err
		}
	}
	if params, err = stringAt(record, OffParams); err != nil {
		return nil, err
	}
	var again [BufferSize]byte
	if n, err := v.Encode(again[:], AllFacts, params); err != nil || !bytes.Equal(again[:n], record) {
		return nil, fmt.Errorf("%w: not as an encoder writes it", ErrMalformed)
	}
	return params, nil
}

func stringAt(record []byte, off int) ([]byte, error) {
	start := int(binary.LittleEndian.Uint16(record[off:]))
	n := int(binary.LittleEndian.Uint16(record[off+2:]))
	if start == 0 && n == 0 {
		return nil, nil
	}
	if start < HeadSize || start+n > len(record) {
		return nil, fmt.Errorf("%w: string at %d is outside", ErrMalformed, off)
	}
	return record[start : start+n : start+n], nil
}
