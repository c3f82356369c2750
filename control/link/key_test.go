package link_test

import (
	"errors"
	"testing"

	"suodi/control/link"
)

func TestKey(t *testing.T) {
	key := link.Key{Domain: "go.example.com", Slug: "a/春"}
	flat := "go.example.com\x00a/春"
	if got := string(key.Bytes()); got != flat {
		t.Errorf("Bytes() = %q, want %q", got, flat)
	}
	if got := string(link.AppendKey([]byte("x"), []byte(key.Domain), []byte(key.Slug))); got != "x"+flat {
		t.Errorf("AppendKey = %q", got)
	}
	if got, err := link.ParseKey([]byte(flat)); err != nil || got != key {
		t.Errorf("ParseKey = %v, %v", got, err)
	}
	if got := key.String(); got != "go.example.com/a/春" {
		t.Errorf("String() = %q", got)
	}
}

func TestParseKeyRefuses(t *testing.T) {
	for _, test := range []struct{ name, in string }{
		{"empty", ""},
		{"no separator", "go.example.com"},
		{"no slug", "go.example.com\x00"},
		{"no domain", "\x00a"},
		{"two separators", "go.example.com\x00a\x00b"},
		{"domain not canonical", "Go.example.com\x00a"},
		{"slug not canonical", "go.example.com\x00cafe\u0301"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got, err := link.ParseKey([]byte(test.in)); !errors.Is(err, link.ErrMalformedKey) {
				t.Errorf("ParseKey = %v, %v", got, err)
			}
		})
	}
}

// The values bind disks and peers: they must never change.
func TestBucket(t *testing.T) {
	for _, test := range []struct {
		key  string
		want uint16
	}{
		{"", 0},
		{"123456789", 0xe3069283 & 0xfff}, // the check value of CRC-32C
		{"go.example.com\x00spring", 3293},
	} {
		if got := link.Bucket([]byte(test.key)); got != test.want {
			t.Errorf("Bucket(%q) = %d, want %d", test.key, got, test.want)
		}
	}
}

func TestBucketAllocates(t *testing.T) {
	key := link.Key{Domain: "go.example.com", Slug: "spring"}.Bytes()
	if n := testing.AllocsPerRun(100, func() { link.Bucket(key) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkBucket(b *testing.B) {
	key := link.Key{Domain: "go.example.com", Slug: "spring-sale"}.Bytes()
	b.ReportAllocs()
	for b.Loop() {
		link.Bucket(key)
	}
}

func TestRevision(t *testing.T) {
	for _, s := range []string{"0.0", "1.42", "4294967295.18446744073709551615"} {
		r, err := link.ParseRevision(s)
		if err != nil || r.String() != s {
			t.Errorf("ParseRevision(%q) = %v, %v", s, r, err)
		}
		var again link.Revision
		if text, err := r.MarshalText(); err != nil || again.UnmarshalText(text) != nil || again != r {
			t.Errorf("%q through text is %v", s, again)
		}
	}
	for _, s := range []string{"", ".", "1", "1.", ".1", "01.1", "1.+1", "-1.1", "1.1.1", "1.1 ", "4294967296.0", "0.18446744073709551616"} {
		if r, err := link.ParseRevision(s); err == nil {
			t.Errorf("ParseRevision(%q) = %v", s, r)
		}
	}
	ascending := []link.Revision{{}, {Index: 1}, {Index: 9}, {Epoch: 1}, {Epoch: 1, Index: 5}, {Epoch: 2, Index: 1}}
	for i, r := range ascending {
		for j, s := range ascending {
			want := 0
			if i < j {
				want = -1
			} else if i > j {
				want = 1
			}
			if got := r.Compare(s); got != want {
				t.Errorf("%v.Compare(%v) = %d, want %d", r, s, got, want)
			}
		}
		if r.IsZero() != (i == 0) {
			t.Errorf("%v.IsZero() = %v", r, r.IsZero())
		}
	}
}

func TestPlatforms(t *testing.T) {
	var set, other link.Platforms
	if !set.IsEmpty() || set.Numbers() != nil {
		t.Error("the zero set is not empty")
	}
	numbers := []uint8{0, 1, 63, 64, 127, 128, 200, 255}
	for _, n := range numbers {
		if set.Has(n) {
			t.Errorf("has %d before it was added", n)
		}
		set.Add(n)
		if !set.Has(n) || set[n/64]&(1<<(n%64)) == 0 {
			t.Errorf("has not %d", n)
		}
	}
	if got := set.Numbers(); string(got) != string(numbers) {
		t.Errorf("Numbers() = %v, want %v", got, numbers)
	}
	other.Add(199)
	if set.Intersects(other) || set.IsEmpty() {
		t.Error("sets without a common member intersect")
	}
	if other.Add(200); !set.Intersects(other) || !other.Intersects(set) {
		t.Error("sets with a common member do not intersect")
	}
}
