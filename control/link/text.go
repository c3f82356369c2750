package link

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// control names what r is when it is a character that acts on the text around
// it instead of being text: C0, DEL and C1 controls, line and paragraph
// separators, and bidirectional marks, overrides and isolates, which can make
// a text read as another. "" for every other character.
func control(r rune) string {
	switch {
	case r < utf8.RuneSelf:
		if r < 0x20 || r == 0x7f {
			return "a control character"
		}
	case unicode.IsControl(r):
		return "a control character"
	case r == 0x2028, r == 0x2029:
		return "a line separator"
	case r == 0x061c, r == 0x200e, r == 0x200f,
		r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069:
		return "a bidirectional control character"
	}
	return ""
}

// unfit names what r is when it has no place in an address: control characters,
// characters that show nothing (two addresses would look the same), U+FFFD
// (what decoders leave where they could not read: the text is damaged) and
// noncharacters. "" for every other character.
//
// Zero-width joiners (Persian, Indic scripts, emoji) and variation selectors
// (emoji, ideographs) shape the characters beside them and are allowed.
func unfit(r rune) string {
	if what := control(r); what != "" || r < utf8.RuneSelf {
		return what
	}
	switch {
	case r == 0xfffd:
		return "a replacement character, left by a conversion that went wrong"
	case r == 0x00ad, r == 0x034f, r == 0x115f, r == 0x1160, r == 0x180e, r == 0x200b, r == 0x3164, r == 0xfeff, r == 0xffa0,
		r >= 0x2060 && r <= 0x206f, r >= 0xfff9 && r <= 0xfffb, r >= 0xe0000 && r <= 0xe007f:
		return "an invisible character"
	case r&0xfffe == 0xfffe, r >= 0xfdd0 && r <= 0xfdef:
		return "a noncharacter"
	}
	return ""
}

// firstOf returns a reason naming the first character of s, which is valid
// UTF-8, that test names; "" when there is none.
func firstOf(s string, test func(rune) string) string {
	for _, r := range s {
		if what := test(r); what != "" {
			return fmt.Sprintf("contains %s (U+%04X)", what, r)
		}
	}
	return ""
}
