package rules

import (
	"regexp"
	"slices"
	"strings"
	"sync"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"

	"suodi/wasm/visit"
	"suodi/wasm/visit/samples"
)

// robotWords are found in the user agents of crawlers and preview fetchers.
var robotWords = []string{
	"bot", "spider", "crawl", "slurp", "facebookexternalhit", "facebookcatalog", "headlesschrome", "lighthouse", "mediapartners",
	"googleother", "google-inspectiontool", "yahoo! link preview", "skypeuripreview", "bingpreview", "embedly", "yandex.com/",
}

// cubot is a maker of phones.
var cubot = regexp.MustCompile(`(?i)cubot`)

func isRobotWord(s string) bool {
	s = strings.ToLower(cubot.ReplaceAllString(s, ""))
	return slices.ContainsFunc(robotWords, func(word string) bool { return strings.Contains(s, word) })
}

// honest refuses, in rules that may not test for bots, a test of the user agent
// that tells crawlers from people; holds says what the test answers. Nobody can
// list every crawler; platform ids are where the rule is enforced in full, and
// this closes the ways around that known crawlers show.
//
// The browser's name is none: a crawler has that of the browser it comes with. A
// crawler's word there is a mistake all the same.
func (g *generator) honest(a, b value, holds func(a, b string) bool) error {
	if g.dishonest == "" {
		return nil
	}
	for _, side := range []struct {
		asked, other value
		holds        func(asked, other string) bool
	}{{a, b, holds}, {b, a, func(asked, other string) bool { return holds(other, asked) }}} {
		if !side.asked.agent && !side.asked.browser {
			continue
		}
		if side.asked.agent && side.other.given {
			return g.errorf(side.other.expr, "%s; so what is compared with the user agent is a literal here", g.dishonest)
		}
		for _, word := range side.other.spellings() {
			if isRobotWord(word.text) {
				return g.errorf(word.expr, "%s", g.dishonest)
			}
			if !side.asked.agent {
				continue
			}
			test := func(agent string) bool { return side.holds(agent, word.text) }
			crawler := toldByTest(test)
			if crawler == "" && side.asked.folded {
				crawler = toldByTest(func(agent string) bool { return test(lowerASCII(agent)) })
			}
			if crawler != "" {
				return g.errorf(word.expr, "%s; this tells %s from a person", g.dishonest, crawler)
			}
		}
	}
	return nil
}

// measures refuses, in rules that may not test for bots, the length of the user
// agent: a crawler's is as long as nobody else's.
func (g *generator) measures(v value) error {
	if g.dishonest != "" && v.agent {
		return g.errorf(v.expr, "%s; the length of the user agent tells", g.dishonest)
	}
	return nil
}

// spelling is a text that a value may be, and the literal that says so.
type spelling struct {
	text string
	expr ast.Expr
}

// spellings returns the texts that the literals of v stand for.
func (v value) spellings() (all []spelling) {
	if s, ok := v.literalText(); ok { // it may be what lowerAscii() made of one
		return []spelling{{s, v.expr}}
	}
	for _, e := range v.words {
		s, _ := e.AsLiteral().(types.String)
		all = append(all, spelling{string(s), e})
		if v.folded {
			all = append(all, spelling{lowerASCII(string(s)), e})
		}
	}
	return all
}

// acquaintance is a known crawler.
type acquaintance struct{ name, agent, worn string }

// known are user agents of crawlers, and of people.
var known = sync.OnceValues(func() (crawlers []acquaintance, people []string) {
	for _, agent := range samples.All() {
		if !slices.Contains(agent.Platforms, visit.Bot) {
			people = append(people, agent.UserAgent)
			continue
		}
		worn, _ := visit.Worn(agent.UserAgent)
		crawlers = append(crawlers, acquaintance{agent.Name, agent.UserAgent, worn})
	}
	return crawlers, people
})

// toldByTest returns the name of a known crawler that a test of the user agent
// tells from people, or "". That is one for which the test has another answer
// than for a person with the browser that it comes with, or, where it comes with
// none, than for every person known.
func toldByTest(test func(agent string) bool) string {
	crawlers, people := known()
	var answers [2]bool // those that people get: no, yes
	for _, agent := range people {
		if test(agent) {
			answers[1] = true
		} else {
			answers[0] = true
		}
	}
	for _, c := range crawlers {
		switch answer := test(c.agent); {
		case c.worn != "" && answer != test(c.worn),
			c.worn == "" && answer && !answers[1],
			c.worn == "" && !answer && !answers[0]:
			return c.name
		}
	}
	return ""
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
