package raftstore_test

import (
	"bytes"
	"encoding/hex"
	"os"
	"path/filepath"
	"testing"

	"github.com/hashicorp/raft"

	"suodi/raftstore"
)

// TestGolden holds the formats that disks and peers depend on.
func TestGolden(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "a"), []byte("one"))
	write(t, filepath.Join(dir, "b"), nil)
	write(t, filepath.Join(dir, "LOCK"), []byte("not sent"))
	var stream bytes.Buffer
	if err := raftstore.WriteStream(&stream, dir, 7, 3); err != nil {
		t.Fatal(err)
	}
	if size, err := raftstore.ListStream(dir); err != nil || size != int64(stream.Len()) {
		t.Errorf("announced %d of %d bytes: %v", size, stream.Len(), err)
	}
	tests := map[string]struct{ got, want string }{
		"state":    {hex.EncodeToString(raftstore.EncodeState(7, 3, 1, "id")), "07000000000000000300000000000000" + "01000000" + "026964"},
		"mark":     {hex.EncodeToString(raftstore.EncodeMark(7, 9)), "01" + "0700000000000000" + "0900000000000000"},
		"identity": {hex.EncodeToString(raftstore.EncodeIdentity(1, "id")), "02" + "01000000" + "026964"},
		"stream": {hex.EncodeToString(stream.Bytes()), hex.EncodeToString([]byte("SUODISNP")) + "01000000" + "02000000" +
			"0700000000000000" + "0300000000000000" + goldenHead +
			"0100" + "61" + "0300000000000000" + hex.EncodeToString([]byte("one")) + goldenA +
			"0100" + "62" + "0000000000000000" + goldenB +
			hex.EncodeToString([]byte("SUODIEND")) + goldenTotal},
	}
	for name, test := range tests {
		if test.got != test.want {
			t.Errorf("%s is\n%s, want\n%s", name, test.got, test.want)
		}
	}
}

// Checksums of the golden stream.
const (
	goldenHead  = "b5059a72"
	goldenA     = "cc1967b3"
	goldenB     = "6b85e4eb"
	goldenTotal = "271fe9d3"
)

func FuzzState(f *testing.F) {
	f.Add(raftstore.EncodeState(7, 3, 1, "id"))
	f.Fuzz(func(t *testing.T, b []byte) {
		index, term, epoch, id, err := raftstore.DecodeState(b)
		if err == nil && !bytes.Equal(raftstore.EncodeState(index, term, epoch, id), b) {
			t.Errorf("%x does not re-encode", b)
		}
	})
}

func FuzzMark(f *testing.F) {
	f.Add(raftstore.EncodeMark(7, 9))
	f.Fuzz(func(t *testing.T, b []byte) {
		floor, installing, err := raftstore.DecodeMark(b)
		if err == nil && !bytes.Equal(raftstore.EncodeMark(floor, installing), b) {
			t.Errorf("%x does not re-encode", b)
		}
	})
}

func FuzzIdentity(f *testing.F) {
	f.Add(raftstore.EncodeIdentity(1, "id")[1:])
	f.Fuzz(func(t *testing.T, b []byte) {
		epoch, id, err := raftstore.DecodeIdentity(b)
		if err == nil && !bytes.Equal(raftstore.EncodeIdentity(epoch, id)[1:], b) {
			t.Errorf("%x does not re-encode", b)
		}
	})
}

// FuzzStream holds that whatever is accepted as a stream is what would be sent
// for the folder it made (files in order of their names).
func FuzzStream(f *testing.F) {
	dir := f.TempDir()
	for _, name := range []string{"000001.sst", "MANIFEST-000001"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			f.Fatal(err)
		}
	}
	var stream bytes.Buffer
	if err := raftstore.WriteStream(&stream, dir, 7, 3); err != nil {
		f.Fatal(err)
	}
	f.Add(stream.Bytes())
	f.Add(stream.Bytes()[:40])
	f.Fuzz(func(t *testing.T, b []byte) {
		dir := t.TempDir()
		index, term, err := raftstore.ReadStream(bytes.NewReader(b), dir)
		if err != nil {
			return
		}
		var again bytes.Buffer
		if err := raftstore.WriteStream(&again, dir, index, term); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(again.Bytes(), b) {
			t.Errorf("%x is sent as %x", b, again.Bytes())
		}
	})
}

// TestLogCache reads back a log through the cache, whatever was deleted or
// replaced.
func TestLogCache(t *testing.T) {
	c := testConfig(t, t.TempDir())
	c.NodeID, c.Bootstrap, c.LogCacheSize = "n2", nil, 3000
	l := open(t, c).Log()
	store := func(from, to, term uint64) {
		var entries []*raft.Log
		for i := from; i <= to; i++ {
			entries = append(entries, &raft.Log{Index: i, Term: term, Data: bytes.Repeat([]byte{byte(i)}, int(i))})
		}
		if err := l.StoreLogs(entries); err != nil {
			t.Fatal(err)
		}
	}
	check := func(index, term uint64) {
		t.Helper()
		var e raft.Log
		err := l.GetLog(index, &e)
		if term == 0 {
			if err != raft.ErrLogNotFound {
				t.Errorf("entry %d: %+v, %v", index, e, err)
			}
			return
		}
		if err != nil || e.Index != index || e.Term != term || len(e.Data) != int(index) {
			t.Errorf("entry %d: %+v, %v", index, e, err)
		}
	}
	remove := func(from, to uint64) {
		if err := l.DeleteRange(from, to); err != nil {
			t.Fatal(err)
		}
	}
	store(1, 100, 1)
	check(1, 1)
	check(100, 1)
	remove(90, 100) // a tail that diverged
	check(89, 1)
	check(90, 0)
	store(90, 95, 2)
	check(89, 1)
	check(95, 2)
	check(96, 0)
	remove(1, 92) // truncation
	check(92, 0)
	check(93, 2)
	store(94, 94, 3) // replaced in place
	check(94, 3)
	check(95, 2)
	remove(93, 95)
	check(95, 0)
	store(200, 200, 4)
	check(200, 4)
}
