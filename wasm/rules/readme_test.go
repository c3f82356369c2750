package rules_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"suodi/wasm/rules"
)

// TestReadme compiles every rule set and every condition of README.md, runs the
// tests of the former, and looks for facts, functions and placeholders that it
// does not name.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	sources := regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(text, -1)
	for _, source := range sources {
		rs, m := compile(t, string(source[1]))
		failures, err := rs.Test(t.Context(), m, shipped, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range failures {
			t.Errorf("%s: %s", rs.Name, f)
		}
		if formatted, err := rules.Format(source[1]); err != nil || len(rs.Tests) == 0 && string(formatted) != string(source[1]) {
			t.Errorf("%v, formatted:\n%s", err, formatted)
		}
	}
	conditions := regexp.MustCompile("(?m)\\| `([^`|]*|[^`]*\\|\\|[^`]*)` \\|$").FindAllSubmatch(text, -1)
	for _, condition := range conditions {
		compile(t, oneRule(strings.ReplaceAll(string(condition[1]), `\|`, `|`)))
	}
	if len(sources) < 4 || len(conditions) < 24 {
		t.Errorf("%d rule sets and %d conditions were found", len(sources), len(conditions))
	}
	for _, name := range append(rules.FactNames(), rules.FunctionNames()...) {
		if !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("%s is not named", name)
		}
	}
}
