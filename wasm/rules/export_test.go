package rules

import "slices"

// What the differential test needs of the inside: the environment, to let
// cel-go evaluate in it, and the list of facts.
var (
	NewEnvironment = newEnvironment
	FactNames      = factNames
)

// Pattern is a compiled pattern that Go reads as a module does.
type Pattern struct{ p *pattern }

func NewPattern(expression string) (*Pattern, error) {
	work := maxWork
	p, err := compilePattern(expression, &work)
	return &Pattern{p}, err
}

func (p *Pattern) Size() int { return len(p.p.table) }

func (p *Pattern) Match(text string) bool { return p.p.matches(text) }

// FunctionNames are the functions that have names.
func FunctionNames() []string { return callable[slices.Index(callable, "intersects"):] }
