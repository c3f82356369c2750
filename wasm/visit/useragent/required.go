package useragent

import (
	"regexp/syntax"
	"slices"
	"strings"
)

// Bounds on what required lists.
const (
	maxCases = 4   // characters of a class that is listed
	maxTexts = 256 // texts that a concatenation may come to
)

// need is what is known of every text that an expression matches. Where texts
// is not nil, it is one of them. In any case it holds one of each clause.
type need struct {
	texts   []string
	clauses [][]string
}

// required returns clauses: whatever the expression matches holds at least one
// text of each. All texts are printable ASCII and not empty.
func required(tree *syntax.Regexp) [][]string {
	clauses := needOf(tree).flush()
	// A single character occurs in nearly every agent.
	long := slices.DeleteFunc(slices.Clone(clauses), func(c []string) bool { return shortest(c) < 2 })
	if len(long) > 0 {
		return long
	}
	return clauses
}

func needOf(tree *syntax.Regexp) need {
	switch tree.Op {
	case syntax.OpEmptyMatch, syntax.OpBeginLine, syntax.OpEndLine, syntax.OpBeginText,
		syntax.OpEndText, syntax.OpWordBoundary, syntax.OpNoWordBoundary:
		return need{texts: []string{""}}
	case syntax.OpLiteral:
		texts := []string{""}
		for _, r := range tree.Rune {
			texts = product(texts, cases(r, tree.Flags&syntax.FoldCase != 0))
		}
		return need{texts: texts}
	case syntax.OpCharClass:
		return need{texts: members(tree)}
	case syntax.OpCapture:
		return needOf(tree.Sub[0])
	case syntax.OpQuest:
		if n := needOf(tree.Sub[0]); n.texts != nil {
			return need{texts: append(n.texts, "")}
		}
	case syntax.OpPlus:
		return need{clauses: needOf(tree.Sub[0]).flush()}
	case syntax.OpRepeat:
		if tree.Min > 0 {
			return need{clauses: needOf(tree.Sub[0]).flush()}
		}
	case syntax.OpConcat:
		return needOfConcat(tree)
	case syntax.OpAlternate:
		return needOfAlternate(tree)
	}
	return need{}
}

// needOfConcat goes through the parts: texts of neighbours are joined, and
// become a clause where the next part cannot be listed.
func needOfConcat(tree *syntax.Regexp) need {
	all := need{texts: []string{""}}
	listed := true
	for _, part := range tree.Sub {
		n := needOf(part)
		if joined := product(all.texts, n.texts); joined != nil {
			all.texts = joined
			continue
		}
		listed = false
		all = need{texts: n.texts, clauses: append(all.flush(), n.clauses...)}
		if all.texts == nil {
			all.texts = []string{""} // what follows is listed from here on
		}
	}
	if !listed {
		return need{clauses: all.flush()}
	}
	return all
}

// needOfAlternate joins the best clause of each alternative: one of them
// matched, so one of the joined texts occurs.
func needOfAlternate(tree *syntax.Regexp) need {
	needs := make([]need, len(tree.Sub))
	var texts []string
	listed := true
	for i, alternative := range tree.Sub {
		needs[i] = needOf(alternative)
		texts = append(texts, needs[i].texts...)
		listed = listed && needs[i].texts != nil
	}
	if listed {
		return need{texts: texts}
	}
	var clause []string
	for _, n := range needs {
		clauses := n.flush()
		if len(clauses) == 0 {
			return need{} // an alternative that needs nothing
		}
		clause = append(clause, slices.MaxFunc(clauses, byShortest)...)
	}
	return need{clauses: [][]string{clause}}
}

// flush returns the clauses with one for the texts, if it says anything.
func (n need) flush() [][]string {
	if n.texts == nil || slices.Contains(n.texts, "") {
		return n.clauses
	}
	// A text that holds another one adds nothing.
	var clause []string
	for i, text := range n.texts {
		if !slices.ContainsFunc(n.texts, func(other string) bool { return other != text && strings.Contains(text, other) }) &&
			!slices.Contains(n.texts[:i], text) {
			clause = append(clause, text)
		}
	}
	return append(slices.Clone(n.clauses), clause)
}

// product returns every text of the first list followed by every text of the
// second, nil if either is unknown or they are too many.
func product(first, second []string) []string {
	if first == nil || second == nil || len(first)*len(second) > maxTexts {
		return nil
	}
	texts := make([]string, 0, len(first)*len(second))
	for _, f := range first {
		for _, s := range second {
			texts = append(texts, f+s)
		}
	}
	return texts
}

// cases returns r as a text, in either case if fold, nil if it is not
// printable ASCII or has a case that is not.
func cases(r rune, fold bool) (texts []string) {
	for _, c := range orbit(r, fold) {
		if c < ' ' || c > '~' {
			return nil
		}
		texts = append(texts, string(c))
	}
	return texts
}

// members returns the characters of a class, nil if they are many or not all
// printable ASCII.
func members(class *syntax.Regexp) (texts []string) {
	for i := 0; i < len(class.Rune); i += 2 {
		low, high := class.Rune[i], class.Rune[i+1]
		if low < ' ' || high > '~' || int(high-low)+1+len(texts) > maxCases {
			return nil
		}
		for r := low; r <= high; r++ {
			texts = append(texts, string(r))
		}
	}
	return texts
}

// byShortest orders clauses by how much their shortest text says, then by how
// few texts they have.
func byShortest(a, b []string) int {
	if d := shortest(a) - shortest(b); d != 0 {
		return d
	}
	return len(b) - len(a)
}

func shortest(clause []string) int {
	return len(slices.MinFunc(clause, func(a, b string) int { return len(a) - len(b) }))
}
