package rules_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"suodi/wasm/rules"
)

// TestCompilingIsBounded: rules made to take long do not, however many of them
// are wrong.
func TestCompilingIsBounded(t *testing.T) {
	for name, when := range map[string]string{
		"refused one by one": `visit.path.matches("(a|b)*a%d(a|b){18}") || visit.path.matches("\\p{L}{1,200}%[1]d")`,
		"classes":            `visit.path.matches("[\\p{L}\\p{N}]{1,900}%d")`,
		"programs":           `visit.path.matches("((a{0,30}){0,30}){0,1}%d$")`,
		"just too large":     `visit.path.matches("((ab{0,30}){0,18}){0,1}%d$")`,
		"ordinary":           `visit.hour != %d && visit.path.matches("^/[a-z]+-[0-9]{4}/.*[.]html$") && visit.host.matches("^(www|shop|m)[.]example[.]com$")`,
		"many and large":     `visit.path.matches("[a-f]{5}x%d.*y[0-9]{20}") && visit.user_agent.matches("(foo|bar|baz)%[1]d+[^a-k]{1,30}z")`,
		"not in CEL":         `visit.path.nothing("%d") || visit.hour == "x"`,
	} {
		t.Run(name, func(t *testing.T) {
			var b strings.Builder
			b.WriteString("name: h\nrules:\n")
			for i := range 256 {
				fmt.Fprintf(&b, "  - {when: '%s', then: deny}\n", fmt.Sprintf(when, i))
			}
			rs, err := rules.Parse([]byte(b.String()))
			if err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			_, err = rules.Compile(rs, shipped)
			took := time.Since(began)
			t.Logf("%v, %d errors", took, len(rules.Errors(err)))
			limit := 3 * time.Second // beside others; 0.7 s alone
			if raceDetector {
				limit *= 5
			}
			if took > limit {
				t.Errorf("compiled for %v", took)
			}
			if found := len(rules.Errors(err)); (found == 0) != (name == "ordinary") || found > 20 {
				t.Errorf("%d errors: %v", found, err)
			}
		})
	}
}
