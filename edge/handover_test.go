package edge_test

import (
	"path/filepath"
	"testing"

	"github.com/valyala/fasthttp"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/link"
	"suodi/edge"
	"suodi/edge/table"
	"suodi/wasm"
)

// When a takeover fails after the new process has taken changes of domains and
// filters, visits of the old one see them.
func TestResumeSeesChanges(t *testing.T) {
	dir := t.TempDir()
	server, err := edge.Offline(edge.Config{Dir: dir, ID: "edge-test", Upstream: []string{"127.0.0.1:1"}})
	check(t, err)
	t.Cleanup(func() { check(t, server.Close()) })
	feedSite(t, server)
	deny := compile(t, "no", denyAll)
	hash := wasm.HashOf(deny)
	check(t, server.Release())
	other, err := table.Open(table.Config{Dir: filepath.Join(dir, "table"), Wait: func() {}})
	check(t, err)
	_, held := other.Held()
	check(t, other.Delta(&feedpb.Delta{
		Previous: feed.FromRevision(held), Revision: feed.FromRevision(link.Revision{Epoch: held.Epoch, Index: held.Index + 1}),
		Entries: []*feedpb.Entry{
			{Bucket: feed.BucketModules, Key: hash[:], Value: deny},
			{Bucket: feed.BucketChain, Value: marshal(t, &feedpb.Chain{Bindings: []*feedpb.Binding{binding("no", 1, deny)}})},
			{Bucket: feed.BucketDomains, Key: []byte("other.example"), Value: marshal(t, &feedpb.Domain{Name: "other.example"})},
		},
	}))
	check(t, other.Close())
	check(t, server.Resume())
	if got := status(t, server, "/plain"); got != fasthttp.StatusForbidden {
		t.Errorf("a visit gets %d; the filter that denies is not in force", got)
	}
	v := newVisitor(t, server, "/plain", agent(t, "chrome-android"))
	v.ctx.Request.Header.SetHost("other.example")
	if v.visit(); v.ctx.Response.StatusCode() != fasthttp.StatusNotFound {
		t.Errorf("on a new domain: %d", v.ctx.Response.StatusCode())
	}
}
