package edge_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/valyala/fasthttp"
)

// A table file that another process truncates costs answers, not the edge.
func TestTruncatedTable(t *testing.T) {
	server := newSite(t)
	v := newVisitor(t, server, "/plain", agent(t, "chrome-windows"))
	v.visit()
	if got := v.ctx.Response.StatusCode(); got != fasthttp.StatusFound {
		t.Fatalf("answered %d before", got)
	}
	files, err := filepath.Glob(filepath.Join(server.Dir(), "table", "base-*"))
	check(t, err)
	if len(files) != 1 {
		t.Fatalf("%q", files)
	}
	check(t, os.Truncate(files[0], 0))
	for range 100 {
		v.visit()
		if got := v.ctx.Response.StatusCode(); got != fasthttp.StatusServiceUnavailable {
			t.Fatalf("answered %d", got)
		}
	}
}
