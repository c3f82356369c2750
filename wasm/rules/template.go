package rules

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"suodi/wasm/abi"
)

// placeholder is what a URL template has in braces.
var placeholder = regexp.MustCompile(`\{[^{}]*\}`)

// route returns the verdict of a route, having checked the placeholders of its
// URL, which the host replaces.
func (g *generator) route(rule *Rule) (abi.Verdict, error) {
	ref, err := g.literal(rule.To)
	if err != nil {
		return 0, g.errorAt(0, "%v", err)
	}
	address, length := visitAddress+ref&0xffff, ref>>16
	found := placeholder.FindAllStringIndex(rule.To, -1)
	if len(found) == 0 {
		return abi.NewRoute(address, length), nil
	}
	if len(found) > abi.MaxPlaceholders {
		offset := utf8.RuneCountInString(rule.To[:found[abi.MaxPlaceholders][0]])
		return 0, g.source.errorAt(g.source.within(rule.to, offset), "to: %d placeholders; at most %d", len(found), abi.MaxPlaceholders)
	}
	for _, at := range found {
		name := rule.To[at[0]+1 : at[1]-1]
		offset := utf8.RuneCountInString(rule.To[:at[0]])
		fail := func(format string, args ...any) error {
			return g.source.errorAt(g.source.within(rule.to, offset), "to: "+format, args...)
		}
		if param, ok := strings.CutPrefix(name, "params."); ok {
			p, ok := g.params[param]
			switch {
			case !ok:
				return 0, fail("unknown parameter %s%s", quote(param), didYouMean(param, keys(g.params)))
			case p.Secret:
				return 0, fail("parameter %q is secret; a URL shows it to everybody", param)
			}
			continue
		}
		fact, ok := abi.PlaceholderFact(name)
		if !ok {
			known := abi.Placeholders()
			for _, param := range keys(g.params) {
				known = append(known, "params."+param)
			}
			if plain := strings.TrimPrefix(name, "visit."); slices.Contains(known, plain) {
				return 0, fail("unknown placeholder {%s}; did you mean {%s}?", name, plain)
			}
			return 0, fail("unknown placeholder {%s}%s", name, didYouMean(name, known))
		}
		g.needs |= fact
	}
	return abi.NewTemplate(address, length), nil
}

// exampleURL returns what a template may come to, and whether its placeholders
// stand behind the host.
func exampleURL(s string) (example string, ok bool) {
	_, rest, _ := strings.Cut(s, "://")
	if at := strings.IndexAny(rest, "/?#{"); at >= 0 && rest[at] == '{' || strings.Contains(s, "{") && strings.Index(s, "{") < strings.Index(s, "://") {
		return "", false
	}
	return placeholder.ReplaceAllString(s, "x"), true
}
