package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"suodi/control/rollout"
	"suodi/control/state"
	"suodi/wasm/rules"
)

// compile makes a module of a rule set and runs the rule set's tests.
func compile(ctx context.Context, name string, source []byte, platforms []state.Platform) (*rules.Module, error) {
	catalog, err := catalogOf(platforms)
	if err != nil {
		return nil, fromError(err)
	}
	set, err := rollout.Compile(source, catalog)
	if err != nil {
		return nil, rulesProblem(err)
	}
	if set.Name != name {
		return nil, problem(http.StatusUnprocessableEntity, fmt.Sprintf("the rule set is named %q, but is pushed as %q; make the names equal", set.Name, name))
	}
	failures, err := set.Test(ctx)
	if err != nil {
		return nil, rulesProblem(err)
	}
	if len(failures) == 0 {
		return set.Module, nil
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
func rulesProblem(err error) *huma.ErrorModel {
	model := problem(http.StatusUnprocessableEntity, err.Error())
	mistakes := rules.Errors(err)
	var wrong *rollout.Mistake
	if errors.As(err, &wrong) && len(mistakes) > 0 {
		model.Detail = wrong.What // the mistakes say the rest
	}
	for _, m := range mistakes {
		model.Errors = append(model.Errors, &huma.ErrorDetail{
			Location: fmt.Sprintf("body:%d:%d", m.Line, m.Column), Message: m.Message, Value: m.Snippet,
		})
	}
	return model
}
