package table_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"runtime/debug"
	"strings"
	"testing"

	"suodi/control/feed/feedpb"
	"suodi/control/link"
	"suodi/edge/table"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// seal makes a base's checksums fit what it holds, where they can.
func seal(b []byte) {
	le := binary.LittleEndian
	if len(b) < table.HeaderSize {
		return
	}
	start := le.Uint64(b[56:])
	for i, crc := range []int{120, 124, 128} {
		end := le.Uint64(b[64+8*i:])
		if start <= end && end <= uint64(len(b)) {
			le.PutUint32(b[crc:], crc32.Checksum(b[start:end], castagnoli))
		}
		start = end
	}
	le.PutUint32(b[4092:], crc32.Checksum(b[:4092], castagnoli))
}

// twoBases makes a directory with two bases of 100 links, and changes to five
// of them behind each.
func twoBases(t testing.TB, dir string) (*table.Table, state) {
	t.Helper()
	config := table.Config{Dir: dir, RewriteBytes: 1 << 10}
	tab := open(t, config)
	var entries []*feedpb.Entry
	for i := range 100 {
		entries = append(entries, put(t, 1, fmt.Sprint("s", i), fmt.Sprint("https://example.org/", i)))
	}
	snapshot(t, tab, 1, entries...)
	settled(t, tab)
	for n := uint64(2); tab.Stats().Folds == 0; n++ {
		delta(t, tab, n, put(t, n, fmt.Sprint("s", n%5), fmt.Sprint("https://example.org/changed-", n)))
		if tab.Stats().LogBytes > 4<<10 {
			folded(t, tab, 0)
		}
	}
	settled(t, tab)
	delta(t, tab, 1000, put(t, 1000, "last", "https://example.org/last"))
	return tab, stateOf(tab)
}

// right checks that every link leads where it should or, where that is
// allowed, is not served; it returns how many are not.
func right(t testing.TB, tab *table.Table, want state) (unserved int) {
	t.Helper()
	for name, value := range want.Entries {
		_, k, _ := strings.Cut(name, " ")
		switch r, found := tab.Lookup([]byte(k)); {
		case !found:
			t.Errorf("%q is not there", k)
		case r == nil:
			unserved++
		case string(r) != value:
			t.Errorf("%q leads to %s", k, r.Destination())
		}
	}
	return unserved
}

// A base that turns out to be damaged is put aside, and what it held comes from
// the one before it.
func TestFallsBack(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for name, harm := range map[string]func(t *testing.T, f *os.File, size int64){
		"bits flipped": func(t *testing.T, f *os.File, _ int64) {
			for range 40 {
				var b [1]byte
				at := table.HeaderSize + random.Int64N(8<<10)
				_, err := f.ReadAt(b[:], at)
				check(t, err)
				b[0] ^= 1 << random.IntN(8)
				_, err = f.WriteAt(b[:], at)
				check(t, err)
			}
		},
		"truncated to nothing": func(t *testing.T, f *os.File, _ int64) { check(t, f.Truncate(0)) },
		"truncated in a page":  func(t *testing.T, f *os.File, _ int64) { check(t, f.Truncate(table.HeaderSize+1000)) },
		"overwritten by zeroes": func(t *testing.T, f *os.File, size int64) {
			_, err := f.WriteAt(make([]byte, size), 0)
			check(t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			tab, want := twoBases(t, dir)
			f, err := os.OpenFile(newest(t, dir, "base-*"), os.O_RDWR, 0)
			check(t, err)
			info, err := f.Stat()
			check(t, err)
			harm(t, f, info.Size())
			check(t, f.Close())
			first := right(t, tab, want)
			if first == 0 {
				t.Fatal("nothing was harmed")
			}
			eventually(t, "the base to be put aside", func() bool {
				right(t, tab, want)
				return tab.Stats().Quarantines > 0
			})
			if got := right(t, tab, want); got > 0 {
				t.Errorf("%d links are still not served", got)
			}
			if got := stateOf(tab); !reflect.DeepEqual(got, want) {
				t.Errorf("fell back to %+v\nwant %+v", got, want)
			}
			if _, err := os.Stat(filepath.Join(dir, "damaged.tbl")); err != nil {
				t.Error(err)
			}
			delta(t, tab, 2000, put(t, 2000, "more", "https://example.org/more"))
			settled(t, tab)
			want = stateOf(tab)
			closeTable(t, tab)
			if got := stateOf(open(t, table.Config{Dir: dir})); !reflect.DeepEqual(got, want) {
				t.Errorf("opened again: %+v\nwant %+v", got, want)
			}
		})
	}
}

// The same while nobody uses it: opening falls back, or, where only reading the
// entries tells, verifying does.
func TestOpensDamagedBase(t *testing.T) {
	made := t.TempDir()
	tab, want := twoBases(t, made)
	closeTable(t, tab)
	whole, err := os.ReadFile(newest(t, made, "base-*"))
	check(t, err)
	le := binary.LittleEndian
	offsets := []uint64{0, 9, 13, 17, 33, 41, 57, 89, 121, 133, 137, 140, 4091, 4095, le.Uint64(whole[64:]) + 5, le.Uint64(whole[72:]) + 3}
	for at, n := uint64(table.HeaderSize), uint64(0); at < le.Uint64(whole[56:]); n++ {
		size := 8 + uint64(le.Uint16(whole[at+4:])) + uint64(le.Uint16(whole[at+6:]))
		offsets = append(offsets, at+n*7%size)
		at += (size + 7) &^ 7
	}
	for _, off := range offsets {
		t.Run(fmt.Sprint("byte ", off), func(t *testing.T) {
			dir := t.TempDir()
			check(t, os.CopyFS(dir, os.DirFS(made)))
			b := bytes.Clone(whole)
			b[off] ^= 0x10
			check(t, os.WriteFile(newest(t, dir, "base-*"), b, 0o600))
			tab := open(t, table.Config{Dir: dir})
			right(t, tab, want)
			settled(t, tab)
			if got := stateOf(tab); !reflect.DeepEqual(got, want) || tab.Stats().Quarantines != 1 {
				t.Errorf("%d quarantined; the table is %+v\nwant %+v", tab.Stats().Quarantines, got, want)
			}
		})
	}
}

// When no base is left, nothing is not found, the feed is asked for everything,
// and what it brings is taken.
func TestLost(t *testing.T) {
	dir := t.TempDir()
	tab, want := twoBases(t, dir)
	for _, name := range names(t, dir, "base-*") {
		check(t, os.Truncate(filepath.Join(dir, name), 0))
	}
	right(t, tab, want)
	eventually(t, "the bases to be put aside", func() bool { return tab.Stats().Quarantines == 2 })
	if cluster, held := tab.Held(); cluster != "" || !held.IsZero() || tab.Links() != 0 {
		t.Errorf("holds %q %s, %d links", cluster, held, tab.Links())
	}
	if got := right(t, tab, want); got != len(want.Entries) {
		t.Errorf("%d of %d links are not served", got, len(want.Entries))
	}
	if err := tab.Delta(&feedpb.Delta{}); err == nil {
		t.Error("a change to nothing was taken")
	}
	snapshot(t, tab, 3000, put(t, 3000, "a", "https://a.example/"))
	if _, found := tab.Lookup(key("s1")); found || destination(tab, "a") != "https://a.example/" {
		t.Error("the snapshot is not in force")
	}
}

// A record that cannot be read any more after it was looked up panics, and the
// panic can be told from others.
func TestFault(t *testing.T) {
	dir := t.TempDir()
	tab, want := twoBases(t, dir)
	r, _ := tab.Lookup(key("s50"))
	check(t, os.Truncate(newest(t, dir, "base-*"), 0))
	func() {
		defer func() {
			if reason := recover(); !tab.Fault(reason) {
				t.Errorf("%v is no fault", reason)
			}
		}()
		t.Errorf("read %q", bytes.Clone(r))
	}()
	eventually(t, "the base to be put aside", func() bool { return tab.Stats().Quarantines == 1 })
	if got := right(t, tab, want); got > 0 {
		t.Errorf("%d links are not served", got)
	}
	for _, reason := range []any{nil, "text", errors.New("an error"), nilDereference()} {
		if tab.Fault(reason) {
			t.Errorf("%v is a fault", reason)
		}
	}
}

func nilDereference() (reason any) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { reason = recover() }()
	var nothing *state
	return nothing.Links
}

// Files that are whole and not what their names say.
func TestSwappedFiles(t *testing.T) {
	made := t.TempDir()
	tab, want := twoBases(t, made)
	closeTable(t, tab)
	bases, logs := names(t, made, "base-*"), names(t, made, "changes-*")
	for name, test := range map[string]struct {
		harm func(dir string) error
		want func(got state) bool
	}{
		"a base that has the name of another": {
			func(dir string) error { return os.Rename(filepath.Join(dir, bases[0]), filepath.Join(dir, bases[1])) },
			func(got state) bool { return got.Links == 0 },
		},
		"an older base that has the name of the newest": {
			func(dir string) error {
				newest := filepath.Join(dir, bases[1])
				return errors.Join(os.Remove(newest), os.Link(filepath.Join(dir, bases[0]), newest))
			},
			func(got state) bool { return reflect.DeepEqual(got, want) },
		},
		"logs swapped": {
			func(dir string) error {
				return errors.Join(
					os.Rename(filepath.Join(dir, logs[0]), filepath.Join(dir, "x")),
					os.Rename(filepath.Join(dir, logs[1]), filepath.Join(dir, logs[0])),
					os.Rename(filepath.Join(dir, "x"), filepath.Join(dir, logs[1])))
			},
			func(got state) bool { return got.Links == 100 && got.Revision.Compare(want.Revision) < 0 },
		},
		"a newer log missing": {
			func(dir string) error { return os.Remove(filepath.Join(dir, logs[1])) },
			func(got state) bool { return got.Links == 100 && got.Revision.Compare(want.Revision) < 0 },
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			check(t, os.CopyFS(dir, os.DirFS(made)))
			check(t, test.harm(dir))
			tab := open(t, table.Config{Dir: dir})
			settled(t, tab)
			if got := stateOf(tab); !test.want(got) {
				t.Errorf("the table is %+v", got)
			}
			snapshot(t, tab, 5000, put(t, 5000, "a", "https://a.example/"))
			closeTable(t, tab)
			if got := stateOf(open(t, table.Config{Dir: dir})); got.Revision != at(5000) || got.Links != 1 {
				t.Errorf("opened again after a snapshot: %+v", got)
			}
		})
	}
}

func TestNewerFormat(t *testing.T) {
	dir := t.TempDir()
	tab := open(t, table.Config{Dir: dir})
	snapshot(t, tab, 1, put(t, 1, "a", "https://a.example/"))
	closeTable(t, tab)
	path := newest(t, dir, "base-*")
	b, err := os.ReadFile(path)
	check(t, err)
	b[8] = 2
	seal(b)
	check(t, os.WriteFile(path, b, 0o600))
	tab, err = table.Open(table.Config{Dir: dir})
	if err == nil {
		closeTable(t, tab)
		t.Fatal("it was opened")
	}
	if !strings.Contains(err.Error(), "move it away") {
		t.Errorf("error %q does not tell what to do", err)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, b) {
		t.Errorf("the file was changed: %v", err)
	}
	check(t, os.Remove(path))
	open(t, table.Config{Dir: dir}) // the directory is free again
}

func TestLock(t *testing.T) {
	dir := t.TempDir()
	tab := open(t, table.Config{Dir: dir})
	second, err := table.Open(table.Config{Dir: dir})
	if err == nil {
		closeTable(t, second)
		t.Fatal("opened twice")
	}
	if !strings.Contains(err.Error(), "another process uses "+dir) {
		t.Errorf("error %q", err)
	}
	closeTable(t, tab)
	open(t, table.Config{Dir: dir})
}

// FuzzBase opens bases that are anything: patched, with checksums that fit or
// not. Nothing panics, and no answer is not what the file says.
func FuzzBase(f *testing.F) {
	made := f.TempDir()
	tab, want := twoBases(f, made)
	closeTable(f, tab)
	whole, err := os.ReadFile(newest(f, made, "base-*"))
	check(f, err)
	name := filepath.Base(newest(f, made, "base-*"))
	entriesEnd := binary.LittleEndian.Uint64(whole[56:])
	f.Add(uint32(0), []byte{}, true)
	for _, at := range []uint64{0, 40, 48, 56, 72, 80, 136, table.HeaderSize, table.HeaderSize + 4, entriesEnd, binary.LittleEndian.Uint64(whole[72:])} {
		f.Add(uint32(at), []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, true)
		f.Add(uint32(at), []byte{0, 0, 0, 0, 0, 0, 0, 1}, false)
	}
	f.Add(uint32(len(whole)-4000), make([]byte, 4000), true)
	f.Fuzz(func(t *testing.T, at uint32, patch []byte, sealed bool) {
		b := bytes.Clone(whole)
		copy(b[int(at)%len(b):], patch)
		if sealed {
			seal(b)
		}
		dir := t.TempDir()
		check(t, os.WriteFile(filepath.Join(dir, name), b, 0o600))
		tab, err := table.Open(table.Config{Dir: dir})
		if err != nil {
			return // a newer format
		}
		defer closeTable(t, tab)
		for entry, value := range want.Entries {
			_, k, _ := strings.Cut(entry, " ")
			if r, found := tab.Lookup([]byte(k)); found && r != nil && string(r) != value {
				if _, err := link.CheckRecord(r); err != nil && !sealed {
					t.Errorf("%q has the record %x", k, r)
				}
			}
		}
		stateOf(tab)
		eventually(t, "verifying", func() bool { return !tab.Stats().Verifying })
		stateOf(tab)
	})
}
