package link

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// writingSystems are the combinations of scripts that one language writes
// together (Unicode Technical Standard 39, 5.1, augmented script sets, with
// the Latin letters that names in them often have).
var writingSystems = [][]*unicode.RangeTable{
	{unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Latin}, // Japanese
	{unicode.Han, unicode.Bopomofo, unicode.Latin},                   // Chinese
	{unicode.Han, unicode.Hangul, unicode.Latin},                     // Korean
}

// commonScripts are tried before all others, for speed alone.
var commonScripts = []*unicode.RangeTable{
	unicode.Latin, unicode.Han, unicode.Cyrillic, unicode.Greek, unicode.Hiragana, unicode.Katakana, unicode.Hangul,
	unicode.Arabic, unicode.Hebrew, unicode.Thai, unicode.Devanagari, unicode.Bopomofo,
}

// mixesScripts reports whether one label of a host in Unicode has letters of
// more than one script, unless one writing system holds them all. Characters
// that belong to no script (digits, hyphens, most symbols) do not count. A
// label wholly in look-alikes of one script is not found this way.
func mixesScripts(host string) bool {
	for label := range strings.SplitSeq(host, ".") {
		if labelMixesScripts(label) {
			return true
		}
	}
	return false
}

func labelMixesScripts(label string) bool {
	var seen []*unicode.RangeTable
	for _, r := range label {
		if r < utf8.RuneSelf && (r < 'a' || r > 'z') {
			continue
		}
		if script := scriptOf(r); script != nil && !slices.Contains(seen, script) {
			seen = append(seen, script)
		}
	}
	if len(seen) < 2 {
		return false
	}
	return !slices.ContainsFunc(writingSystems, func(system []*unicode.RangeTable) bool {
		return !slices.ContainsFunc(seen, func(script *unicode.RangeTable) bool {
			return !slices.Contains(system, script)
		})
	})
}

// scriptOf returns the script of r, nil for none in particular.
func scriptOf(r rune) *unicode.RangeTable {
	for _, script := range commonScripts {
		if unicode.Is(script, r) {
			return script
		}
	}
	if unicode.Is(unicode.Common, r) || unicode.Is(unicode.Inherited, r) {
		return nil
	}
	for _, script := range unicode.Scripts { // scripts are disjoint: any order finds the same
		if unicode.Is(script, r) {
			return script
		}
	}
	return nil
}
