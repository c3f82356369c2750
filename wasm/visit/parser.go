package visit

import (
	"strconv"
	"sync"

	"suodi/wasm/visit/useragent"
)

// Versions are the names and major versions that uap-core's rules find in a
// user agent. Browser and OS are "Other" where no rule knows them; a major
// version is 0 where it is unknown or no number.
type Versions struct {
	// Known says that the rules were asked. Where it is false the others are
	// empty, and whoever counts visits asks them (VersionsOf): the user agent
	// was not remembered, was not parsed yet or is too long.
	Known        bool
	Browser      string
	BrowserMajor uint16
	OS           string
	OSMajor      uint16
}

// VersionsOf parses a user agent, which takes a few microseconds, some 30 ms
// the first time. It is for who is not in a hurry; edges have a Classifier. Of
// one that is longer than MaxParsed nothing is known. The strings may share
// memory with the agent.
func VersionsOf(userAgent string) Versions {
	if len(userAgent) > MaxParsed {
		return Versions{}
	}
	return find(userAgent)
}

// parsed is Versions, and what filters see of them: of a crawler's agent the
// browser that it comes with (Worn). Nobody writes to it.
type parsed struct {
	Versions
	browser               []byte
	browserMajor, osMajor uint16
}

// rules are uap-core's rules for browsers and operating systems. Making them
// ready takes some 30 ms, so that waits until somebody needs them.
var rules = sync.OnceValue(func() *useragent.Parser {
	p, err := useragent.New()
	if err != nil {
		panic(err) // part of the library
	}
	return p
})

// parse takes a few microseconds once the rules are there, twice that for a
// crawler.
func parse(agent string) *parsed {
	p := &parsed{Versions: find(agent)}
	seen := p.Versions
	if worn, crawler := Worn(agent); crawler {
		seen = find(worn)
	}
	p.browser, p.browserMajor, p.osMajor = []byte(seen.Browser), seen.BrowserMajor, seen.OSMajor
	return p
}

// find asks the rules.
func find(agent string) Versions {
	browser, os := rules().Parse(agent)
	return Versions{
		Known:        true,
		Browser:      browser.Family,
		BrowserMajor: major(browser.Major),
		OS:           os.Family,
		OSMajor:      major(os.Major),
	}
}

func major(version string) uint16 {
	n, err := strconv.ParseUint(version, 10, 16)
	if err != nil {
		return 0
	}
	return uint16(n)
}
