package edge_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
	"google.golang.org/protobuf/proto"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/link"
	"suodi/edge"
	"suodi/wasm/abi"
	"suodi/wasm/visit"
	"suodi/wasm/visit/samples"
)

const (
	siteDomain  = "go.example"
	destination = "https://www.example.org/a/page?of=links&to=follow#here"
	elsewhere   = "https://www.example.net/instead"
)

// newSite returns an edge without network that was fed one domain, the shipped
// catalog and links of every sort, named for what they are.
func newSite(tb testing.TB) *edge.Server {
	tb.Helper()
	server, err := edge.Offline(edge.Config{Dir: tb.TempDir(), ID: "edge-test"})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := server.Close(); err != nil {
			tb.Error(err)
		}
	})
	feedSite(tb, server)
	return server
}

// feedSite is the control plane of newSite.
func feedSite(tb testing.TB, server *edge.Server) {
	tb.Helper()
	buckets := map[uint16][]*feedpb.Entry{}
	put := func(bucket uint16, key string, value []byte) {
		buckets[bucket] = append(buckets[bucket], &feedpb.Entry{Key: []byte(key), Value: value})
	}
	put(feed.BucketDomains, siteDomain, marshal(tb, &feedpb.Domain{Name: siteDomain, BaseUrl: "https://" + siteDomain, Default: true}))
	for _, e := range visit.Shipped().Entries() {
		put(feed.BucketPlatforms, e.ID, marshal(tb, feed.FromEntry(e)))
	}
	revision := link.Revision{Epoch: 1, Index: 1}
	for slug, fields := range siteLinks() {
		fields.Kind, fields.Revision = link.KindRedirect, revision
		fields.Destination = destination
		record, err := link.EncodeRecord(fields)
		if err != nil {
			tb.Fatal(err)
		}
		key := link.Key{Domain: siteDomain, Slug: link.Slug(slug)}.Bytes()
		put(link.Bucket(key), string(key), record)
	}
	replica := server.Replica()
	check(tb, replica.Begin("cluster", true))
	for number, entries := range buckets {
		check(tb, replica.Bucket(number, revision, entries))
	}
	check(tb, replica.End(revision))
}

// siteLinks are the links of newSite by slug, all to destination.
func siteLinks() map[string]link.RecordFields {
	with := func(change func(*link.RecordFields)) link.RecordFields {
		f := link.RecordFields{State: link.StateActive, Status: 302}
		change(&f)
		return f
	}
	return map[string]link.RecordFields{
		"plain":     with(func(*link.RecordFields) {}),
		"permanent": with(func(f *link.RecordFields) { f.Status = 308 }),
		"ios":       with(func(f *link.RecordFields) { f.Allow = numbers("ios") }),
		"guarded":   with(func(f *link.RecordFields) { f.Guard = numbers("wechat", "qq") }),
		"both":      with(func(f *link.RecordFields) { f.Allow, f.Guard = numbers("ios", "android"), numbers("wechat", "qq") }),
		"paused":    with(func(f *link.RecordFields) { f.State = link.StatePaused }),
		"archived":  with(func(f *link.RecordFields) { f.State = link.StateArchived }),
		"fallback":  with(func(f *link.RecordFields) { f.State, f.Fallback = link.StateArchived, elsewhere }),
		"expired":   with(func(f *link.RecordFields) { f.NotAfter = 1 }),
		"活动/春节":     with(func(*link.RecordFields) {}),
	}
}

// numbers returns the set of some platforms of the shipped catalog.
func numbers(ids ...string) link.Platforms {
	var set abi.Set
	for _, id := range ids {
		e, ok := visit.Shipped().ByID(id)
		if !ok {
			panic("no platform " + id)
		}
		set.Add(e.Number)
	}
	return link.Platforms(set)
}

// agent returns the user agent of a sample.
func agent(tb testing.TB, name string) string {
	tb.Helper()
	for _, a := range samples.All() {
		if a.Name == name {
			return a.UserAgent
		}
	}
	tb.Fatalf("there is no sample %s", name)
	return ""
}

// visitor is one connection that asks again and again; between visits it does
// what a connection does, and nothing else.
type visitor struct {
	server *edge.Server
	ctx    fasthttp.RequestCtx
}

// newVisitor prepares a visit with the headers of a browser.
func newVisitor(tb testing.TB, server *edge.Server, path, userAgent string) *visitor {
	tb.Helper()
	v := &visitor{server: server}
	v.ctx.Init2(stubConn{}, nil, false)
	request := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: %s\r\n"+
		"Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\nAccept-Encoding: gzip, deflate, br\r\n"+
		"Accept-Language: zh-CN,zh;q=0.9,en;q=0.8\r\nUpgrade-Insecure-Requests: 1\r\n\r\n", path, siteDomain, userAgent)
	check(tb, v.ctx.Request.Header.Read(bufio.NewReaderSize(strings.NewReader(request), len(request)+16)))
	return v
}

func (v *visitor) visit() {
	v.ctx.Response.Reset()
	v.server.Serve(&v.ctx)
}

// stubConn is the connection of a visitor without network.
type stubConn struct{ net.Conn }

// stubPeer is made once, as a connection's is.
var stubPeer = &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}

func (stubConn) RemoteAddr() net.Addr { return stubPeer }
func (stubConn) LocalAddr() net.Addr  { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 2), Port: 80} }

func (stubConn) SetDeadline(time.Time) error      { return nil }
func (stubConn) SetReadDeadline(time.Time) error  { return nil }
func (stubConn) SetWriteDeadline(time.Time) error { return nil }
func (stubConn) Close() error                     { return nil }

func marshal(tb testing.TB, m proto.Message) []byte {
	tb.Helper()
	b, err := proto.Marshal(m)
	check(tb, err)
	return b
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}
