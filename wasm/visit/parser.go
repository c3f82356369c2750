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
	return parse(userAgent).Versions
}

// parsed is Versions with what a visit wants as bytes; nobody writes to it.
type parsed struct {
	Versions
	browser []byte
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

// parse takes a few microseconds once the rules are there.
func parse(agent string) *parsed {
	browser, os := rules().Parse(agent)
	return &parsed{
		Versions: Versions{
			Known:        true,
			Browser:      browser.Family,
			BrowserMajor: major(browser.Major),
			OS:           os.Family,
			OSMajor:      major(os.Major),
		},
		browser: []byte(browser.Family),
	}
}

func major(version string) uint16 {
	n, err := strconv.ParseUint(version, 10, 16)
	if err != nil {
		return 0
	}
	return uint16(n)
}
