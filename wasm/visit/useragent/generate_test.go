package useragent_test

import (
	"math/rand/v2"
	"regexp/syntax"
	"strings"
	"testing"
	"unicode"

	"github.com/ua-parser/uap-go/uaparser"
)

// expressions returns the expressions of uap-go's rules, browsers first.
func expressions(t testing.TB) (all []string) {
	t.Helper()
	for _, r := range definitions(t).UA {
		all = append(all, r.Expr)
	}
	for _, r := range definitions(t).OS {
		all = append(all, r.Expr)
	}
	return all
}

// generator makes texts that expressions match, or nearly do.
type generator struct {
	random *rand.Rand
	trees  []*syntax.Regexp
}

func newGenerator(t testing.TB) *generator {
	t.Helper()
	g := &generator{random: newRandom()}
	for _, e := range expressions(t) {
		tree, err := syntax.Parse(e, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		g.trees = append(g.trees, tree)
	}
	return g
}

// agent returns a text made from a rule, alone or among others.
func (g *generator) agent(rule int) string {
	text := g.text(rule)
	switch g.random.IntN(6) {
	case 0:
		text = g.text(g.random.IntN(len(g.trees))) + text
	case 1:
		text = g.text(g.random.IntN(len(g.trees))) + " " + text + g.text(g.random.IntN(len(g.trees)))
	case 2:
		text = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) " + text + " Version/17.5 Mobile/15E148 Safari/604.1"
	case 3:
		text = mutate(g.random, text)
	}
	return text
}

func (g *generator) text(rule int) string {
	var b strings.Builder
	g.write(&b, g.trees[rule])
	return b.String()
}

func (g *generator) write(b *strings.Builder, tree *syntax.Regexp) {
	times := func(least, most int) {
		for range least + g.random.IntN(most-least+1) {
			g.write(b, tree.Sub[0])
		}
	}
	switch tree.Op {
	case syntax.OpLiteral:
		for _, r := range tree.Rune {
			if tree.Flags&syntax.FoldCase != 0 && g.random.IntN(2) == 0 {
				r = unicode.SimpleFold(r)
			}
			b.WriteRune(r)
		}
	case syntax.OpCharClass:
		b.WriteRune(g.member(tree.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteString(g.any())
	case syntax.OpStar:
		times(0, 4)
	case syntax.OpPlus:
		times(1, 4)
	case syntax.OpQuest:
		times(0, 1)
	case syntax.OpRepeat:
		most := tree.Max
		switch {
		case most < 0 || most > tree.Min+4 && g.random.IntN(8) > 0:
			times(tree.Min, tree.Min+4)
		case g.random.IntN(2) == 0: // at and just over the limit
			times(most, most+1)
		default:
			times(tree.Min, most)
		}
	case syntax.OpAlternate:
		g.write(b, tree.Sub[g.random.IntN(len(tree.Sub))])
	default:
		for _, sub := range tree.Sub {
			g.write(b, sub)
		}
	}
}

// member returns a character of a class, mostly one that is written in ASCII.
func (g *generator) member(class []rune) rune {
	i := g.random.IntN(len(class)/2) * 2
	low, high := class[i], class[i+1]
	if low < unicode.MaxASCII && g.random.IntN(10) > 0 {
		high = min(high, unicode.MaxASCII)
	}
	return low + g.random.Int32N(high-low+1)
}

// any returns what a dot may match, and now and then what it does not.
func (g *generator) any() string {
	if g.random.IntN(60) == 0 {
		return pieces[g.random.IntN(30)]
	}
	const usual = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789      ;;//..()-_,:+["
	return string(usual[g.random.IntN(len(usual))])
}

// definitions returns the rules of uap-go that are of interest here.
func definitions(t testing.TB) uaparser.RegexDefinitions {
	t.Helper()
	return readDefinitions(t, uaparser.DefinitionYaml)
}
