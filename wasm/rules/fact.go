package rules

import (
	"slices"

	"suodi/wasm/abi"
)

// kind is what an expression is to the generator. CEL knows fewer: country,
// platform and device are strings to it.
type kind uint8

const (
	boolean  kind = iota // i32, 0 or 1
	integer              // i64
	text                 // i32: offset from visitAddress and, times 2^16, length
	country              // i32: the two letters as they stand in the visit
	platform             // i32: a platform's number, 0 = none
	device               // i32: an abi.Device
	set                  // 256 bits; no code of its own, operations read words
	list                 // literals in brackets; no code of its own
	address              // an IP address; no code of its own, operations read words
)

var kindNames = [...]string{"a bool", "an int", "a string", "a country", "a platform", "a device", "a set of platforms", "a list", "an address"}

func (k kind) String() string { return kindNames[k] }

// fact is something that conditions may ask about a visit or its link.
type fact struct {
	name string // in CEL
	kind kind
	need abi.Facts
	off  uint32 // from the visit's start
	load opcode // of the kinds that one load reads
	drop int64  // how many low bits of what is read do not count
}

// facts lists them all.
var facts = []fact{
	{name: "visit.platforms", kind: set, need: abi.FactPlatforms, off: abi.OffPlatforms},
	{name: "visit.platform", kind: platform, need: abi.FactPlatforms, off: abi.OffPlatform, load: opI32Load16},
	{name: "visit.os", kind: platform, need: abi.FactPlatforms, off: abi.OffOS, load: opI32Load16},
	{name: "visit.device", kind: device, need: abi.FactPlatforms, off: abi.OffDevice, load: opI32Load8},
	{name: "visit.bot", kind: boolean, need: abi.FactPlatforms, off: abi.OffBot, load: opI32Load8},
	{name: "link.allow", kind: set, need: abi.FactLink, off: abi.OffAllow},
	{name: "link.guard", kind: set, need: abi.FactLink, off: abi.OffGuard},
	{name: "visit.os_major", kind: integer, need: abi.FactVersions, off: abi.OffOSMajor, load: opI64Load16},
	{name: "visit.browser_major", kind: integer, need: abi.FactVersions, off: abi.OffBrowserMajor, load: opI64Load16},
	{name: "visit.browser", kind: text, need: abi.FactVersions, off: abi.OffBrowser, load: opI32Load},
	{name: "visit.country", kind: country, need: abi.FactCountry, off: abi.OffCountry, load: opI32Load16},
	{name: "visit.region", kind: text, need: abi.FactCountry, off: abi.OffRegion, load: opI32Load},
	{name: "visit.language", kind: text, need: abi.FactLanguage, off: abi.OffLanguage, load: opI32Load},
	{name: "visit.hour", kind: integer, need: abi.FactClock, off: abi.OffHour, load: opI64Load8},
	{name: "visit.weekday", kind: integer, need: abi.FactClock, off: abi.OffWeekday, load: opI64Load8},
	{name: "visit.date", kind: integer, need: abi.FactClock, off: abi.OffDate, load: opI64Load32},
	{name: "visit.time", kind: integer, need: abi.FactClock, off: abi.OffTime, load: opI64Load},
	// One bit less than the visit has, so that it is an int and never negative.
	{name: "visit.hash", kind: integer, need: abi.FactHash, off: abi.OffHash, load: opI64Load, drop: 1},
	{name: "visit.ip", kind: address, need: abi.FactIP, off: abi.OffIP},
	{name: "visit.host", kind: text, need: abi.FactHost, off: abi.OffHost, load: opI32Load},
	{name: "visit.slug", kind: text, need: abi.FactSlug, off: abi.OffSlug, load: opI32Load},
	{name: "visit.path", kind: text, need: abi.FactPath, off: abi.OffPath, load: opI32Load},
	{name: "visit.query", kind: text, need: abi.FactQuery, off: abi.OffQuery, load: opI32Load},
	{name: "visit.referrer", kind: text, need: abi.FactReferrer, off: abi.OffReferrer, load: opI32Load},
	{name: "visit.user_agent", kind: text, need: abi.FactUserAgent, off: abi.OffUserAgent, load: opI32Load},
	{name: "visit.requested_with", kind: text, need: abi.FactRequestedWith, off: abi.OffRequestedWith, load: opI32Load},
}

// app is what visit.platform reads in rules that may not test for bots: the most
// specific platform that is no crawler, so that visit.platform == "browser" holds
// for a crawler as it does for a person with that browser.
var app = fact{name: "visit.platform", kind: platform, need: abi.FactPlatforms, off: abi.OffApp, load: opI32Load16}

// factNamed returns the fact of that name, or nil.
func factNamed(name string) *fact {
	if i := slices.IndexFunc(facts, func(f fact) bool { return f.name == name }); i >= 0 {
		return &facts[i]
	}
	return nil
}

func factNames() []string {
	names := make([]string, len(facts))
	for i, f := range facts {
		names[i] = f.name
	}
	return names
}

// deviceNames are the devices' words, in the order of their numbers.
var deviceNames = []string{"unknown", "mobile", "tablet", "desktop"}
