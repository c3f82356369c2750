package table_test

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/link"
	"suodi/edge/table"
)

func open(t testing.TB, config table.Config) *table.Table {
	t.Helper()
	tab, err := table.Open(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeTable(t, tab) })
	return tab
}

func closeTable(t testing.TB, tab *table.Table) {
	t.Helper()
	if err := tab.Close(); err != nil {
		t.Error(err)
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// eventually waits for what the table does in the background.
func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	poll, deadline := time.NewTicker(time.Millisecond), time.After(time.Minute)
	defer poll.Stop()
	for !done() {
		select {
		case <-poll.C:
		case <-deadline:
			t.Fatalf("waited a minute for %s", what)
		}
	}
}

func at(index uint64) link.Revision { return link.Revision{Epoch: 1, Index: index} }

func key(slug string) []byte { return link.AppendKey(nil, []byte("go.example.com"), []byte(slug)) }

func record(t testing.TB, index uint64, url string) []byte {
	t.Helper()
	b, err := link.EncodeRecord(link.RecordFields{
		Kind: link.KindRedirect, State: link.StateActive, Status: 302, Revision: at(index), Destination: url,
	})
	check(t, err)
	return b
}

// put is a link's entry of a delta; an empty URL removes it.
func put(t testing.TB, index uint64, slug, url string) *feedpb.Entry {
	t.Helper()
	e := &feedpb.Entry{Bucket: uint32(link.Bucket(key(slug))), Key: key(slug)}
	if url != "" {
		e.Value = record(t, index, url)
	}
	return e
}

func delta(t testing.TB, tab *table.Table, index uint64, entries ...*feedpb.Entry) {
	t.Helper()
	_, held := tab.Held()
	check(t, tab.Delta(&feedpb.Delta{Previous: feed.FromRevision(held), Revision: feed.FromRevision(at(index)), Entries: entries}))
}

// snapshot gives the table all buckets, with these entries, at a revision.
func snapshot(t testing.TB, tab *table.Table, index uint64, entries ...*feedpb.Entry) {
	t.Helper()
	check(t, tab.Begin("cluster-1"))
	buckets := map[uint16][]*feedpb.Entry{}
	for _, e := range entries {
		buckets[uint16(e.GetBucket())] = append(buckets[uint16(e.GetBucket())], &feedpb.Entry{Key: e.GetKey(), Value: e.GetValue()})
	}
	for n := range uint16(feed.Buckets) {
		check(t, tab.Bucket(n, at(index), buckets[n]))
	}
	check(t, tab.End(at(index)))
}

// state is everything that a table says.
type state struct {
	Cluster  string
	Revision link.Revision
	Links    int
	Entries  map[string]string // "bucket key" to value
}

func stateOf(tab *table.Table) state {
	s := state{Links: tab.Links(), Entries: map[string]string{}}
	s.Cluster, s.Revision = tab.Held()
	for n := range uint16(feed.Buckets) {
		tab.Each(n, func(key string, value []byte) bool {
			s.Entries[fmt.Sprintf("%d %s", n, key)] = string(value)
			return true
		})
	}
	return s
}

func destination(tab *table.Table, slug string) string {
	r, found := tab.Lookup(key(slug))
	if !found {
		return ""
	}
	return string(r.Destination())
}

func TestTakesWhatTheFeedSays(t *testing.T) {
	tab := open(t, table.Config{Dir: t.TempDir()})
	if cluster, held := tab.Held(); cluster != "" || !held.IsZero() || tab.Links() != 0 {
		t.Fatalf("a new table holds %q %s, %d links", cluster, held, tab.Links())
	}
	domain := &feedpb.Entry{Bucket: feed.BucketDomains, Key: []byte("go.example.com"), Value: []byte("a domain")}
	snapshot(t, tab, 10, put(t, 3, "a", "https://a.example/"), put(t, 4, "b", "https://b.example/"), domain)
	want := func(index uint64, links int, urls map[string]string) {
		t.Helper()
		if cluster, held := tab.Held(); cluster != "cluster-1" || held != at(index) {
			t.Errorf("holds %q %s; want %d", cluster, held, index)
		}
		if tab.Links() != links {
			t.Errorf("%d links; want %d", tab.Links(), links)
		}
		for slug, url := range urls {
			if got := destination(tab, slug); got != url {
				t.Errorf("%s leads to %q; want %q", slug, got, url)
			}
		}
	}
	want(10, 2, map[string]string{"a": "https://a.example/", "b": "https://b.example/", "c": ""})
	if v, found := tab.Get(feed.BucketDomains, []byte("go.example.com")); !found || string(v) != "a domain" {
		t.Errorf("domain %q, %t", v, found)
	}

	delta(t, tab, 11, put(t, 11, "c", "https://c.example/"), put(t, 11, "a", "https://a.example/2"), put(t, 11, "b", ""))
	want(11, 2, map[string]string{"a": "https://a.example/2", "b": "", "c": "https://c.example/"})
	delta(t, tab, 12, put(t, 12, "b", "")) // what is not there can be removed
	want(12, 2, nil)
	// The last of several entries of a key counts; an empty value is a value.
	delta(t, tab, 13, put(t, 13, "d", "https://d.example/1"), put(t, 13, "d", ""), put(t, 13, "d", "https://d.example/2"),
		&feedpb.Entry{Bucket: feed.BucketChain, Value: []byte{}})
	want(13, 3, map[string]string{"d": "https://d.example/2"})
	if v, found := tab.Get(feed.BucketChain, nil); !found || len(v) != 0 {
		t.Errorf("chain %q, %t", v, found)
	}

	// A snapshot replaces everything, also by nothing.
	snapshot(t, tab, 20, put(t, 20, "e", "https://e.example/"))
	want(20, 1, map[string]string{"a": "", "c": "", "d": "", "e": "https://e.example/"})
	if _, found := tab.Get(feed.BucketDomains, []byte("go.example.com")); found {
		t.Error("the domain is still there")
	}

	// What is held stays until a snapshot is whole, and one that was cut short
	// leaves nothing behind.
	check(t, tab.Begin("cluster-2"))
	f := put(t, 30, "f", "https://f.example/")
	check(t, tab.Bucket(uint16(f.GetBucket()), at(30), []*feedpb.Entry{f}))
	want(20, 1, map[string]string{"e": "https://e.example/", "f": ""})
	check(t, tab.Begin("cluster-2"))
	check(t, tab.End(at(31)))
	if cluster, held := tab.Held(); cluster != "cluster-2" || held != at(31) || tab.Links() != 0 || destination(tab, "e") != "" || destination(tab, "f") != "" {
		t.Errorf("of another cluster: %q %s, %d links", cluster, held, tab.Links())
	}
}

// A bucket that comes without a snapshot replaces the one that is held.
func TestRepairsABucket(t *testing.T) {
	dir := t.TempDir()
	tab := open(t, table.Config{Dir: dir})
	slugs := sameBucket(5)
	var entries []*feedpb.Entry
	for _, slug := range slugs[:4] {
		entries = append(entries, put(t, 1, slug, "https://example.org/1"))
	}
	number := uint16(entries[0].GetBucket())
	domain := &feedpb.Entry{Bucket: feed.BucketDomains, Key: []byte("go.example.com"), Value: []byte("a domain")}
	snapshot(t, tab, 1, append(entries, put(t, 1, "elsewhere", "https://example.org/1"), domain)...)
	delta(t, tab, 2, put(t, 2, slugs[1], ""), put(t, 2, slugs[2], "https://example.org/2"))
	check(t, tab.Bucket(number, at(7), []*feedpb.Entry{
		put(t, 7, slugs[0], "https://example.org/7"), put(t, 7, slugs[4], "https://example.org/7"),
	}))
	check(t, tab.Bucket(feed.BucketDomains, at(7), []*feedpb.Entry{{Key: []byte("other.example.com"), Value: []byte("another")}}))
	delta(t, tab, 7, put(t, 7, slugs[0], ""), put(t, 7, "elsewhere", "https://example.org/7"))
	want := map[string]string{
		slugs[0]: "https://example.org/7", slugs[1]: "", slugs[2]: "", slugs[3]: "", slugs[4]: "https://example.org/7",
		"elsewhere": "https://example.org/7",
	}
	for range 2 {
		for slug, url := range want {
			if got := destination(tab, slug); got != url {
				t.Errorf("%s leads to %q; want %q", slug, got, url)
			}
		}
		if _, found := tab.Get(feed.BucketDomains, []byte("go.example.com")); found || tab.Links() != 3 {
			t.Errorf("the domain is there: %t; %d links, want 3", found, tab.Links())
		}
		closeTable(t, tab)
		tab = open(t, table.Config{Dir: dir})
	}
}

// sameBucket returns slugs whose keys share a bucket.
func sameBucket(n int) (slugs []string) {
	for i := 0; len(slugs) < n; i++ {
		if slug := fmt.Sprintf("same-%d", i); link.Bucket(key(slug)) == 77 {
			slugs = append(slugs, slug)
		}
	}
	return slugs
}

// A snapshot that is resumed may mix revisions: a delta changes no bucket that
// is newer.
func TestDeltaSkipsNewerBuckets(t *testing.T) {
	tab := open(t, table.Config{Dir: t.TempDir()})
	check(t, tab.Begin("cluster-1"))
	newer, older := put(t, 20, "newer", "https://example.org/20"), put(t, 5, "older", "https://example.org/5")
	check(t, tab.Bucket(uint16(newer.GetBucket()), at(20), []*feedpb.Entry{newer}))
	check(t, tab.Bucket(uint16(older.GetBucket()), at(10), []*feedpb.Entry{older}))
	check(t, tab.End(at(10)))
	delta(t, tab, 11, put(t, 11, "newer", "https://example.org/11"), put(t, 11, "older", "https://example.org/11"))
	delta(t, tab, 20, put(t, 20, "newer", ""))
	if got := destination(tab, "newer"); got != "https://example.org/20" {
		t.Errorf("the newer bucket leads to %q", got)
	}
	if got := destination(tab, "older"); got != "https://example.org/11" {
		t.Errorf("the older bucket leads to %q", got)
	}
	delta(t, tab, 21, put(t, 21, "newer", ""))
	if got := destination(tab, "newer"); got != "" {
		t.Errorf("after its revision it leads to %q", got)
	}
}

func TestRefusesUnknownBuckets(t *testing.T) {
	tab := open(t, table.Config{Dir: t.TempDir()})
	snapshot(t, tab, 1, put(t, 1, "a", "https://a.example/"))
	before := stateOf(tab)
	if err := tab.Bucket(feed.Buckets, at(2), nil); err == nil {
		t.Error("a bucket that is not there was taken")
	}
	stray := put(t, 2, "stray", "https://example.org/")
	if err := tab.Bucket(uint16(stray.GetBucket()^1), at(2), []*feedpb.Entry{stray}); err == nil {
		t.Error("a link of another bucket was taken")
	}
	stray.Bucket ^= 1
	if err := tab.Delta(&feedpb.Delta{Revision: feed.FromRevision(at(2)), Entries: []*feedpb.Entry{stray}}); err == nil {
		t.Error("a link in another bucket was taken")
	}
	for _, number := range []uint32{feed.Buckets, 1 << 16, 1<<32 - 1} {
		err := tab.Delta(&feedpb.Delta{Revision: feed.FromRevision(at(2)), Entries: []*feedpb.Entry{
			put(t, 2, "a", ""), {Bucket: number, Key: []byte("k"), Value: []byte("v")},
		}})
		if err == nil {
			t.Errorf("a delta for bucket %d was taken", number)
		}
	}
	if after := stateOf(tab); !reflect.DeepEqual(before, after) {
		t.Errorf("refused messages changed the table to %+v", after)
	}
}

// A record of the future is there, but nobody serves it; it survives for a
// program that can.
func TestUnusableRecord(t *testing.T) {
	dir := t.TempDir()
	tab := open(t, table.Config{Dir: dir, RewriteBytes: 1})
	future := append(record(t, 1, "https://a.example/"), 200, 1, 0, 0) // a section that must be understood
	future[6] = byte(len(future))
	if _, err := link.CheckRecord(future); err == nil {
		t.Fatal("the record can be served")
	}
	k := key("future")
	snapshot(t, tab, 1, &feedpb.Entry{Bucket: uint32(link.Bucket(k)), Key: k, Value: future}, put(t, 1, "a", "https://a.example/"))
	want := func(what string) {
		t.Helper()
		if r, found := tab.Lookup(k); !found || r != nil {
			t.Errorf("%s: found %t with %d bytes; want found without a record", what, found, len(r))
		}
		if v, _ := tab.Get(link.Bucket(k), k); string(v) != string(future) {
			t.Errorf("%s: the bytes are %x", what, v)
		}
		if got := destination(tab, "a"); got != "https://a.example/" {
			t.Errorf("%s: the other link leads to %q", what, got)
		}
	}
	want("in memory")
	closeTable(t, tab)
	tab = open(t, table.Config{Dir: dir})
	want("after a restart")
	delta(t, tab, 2, &feedpb.Entry{Bucket: uint32(link.Bucket(k)), Key: k, Value: []byte("garbage")})
	if r, found := tab.Lookup(k); !found || r != nil {
		t.Errorf("garbage: found %t with %q", found, r)
	}
	delta(t, tab, 3, put(t, 3, "future", "https://b.example/"))
	if got := destination(tab, "future"); got != "https://b.example/" {
		t.Errorf("a record that can be served leads to %q", got)
	}
}

func TestClosed(t *testing.T) {
	tab := open(t, table.Config{Dir: t.TempDir()})
	snapshot(t, tab, 1, put(t, 1, "a", "https://a.example/"))
	for range 2 {
		closeTable(t, tab)
	}
	for name, err := range map[string]error{
		"Begin": tab.Begin("x"), "Bucket": tab.Bucket(0, at(2), nil), "End": tab.End(at(2)), "Delta": tab.Delta(&feedpb.Delta{}),
	} {
		if err == nil {
			t.Errorf("%s was taken after Close", name)
		}
	}
	if r, found := tab.Lookup(key("a")); !found || r != nil {
		t.Errorf("after Close a is found %t with %q; want found, and not to be served", found, r)
	}
}

func TestLookupDoesNotAllocate(t *testing.T) {
	tab := open(t, table.Config{Dir: t.TempDir()})
	snapshot(t, tab, 1, put(t, 1, "a", "https://a.example/"))
	delta(t, tab, 2, put(t, 2, "b", "https://b.example/"))
	there, changed, missing := key("a"), key("b"), key("missing")
	if n := testing.AllocsPerRun(100, func() {
		if _, found := tab.Lookup(there); !found {
			t.Error("a is not there")
		}
		if _, found := tab.Lookup(changed); !found {
			t.Error("b is not there")
		}
		if _, found := tab.Lookup(missing); found {
			t.Error("missing is there")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestEachStops(t *testing.T) {
	tab := open(t, table.Config{Dir: t.TempDir()})
	entries := []*feedpb.Entry{}
	for i := range 5 {
		entries = append(entries, &feedpb.Entry{Bucket: feed.BucketPlatforms, Key: []byte{byte(i)}, Value: []byte("p")})
	}
	snapshot(t, tab, 1, entries...)
	seen := map[string]bool{}
	tab.Each(feed.BucketPlatforms, func(key string, _ []byte) bool {
		seen[key] = true
		return len(seen) < 3
	})
	if len(seen) != 3 {
		t.Errorf("%d keys seen; want 3", len(seen))
	}
}
