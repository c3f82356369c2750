package guest_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"suodi/wasm/abi"
	"suodi/wasm/guest"
	"suodi/wasm/meter"
)

// TestReadme: what the guide says of facts, examples, classes and fuel is so.
func TestReadme(t *testing.T) {
	content, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	readme := strings.Join(strings.Fields(string(content)), " ")
	for _, fact := range abi.AllFacts.Names() {
		if !strings.Contains(readme, "`"+fact+"`") {
			t.Errorf("does not name the fact %s", fact)
		}
	}
	for _, e := range guest.Examples() {
		row := regexp.MustCompile(`\| ` + "`" + e.Name + "`" + ` \| [A-Za-z]+ \| [^|]+ \| ([a-z]+) \|`).FindStringSubmatch(readme)
		if row == nil {
			t.Errorf("has no row for %s", e.Name)
		} else if class := example(t, e.Name).m.Class; row[1] != string(class) {
			t.Errorf("%s: says class %s; it is %s", e.Name, row[1], class)
		}
	}
	m, err := meter.Admit(buildNew(t, guest.C), meter.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if m.Fuel != 300_000 || !strings.Contains(readme, "300,000 units of fuel") {
		t.Errorf("a call has %d units", m.Fuel)
	}
	if example(t, "weekday").m.Fuel != 15_000_000 || !strings.Contains(readme, "(15,000,000 in class go)") {
		t.Error("a call in class go has other fuel")
	}
}

func buildNew(t *testing.T, language guest.Language) []byte {
	t.Helper()
	dir := t.TempDir()
	if err := guest.New(dir, "new", language); err != nil {
		t.Fatal(err)
	}
	return build(t, dir, language)
}
