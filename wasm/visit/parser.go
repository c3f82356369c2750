package visit

import (
	"strconv"
	"sync"

	"suodi/wasm/visit/useragent"
)

// Versions are the names and major versions that uap-core's rules find in a
// user agent. Browser and OS are "Other" where no rule knows them, and empty
// where the user agent was too long to be tried; a major version is 0 where it
// is unknown or no number.
type Versions struct {
	Browser      string
	BrowserMajor uint16
	OS           string
	OSMajor      uint16
}

// parsed is Versions with what a visit wants as bytes; nobody writes to it.
type parsed struct {
	Versions
	browser []byte
}

// parser applies uap-core's rules for browsers and operating systems. Making
// them ready takes some 30 ms, so that waits until somebody needs them.
type parser struct {
	once  sync.Once
	rules *useragent.Parser
}

func (p *parser) load() {
	p.once.Do(func() {
		rules, err := useragent.New()
		if err != nil {
			panic(err) // part of the library
		}
		p.rules = rules
	})
}

// parse takes a few microseconds once the rules are there.
func (p *parser) parse(agent string) *parsed {
	p.load()
	browser, os := p.rules.Parse(agent)
	return &parsed{
		Versions: Versions{
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
