package rollout

import (
	"context"

	"suodi/wasm/abi"
	"suodi/wasm/rules"
	"suodi/wasm/visit"
)

// RuleSet is a rule set with the module that was made of it for a catalog.
type RuleSet struct {
	*rules.RuleSet
	Module    *rules.Module
	platforms platforms
}

// Mistake says that a rule set is not as it should be. rules.Errors takes it
// apart.
type Mistake struct {
	What string // a clause: what could not be done with it
	Err  error  // as package rules says it
}

// Error returns what could not be done, and why.
func (m *Mistake) Error() string { return m.What + ": " + m.Err.Error() }

// Unwrap returns why.
func (m *Mistake) Unwrap() error { return m.Err }

// Compile makes a module of a rule set. Its errors are of type *Mistake.
func Compile(source []byte, catalog *visit.Catalog) (*RuleSet, error) {
	set, err := rules.Parse(source)
	if err != nil {
		return nil, &Mistake{"the rule set cannot be read", err}
	}
	known := platforms{catalog}
	module, err := rules.Compile(set, known)
	if err != nil {
		return nil, &Mistake{"the rule set does not compile", err}
	}
	return &RuleSet{set, module, known}, nil
}

// Test runs the rule set's own tests, on visits that are classified as edges do
// it, and returns those that fail. What kept them from running at all is of type
// *Mistake.
func (s *RuleSet) Test(ctx context.Context) ([]rules.Failure, error) {
	classifier, err := visit.NewClassifier(visit.Config{Catalog: s.platforms.Catalog, CacheEntries: 1, Queue: 1})
	if err != nil {
		return nil, &Mistake{"the rule set's tests cannot be run", err}
	}
	failures, err := s.RuleSet.Test(ctx, s.Module, s.platforms, func(userAgent string, v *abi.Visit) {
		evidence := visit.Evidence{UserAgent: []byte(userAgent), RequestedWith: v.RequestedWith}
		classifier.Classify(&evidence, abi.FactPlatforms|abi.FactVersions, v)
	})
	if err != nil {
		return nil, &Mistake{"the rule set's tests cannot be run", err}
	}
	return failures, nil
}

// platforms is the platform catalog as the rule compiler sees it.
type platforms struct{ *visit.Catalog }

func (p platforms) Number(id string) (uint8, bool) {
	e, ok := p.ByID(id)
	return e.Number, ok && !e.Retired
}

func (p platforms) IsCrawler(id string) bool {
	e, _ := p.ByID(id)
	return id == visit.Bot || e.Kind == visit.Crawler
}

func (p platforms) IDs() (ids []string) {
	for _, e := range p.Entries() {
		if !e.Retired {
			ids = append(ids, e.ID)
		}
	}
	return ids
}
