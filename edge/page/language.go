package page

import "bytes"

// Lang is a language the pages are written in.
type Lang uint8

// The languages. English is the zero value: it answers when nothing else is
// asked for.
const (
	English Lang = iota
	Chinese
	languages = iota
)

var langTags = [languages]string{English: "en", Chinese: "zh-CN"}

// String returns the language tag that stands in the page's lang attribute.
func (l Lang) String() string { return langTags[l.known()] }

func (l Lang) known() Lang {
	if int(l) < languages {
		return l
	}
	return English
}

// What Language reads of a header at most. Browsers send a few dozen bytes; a
// header beyond these limits is judged by its beginning.
const (
	maxHeaderBytes = 1024
	maxRanges      = 32
)

// Language returns the language an Accept-Language header prefers of the two
// the pages have (RFC 9110, section 12.5.4). Any zh range asks for Chinese and
// any en range for English; "*" speaks for a language without a range of its
// own. The higher quality wins, then the one named first, then English; so an
// empty header, or one that names neither language, yields English. Malformed
// ranges are skipped. Language does not allocate.
func Language(acceptLanguage []byte) Lang {
	rest := acceptLanguage
	if len(rest) > maxHeaderBytes {
		// The range that the limit cuts through is not read.
		rest = rest[:1+bytes.LastIndexByte(rest[:maxHeaderBytes], ',')]
	}
	var zh, en, wildcard preference
	for place := 1; place <= maxRanges && len(rest) > 0; place++ {
		var item []byte
		item, rest, _ = bytes.Cut(rest, []byte{','})
		tag, parameter, weighted := bytes.Cut(item, []byte{';'})
		quality := maxQuality
		if weighted {
			var ok bool
			if quality, ok = parseWeight(parameter); !ok {
				continue
			}
		}
		tag = bytes.Trim(tag, " \t")
		switch {
		case primary(tag, 'z', 'h'):
			zh.raise(quality, place)
		case primary(tag, 'e', 'n'):
			en.raise(quality, place)
		case len(tag) == 1 && tag[0] == '*':
			wildcard.raise(quality, place)
		}
	}
	if zh.place == 0 {
		zh = wildcard
	}
	if en.place == 0 {
		en = wildcard
	}
	if zh.quality > en.quality || zh.quality == en.quality && zh.quality > 0 && zh.place < en.place {
		return Chinese
	}
	return English
}

// preference is how much a language is wanted: quality in thousandths, and the
// place, from 1, of the range that first said so; place 0 is not mentioned.
type preference struct{ quality, place int }

func (p *preference) raise(quality, place int) {
	if p.place == 0 || quality > p.quality {
		*p = preference{quality, place}
	}
}

// primary reports whether the first subtag of tag is the two letters, in
// either case. "_" is taken for "-", as some Android apps send zh_CN.
func primary(tag []byte, first, second byte) bool {
	return len(tag) >= 2 && tag[0]|0x20 == first && tag[1]|0x20 == second &&
		(len(tag) == 2 || tag[2] == '-' || tag[2] == '_')
}

const maxQuality = 1000

// parseWeight reads `q=0.8` into thousandths by the grammar of RFC 9110,
// section 12.4.2: 0 or 1, with at most three decimals.
func parseWeight(parameter []byte) (quality int, ok bool) {
	p := bytes.Trim(parameter, " \t")
	if len(p) < 3 || len(p) > len("q=0.000") || p[0]|0x20 != 'q' || p[1] != '=' || p[2] != '0' && p[2] != '1' {
		return 0, false
	}
	quality = int(p[2]-'0') * maxQuality
	if len(p) == 3 {
		return quality, true
	}
	if p[3] != '.' {
		return 0, false
	}
	unit := maxQuality / 10
	for _, digit := range p[4:] {
		if digit < '0' || digit > '9' {
			return 0, false
		}
		quality += int(digit-'0') * unit
		unit /= 10
	}
	return quality, quality <= maxQuality
}
