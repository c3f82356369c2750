package abi

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
)

// MaxPlaceholders is how many placeholders a template may hold. With what a URL's
// length allows it bounds the time that expanding takes.
const MaxPlaceholders = 32

// ErrTemplate says that a route's template is not one.
var ErrTemplate = errors.New("malformed URL template")

// PlaceholderFact returns the fact that a placeholder of a template stands for;
// those of parameters, "params.name", are none.
func PlaceholderFact(name string) (Facts, bool) {
	for _, p := range placeholders {
		if p.name == name {
			return p.fact, true
		}
	}
	return 0, false
}

// Placeholders returns the names of the facts that a template may hold.
func Placeholders() []string {
	names := make([]string, len(placeholders))
	for i, p := range placeholders {
		names[i] = p.name
	}
	return names
}

// placeholders lists what a template may hold. An address is not among them:
// it is nobody else's business.
var placeholders = [...]struct {
	name string
	fact Facts
}{
	{"slug", FactSlug},
	{"path", FactPath},
	{"query", FactQuery},
	{"host", FactHost},
	{"country", FactCountry},
	{"region", FactCountry},
	{"language", FactLanguage},
	{"device", FactPlatforms},
	{"os_major", FactVersions},
	{"browser", FactVersions},
	{"browser_major", FactVersions},
	{"hour", FactClock},
	{"weekday", FactClock},
	{"date", FactClock},
	{"time", FactClock},
	{"referrer", FactReferrer},
	{"requested_with", FactRequestedWith},
}

// AppendURL appends to dst what a template of a route comes to, as the package
// comment says. It fails with ErrTooLarge where dst has no room for it, and does
// not allocate. A placeholder stands for what v.Facts says is there: who runs a
// filter leaves in it what that filter needs.
func AppendURL(dst, template []byte, v *Visit, params []byte) ([]byte, error) {
	e := expansion{url: dst}
	for left := MaxPlaceholders; len(template) > 0 && !e.full; left-- {
		at := bytes.IndexByte(template, '{')
		if at < 0 {
			at = len(template)
		}
		for _, b := range template[:at] {
			e.literal(b)
		}
		if template = template[at:]; len(template) == 0 {
			break
		}
		if left == 0 {
			return dst, fmt.Errorf("%w: more than %d placeholders", ErrTemplate, MaxPlaceholders)
		}
		end := bytes.IndexByte(template, '}')
		if end < 0 {
			return dst, fmt.Errorf("%w: a brace is not closed", ErrTemplate)
		}
		if !e.settled {
			return dst, fmt.Errorf("%w: a placeholder stands in the scheme or host", ErrTemplate)
		}
		if err := e.placeholder(template[1:end], v, params); err != nil {
			return dst, err
		}
		template = template[end+1:]
	}
	if e.full {
		return dst, ErrTooLarge
	}
	return e.url, nil
}

// expansion is a URL in the making.
type expansion struct {
	url     []byte
	slashes int  // seen so far, up to 3
	settled bool // scheme and host are complete
	query   bool // the path is complete
	last    byte // the template's last byte
	full    bool
}

func (e *expansion) put(b byte) {
	if len(e.url) == cap(e.url) {
		e.full = true
		return
	}
	e.url = append(e.url, b)
}

func (e *expansion) literal(b byte) {
	e.put(b)
	e.last = b
	switch {
	case b == '/' && e.slashes < 3:
		e.slashes++
		e.settled = e.slashes == 3
	case (b == '?' || b == '#') && e.slashes >= 2:
		e.settled, e.query = true, true
	}
}

// placeholder appends a fact or parameter.
func (e *expansion) placeholder(name []byte, v *Visit, params []byte) error {
	if after, ok := bytes.CutPrefix(name, []byte("params.")); ok {
		if !isName(after) {
			return fmt.Errorf("%w: %q names no parameter", ErrTemplate, name)
		}
		e.encode(param(params, after), "")
		e.last = 0
		return nil
	}
	fact, ok := PlaceholderFact(string(name))
	if !ok {
		return fmt.Errorf("%w: unknown placeholder %q", ErrTemplate, name)
	}
	if v.Facts&fact != 0 {
		e.fact(string(name), v)
	}
	e.last = 0
	return nil
}

func (e *expansion) fact(name string, v *Visit) {
	number := func(n int64) {
		var digits [20]byte
		e.encode(strconv.AppendInt(digits[:0], n, 10), "")
	}
	switch name {
	case "slug":
		if e.query {
			e.encode(v.Slug, "")
		} else {
			e.encode(v.Slug, "/")
		}
	case "path":
		path := bytes.TrimPrefix(v.Path, []byte("/"))
		if e.query {
			e.encode(path, "")
		} else {
			e.encode(path, "%/!$&'()*+,;=:@")
		}
	case "query":
		if e.last == '?' || e.last == '&' {
			e.encode(v.Query, "%/?!$&'()*+,;=:@")
		} else {
			e.encode(v.Query, "")
		}
	case "host":
		e.encode(v.Host, "")
	case "country":
		e.encode(v.Country[:], "")
	case "region":
		e.encode(v.Region, "")
	case "language":
		e.encode(v.Language, "")
	case "device":
		e.encode(deviceNames[v.Device&3], "")
	case "os_major":
		number(int64(v.OSMajor))
	case "browser":
		e.encode(v.Browser, "")
	case "browser_major":
		number(int64(v.BrowserMajor))
	case "hour":
		number(int64(v.Hour))
	case "weekday":
		number(int64(v.Weekday))
	case "date":
		number(int64(v.Date))
	case "time":
		number(v.Time)
	case "referrer":
		e.encode(v.Referrer, "")
	case "requested_with":
		e.encode(v.RequestedWith, "")
	}
}

// deviceNames are the devices' words, in the order of their numbers.
var deviceNames = [4][]byte{[]byte("unknown"), []byte("mobile"), []byte("tablet"), []byte("desktop")}

// encode appends a value, of which RFC 3986's unreserved characters and those
// to keep stand for themselves. A percent sign that is kept is so only before
// two hexadecimal digits.
func (e *expansion) encode(value []byte, keep string) {
	const digits = "0123456789ABCDEF"
	for i, b := range value {
		if e.full {
			return
		}
		switch {
		case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b >= '0' && b <= '9', b == '-', b == '.', b == '_', b == '~':
		case b == '%' && (i+2 >= len(value) || !isHex(value[i+1]) || !isHex(value[i+2])),
			!containsByte(keep, b):
			e.put('%')
			e.put(digits[b>>4])
			b = digits[b&15]
		}
		e.put(b)
	}
}

func containsByte(s string, b byte) bool {
	for i := range len(s) {
		if s[i] == b {
			return true
		}
	}
	return false
}

func isHex(b byte) bool {
	return b >= '0' && b <= '9' || b >= 'a' && b <= 'f' || b >= 'A' && b <= 'F'
}

// isName is ValidName, without the regular expression.
func isName(name []byte) bool {
	for i, b := range name {
		if (b < 'a' || b > 'z') && (i == 0 || (b < '0' || b > '9') && b != '-' && b != '_') {
			return false
		}
	}
	return len(name) > 0 && len(name) <= 63
}

// param returns a parameter's value of canonical JSON, without quotes; nil if it
// is not there. It goes from name to name: no string holds a quotation mark.
func param(params, name []byte) []byte {
	for {
		at := bytes.IndexByte(params, '"')
		if at < 0 {
			return nil
		}
		params = params[at+1:]
		end := bytes.IndexByte(params, '"')
		if end < 0 || end+2 > len(params) {
			return nil
		}
		found, value := params[:end], params[end+2:]
		if len(value) > 0 && value[0] == '"' {
			value = value[1:]
			if end = bytes.IndexByte(value, '"'); end < 0 {
				return nil
			}
			params = value[end+1:]
		} else {
			end = max(0, bytes.IndexAny(value, ",}"))
			params = value[end:]
		}
		if bytes.Equal(found, name) {
			return value[:end]
		}
	}
}
