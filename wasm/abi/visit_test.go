package abi_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"suodi/wasm/abi"
)

var update = flag.Bool("update", false, "write the golden files anew")

// fullVisit holds a different value in every field.
func fullVisit() *abi.Visit {
	v := &abi.Visit{
		Facts: abi.AllFacts, Platform: 7, OS: 201, App: 63, OSMajor: 0x1234, BrowserMajor: 0x4321,
		Device: abi.DeviceTablet, Bot: true, Weekday: 7, Hour: 23, Date: 20261122, Country: [2]byte{'C', 'N'},
		Time: 0x1122334455667788, Hash: 0xfedcba9876543210,
		IP:      [16]byte{0: 0x20, 1: 0x01, 2: 0x0d, 3: 0xb8, 15: 1},
		Browser: []byte("Chrome"), Region: []byte("CN-SH"), Language: []byte("zh-CN"), Host: []byte("go.example.com"),
		Slug: []byte("夏"), Path: []byte("/夏"), Query: []byte("a=1&b=%20"), Referrer: []byte("https://example.org/"),
		UserAgent: []byte("Mozilla/5.0 \xff MicroMessenger/8.0.49"), RequestedWith: []byte("com.tencent.mm"),
	}
	for _, n := range []uint8{0, 7, 63, 64, 201, 255} {
		v.Platforms.Add(n)
	}
	v.Allow.Add(8)
	v.Guard.Add(130)
	return v
}

func encode(t testing.TB, v *abi.Visit, needs abi.Facts, params string) []byte {
	t.Helper()
	buf := bytes.Repeat([]byte{0xaa}, abi.BufferSize) // as a previous visit left it
	n, err := v.Encode(buf, needs, []byte(params))
	if err != nil {
		t.Fatal(err)
	}
	return buf[:n]
}

// The golden files are the format: a change of their bytes breaks every filter.
func TestEncodeGolden(t *testing.T) {
	for name, record := range map[string][]byte{
		"full":  encode(t, fullVisit(), abi.AllFacts, `{"limit":3}`),
		"empty": encode(t, &abi.Visit{}, abi.AllFacts, ""),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join("testdata", name+".hex")
			got := dump(record)
			if *update {
				if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got != string(want) {
				t.Errorf("the record is\n%swant\n%s", got, want)
			}
		})
	}
}

// dump writes bytes as hex, 32 a line.
func dump(b []byte) string {
	var text strings.Builder
	for len(b) > 0 {
		n := min(32, len(b))
		text.WriteString(hex.EncodeToString(b[:n]))
		text.WriteByte('\n')
		b = b[n:]
	}
	return text.String()
}

func TestDecodeIsInverseOfEncode(t *testing.T) {
	want := fullVisit()
	var got abi.Visit
	params, err := got.Decode(encode(t, want, abi.AllFacts, `{"a":"b"}`))
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(&got, want) || string(params) != `{"a":"b"}` {
		t.Errorf("got %+v, params %s", got, params)
	}
}

// A filter sees the facts that it needs and nothing else, whatever was left in
// its buffer.
func TestEncodeOnlyWhatIsNeeded(t *testing.T) {
	for i, name := range abi.AllFacts.Names() {
		t.Run(name, func(t *testing.T) {
			fact := abi.Facts(1) << i
			var got abi.Visit
			if _, err := got.Decode(encode(t, fullVisit(), fact, "")); err != nil {
				t.Fatal(err)
			}
			if got.Facts != fact {
				t.Errorf("facts %v", got.Facts.Names())
			}
			if reflect.DeepEqual(got, abi.Visit{Facts: fact}) {
				t.Error("the fact is not there")
			}
			var none abi.Visit
			if _, err := none.Decode(encode(t, fullVisit(), abi.AllFacts&^fact, "")); err != nil {
				t.Fatal(err)
			}
			whole, a, b := reflect.ValueOf(*fullVisit()), reflect.ValueOf(got), reflect.ValueOf(none)
			for f := 1; f < whole.NumField(); f++ { // each field comes with exactly one fact
				with, without := a.Field(f).IsZero(), b.Field(f).IsZero()
				if with == without {
					t.Errorf("%s: zero with the fact alone: %t, zero without it: %t", whole.Type().Field(f).Name, with, without)
				}
			}
		})
	}
	var absent abi.Visit // needed, but not present
	if _, err := absent.Decode(encode(t, &abi.Visit{Facts: abi.FactHost, Slug: []byte("x")}, abi.AllFacts, "")); err != nil {
		t.Fatal(err)
	}
	if absent.Slug != nil || absent.Facts != abi.FactHost {
		t.Errorf("got %+v", absent)
	}
}

func TestEncodeTooLarge(t *testing.T) {
	room := abi.BufferSize - abi.HeadSize
	for _, test := range []struct {
		name   string
		visit  abi.Visit
		params int
		fits   bool
	}{
		{"a string fills the buffer", abi.Visit{Facts: abi.FactQuery, Query: make([]byte, room)}, 0, true},
		{"a string is one byte too long", abi.Visit{Facts: abi.FactQuery, Query: make([]byte, room+1)}, 0, false},
		{"a string longer than 16 bits", abi.Visit{Facts: abi.FactQuery, Query: make([]byte, 1<<16+1)}, 0, false},
		{"two strings together", abi.Visit{
			Facts: abi.FactQuery | abi.FactUserAgent, Query: make([]byte, room/2), UserAgent: make([]byte, room/2+1),
		}, 0, false},
		{"no room for the params", abi.Visit{Facts: abi.FactQuery, Query: make([]byte, room)}, 1, false},
		{"largest params", abi.Visit{}, abi.MaxParams, true},
		{"too large params", abi.Visit{}, abi.MaxParams + 1, false},
		{"a string nobody needs", abi.Visit{Query: make([]byte, 1<<20)}, 0, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			buf := make([]byte, abi.BufferSize+64)
			n, err := test.visit.Encode(buf, abi.AllFacts, make([]byte, test.params))
			if test.fits {
				if err != nil || n > abi.BufferSize {
					t.Fatalf("%d bytes, error %v", n, err)
				}
				return
			}
			if !errors.Is(err, abi.ErrTooLarge) || n != 0 {
				t.Errorf("%d bytes, error %v; want ErrTooLarge", n, err)
			}
			if _, err := new(abi.Visit).Decode(buf[:abi.HeadSize]); err == nil {
				t.Error("what was begun reads as a visit")
			}
		})
	}
}

func TestEncodeDoesNotAllocate(t *testing.T) {
	v, buf, params := fullVisit(), make([]byte, abi.BufferSize), []byte(`{"a":1}`)
	if n := testing.AllocsPerRun(100, func() {
		if _, err := v.Encode(buf, abi.AllFacts, params); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestDecodeRefuses(t *testing.T) {
	for _, test := range []struct {
		name  string
		spoil func([]byte) []byte
	}{
		{"nothing", func([]byte) []byte { return nil }},
		{"head cut off", func(b []byte) []byte { return b[:abi.HeadSize-1] }},
		{"cut off", func(b []byte) []byte { return b[:len(b)-1] }},
		{"a byte more", func(b []byte) []byte { return append(b, 0) }},
		{"larger than the buffer", func(b []byte) []byte { return append(b, make([]byte, abi.BufferSize)...) }},
		{"another version", func(b []byte) []byte { b[abi.OffVersion]++; return b }},
		{"unknown fact", func(b []byte) []byte { b[abi.OffFacts+3] = 0x80; return b }},
		{"platform over 255", func(b []byte) []byte { b[abi.OffPlatform+1] = 1; return b }},
		{"os over 255", func(b []byte) []byte { b[abi.OffOS+1] = 1; return b }},
		{"bot neither 0 nor 1", func(b []byte) []byte { b[abi.OffBot] = 2; return b }},
		{"reserved bytes used", func(b []byte) []byte { b[abi.HeadSize-1] = 1; return b }},
		{"string in the head", func(b []byte) []byte { b[abi.OffHost], b[abi.OffHost+1] = 16, 0; return b }},
		{"string beyond the end", func(b []byte) []byte { b[abi.OffHost+3] = 0x40; return b }},
		{"a field without its fact", func(b []byte) []byte { b[abi.OffFacts] &^= byte(abi.FactClock); return b }},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := new(abi.Visit).Decode(test.spoil(bytes.Clone(encode(t, fullVisit(), abi.AllFacts, "{}"))))
			if !errors.Is(err, abi.ErrMalformed) {
				t.Errorf("error %v; want ErrMalformed", err)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(encode(f, fullVisit(), abi.AllFacts, `{"limit":3}`))
	f.Add(encode(f, &abi.Visit{}, abi.AllFacts, ""))
	f.Add(encode(f, fullVisit(), abi.FactHost|abi.FactLink, ""))
	f.Fuzz(func(t *testing.T, record []byte) {
		var v abi.Visit
		params, err := v.Decode(record)
		if err != nil {
			return
		}
		if again := encode(t, &v, abi.AllFacts, string(params)); !bytes.Equal(again, record) {
			t.Errorf("decoded and encoded\n%sis\n%s", dump(record), dump(again))
		}
	})
}

func TestSet(t *testing.T) {
	var s, other abi.Set
	if !s.IsEmpty() || s.Intersects(s) {
		t.Error("the zero set is not empty")
	}
	for _, n := range []uint8{0, 1, 63, 64, 127, 128, 255} {
		s.Add(n)
	}
	for n := range 256 {
		want := n == 0 || n == 1 || n == 63 || n == 64 || n == 127 || n == 128 || n == 255
		if s.Has(uint8(n)) != want {
			t.Errorf("Has(%d) = %t", n, !want)
		}
	}
	other.Add(2)
	if s.Intersects(other) {
		t.Error("disjoint sets intersect")
	}
	other.Add(255)
	if !s.Intersects(other) || s.IsEmpty() {
		t.Error("255 is in both")
	}
}

func TestFactNames(t *testing.T) {
	names := abi.AllFacts.Names()
	if got, err := abi.FactsNamed(names); err != nil || got != abi.AllFacts {
		t.Errorf("FactsNamed(%q) = %b, %v", names, got, err)
	}
	if got, err := abi.FactsNamed(nil); err != nil || got != 0 {
		t.Errorf("no names are %b, %v", got, err)
	}
	if _, err := abi.FactsNamed([]string{"link", "passport"}); err == nil || !strings.Contains(err.Error(), `"passport"`) {
		t.Errorf("error %v does not name the unknown fact", err)
	}
}

func BenchmarkEncode(b *testing.B) {
	v, buf := fullVisit(), make([]byte, abi.BufferSize)
	for _, bench := range []struct {
		name  string
		needs abi.Facts
	}{{"platform filter", abi.FactPlatforms | abi.FactLink}, {"all", abi.AllFacts}} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Encode(buf, bench.needs, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
