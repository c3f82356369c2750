package edge

import (
	"bytes"
	"unicode/utf8"

	"github.com/valyala/fasthttp"
	"golang.org/x/text/unicode/norm"

	"suodi/control/link"
	"suodi/edge/page"
)

// Paths that are no slugs, and how requests we speak say which HTTP they mean.
var (
	protocol1   = []byte("HTTP/1.")
	reservedDot = []byte("/.")
	pathFavicon = []byte("/favicon.ico")
	pathRobots  = []byte("/robots.txt")
)

// readKey finds out which link is asked for.
func (v *visitState) readKey() bool {
	header := &v.ctx.Request.Header
	if !header.IsGet() && !header.IsHead() {
		v.ctx.Response.Header.Set("Allow", "GET, HEAD")
		return v.showBadRequest(fasthttp.StatusMethodNotAllowed)
	}
	if !bytes.HasPrefix(header.Protocol(), protocol1) {
		return v.showBadRequest(fasthttp.StatusBadRequest)
	}
	uri := header.RequestURI()
	if len(uri) > maxURI {
		return v.showBadRequest(fasthttp.StatusRequestURITooLong)
	}
	// A proxy's absolute form, "*" and the like ask for no link of ours.
	if len(uri) == 0 || uri[0] != '/' {
		return v.showBadRequest(fasthttp.StatusBadRequest)
	}
	host, ok := v.readHost(header.Host())
	if !ok {
		return v.showBadRequest(fasthttp.StatusBadRequest)
	}
	if v.world == nil {
		return v.showUnavailable(answerEmpty)
	}
	v.domain = v.world.domainOf(host)
	path := uri
	v.query = nil
	if at := bytes.IndexByte(uri, '?'); at >= 0 {
		path, v.query = uri[:at], uri[at+1:]
	}
	return v.readSlug(path)
}

// readHost returns a Host header in lower case without port.
func (v *visitState) readHost(host []byte) ([]byte, bool) {
	if len(host) == 0 || len(host) > len(v.host) {
		return nil, false
	}
	lower := v.host[:len(host)]
	end := len(host)
	for i, c := range host {
		switch {
		case 'A' <= c && c <= 'Z':
			c += 'a' - 'A'
		case c <= ' ' || c == 0x7f || c == '/' || c == '\\' || c == '@' || c == '?' || c == '#' || c == '<' || c == '>' || c == '"':
			return nil, false
		case c == ':' && end == len(host) && host[0] != '[':
			end = i
		case c == ']':
			end = i + 1
		}
		lower[i] = c
	}
	if end > 1 && lower[end-1] == '.' { // the same host, fully qualified
		end--
	}
	if end == 0 || host[0] == '[' && lower[end-1] != ']' {
		return nil, false
	}
	return lower[:end], true
}

// readSlug finds the slug in a path and answers paths that have none.
func (v *visitState) readSlug(path []byte) bool {
	switch {
	case len(path) == 1:
		return v.showPage(page.Root, answerRoot)
	case bytes.Equal(path, pathFavicon):
		return v.sendEmpty(fasthttp.StatusNotFound, answerReserved)
	case bytes.Equal(path, pathRobots):
		return v.sendRobots()
	case bytes.HasPrefix(path, reservedDot):
		return v.showPage(page.NotFound, answerReserved)
	}
	slug, ok := decodeSlug(v.decoded[:0], path[1:])
	if !ok {
		return v.showBadRequest(fasthttp.StatusBadRequest)
	}
	if slug == nil { // too long
		return v.showPage(page.NotFound, answerNotFound)
	}
	if len(slug) > 1 && slug[len(slug)-1] == '/' { // as some apps write links
		slug = slug[:len(slug)-1]
	}
	if len(slug) > link.MaxSlug {
		return v.showPage(page.NotFound, answerNotFound)
	}
	v.slug = slug
	return true
}

// decodeSlug percent-decodes a path into room and brings it into NFC. It fails
// for what no slug can be: broken escapes, control characters, invalid UTF-8.
// What does not fit room, which is more than any slug can need, is nil.
func decodeSlug(room, path []byte) (slug []byte, ok bool) {
	ascii, fits := true, true
	for i := 0; i < len(path); i++ {
		c := path[i]
		if c == '%' {
			if i+2 >= len(path) {
				return nil, false
			}
			high, low := unhex(path[i+1]), unhex(path[i+2])
			if high > 15 || low > 15 {
				return nil, false
			}
			c = high<<4 | low
			i += 2
		}
		if c < ' ' || c == 0x7f {
			return nil, false
		}
		ascii = ascii && c < utf8.RuneSelf
		if fits = fits && len(room) < cap(room); fits {
			room = append(room, c)
		}
	}
	if !fits {
		return nil, true
	}
	if ascii {
		return room, true
	}
	if !utf8.Valid(room) {
		return nil, false
	}
	if !norm.NFC.IsNormal(room) {
		return norm.NFC.Append(nil, room...), true
	}
	return room, true
}

func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 0xff
}
