package rules

import "strings"

// robotWords are found in the user agents of crawlers and preview fetchers.
var robotWords = []string{"bot", "spider", "crawl", "slurp", "facebookexternalhit", "headlesschrome", "lighthouse"}

// honest refuses, in rules that may not test for bots, to look for a crawler's
// token in the user agent. Nobody can list every token; platform ids are where
// the rule is enforced in full, and this closes the obvious way around.
func (g *generator) honest(a, b value) error {
	if g.dishonest == "" {
		return nil
	}
	if a.fact == nil {
		a, b = b, a
	}
	literal, ok := b.literalText()
	if !ok || a.fact == nil || a.fact.name != "visit.user_agent" {
		return nil
	}
	lower := strings.ToLower(literal)
	lower = strings.ReplaceAll(lower, "cubot", "") // a maker of phones
	for _, word := range robotWords {
		if strings.Contains(lower, word) {
			return g.errorf(b.expr, "%s", g.dishonest)
		}
	}
	return nil
}
