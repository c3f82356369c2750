package link

import "encoding/binary"

// SafeLocation reports whether b may be served in a Location header: it begins
// with a scheme (a letter; letters, digits, + - . ; a colon) and has no byte
// at or below 0x20, no 0x7f, none from 0x80 on and no backslash. It is the
// edge's last check, not a parser: ParseDestination decides what a link may
// point to. It does not allocate.
func SafeLocation(b []byte) bool {
	if schemeLen(b) == 0 {
		return false
	}
	if len(b) < 8 {
		for _, c := range b {
			if c <= 0x20 || c >= 0x7f || c == '\\' {
				return false
			}
		}
		return true
	}
	i := 0
	for ; i+8 <= len(b); i += 8 {
		if unsafeWord(binary.LittleEndian.Uint64(b[i:])) {
			return false
		}
	}
	return !unsafeWord(binary.LittleEndian.Uint64(b[len(b)-8:]))
}

// unsafeWord reports whether one of eight bytes is unsafe in a Location header,
// by the usual tests of a word for a byte less than n and for a zero byte
// (Anderson, Bit Twiddling Hacks). Both may name a wrong byte, never a wrong
// word.
func unsafeWord(w uint64) bool {
	const (
		ones = 0x0101010101010101
		high = ones << 7
	)
	del, backslash := w^0x7f*ones, w^'\\'*ones
	low := (w - 0x21*ones) &^ w
	return (w|low|(del-ones)&^del|(backslash-ones)&^backslash)&high != 0
}
