// Package npm reads the user agents of two packages of npm's for tests:
// user-agents, 10,000 visits to real sites with what scripts saw of the
// device, and top-user-agents, the hundred most frequent ones. testdata pins
// their versions and .ci/deps installs them. It must not know how they are
// recognised.
package npm

import (
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// Visit is a visit that user-agents has.
type Visit struct {
	UserAgent string `json:"userAgent"`
	Device    string `json:"deviceCategory"` // desktop, mobile or tablet, by the screen
	Platform  string `json:"platform"`       // navigator.platform, such as iPhone or Linux armv81
}

// Visits returns those of the package user-agents, several of most user agents.
// The test fails if it is not installed.
func Visits(tb testing.TB) (visits []Visit) {
	tb.Helper()
	read(tb, "user-agents", "dist/user-agents.json", &visits)
	return visits
}

// Agents returns the user agents of both packages, some of them more than once.
// The test fails if one is not installed.
func Agents(tb testing.TB) (agents []string) {
	tb.Helper()
	read(tb, "top-user-agents", "src/index.json", &agents)
	for _, v := range Visits(tb) {
		agents = append(agents, v.UserAgent)
	}
	return agents
}

func read(tb testing.TB, name, path string, into any) {
	tb.Helper()
	_, here, _, _ := runtime.Caller(0)
	text, err := os.ReadFile(filepath.Join(filepath.Dir(here), "testdata", "node_modules", name, path))
	if err != nil {
		tb.Fatalf("npm's package %s is missing: `make deps` installs it (%v)", name, err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		tb.Fatalf("npm's package %s: %v", name, err)
	}
}
