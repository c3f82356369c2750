package bench_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// forbidden is an import that must not be there.
type forbidden struct {
	from   string   // packages at this path; with /... also those below it
	except []string // packages of from that may
	to     []string // what they must not import, in the same form
	// through: not by way of other packages either. It is said where the
	// binary is what counts.
	through bool
	reason  string
}

// The house's rules (DESIGN.md, section 1): what is not forbidden here is
// allowed.
var houseRules = []forbidden{
	{
		from: "suodi/raftstore/...", to: []string{"suodi/control/...", "suodi/edge/...", "suodi/wasm/...", "suodi/bench/..."}, through: true,
		reason: "replicated state knows nothing of what it holds: applying is pure because it is handed an entry, a reader and a batch",
	},
	{
		from: "suodi/wasm/...", to: []string{"suodi/control/...", "suodi/edge/...", "suodi/raftstore/...", "suodi/bench/..."}, through: true,
		reason: "filters know visits, not links: edge and control plane both run them",
	},
	{
		from: "suodi/control/...", to: []string{"suodi/edge/...", "suodi/bench/..."}, through: true,
		reason: "a control plane runs without an edge; suodi dev starts one as a process",
	},
	{
		from: "suodi/edge/...", to: []string{
			"suodi/wasm/rules/...", "suodi/raftstore/...", "suodi/control", "suodi/control/state/...", "suodi/control/api/...",
			"suodi/control/auth/...", "suodi/control/cmd/...", "suodi/bench/...",
		}, through: true,
		reason: "an edge has its copy of the feed and compiled filters, nothing else: what it does not link cannot be attacked",
	},
	{
		from: "suodi/edge/...", to: []string{
			"github.com/hashicorp/raft/...", "github.com/hashicorp/raft-boltdb/...", "go.etcd.io/bbolt/...", "github.com/cockroachdb/pebble/...",
			"github.com/duckdb/...", "cel.dev/...", "github.com/google/cel-go/...", "github.com/danielgtaylor/huma/...",
		}, through: true,
		reason: "an edge's binary stays small and links neither Raft, Pebble, DuckDB nor cel-go",
	},
	{
		from: "suodi/edge/...", to: []string{"runtime/cgo"}, through: true,
		reason: "an edge's binary is CGO_ENABLED=0",
	},
	{
		from: "suodi/control/link/...", to: []string{"suodi/..."}, through: true,
		reason: "the shared language is shared by all: whatever it imported, everybody would",
	},
	{
		from: "suodi/wasm/abi/...", to: []string{"suodi/..."}, through: true,
		reason: "the byte layout is shared with guests, which have the standard library alone",
	},
	{
		from: "suodi/...", except: []string{"suodi/bench/..."}, to: []string{"suodi/bench/..."},
		reason: "nobody imports bench: load is put on from outside",
	},
}

// outsiders are the packages that may use modules of others only as listed;
// the standard library is always there.
var outsiders = []struct {
	from   string
	may    []string
	reason string
}{
	{"suodi/wasm/abi/...", nil, "guests have the standard library alone"},
	{
		"suodi/control/link/...",
		[]string{"golang.org/x/net/idna", "golang.org/x/text/..."},
		"both sides of the feed must agree on every byte: nothing may change it but what is listed",
	},
}

// node is a package in an import graph.
type node struct {
	ImportPath string
	Imports    []string
	Standard   bool
}

// violations returns what in a graph is against the rules, each with the way
// it comes about and the reason.
func violations(graph map[string]node) (found []string) {
	for _, path := range slices.Sorted(maps.Keys(graph)) {
		if graph[path].Standard || !matches(path, "suodi/...") {
			continue
		}
		for _, rule := range houseRules {
			if !matches(path, rule.from) || slices.ContainsFunc(rule.except, func(p string) bool { return matches(path, p) }) {
				continue
			}
			if chain := chainTo(graph, path, rule.through, func(to string) bool {
				return slices.ContainsFunc(rule.to, func(p string) bool { return matches(to, p) && !ownFamily(to, rule.from) })
			}); chain != nil {
				found = append(found, fmt.Sprintf("%s: %s", strings.Join(chain, " → "), rule.reason))
			}
		}
		for _, rule := range outsiders {
			if !matches(path, rule.from) {
				continue
			}
			for _, to := range graph[path].Imports {
				if !graph[to].Standard && !matches(to, "suodi/...") && !slices.ContainsFunc(rule.may, func(p string) bool { return matches(to, p) }) {
					found = append(found, fmt.Sprintf("%s → %s: %s", path, to, rule.reason))
				}
			}
		}
		for _, to := range graph[path].Imports {
			if matches(to, "suodi/...") && slices.Contains(strings.Split(to, "/"), "cmd") && !strings.HasPrefix(path, to+"/") {
				found = append(found, fmt.Sprintf("%s → %s: nobody imports a program; what two of them need is a package", path, to))
			}
		}
	}
	return found
}

// ownFamily reports whether a package is among those a rule is about: they may
// import each other.
func ownFamily(path, from string) bool { return from != "suodi/..." && matches(path, from) }

// matches reports whether a package is at a path, or below it if that ends
// with /... .
func matches(path, pattern string) bool {
	base, below := strings.CutSuffix(pattern, "/...")
	return path == base || below && strings.HasPrefix(path, base+"/")
}

// chainTo returns the shortest way from a package to one that is looked for;
// nil when there is none.
func chainTo(graph map[string]node, from string, through bool, wanted func(string) bool) []string {
	came := map[string]string{from: ""}
	for queue := []string{from}; len(queue) > 0; queue = queue[1:] {
		for _, to := range graph[queue[0]].Imports {
			if _, seen := came[to]; seen {
				continue
			}
			came[to] = queue[0]
			if wanted(to) {
				var chain []string
				for at := to; at != ""; at = came[at] {
					chain = append([]string{at}, chain...)
				}
				return chain
			}
			if through {
				queue = append(queue, to)
			}
		}
	}
	return nil
}

// TestImports holds the repository to the house's rules.
func TestImports(t *testing.T) {
	t.Parallel()
	// With a profile of the edge (make pgo) every package would be listed once more.
	cmd := exec.CommandContext(t.Context(), "go", "list", "-pgo=off", "-deps", "-json=ImportPath,Imports,Standard", "suodi/...")
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0") // as edges are built
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %s", exit.Stderr)
		}
		t.Fatal(err)
	}
	graph := map[string]node{}
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var n node
		if err := decoder.Decode(&n); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		graph[n.ImportPath] = n
	}
	for _, must := range []string{"suodi/edge/cmd/suodi-edge", "suodi/control/cmd/suodi", "suodi/bench/cmd/suodi-bench", "suodi/raftstore", "suodi/wasm/abi"} {
		if _, listed := graph[must]; !listed {
			t.Errorf("go list does not know %s", must)
		}
	}
	for _, wrong := range violations(graph) {
		t.Error(wrong)
	}
}

// TestImportRules tries the rules on made-up graphs.
func TestImportRules(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		imports map[string]string // package: what it imports, separated by spaces
		want    string            // how the one violation begins; "" when all is well
	}{
		{"as it should be", map[string]string{
			"suodi/edge": "suodi/edge/table suodi/control/link suodi/control/feed suodi/wasm fmt", "suodi/edge/cmd/suodi-edge": "suodi/edge",
			"suodi/control": "suodi/raftstore suodi/control/feed suodi/wasm/rules", "suodi/control/feed": "suodi/control/link suodi/wasm/visit",
			"suodi/wasm/rules": "cel.dev/cel-go", "suodi/bench": "suodi/edge suodi/control", "suodi/bench/cmd/suodi-bench": "suodi/bench",
			"suodi/control/link": "golang.org/x/net/idna golang.org/x/text/unicode/norm fmt", "suodi/raftstore": "github.com/hashicorp/raft",
		}, ""},
		{"edge links Raft through others", map[string]string{
			"suodi/edge/cmd/suodi-edge": "suodi/edge", "suodi/edge": "suodi/control/feed", "suodi/control/feed": "example.org/x", "example.org/x": "github.com/hashicorp/raft",
		}, "suodi/edge → suodi/control/feed → example.org/x → github.com/hashicorp/raft: an edge's binary stays small"},
		{"edge knows rules", map[string]string{"suodi/edge/page": "suodi/wasm/rules"}, "suodi/edge/page → suodi/wasm/rules: an edge has its copy"},
		{"edge knows the control plane", map[string]string{"suodi/edge": "suodi/control"}, "suodi/edge → suodi/control: an edge has its copy"},
		{"edge uses C", map[string]string{"suodi/edge": "runtime/cgo"}, "suodi/edge → runtime/cgo: an edge's binary is CGO_ENABLED=0"},
		{"control knows the edge", map[string]string{"suodi/control/api": "suodi/edge/page"}, "suodi/control/api → suodi/edge/page: a control plane runs without"},
		{"state knows links", map[string]string{"suodi/raftstore": "suodi/control/link"}, "suodi/raftstore → suodi/control/link: replicated state"},
		{"filters know links", map[string]string{"suodi/wasm/visit": "suodi/control/link"}, "suodi/wasm/visit → suodi/control/link: filters know visits"},
		{"links know filters", map[string]string{"suodi/control/link": "suodi/wasm/abi"}, "suodi/control/link → suodi/wasm/abi: the shared language"},
		{"links use others' modules", map[string]string{"suodi/control/link": "golang.org/x/net/http2"}, "suodi/control/link → golang.org/x/net/http2: both sides"},
		{"the ABI uses others' modules", map[string]string{"suodi/wasm/abi": "golang.org/x/text/width"}, "suodi/wasm/abi → golang.org/x/text/width: guests"},
		{"a program is imported", map[string]string{"suodi/bench": "suodi/control/cmd/suodi"}, "suodi/bench → suodi/control/cmd/suodi: nobody imports a program"},
	} {
		graph := map[string]node{"fmt": {ImportPath: "fmt", Standard: true}}
		for path, imports := range c.imports {
			graph[path] = node{ImportPath: path, Imports: strings.Fields(imports)}
		}
		found := violations(graph)
		switch {
		case c.want == "" && len(found) > 0:
			t.Errorf("%s: %q", c.name, found)
		case c.want != "" && !slices.ContainsFunc(found, func(s string) bool { return strings.HasPrefix(s, c.want) }):
			t.Errorf("%s: found %q, want %q", c.name, found, c.want)
		}
	}
	// Whoever imports bench from outside it breaks two rules.
	if found := violations(map[string]node{"suodi/edge": {Imports: []string{"suodi/bench"}}}); len(found) != 2 {
		t.Errorf("edge imports bench: %q", found)
	}
}
