package table_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"flag"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/edge/table"
)

var update = flag.Bool("update", false, "write testdata anew")

// dump writes a file as its rows of 16 bytes that are not all zero.
func dump(b []byte) string {
	var text strings.Builder
	fmt.Fprintf(&text, "%d bytes\n", len(b))
	for at := 0; at < len(b); at += 16 {
		if row := b[at:min(at+16, len(b))]; !bytes.Equal(row, make([]byte, len(row))) {
			fmt.Fprintf(&text, "%06x %s\n", at, hex.EncodeToString(row))
		}
	}
	return text.String()
}

// undump is the inverse of dump.
func undump(t testing.TB, text string) []byte {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(text), "\n")
	var size int
	_, err := fmt.Sscanf(lines[0], "%d bytes", &size)
	check(t, err)
	b := make([]byte, size)
	for _, line := range lines[1:] {
		var at int
		var row string
		_, err := fmt.Sscanf(line, "%x %s", &at, &row)
		check(t, err)
		raw, err := hex.DecodeString(row)
		check(t, err)
		copy(b[at:], raw)
	}
	return b
}

// golden makes a small table, always the same.
func golden(t testing.TB, dir string) state {
	t.Helper()
	tab := open(t, table.Config{Dir: dir})
	tab.SetSeed()
	check(t, tab.Begin("cluster-1"))
	future := append(record(t, 1, "https://a.example/"), 200, 1, 0, 0)
	future[6] = byte(len(future))
	unusable := put(t, 1, "future", "https://f.example/")
	unusable.Value = future
	for _, e := range []*feedpb.Entry{
		put(t, 3, "a", "https://a.example/"), put(t, 4, "b", "https://b.example/?long=enough"), unusable,
		{Bucket: feed.BucketDomains, Key: []byte("go.example.com"), Value: []byte("a domain")},
	} {
		check(t, tab.Bucket(uint16(e.GetBucket()), at(8), []*feedpb.Entry{{Key: e.GetKey(), Value: e.GetValue()}}))
	}
	check(t, tab.End(at(9)))
	delta(t, tab, 10, put(t, 10, "c", "https://c.example/"), put(t, 10, "a", ""),
		&feedpb.Entry{Bucket: feed.BucketPlatforms, Key: []byte{7}, Value: []byte{}})
	check(t, tab.Bucket(feed.BucketDomains, at(11), []*feedpb.Entry{{Key: []byte("go.example.com"), Value: []byte("another")}}))
	want := stateOf(tab)
	closeTable(t, tab)
	return want
}

// The files are written, and read, as they always were.
func TestFormat(t *testing.T) {
	dir := t.TempDir()
	want := golden(t, dir)
	kept := t.TempDir()
	for pattern, name := range map[string]string{"base-*": "base.txt", "changes-*": "changes.txt"} {
		path := newest(t, dir, pattern)
		b, err := os.ReadFile(path)
		check(t, err)
		file := filepath.Join("testdata", name)
		if *update {
			check(t, os.MkdirAll("testdata", 0o755))
			check(t, os.WriteFile(file, []byte(dump(b)), 0o644))
		}
		text, err := os.ReadFile(file)
		check(t, err)
		if got := dump(b); got != string(text) {
			t.Errorf("%s is\n%s\nwant\n%s", path, got, text)
		}
		check(t, os.WriteFile(filepath.Join(kept, filepath.Base(path)), undump(t, string(text)), 0o600))
	}
	tab := open(t, table.Config{Dir: kept})
	settled(t, tab)
	if got := stateOf(tab); !reflect.DeepEqual(got, want) || tab.Stats().Quarantines > 0 {
		t.Errorf("the files of old hold %+v\nwant %+v", got, want)
	}
}

// The hash stands in files.
func TestHash(t *testing.T) {
	text := []byte("0123456789abcdefghijklmnopqrstuvwxyz")
	seen := map[uint64]int{}
	sum := crc32.NewIEEE()
	for n := range len(text) + 1 {
		h := table.Hash(text[:n])
		if other, twice := seen[h]; twice {
			t.Errorf("%d and %d bytes have the same hash", other, n)
		}
		seen[h] = n
		check(t, binary.Write(sum, binary.LittleEndian, h))
	}
	if got := sum.Sum32(); got != 0xc6dcbe26 {
		t.Errorf("the hashes amount to %#x", got)
	}
	// Every bit of a key matters, in the high bits as in the low ones.
	for bit := range 8 * len(text) {
		changed := bytes.Clone(text)
		changed[bit/8] ^= 1 << (bit % 8)
		if h, was := table.Hash(changed), table.Hash(text); h>>40 == was>>40 || h<<40 == was<<40 {
			t.Errorf("bit %d does not matter", bit)
		}
	}
}

// frames returns where each frame of a log ends.
func frames(log []byte) (ends []int) {
	for at := logHeader; at < len(log); ends = append(ends, at) {
		at += 8 + int(binary.LittleEndian.Uint32(log[at:]))
	}
	return ends
}

const logHeader = 256

func frame(b, payload []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(payload)))
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(payload, castagnoli))
	return append(b, payload...)
}

// history makes a directory whose log has changes of every kind, and the
// table's states after each.
func history(t testing.TB) (dir string, log []byte, states []state) {
	t.Helper()
	dir = t.TempDir()
	tab := open(t, table.Config{Dir: dir})
	slugs := sameBucket(3)
	domain := &feedpb.Entry{Bucket: feed.BucketDomains, Key: []byte("go.example.com"), Value: []byte("a domain")}
	snapshot(t, tab, 5, put(t, 2, "a", "https://a.example/"), put(t, 3, slugs[0], "https://b.example/"), domain)
	states = append(states, stateOf(tab))
	step := func(index uint64, entries ...*feedpb.Entry) {
		t.Helper()
		delta(t, tab, index, entries...)
		states = append(states, stateOf(tab))
	}
	step(6, put(t, 6, "c", "https://c.example/"), put(t, 6, "a", "https://a.example/2"))
	step(7, put(t, 7, slugs[0], ""))
	check(t, tab.Bucket(77, at(8), []*feedpb.Entry{put(t, 8, slugs[1], "https://example.org/"), put(t, 8, slugs[2], "https://example.org/")}))
	states = append(states, stateOf(tab))
	step(8, put(t, 8, slugs[1], "https://example.org/not-taken"))
	step(9, &feedpb.Entry{Bucket: feed.BucketDomains, Key: []byte("go.example.com")}, put(t, 9, slugs[1], ""))
	closeTable(t, tab)
	log, err := os.ReadFile(newest(t, dir, "changes-*"))
	check(t, err)
	if n := len(frames(log)); n != len(states)-1 {
		t.Fatalf("%d frames for %d changes", n, len(states)-1)
	}
	return dir, log, states
}

// withLog returns a copy of a directory with another log.
func withLog(t testing.TB, dir string, log []byte) string {
	t.Helper()
	to := t.TempDir()
	for _, name := range names(t, dir, "*") {
		check(t, os.Link(filepath.Join(dir, name), filepath.Join(to, name)))
	}
	path := newest(t, to, "changes-*")
	check(t, os.Remove(path))
	check(t, os.WriteFile(path, log, 0o600))
	check(t, os.Remove(filepath.Join(to, "table.lock")))
	return to
}

// reopens checks that a table with a damaged log opens as a state, goes on from
// there, and is whole afterwards.
func reopens(t *testing.T, what, dir string, want state) {
	t.Helper()
	tab := open(t, table.Config{Dir: dir})
	if got := stateOf(tab); !reflect.DeepEqual(got, want) {
		t.Errorf("%s: the table is\n%+v\nwant\n%+v", what, got, want)
		return
	}
	delta(t, tab, 100, put(t, 100, "more", "https://more.example/"))
	more := stateOf(tab)
	closeTable(t, tab)
	tab = open(t, table.Config{Dir: dir})
	if got := stateOf(tab); !reflect.DeepEqual(got, more) {
		t.Errorf("%s, opened again: the table is\n%+v\nwant\n%+v", what, got, more)
	}
	closeTable(t, tab)
}

func TestDamagedLog(t *testing.T) {
	dir, log, states := history(t)
	ends := frames(log)
	random := rand.New(rand.NewPCG(1, 2))
	whole := func(until int) (n int) {
		for n < len(ends) && ends[n] <= until {
			n++
		}
		return n
	}
	for cut := 0; cut <= len(log); cut += 1 + random.IntN(12) {
		reopens(t, fmt.Sprint("cut at ", cut), withLog(t, dir, log[:cut]), states[whole(cut)])
	}
	for range 100 {
		off := random.IntN(len(log))
		damaged := bytes.Clone(log)
		damaged[off] ^= 1 << random.IntN(8)
		n := whole(off)
		reopens(t, fmt.Sprint("bit flipped at ", off), withLog(t, dir, damaged), states[n])
	}
	reopens(t, "zeroes behind", withLog(t, dir, append(bytes.Clone(log), make([]byte, 4096)...)), states[len(ends)])
	reopens(t, "junk behind", withLog(t, dir, append(bytes.Clone(log), bytes.Repeat([]byte("junk"), 100)...)), states[len(ends)])
	gap := append(bytes.Clone(log[:ends[0]]), log[ends[1]:]...)
	reopens(t, "a frame missing", withLog(t, dir, gap), states[1])
}

// FuzzReplay opens logs that are anything. What opens once opens again as the
// same.
func FuzzReplay(f *testing.F) {
	dir, log, _ := history(f)
	f.Add(log[logHeader:], false)
	f.Add(log[logHeader:len(log)-3], false)
	at := logHeader
	for _, end := range frames(log) {
		f.Add(log[at+8:end], true)
		at = end
	}
	f.Fuzz(func(t *testing.T, data []byte, whole bool) {
		content := bytes.Clone(log[:logHeader])
		if whole { // a payload behind a frame head that fits it
			content = frame(content, data)
		} else {
			content = append(content, data...)
		}
		dir := withLog(t, dir, content)
		tab := open(t, table.Config{Dir: dir})
		want := stateOf(tab)
		closeTable(t, tab)
		tab = open(t, table.Config{Dir: dir})
		if got := stateOf(tab); !reflect.DeepEqual(got, want) {
			t.Errorf("opened twice: %+v and %+v", want, got)
		}
	})
}
