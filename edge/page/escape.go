package page

import (
	"unicode"
	"unicode/utf8"
)

const upperHex = "0123456789ABCDEF"

// appendText appends s escaped for the text between tags. What could disturb
// the text around it is taken out: control characters and bidirectional
// controls go (white space of any kind becomes a space), and bytes that are
// not UTF-8 become U+FFFD.
func appendText(dst []byte, s string) []byte {
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			dst = append(dst, ' ')
		case unicode.IsControl(r), unicode.Is(unicode.Bidi_Control, r):
		default:
			dst = appendEscaped(dst, r)
		}
	}
	return dst
}

// appendURL appends the URL s escaped for the text between tags. White space,
// whatever has no shape of its own and bytes that are not UTF-8 are percent-
// encoded, so that the link shows what it is, and copying it yields a link to
// the same place.
func appendURL(dst []byte, s string) []byte {
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 || r == ' ' || !unicode.IsPrint(r) {
			for _, b := range []byte(s[i : i+n]) {
				dst = append(dst, '%', upperHex[b>>4], upperHex[b&15])
			}
		} else {
			dst = appendEscaped(dst, r)
		}
		i += n
	}
	return dst
}

func appendEscaped(dst []byte, r rune) []byte {
	switch r {
	case '&':
		return append(dst, "&amp;"...)
	case '<':
		return append(dst, "&lt;"...)
	case '>':
		return append(dst, "&gt;"...)
	case '"':
		return append(dst, "&#34;"...)
	case '\'':
		return append(dst, "&#39;"...)
	}
	return utf8.AppendRune(dst, r)
}
