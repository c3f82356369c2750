package visit

import (
	"fmt"
	"unicode"
	"unicode/utf8"

	"suodi/wasm/abi"
)

// Kind says what an entry of the catalog describes.
type Kind string

// The kinds.
const (
	App     Kind = "app"     // an app whose built-in browser visits
	OS      Kind = "os"      // an operating system
	Form    Kind = "form"    // the form of the device
	General Kind = "general" // browser, webview, bot and flags such as miniprogram
	Crawler Kind = "crawler" // a robot or preview fetcher
)

// kinds lists the kinds in the order in which a catalog lists its entries.
var kinds = [...]Kind{App, General, OS, Form, Crawler}

// Limits of an entry. Growing them is harmless; an entry that was accepted
// must stay acceptable.
const (
	MaxAlternatives = 32
	MaxTokens       = 8 // in each list of an alternative
	MinToken        = 2 // bytes
	MaxToken        = 64
	MaxPackages     = 16
	MaxPackage      = 128 // bytes
	MaxName         = 64  // bytes, of each language
	MaxOrder        = 1_000_000
)

// FirstAssigned is the first number that a cluster gives to entries of its
// own; smaller ones belong to the shipped catalog.
const FirstAssigned = 128

// Entry is one platform of the catalog.
type Entry struct {
	Number uint8  `json:"number" yaml:"number"` // 1 … 255, given for ever
	ID     string `json:"id" yaml:"id"`
	Zh     string `json:"zh" yaml:"zh"`
	En     string `json:"en" yaml:"en"`
	Kind   Kind   `json:"kind" yaml:"kind"`
	// Order is the precedence within the kind: the lowest that matches wins.
	Order int `json:"order" yaml:"order"`
	// Match lists what a user agent must look like: one of these.
	Match []Alternative `json:"match,omitempty" yaml:"match,omitempty"`
	// Packages are the Android package names that an app sends as
	// X-Requested-With.
	Packages []string `json:"packages,omitempty" yaml:"packages,omitempty"`
	Retired  bool     `json:"retired,omitempty" yaml:"retired,omitempty"`
}

// Validate reports what is wrong with the entry by itself, naming the entry
// and the field; nil if nothing is. NewCatalog checks what entries must not do
// to each other.
func (e *Entry) Validate() error {
	fail := func(field, format string, args ...any) error {
		return fmt.Errorf("platform %q: %s: %s", e.ID, field, fmt.Sprintf(format, args...))
	}
	switch {
	case !abi.ValidName(e.ID):
		return fail("id", "want lower case letters, digits, - and _, a letter first, at most 63")
	case e.Number == 0:
		return fail("number", "want 1 to 255")
	case !validName(e.Zh):
		return fail("zh", "want 1 to %d bytes of text without control characters", MaxName)
	case !validName(e.En):
		return fail("en", "want 1 to %d bytes of text without control characters", MaxName)
	case e.Order < 0 || e.Order > MaxOrder:
		return fail("order", "%d: want 0 to %d", e.Order, MaxOrder)
	case len(e.Match) > MaxAlternatives:
		return fail("match", "%d alternatives: want at most %d", len(e.Match), MaxAlternatives)
	case len(e.Packages) > MaxPackages:
		return fail("packages", "%d names: want at most %d", len(e.Packages), MaxPackages)
	}
	switch e.Kind {
	case App, Crawler:
		if len(e.Match) == 0 && len(e.Packages) == 0 && !e.Retired {
			return fail("match", "nothing would ever match")
		}
	case OS, Form:
	case General:
		if (e.ID == Browser || e.ID == Bot) && len(e.Match) > 0 {
			return fail("match", "follows from the other kinds, so it takes no alternatives")
		}
	default:
		return fail("kind", "%q: want app, os, form, general or crawler", e.Kind)
	}
	if len(e.Packages) > 0 && e.Kind != App {
		return fail("packages", "only an app has package names")
	}
	for i := range e.Match {
		if field, err := e.Match[i].validate(); err != nil {
			return fail(fmt.Sprintf("match[%d]%s", i, field), "%v", err)
		}
	}
	for i, name := range e.Packages {
		if !validPackage(name) {
			return fail(fmt.Sprintf("packages[%d]", i), "%q: want an Android package name of at most %d bytes", name, MaxPackage)
		}
	}
	return nil
}

func validName(s string) bool {
	if s == "" || len(s) > MaxName || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if unicode.IsControl(r) {
			return false
		}
	}
	return true
}

// validPackage follows Android's rule: segments of letters, digits and
// underscores, each beginning with a letter, joined by dots.
func validPackage(s string) bool {
	if len(s) > MaxPackage {
		return false
	}
	first, dots := true, 0
	for _, b := range []byte(s) {
		switch {
		case b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z':
			first = false
		case (b >= '0' && b <= '9' || b == '_') && !first:
		case b == '.' && !first:
			first = true
			dots++
		default:
			return false
		}
	}
	return dots > 0 && !first
}
