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
}

// facts lists them all.
var facts = []fact{
	{"visit.platforms", set, abi.FactPlatforms, abi.OffPlatforms, 0},
	{"visit.platform", platform, abi.FactPlatforms, abi.OffPlatform, opI32Load16},
	{"visit.os", platform, abi.FactPlatforms, abi.OffOS, opI32Load16},
	{"visit.device", device, abi.FactPlatforms, abi.OffDevice, opI32Load8},
	{"visit.bot", boolean, abi.FactPlatforms, abi.OffBot, opI32Load8},
	{"link.allow", set, abi.FactLink, abi.OffAllow, 0},
	{"link.guard", set, abi.FactLink, abi.OffGuard, 0},
	{"visit.os_major", integer, abi.FactVersions, abi.OffOSMajor, opI64Load16},
	{"visit.browser_major", integer, abi.FactVersions, abi.OffBrowserMajor, opI64Load16},
	{"visit.browser", text, abi.FactVersions, abi.OffBrowser, opI32Load},
	{"visit.country", country, abi.FactCountry, abi.OffCountry, opI32Load16},
	{"visit.region", text, abi.FactCountry, abi.OffRegion, opI32Load},
	{"visit.language", text, abi.FactLanguage, abi.OffLanguage, opI32Load},
	{"visit.hour", integer, abi.FactClock, abi.OffHour, opI64Load8},
	{"visit.weekday", integer, abi.FactClock, abi.OffWeekday, opI64Load8},
	{"visit.date", integer, abi.FactClock, abi.OffDate, opI64Load32},
	{"visit.time", integer, abi.FactClock, abi.OffTime, opI64Load},
	{"visit.host", text, abi.FactHost, abi.OffHost, opI32Load},
	{"visit.slug", text, abi.FactSlug, abi.OffSlug, opI32Load},
	{"visit.path", text, abi.FactPath, abi.OffPath, opI32Load},
	{"visit.query", text, abi.FactQuery, abi.OffQuery, opI32Load},
	{"visit.referrer", text, abi.FactReferrer, abi.OffReferrer, opI32Load},
	{"visit.user_agent", text, abi.FactUserAgent, abi.OffUserAgent, opI32Load},
	{"visit.requested_with", text, abi.FactRequestedWith, abi.OffRequestedWith, opI32Load},
}

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

// laterFacts are facts that the language will have.
var laterFacts = []string{"visit.ip", "visit.hash"}

// deviceNames are the devices' words, in the order of their numbers.
var deviceNames = []string{"unknown", "mobile", "tablet", "desktop"}
