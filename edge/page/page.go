package page

import "net/http"

// Kind is which page to show.
type Kind uint8

// The pages.
const (
	Guide       Kind = iota // a guarded platform: how to open the link in a browser
	Refused                 // not open to this visit
	NotFound                // no such link, or a link in the trash
	Paused                  // switched off by its owner for now
	Expired                 // expired, archived or used up
	Banned                  // banned, with the reason
	Unavailable             // the edge is in trouble
	BadRequest              // a request that is malformed or too long
	Root                    // the bare root of a domain
	TooMany                 // more requests than the visitor may make
	kinds       = iota
)

var kindNames = [kinds]string{
	Guide:       "guide",
	Refused:     "refused",
	NotFound:    "not-found",
	Paused:      "paused",
	Expired:     "expired",
	Banned:      "banned",
	Unavailable: "unavailable",
	BadRequest:  "bad-request",
	Root:        "root",
	TooMany:     "too-many",
}

// String returns the kind's word.
func (k Kind) String() string {
	if int(k) < kinds {
		return kindNames[k]
	}
	return "unknown"
}

var statuses = [kinds]int{
	Guide:       http.StatusOK,
	Refused:     http.StatusForbidden,
	NotFound:    http.StatusNotFound,
	Paused:      http.StatusNotFound,
	Expired:     http.StatusGone,
	Banned:      http.StatusUnavailableForLegalReasons,
	Unavailable: http.StatusServiceUnavailable,
	BadRequest:  http.StatusBadRequest,
	Root:        http.StatusNotFound,
	TooMany:     http.StatusTooManyRequests,
}

// Status returns the HTTP status that goes with a page. BadRequest gives 400;
// the page's words suit 414 and 431 as well. Status, like the methods of Set,
// panics on a number that is no Kind.
func Status(kind Kind) int { return statuses[kind] }

// Data is what a page says beyond its fixed words. Every string is optional
// and may hold anything at all. What a page has no place for is ignored.
type Data struct {
	Lang Lang
	// ShortURL is the link as the visitor typed it, scheme included. Guide
	// shows it to be copied.
	ShortURL string
	// Platform is the id of the visit's platform, such as "wechat". Guide
	// chooses its words by it.
	Platform string
	// PlatformName is the platform's name in the page's language. Guide and
	// Refused show it; without it they use their own name for Platform.
	PlatformName string
	// Reason is what the filter, or whoever banned the link, says about it,
	// in the page's language. Guide, Refused and Banned show it.
	Reason string
	// DomainName is the link's domain, in Unicode. Every page but Guide shows
	// it above its heading. It must be a domain the edge serves, not whatever
	// a request claims.
	DomainName string
}

// Header is one response header.
type Header struct{ Name, Value string }

// headers returns what is sent with a page under a content security policy.
func headers(policy string) []Header {
	return []Header{
		{"Content-Type", "text/html; charset=utf-8"},
		{"Content-Security-Policy", policy},
		{"Cache-Control", "no-store"},
		{"Vary", "Accept-Language"},
		{"X-Content-Type-Options", "nosniff"},
		{"Referrer-Policy", "no-referrer"},
		{"X-Robots-Tag", "noindex"},
	}
}
