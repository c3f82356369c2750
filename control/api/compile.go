package api

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"suodi/control/state"
	"suodi/wasm/abi"
	"suodi/wasm/rules"
	"suodi/wasm/visit"
)

// compile makes a module of a rule set and runs the rule set's tests.
func compile(ctx context.Context, name string, source []byte, platforms []state.Platform) (*rules.Module, error) {
	set, err := rules.Parse(source)
	if err != nil {
		return nil, rulesProblem("the rule set cannot be read", err)
	}
	if set.Name != name {
		return nil, problem(http.StatusUnprocessableEntity, fmt.Sprintf("the rule set is named %q, but is pushed as %q; make the names equal", set.Name, name))
	}
	catalog, err := catalogOf(platforms)
	if err != nil {
		return nil, fromError(err)
	}
	numbers := ruleCatalog{catalog}
	module, err := rules.Compile(set, numbers)
	if err != nil {
		return nil, rulesProblem("the rule set does not compile", err)
	}
	failures, err := set.Test(ctx, module, numbers, numbers.classify)
	if err != nil {
		return nil, rulesProblem("the rule set's tests cannot be run", err)
	}
	if len(failures) == 0 {
		return module, nil
	}
	model := problem(http.StatusUnprocessableEntity, "the rule set fails its own tests")
	for _, f := range failures {
		model.Detail += "; " + f.String()
		model.Errors = append(model.Errors, &huma.ErrorDetail{
			Location: fmt.Sprintf("body:%d", f.Line), Message: fmt.Sprintf("test %q: want %s, got %s", f.Name, f.Want, f.Got),
		})
	}
	return nil, model
}

// rulesProblem reports mistakes in a rule set with their places.
func rulesProblem(what string, err error) *huma.ErrorModel {
	model := problem(http.StatusUnprocessableEntity, what)
	mistakes := rules.Errors(err)
	if len(mistakes) == 0 {
		model.Detail += ": " + err.Error()
	}
	for _, m := range mistakes {
		model.Errors = append(model.Errors, &huma.ErrorDetail{
			Location: fmt.Sprintf("body:%d:%d", m.Line, m.Column), Message: m.Message, Value: m.Snippet,
		})
	}
	return model
}

// ruleCatalog is the platform catalog as the rule compiler sees it.
type ruleCatalog struct{ *visit.Catalog }

func (c ruleCatalog) Number(id string) (uint8, bool) {
	e, ok := c.ByID(id)
	return e.Number, ok && !e.Retired
}

func (c ruleCatalog) IsCrawler(id string) bool {
	e, _ := c.ByID(id)
	return id == visit.Bot || e.Kind == visit.Crawler
}

func (c ruleCatalog) IDs() (ids []string) {
	for _, e := range c.Entries() {
		if !e.Retired {
			ids = append(ids, e.ID)
		}
	}
	return ids
}

// classify fills in what the catalog tells from a user agent. Browser and
// version facts of a rule set's tests are given by the tests themselves.
func (c ruleCatalog) classify(userAgent string, v *abi.Visit) {
	p := c.Match([]byte(userAgent))
	v.Platforms, v.Platform, v.OS, v.Device, v.Bot = p.Set, p.Platform, p.OS, p.Device, p.Bot
}
