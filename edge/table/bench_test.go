package table_test

import (
	"encoding/binary"
	"flag"
	"fmt"
	"math/bits"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/link"
	"suodi/edge/table"
)

var (
	benchLinks = flag.Int("links", 1_000_000, "links in the table that benchmarks use")
	benchDir   = flag.String("table", "", "directory of tables that benchmarks make once and use again; default a temporary one")
)

// Benchmarks' links are "s" and a number, and lead to 100 bytes.
func appendSlug(b []byte, i int) []byte { return fmt.Appendf(b, "s%08d", i) }

func benchRecord(tb testing.TB, index uint64) []byte {
	url := "https://example.org/a/destination/of/usual/length?with=query&and="
	return record(tb, index, url+strings.Repeat("x", 100-len(url)))
}

func benchConfig(b *testing.B) table.Config {
	if *benchDir != "" {
		return table.Config{Dir: filepath.Join(*benchDir, fmt.Sprint(*benchLinks))}
	}
	return table.Config{Dir: b.TempDir()}
}

// benchTable opens a table of -links links, which it makes when there is none.
func benchTable(b *testing.B, config table.Config) *table.Table {
	b.Helper()
	tab := open(b, config)
	if tab.Links() == *benchLinks {
		return tab
	}
	started := time.Now()
	fill(b, tab, *benchLinks)
	b.Logf("%d links made in %s", *benchLinks, time.Since(started).Round(time.Millisecond))
	return tab
}

// fill brings a table links as a feed's snapshot does.
func fill(tb testing.TB, tab *table.Table, links int) {
	tb.Helper()
	buckets := make([][]int32, link.Buckets)
	var slug, k []byte
	for i := range links {
		slug = appendSlug(slug[:0], i)
		k = link.AppendKey(k[:0], []byte("go.example.com"), slug)
		n := link.Bucket(k)
		buckets[n] = append(buckets[n], int32(i))
	}
	value := benchRecord(tb, 1)
	check(tb, tab.Begin("cluster-1"))
	for n, numbers := range buckets {
		entries := make([]*feedpb.Entry, 0, len(numbers))
		for _, i := range numbers {
			entries = append(entries, &feedpb.Entry{Key: key(string(appendSlug(nil, int(i)))), Value: value})
		}
		check(tb, tab.Bucket(uint16(n), at(1), entries))
	}
	check(tb, tab.End(at(1)))
	if tab.Links() != links {
		tb.Fatalf("%d links; want %d", tab.Links(), links)
	}
}

// randomKeys returns keys of links, one behind the other: reading them is no
// part of what is measured.
func randomKeys(n int) (keys [][]byte) {
	room := make([]byte, 0, 32*n)
	for range n {
		start := len(room)
		room = append(append(room, "go.example.com"...), 0)
		room = appendSlug(room, rand.IntN(*benchLinks))
		keys = append(keys, room[start:len(room):len(room)])
	}
	return keys
}

// BenchmarkLookup measures look-ups of random links, and in turn with them the
// yardstick: two reads of the same memory that depend on each other.
func BenchmarkLookup(b *testing.B) {
	tab := benchTable(b, benchConfig(b))
	waitVerified(b, tab)
	keys := randomKeys(1 << 20)
	index, entries := tab.Memory()
	lookups, misses := []float64{}, []float64{}
	const batch = 500 // short, so that most are measured without being interrupted
	at, x := 0, uint64(1)
	b.ReportAllocs()
	for b.Loop() {
		started := time.Now()
		for range batch {
			if r, found := tab.Lookup(keys[at&(len(keys)-1)]); !found || r == nil {
				b.Fatal("not found")
			}
			at++
		}
		between := time.Now()
		x = twoMisses(index, entries, x, batch)
		lookups = append(lookups, float64(between.Sub(started))/batch)
		misses = append(misses, float64(time.Since(between))/batch)
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(median(lookups), "ns/lookup")
	b.ReportMetric(median(misses), "ns/two-misses")
	b.ReportMetric(median(lookups)/median(misses), "ratio")
	stats := tab.Stats()
	b.ReportMetric(float64(stats.BaseBytes)/float64(*benchLinks)-float64(len(keys[0])+len(benchRecord(b, 1))), "overhead-B/link")
}

// twoMisses reads a random slot and what it points at, n times, each after the
// other.
func twoMisses(index, entries []byte, x uint64, n int) uint64 {
	slots := uint64(len(index) / 8)
	for range n {
		x = x*6364136223846793005 + 1442695040888963407
		i, _ := bits.Mul64(x, slots)
		slot := binary.LittleEndian.Uint64(index[8*i:])
		for slot == 0 { // the next one is in the same line of memory, as a rule
			if i++; i == slots {
				i = 0
			}
			slot = binary.LittleEndian.Uint64(index[8*i:])
		}
		x ^= uint64(entries[table.SlotOffset(slot)])
	}
	return x
}

func median(values []float64) float64 {
	values = slices.Clone(values)
	slices.Sort(values)
	return values[len(values)/2]
}

func BenchmarkLookupMissing(b *testing.B) {
	tab := benchTable(b, benchConfig(b))
	waitVerified(b, tab)
	missing := key("missing")
	b.ReportAllocs()
	for b.Loop() {
		if _, found := tab.Lookup(missing); found {
			b.Fatal("found")
		}
	}
}

// BenchmarkRestart measures a start up to the first correct answer.
func BenchmarkRestart(b *testing.B) {
	config := benchConfig(b)
	closeTable(b, benchTable(b, config))
	keys := randomKeys(1024)
	for i := 0; b.Loop(); i++ {
		tab, err := table.Open(config)
		check(b, err)
		if r, found := tab.Lookup(keys[i%len(keys)]); !found || r == nil {
			b.Fatal("not found")
		}
		b.StopTimer()
		check(b, tab.Close())
		b.StartTimer()
	}
}

// waitVerified waits until a base that was opened has been read whole.
func waitVerified(tb testing.TB, tab *table.Table) {
	tb.Helper()
	eventually(tb, "the base to be verified", func() bool { return !tab.Stats().Verifying })
}

// BenchmarkRestartWithChanges measures a start that has to read as many changes
// as are kept at most, up to the first correct answer.
func BenchmarkRestartWithChanges(b *testing.B) {
	config := table.Config{Dir: b.TempDir(), RewriteBytes: 1 << 40}
	tab := open(b, config)
	fill(b, tab, *benchLinks)
	value := benchRecord(b, 2)
	changes := 0
	for index := uint64(2); tab.Stats().LogBytes < 128<<20; index++ {
		d := &feedpb.Delta{Revision: feed.FromRevision(at(index))}
		for range 100 {
			k := key(string(appendSlug(nil, rand.IntN(*benchLinks))))
			d.Entries = append(d.Entries, &feedpb.Entry{Bucket: uint32(link.Bucket(k)), Key: k, Value: value})
			changes++
		}
		check(b, tab.Delta(d))
	}
	want := stats(tab)
	closeTable(b, tab)
	keys := randomKeys(1024)
	for i := 0; b.Loop(); i++ {
		tab, err := table.Open(config)
		check(b, err)
		if r, found := tab.Lookup(keys[i%len(keys)]); !found || r == nil || stats(tab) != want {
			b.Fatal("not the same table")
		}
		b.StopTimer()
		check(b, tab.Close())
		b.StartTimer()
	}
	b.ReportMetric(float64(changes), "changes")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(changes), "ns/change")
}

func stats(tab *table.Table) string {
	_, held := tab.Held()
	return fmt.Sprint(held, tab.Links())
}
