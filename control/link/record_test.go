package link_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"suodi/control/link"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func platforms(numbers ...uint8) (set link.Platforms) {
	for _, n := range numbers {
		set.Add(n)
	}
	return set
}

var records = []struct {
	name   string
	fields link.RecordFields
}{
	{"minimal", link.RecordFields{
		Kind: link.KindRedirect, State: link.StateActive, Status: 302,
		Revision: link.Revision{Epoch: 1, Index: 2}, Destination: "https://example.com/",
	}},
	{"guard", link.RecordFields{
		Kind: link.KindRedirect, State: link.StatePaused, Status: 308,
		Revision: link.Revision{Index: 1}, Destination: "http://a/", Guard: platforms(0, 64),
	}},
	{"full", link.RecordFields{
		Kind: link.KindRedirect, State: link.StateArchived, Status: 307, NotAfter: 0x0102030405060708,
		Revision:    link.Revision{Epoch: math.MaxUint32, Index: 0x1112131415161718},
		Destination: "https://example.com/a?b=c#d", Fallback: "https://example.org/gone",
		Allow: platforms(1, 255), Guard: platforms(2, 63, 128),
	}},
	{"filters", link.RecordFields{
		Kind: link.KindRedirect, State: link.StateActive, Status: 302,
		Revision: link.Revision{Epoch: 1, Index: 3}, Destination: "https://example.com/", Guard: platforms(2),
		Filters: []link.Binding{{Filter: "split", Params: []byte(`{"share":30}`)}, {Filter: "a"}},
	}},
	{"longest", link.RecordFields{
		Kind: link.KindRedirect, State: link.StateActive, Status: 301,
		Destination: "https://example.com/" + strings.Repeat("a", link.MaxURL-20),
		Fallback:    "https://example.com/" + strings.Repeat("b", link.MaxURL-20),
		Filters:     mostFilters(),
	}},
}

// mostFilters are as many bindings as there can be, each as long as can be.
func mostFilters() (bindings []link.Binding) {
	params := []byte(`{"a":"` + strings.Repeat("p", link.MaxParams-8) + `"}`)
	for i := range link.MaxFilters {
		name := string(rune('a'+i)) + strings.Repeat("x", link.MaxFilterName-1)
		bindings = append(bindings, link.Binding{Filter: name, Params: params})
	}
	return bindings
}

func encode(t testing.TB, fields link.RecordFields) []byte {
	t.Helper()
	b, err := link.EncodeRecord(fields)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestRecordRoundTrip(t *testing.T) {
	for _, test := range records {
		t.Run(test.name, func(t *testing.T) {
			b := encode(t, test.fields)
			r, err := link.CheckRecord(b)
			if err != nil {
				t.Fatal(err)
			}
			if got := r.Fields(); !reflect.DeepEqual(got, test.fields) {
				t.Errorf("got  %+v\nwant %+v", got, test.fields)
			}
			if r.HasSets() != (!test.fields.Allow.IsEmpty() || !test.fields.Guard.IsEmpty()) {
				t.Errorf("HasSets() = %v", r.HasSets())
			}
			appended, err := link.AppendRecord([]byte("before"), test.fields)
			if err != nil || string(appended) != "before"+string(b) {
				t.Errorf("AppendRecord = %q, %v", appended, err)
			}
		})
	}
}

// The golden files hold the format: they must never change.
func TestRecordGolden(t *testing.T) {
	for _, test := range records[:4] {
		t.Run(test.name, func(t *testing.T) {
			path := filepath.Join("testdata", "record-"+test.name+".hex")
			b := encode(t, test.fields)
			if *update {
				if err := os.WriteFile(path, []byte(hex.Dump(b)), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			golden, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got := hex.Dump(b); got != string(golden) {
				t.Errorf("got\n%swant\n%s", got, golden)
			}
		})
	}
}

func TestEncodeRecordRefuses(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(f *link.RecordFields)
		want   error
	}{
		{"no destination", func(f *link.RecordFields) { f.Destination = "" }, link.ErrMalformedRecord},
		{"unsafe destination", func(f *link.RecordFields) { f.Destination = "https://a/\r\n" }, link.ErrMalformedRecord},
		{"non-ASCII destination", func(f *link.RecordFields) { f.Destination = "https://a/é" }, link.ErrMalformedRecord},
		{"unsafe fallback", func(f *link.RecordFields) { f.Fallback = "//a" }, link.ErrMalformedRecord},
		{"long destination", func(f *link.RecordFields) { f.Destination = "https://" + strings.Repeat("a", 8185) }, link.ErrMalformedRecord},
		{"long fallback", func(f *link.RecordFields) { f.Fallback = "https://" + strings.Repeat("a", 1<<16) }, link.ErrMalformedRecord},
		{"filter without a name", func(f *link.RecordFields) { f.Filters = []link.Binding{{}} }, link.ErrMalformedRecord},
		{"filter's name", func(f *link.RecordFields) { f.Filters = []link.Binding{{Filter: "A"}} }, link.ErrMalformedRecord},
		{"too many filters", func(f *link.RecordFields) { f.Filters = append(mostFilters(), link.Binding{Filter: "z"}) }, link.ErrMalformedRecord},
		{"too many params", func(f *link.RecordFields) {
			f.Filters = []link.Binding{{Filter: "a", Params: make([]byte, link.MaxParams+1)}}
		}, link.ErrMalformedRecord},
		{"negative expiry", func(f *link.RecordFields) { f.NotAfter = -1 }, link.ErrMalformedRecord},
		{"no kind", func(f *link.RecordFields) { f.Kind = 0 }, link.ErrMustUnderstand},
		{"reserved kind", func(f *link.RecordFields) { f.Kind = link.KindLive }, link.ErrMustUnderstand},
		{"no state", func(f *link.RecordFields) { f.State = 0 }, link.ErrMustUnderstand},
		{"status of no redirect", func(f *link.RecordFields) { f.Status = 200 }, link.ErrMustUnderstand},
		{"status out of range", func(f *link.RecordFields) { f.Status = 302 + 1<<16 }, link.ErrMalformedRecord},
		{"negative status", func(f *link.RecordFields) { f.Status = 302 - 1<<16 }, link.ErrMalformedRecord},
	} {
		t.Run(test.name, func(t *testing.T) {
			fields := records[2].fields
			test.change(&fields)
			b, err := link.AppendRecord([]byte("before"), fields)
			if !errors.Is(err, test.want) || string(b) != "before" {
				t.Errorf("AppendRecord = %q, %v; want %v", b, err, test.want)
			}
		})
	}
}

// section returns a section as a record holds it.
func section(kind, flags byte, body string) []byte {
	b := binary.LittleEndian.AppendUint16([]byte{kind, flags}, uint16(len(body)))
	return append(b, body...)
}

// withSections returns the minimal record's head with other sections.
func withSections(t testing.TB, sections ...[]byte) []byte {
	b := append(encode(t, records[0].fields)[:28:28], bytes.Join(sections, nil)...)
	binary.LittleEndian.PutUint16(b[6:], uint16(len(b)))
	return b
}

func TestCheckRecordSections(t *testing.T) {
	to := section(1, 1, "https://example.com/")
	set := "\x01" + strings.Repeat("\x00", 31)
	for _, test := range []struct {
		name     string
		flags    byte
		sections [][]byte
		want     error
		unknown  int
	}{
		{"destination alone", 0, [][]byte{to}, nil, 0},
		{"unknown that may be skipped", 0, [][]byte{to, section(9, 0, "x"), section(10, 0, "")}, nil, 0},
		{"fallback", 0, [][]byte{to, section(4, 0, "http://a/")}, nil, 0},
		{"sets", 1, [][]byte{to, section(2, 1, set), section(3, 1, set)}, nil, 0},
		{"filters", 2, [][]byte{to, section(5, 1, "\x01a\x00\x00\x02bc\x02\x00{}")}, nil, 0},
		{"filters without flag", 0, [][]byte{to, section(5, 1, "\x01a\x00\x00")}, link.ErrMalformedRecord, 0},
		{"flag without filters", 2, [][]byte{to}, link.ErrMalformedRecord, 0},
		{"no filters", 2, [][]byte{to, section(5, 1, "")}, link.ErrMalformedRecord, 0},
		{"nine filters", 2, [][]byte{to, section(5, 1, strings.Repeat("\x01a\x00\x00", 9))}, link.ErrMalformedRecord, 0},
		{"filter cut off in its name", 2, [][]byte{to, section(5, 1, "\x05a\x00\x00")}, link.ErrMalformedRecord, 0},
		{"filter cut off in its params", 2, [][]byte{to, section(5, 1, "\x01a\x03\x00{}")}, link.ErrMalformedRecord, 0},
		{"filter without a name", 2, [][]byte{to, section(5, 1, "\x00\x00\x00")}, link.ErrMalformedRecord, 0},
		{"filter with too many params", 2, [][]byte{to, section(5, 1, "\x01a\x01\x04"+strings.Repeat("x", 1025))}, link.ErrMalformedRecord, 0},
		{"filters that may be skipped", 2, [][]byte{to, section(5, 0, "\x01a\x00\x00")}, link.ErrMalformedRecord, 0},
		{"unknown that must be understood", 0, [][]byte{to, section(9, 1, "x")}, link.ErrMustUnderstand, 9},
		{"unknown after one that may be skipped", 0, [][]byte{to, section(8, 0, "x"), section(200, 1, "x")}, link.ErrMustUnderstand, 200},
		{"unknown flags of a known section", 0, [][]byte{section(1, 3, "http://a/")}, link.ErrMustUnderstand, 1},
		{"unknown flags of an unknown section", 0, [][]byte{to, section(9, 2, "")}, link.ErrMustUnderstand, 9},
		{"unknown instead of a destination", 0, [][]byte{section(9, 1, "x")}, link.ErrMustUnderstand, 9},
		{"none", 0, nil, link.ErrMalformedRecord, 0},
		{"duplicate", 0, [][]byte{to, to}, link.ErrMalformedRecord, 0},
		{"duplicate unknown", 0, [][]byte{to, section(9, 0, ""), section(9, 0, "")}, link.ErrMalformedRecord, 0},
		{"descending", 0, [][]byte{section(9, 0, ""), to}, link.ErrMalformedRecord, 0},
		{"type 0", 0, [][]byte{section(0, 0, ""), to}, link.ErrMalformedRecord, 0},
		{"malformed before unknown", 0, [][]byte{section(1, 1, "//a"), section(9, 1, "x")}, link.ErrMalformedRecord, 0},
		{"empty destination", 0, [][]byte{section(1, 1, "")}, link.ErrMalformedRecord, 0},
		{"unsafe destination", 0, [][]byte{section(1, 1, "http://a/\n")}, link.ErrMalformedRecord, 0},
		{"long destination", 0, [][]byte{section(1, 1, "http://"+strings.Repeat("a", link.MaxURL))}, link.ErrMalformedRecord, 0},
		{"destination that may be skipped", 0, [][]byte{section(1, 0, "http://a/")}, link.ErrMalformedRecord, 0},
		{"fallback that must be understood", 0, [][]byte{to, section(4, 1, "http://a/")}, link.ErrMalformedRecord, 0},
		{"short set", 1, [][]byte{to, section(2, 1, set[:31])}, link.ErrMalformedRecord, 0},
		{"long set", 1, [][]byte{to, section(3, 1, set+"x")}, link.ErrMalformedRecord, 0},
		{"empty set", 1, [][]byte{to, section(2, 1, strings.Repeat("\x00", 32))}, link.ErrMalformedRecord, 0},
		{"set without flag", 0, [][]byte{to, section(3, 1, set)}, link.ErrMalformedRecord, 0},
		{"flag without set", 1, [][]byte{to}, link.ErrMalformedRecord, 0},
		{"head of a section cut off", 0, [][]byte{to, {9, 0, 0}}, link.ErrMalformedRecord, 0},
		{"section cut off", 0, [][]byte{to, {9, 0, 1, 0}}, link.ErrMalformedRecord, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := withSections(t, test.sections...)
			b[3] = test.flags
			r, err := link.CheckRecord(b)
			if !errors.Is(err, test.want) || (err == nil) != (r != nil) {
				t.Fatalf("CheckRecord = %v, %v; want %v", r, err, test.want)
			}
			var must *link.MustUnderstandError
			if errors.As(err, &must) && (must.Part != "section" || must.Number != test.unknown) {
				t.Errorf("%+v, want section %d", must, test.unknown)
			}
		})
	}
}

func TestCheckRecordHead(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(b []byte) []byte
		part   string // "" = malformed
	}{
		{"empty", func([]byte) []byte { return nil }, ""},
		{"cut off", func(b []byte) []byte { return b[:len(b)-1] }, ""},
		{"head cut off", func(b []byte) []byte { return b[:27] }, ""},
		{"too long", func(b []byte) []byte { return append(b, 0) }, ""},
		{"length too small", func(b []byte) []byte { b[6], b[7] = 5, 0; return b[:5] }, ""},
		{"negative expiry", func(b []byte) []byte { b[23] = 0x80; return b }, ""},
		{"format", func(b []byte) []byte { b[0] = 2; return b }, "format"},
		{"kind", func(b []byte) []byte { b[1] = 2; return b }, "kind"},
		{"state", func(b []byte) []byte { b[2] = 4; return b }, "state"},
		{"flags", func(b []byte) []byte { b[3] |= 4; return b }, "flags"},
		{"status", func(b []byte) []byte { b[4]++; return b }, "status"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r, err := link.CheckRecord(test.change(encode(t, records[0].fields)))
			var must *link.MustUnderstandError
			switch {
			case r != nil || err == nil:
				t.Fatalf("CheckRecord = %v, %v", r, err)
			case test.part == "" && !errors.Is(err, link.ErrMalformedRecord):
				t.Errorf("%v, want ErrMalformedRecord", err)
			case test.part != "" && (!errors.As(err, &must) || must.Part != test.part || !errors.Is(err, link.ErrMustUnderstand)):
				t.Errorf("%v, want ErrMustUnderstand for %s", err, test.part)
			}
		})
	}
}

// read uses every accessor.
func read(r link.Record) (sum int) {
	allow, guard, revision := r.Allow(), r.Guard(), r.Revision()
	sum = int(r.Kind()) + int(r.State()) + r.Status() + int(r.NotAfter()) + len(r.Destination()) + len(r.Fallback())
	if r.HasSets() && allow.Intersects(guard) {
		sum++
	}
	for f := r.Filters(); f.Next(); {
		sum += len(f.Name()) + len(f.Params())
	}
	return sum + int(revision.Index) + int(revision.Epoch)
}

func TestRecordAllocates(t *testing.T) {
	b := encode(t, records[2].fields)
	if n := testing.AllocsPerRun(100, func() {
		r, err := link.CheckRecord(b)
		if err != nil {
			t.Fatal(err)
		}
		read(r)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	bound := link.Record(encode(t, records[3].fields))
	if n := testing.AllocsPerRun(100, func() { read(bound) }); n != 0 {
		t.Errorf("%v allocations with filters", n)
	}
	buffer := make([]byte, 0, 256)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := link.AppendRecord(buffer, records[2].fields); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations in AppendRecord", n)
	}
}

func BenchmarkRecord(b *testing.B) {
	full := encode(b, records[2].fields)
	r := link.Record(full)
	b.Run("CheckRecord", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := link.CheckRecord(full); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("Destination", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r.Destination()
		}
	})
	b.Run("Guard", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r.Guard()
		}
	})
	b.Run("Fallback", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r.Fallback()
		}
	})
	b.Run("Filters", func(b *testing.B) {
		r := link.Record(encode(b, records[3].fields))
		b.ReportAllocs()
		for b.Loop() {
			for f := r.Filters(); f.Next(); {
				_ = f.Params()
			}
		}
	})
	b.Run("all", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			read(r)
		}
	})
}

func FuzzRecord(f *testing.F) {
	for _, seed := range records[:4] { // the longest would only slow mutation down
		f.Add(encode(f, seed.fields))
	}
	to := section(1, 1, "https://example.com/")
	f.Add(withSections(f, to, section(9, 0, "x")))
	f.Add(withSections(f, to, section(9, 1, "x")))
	f.Add(withSections(f, to, to))
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		for range 2 {
			checkFuzzedRecord(t, b)
			if len(b) < 8 || len(b) > link.MaxRecord { // then once more with the right length
				return
			}
			b = bytes.Clone(b)
			binary.LittleEndian.PutUint16(b[6:], uint16(len(b)))
		}
	})
}

func checkFuzzedRecord(t *testing.T, b []byte) {
	r, err := link.CheckRecord(b)
	if err != nil {
		if r != nil || !errors.Is(err, link.ErrMustUnderstand) && !errors.Is(err, link.ErrMalformedRecord) {
			t.Fatalf("%v, %v", r, err)
		}
		return
	}
	read(r)
	again, err := link.EncodeRecord(r.Fields())
	if err != nil {
		t.Fatalf("what was read does not encode: %v", err)
	}
	// Sections that were skipped are lost; all else is identical.
	want := bytes.Clone(b)
	for at := 28; at < len(want); {
		end := at + 4 + int(binary.LittleEndian.Uint16(want[at+2:]))
		if want[at] > 5 {
			want = append(want[:at], want[end:]...)
			continue
		}
		at = end
	}
	binary.LittleEndian.PutUint16(want[6:], uint16(len(want)))
	if !bytes.Equal(again, want) {
		t.Fatalf("read and encoded again:\n%swant\n%s", hex.Dump(again), hex.Dump(want))
	}
}
