package rules

import (
	"strings"

	"cel.dev/cel-go/common/types"
)

// robotWords are found in the user agents of crawlers and preview fetchers.
var robotWords = []string{
	"bot", "spider", "crawl", "slurp", "facebookexternalhit", "facebookcatalog", "headlesschrome", "lighthouse", "mediapartners",
	"googleother", "google-inspectiontool", "yahoo! link preview", "skypeuripreview", "bingpreview", "embedly", "yandex.com/",
}

// honest refuses, in rules that may not test for bots, to look for a crawler's
// token in the user agent or the browser's name. Nobody can list every token;
// platform ids are where the rule is enforced in full, and this closes the
// obvious way around.
func (g *generator) honest(a, b value) error {
	if g.dishonest == "" || !a.agent && !b.agent {
		return nil
	}
	for _, other := range []value{a, b} {
		if other.given {
			return g.errorf(other.expr, "%s; so what is compared with the user agent is a literal here", g.dishonest)
		}
		for _, e := range other.words {
			literal, _ := e.AsLiteral().(types.String)
			lower := strings.ToLower(string(literal))
			lower = strings.ReplaceAll(lower, "cubot", "") // a maker of phones
			for _, word := range robotWords {
				if strings.Contains(lower, word) {
					return g.errorf(e, "%s", g.dishonest)
				}
			}
		}
	}
	return nil
}

// countsCrawlers refuses, in rules that may not test for bots, to look at all of
// the visit's platforms at once, as their number tells: a crawler's are among
// them.
func (g *generator) countsCrawlers(sets ...value) error {
	for _, v := range sets {
		if g.dishonest != "" && v.fact.name == "visit.platforms" {
			return g.errorf(v.expr, "%s; the size of this set tells, so ask for platforms by their ids", g.dishonest)
		}
	}
	return nil
}
