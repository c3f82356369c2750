package edge_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"suodi/control/feed/feedpb"
)

// What could not be saved is saved when the same is told again.
func TestKeepIsTriedAgain(t *testing.T) {
	server := newSite(t)
	file := filepath.Join(server.Dir(), "filters.json")
	obstacle := file + ".part"
	check(t, os.Mkdir(obstacle, 0o700))
	check(t, os.WriteFile(filepath.Join(obstacle, "x"), nil, 0o600))
	module := compile(t, "let", passAll)
	chain := &feedpb.Chain{Bindings: []*feedpb.Binding{binding("let", 1, module)}}
	bring(t, server, chain, module)
	if _, err := os.Stat(file); err == nil {
		t.Fatal("saved through an obstacle")
	}
	check(t, os.RemoveAll(obstacle))
	bring(t, server, chain)
	kept, err := os.ReadFile(file)
	check(t, err)
	if !strings.Contains(string(kept), `"let"`) {
		t.Errorf("kept %s", kept)
	}
}
