package table_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/edge/table"
)

const headSize = 12

func logOf(t testing.TB, dir string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "table.log"))
	check(t, err)
	return b
}

// withLog returns a directory whose table file holds these bytes.
func withLog(t testing.TB, log []byte) string {
	t.Helper()
	dir := t.TempDir()
	check(t, os.WriteFile(filepath.Join(dir, "table.log"), log, 0o600))
	return dir
}

// frames returns where each frame of a table file ends.
func frames(log []byte) (ends []int) {
	for at := headSize; at < len(log); ends = append(ends, at) {
		at += 8 + int(binary.LittleEndian.Uint32(log[at:]))
	}
	return ends
}

func TestFileFormat(t *testing.T) {
	dir := t.TempDir()
	tab := open(t, table.Config{Dir: dir})
	check(t, tab.Begin("cluster-1"))
	check(t, tab.End(at(7)))
	want := []byte("SUODITBL\x01\x00\x00\x00")
	for _, message := range []*feedpb.ControlMessage{
		{Message: &feedpb.ControlMessage_Welcome{Welcome: &feedpb.Welcome{ClusterId: "cluster-1"}}},
		{Message: &feedpb.ControlMessage_SnapshotEnd{SnapshotEnd: &feedpb.SnapshotEnd{Revision: feed.FromRevision(at(7))}}},
	} {
		payload, err := proto.Marshal(message)
		check(t, err)
		want = frame(want, payload)
	}
	if got := logOf(t, dir); !bytes.Equal(got, want) {
		t.Errorf("the file is\n%x\nwant\n%x", got, want)
	}
	closeTable(t, tab)
	tab = open(t, table.Config{Dir: withLog(t, want)})
	if cluster, held := tab.Held(); cluster != "cluster-1" || held != at(7) {
		t.Errorf("read back: %s %s", cluster, held)
	}
}

func frame(b, payload []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(payload)))
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(payload, crc32.MakeTable(crc32.Castagnoli)))
	return append(b, payload...)
}

// history makes a table file of every kind of message and returns it with the
// table's state after each frame.
func history(t testing.TB) (log []byte, states []state) {
	t.Helper()
	dir := t.TempDir()
	tab := open(t, table.Config{Dir: dir})
	states = append(states, stateOf(tab))
	step := func(err error) {
		t.Helper()
		check(t, err)
		states = append(states, stateOf(tab))
	}
	bucket := func(index uint64, entries ...*feedpb.Entry) error {
		return tab.Bucket(uint16(entries[0].GetBucket()), at(index), entries)
	}
	change := func(index uint64, entries ...*feedpb.Entry) error {
		_, held := tab.Held()
		return tab.Delta(&feedpb.Delta{Previous: feed.FromRevision(held), Revision: feed.FromRevision(at(index)), Entries: entries})
	}
	domain := &feedpb.Entry{Bucket: feed.BucketDomains, Key: []byte("go.example.com"), Value: []byte("a domain")}
	step(tab.Begin("cluster-1"))
	step(bucket(5, put(t, 2, "a", "https://a.example/")))
	step(bucket(5, put(t, 3, "b", "https://b.example/")))
	step(bucket(5, domain))
	step(tab.End(at(5)))
	step(change(6, put(t, 6, "c", "https://c.example/"), put(t, 6, "a", "https://a.example/2")))
	step(change(7, put(t, 7, "b", "")))
	step(change(9, put(t, 9, "b", "https://b.example/2")))
	// A second snapshot, whose buckets arrive one by one.
	step(bucket(20, put(t, 12, "a", "https://a.example/3")))
	step(bucket(20, put(t, 13, "d", "https://d.example/")))
	step(tab.End(at(20)))
	step(change(21, put(t, 21, "d", "")))
	log = logOf(t, dir)
	if n := len(frames(log)); n != len(states)-1 {
		t.Fatalf("%d frames for %d messages", n, len(states)-1)
	}
	return log, states
}

// reopens checks that a damaged file opens as the state after its first n
// frames, goes on from there, and is whole afterwards.
func reopens(t *testing.T, what string, log []byte, want state) {
	t.Helper()
	dir := withLog(t, log)
	tab, err := table.Open(table.Config{Dir: dir})
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	defer closeTable(t, tab)
	if got := stateOf(tab); !reflect.DeepEqual(got, want) {
		t.Errorf("%s: the table is\n%+v\nwant\n%+v", what, got, want)
		return
	}
	delta(t, tab, 100, put(t, 100, "more", "https://more.example/"))
	more := stateOf(tab)
	closeTable(t, tab)
	if tab, err = table.Open(table.Config{Dir: dir}); err != nil {
		t.Errorf("%s, opened again: %v", what, err)
		return
	}
	defer closeTable(t, tab)
	if got := stateOf(tab); !reflect.DeepEqual(got, more) {
		t.Errorf("%s, opened again: the table is\n%+v\nwant\n%+v", what, got, more)
	}
}

func TestTornFile(t *testing.T) {
	log, states := history(t)
	ends := frames(log)
	for cut := range len(log) + 1 {
		whole := 0
		for _, end := range ends {
			if end <= cut {
				whole++
			}
		}
		reopens(t, fmt.Sprintf("cut at %d", cut), log[:cut], states[whole])
	}
	reopens(t, "zeroes behind", append(bytes.Clone(log), make([]byte, 4096)...), states[len(ends)])
	reopens(t, "junk behind", append(bytes.Clone(log), bytes.Repeat([]byte("junk"), 100)...), states[len(ends)])
}

func TestDamagedFile(t *testing.T) {
	log, states := history(t)
	ends := frames(log)
	random := rand.New(rand.NewPCG(1, 2))
	offsets := map[int]bool{}
	for _, end := range append([]int{headSize}, ends...) {
		for off := end - 2; off < end+10 && off < len(log); off++ {
			offsets[off] = true
		}
	}
	for range 300 {
		offsets[headSize+random.IntN(len(log)-headSize)] = true
	}
	for off := range offsets {
		if off < headSize {
			continue
		}
		whole := 0
		for whole < len(ends) && ends[whole] <= off {
			whole++
		}
		damaged := bytes.Clone(log)
		damaged[off] ^= 1 << random.IntN(8)
		reopens(t, fmt.Sprintf("bit flipped at %d", off), damaged, states[whole])
	}
}

func TestForeignFile(t *testing.T) {
	log, _ := history(t)
	newer := bytes.Clone(log)
	newer[8] = 2
	for name, content := range map[string][]byte{
		"another program's": []byte("SQLite format 3\x00 and so on"),
		"a newer format":    newer,
		"damaged magic":     append([]byte("suoditbl"), log[8:]...),
	} {
		t.Run(name, func(t *testing.T) {
			dir := withLog(t, content)
			tab, err := table.Open(table.Config{Dir: dir})
			if err == nil {
				closeTable(t, tab)
				t.Fatal("it was opened")
			}
			if !strings.Contains(err.Error(), "move it away") {
				t.Errorf("error %q does not tell what to do", err)
			}
			if !bytes.Equal(logOf(t, dir), content) {
				t.Error("the file was changed")
			}
			check(t, os.Remove(filepath.Join(dir, "table.log")))
			open(t, table.Config{Dir: dir}) // the directory is free again
		})
	}
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

// The file does not grow for ever, and what is written anew is all there is.
func TestRewrite(t *testing.T) {
	dir := t.TempDir()
	config := table.Config{Dir: dir, RewriteBytes: 4 << 10}
	tab := open(t, config)
	domain := &feedpb.Entry{Bucket: feed.BucketDomains, Key: []byte("go.example.com"), Value: []byte("a domain")}
	snapshot(t, tab, 1, put(t, 1, "first", "https://first.example/"), domain)
	rewritten := 0
	size := len(logOf(t, dir))
	for n := uint64(2); n < 1000; n++ {
		delta(t, tab, n, put(t, n, fmt.Sprintf("s%d", n%20), fmt.Sprintf("https://example.org/%d", n)))
		if n%20 == 7 {
			delta(t, tab, n, put(t, n, "s3", ""))
		}
		now := len(logOf(t, dir))
		if now < size {
			rewritten++
		}
		size = now
		if now > 400<<10 {
			t.Fatalf("the file has grown to %d bytes", now)
		}
	}
	if rewritten < 2 {
		t.Errorf("rewritten %d times", rewritten)
	}
	if err := tab.Saving(); err != nil {
		t.Error(err)
	}
	want := stateOf(tab)
	closeTable(t, tab)
	tab = open(t, config)
	if got := stateOf(tab); !reflect.DeepEqual(got, want) {
		t.Errorf("opened again: %+v\nwant %+v", got, want)
	}
	if left, err := filepath.Glob(filepath.Join(dir, "*.tmp")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %q, %v", left, err)
	}
}

// A process killed while it rewrites leaves a temporary file.
func TestRewriteWasKilled(t *testing.T) {
	log, states := history(t)
	dir := withLog(t, log)
	check(t, os.WriteFile(filepath.Join(dir, "table.tmp"), log[:len(log)/2], 0o600))
	tab := open(t, table.Config{Dir: dir, RewriteBytes: 1})
	if got := stateOf(tab); !reflect.DeepEqual(got, states[len(states)-1]) {
		t.Errorf("the table is %+v", got)
	}
	for n := uint64(50); n < 90; n++ {
		delta(t, tab, n, put(t, n, "x", "https://example.org/"))
	}
	want := stateOf(tab)
	closeTable(t, tab)
	if got := stateOf(open(t, table.Config{Dir: dir})); !reflect.DeepEqual(got, want) {
		t.Errorf("after rewriting the table is %+v\nwant %+v", got, want)
	}
}

// fillDisk makes what the open table file is written to, and its rewriting,
// fail as on a full disk.
func fillDisk(t testing.TB, dir string) (free func()) {
	t.Helper()
	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Fatalf("this test fills the disk with /dev/full: %v", err)
	}
	defer func() { check(t, full.Close()) }()
	fds, err := os.ReadDir("/proc/self/fd")
	check(t, err)
	replaced := 0
	for _, fd := range fds {
		target, err := os.Readlink(filepath.Join("/proc/self/fd", fd.Name()))
		if err != nil || target != filepath.Join(dir, "table.log") {
			continue
		}
		number, err := strconv.Atoi(fd.Name())
		check(t, err)
		check(t, unix.Dup3(int(full.Fd()), number, unix.O_CLOEXEC))
		replaced++
	}
	if replaced != 1 {
		t.Fatalf("%d descriptors of the table file", replaced)
	}
	obstacle := filepath.Join(dir, "table.tmp", "x")
	check(t, os.MkdirAll(obstacle, 0o700))
	return func() { check(t, os.RemoveAll(filepath.Dir(obstacle))) }
}

func TestDiskFull(t *testing.T) {
	for _, retry := range []struct {
		name  string
		every time.Duration
		saved bool // at once after the disk takes it again
	}{{"retry at once", 1, true}, {"retry in an hour", time.Hour, false}} {
		t.Run(retry.name, func(t *testing.T) {
			dir := t.TempDir()
			config := table.Config{Dir: dir, RetryEvery: retry.every}
			tab := open(t, config)
			snapshot(t, tab, 1, put(t, 1, "a", "https://a.example/"))
			delta(t, tab, 2, put(t, 2, "b", "https://b.example/"))
			saved := stateOf(tab)
			free := fillDisk(t, dir)
			for n := uint64(3); n < 6; n++ {
				delta(t, tab, n, put(t, n, "b", fmt.Sprintf("https://b.example/%d", n)))
				if got := destination(tab, "b"); got != fmt.Sprintf("https://b.example/%d", n) {
					t.Errorf("b leads to %q", got)
				}
				if err := tab.Saving(); err == nil {
					t.Errorf("after delta %d the table claims to be saved", n)
				}
			}
			if _, held := tab.Held(); held != at(5) {
				t.Errorf("holds %s", held)
			}
			// A process killed now comes back with what was saved.
			if got := stateOf(open(t, table.Config{Dir: withLog(t, logOf(t, dir))})); !reflect.DeepEqual(got, saved) {
				t.Errorf("killed while the disk was full: %+v\nwant %+v", got, saved)
			}
			free()
			delta(t, tab, 6, put(t, 6, "c", "https://c.example/"))
			if err := tab.Saving(); (err == nil) != retry.saved {
				t.Errorf("after the disk takes it again: %v", err)
			}
			if retry.saved {
				saved = stateOf(tab)
			}
			closeTable(t, tab)
			if got := stateOf(open(t, config)); !reflect.DeepEqual(got, saved) {
				t.Errorf("opened again: %+v\nwant %+v", got, saved)
			}
		})
	}
}

func FuzzReplay(f *testing.F) {
	log, _ := history(f)
	f.Add(log[headSize:], false)
	f.Add(log[headSize:len(log)-3], false)
	for at := headSize; at < len(log); {
		n := int(binary.LittleEndian.Uint32(log[at:]))
		f.Add(log[at+8:at+8+n], true)
		at += 8 + n
	}
	payload, err := proto.Marshal(&feedpb.ControlMessage{Message: &feedpb.ControlMessage_Bucket{Bucket: &feedpb.Bucket{Number: 1 << 20}}})
	check(f, err)
	f.Add(payload, true)
	f.Fuzz(func(t *testing.T, data []byte, whole bool) {
		content := bytes.Clone(log[:headSize])
		if whole { // a payload behind a frame head that fits it
			content = frame(content, data)
		} else {
			content = append(content, data...)
		}
		dir := withLog(t, content)
		tab, err := table.Open(table.Config{Dir: dir})
		check(t, err)
		want := stateOf(tab)
		closeTable(t, tab)
		tab, err = table.Open(table.Config{Dir: dir})
		check(t, err)
		defer closeTable(t, tab)
		if got := stateOf(tab); !reflect.DeepEqual(got, want) {
			t.Errorf("opened twice: %+v and %+v", want, got)
		}
	})
}
