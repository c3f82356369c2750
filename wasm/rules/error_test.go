package rules_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"suodi/wasm/rules"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestErrors compares what is said of each wrong rule set in testdata/errors
// with the .txt beside it.
func TestErrors(t *testing.T) {
	sources, err := filepath.Glob("testdata/errors/*.yaml")
	if err != nil || len(sources) == 0 {
		t.Fatalf("no rule sets: %v", err)
	}
	for _, path := range sources {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".yaml"), func(t *testing.T) {
			source, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			rs, err := rules.Parse(source)
			if err == nil {
				_, err = rules.Compile(rs, shipped)
			}
			if err == nil {
				t.Fatal("accepted")
			}
			found := rules.Errors(err)
			if len(found) == 0 {
				t.Fatalf("not one *rules.Error in %v", err)
			}
			var got strings.Builder
			for _, e := range found {
				got.WriteString(e.Error() + "\n\n")
			}
			golden := strings.TrimSuffix(path, ".yaml") + ".txt"
			if *update {
				if err := os.WriteFile(golden, []byte(got.String()), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if got.String() != string(want) {
				t.Errorf("got:\n%s\nwant:\n%s", got.String(), want)
			}
		})
	}
}

// TestLimits holds the limits that keep a rule set's cost in hand.
func TestLimits(t *testing.T) {
	for _, c := range []struct {
		name, source, want string
	}{
		{"source", "# " + strings.Repeat("x", rules.MaxSource), "the rule set is 262146 bytes long; at most 262144"},
		{"UTF-8", "name: \xff", "the rule set is not UTF-8"},
		{"rules", "name: x\nrules:\n" + strings.Repeat("  - {when: true, then: deny}\n", rules.MaxRules+1), "rules: more than 256"},
		{"when", "name: x\nrules:\n  - {then: deny, when: '" + strings.Repeat(" ", rules.MaxWhen) + "true'}\n", "when is 4100 bytes long; at most 4096"},
		{"reason", "name: x\nrules:\n  - {when: true, then: deny, reason: " + strings.Repeat("x", rules.MaxReason+1) + "}\n", "reason is 501 bytes long; at most 500"},
		{"depth", oneRule(strings.Repeat("(", 200) + "true" + strings.Repeat(")", 200)), "expression recursion limit exceeded: 100"},
	} {
		t.Run(c.name, func(t *testing.T) {
			rs, err := rules.Parse([]byte(c.source))
			if err == nil {
				_, err = rules.Compile(rs, shipped)
			}
			found := rules.Errors(err)
			if len(found) != 1 || found[0].Message != c.want {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestErrorsOfOthers(t *testing.T) {
	if found := rules.Errors(errors.New("something else")); len(found) != 0 {
		t.Errorf("got %v", found)
	}
	if found := rules.Errors(nil); len(found) != 0 {
		t.Errorf("got %v", found)
	}
}

// FuzzParse looks for rule sets that break the compiler, and for errors
// outside the source.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{"testdata/errors/*.yaml", "../filters/*.yaml"} {
		sources, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, path := range sources {
			source, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(source)
		}
	}
	f.Fuzz(func(t *testing.T, source []byte) {
		rs, err := rules.Parse(source)
		if err == nil {
			_, err = rules.Compile(rs, shipped)
		}
		if err == nil {
			return
		}
		found := rules.Errors(err)
		if len(found) == 0 {
			t.Fatalf("%T is no *rules.Error: %v", err, err)
		}
		for _, e := range found {
			if e.Line < 1 || e.Column < 1 || e.Message == "" || !strings.HasSuffix(e.Snippet, "^") {
				t.Fatalf("%+v", e)
			}
		}
	})
}
