package link_test

import (
	"strings"
	"testing"

	"suodi/control/link"
)

func TestSafeLocation(t *testing.T) {
	long := "https://example.com/" + strings.Repeat("a", 100)
	for _, good := range []string{"a:", "tel:1", "weixin:/", "weixin://", "https://example.com/?a=~!", long} {
		if !link.SafeLocation([]byte(good)) {
			t.Errorf("%q is refused", good)
		}
	}
	for _, bad := range []string{"", ":", "a", "https", "//example.com", "/x:", "1a:", "-a:x", "ht tp:x", "ht%74p:x", "\x00http:", "é:x"} {
		if link.SafeLocation([]byte(bad)) {
			t.Errorf("%q is allowed", bad)
		}
	}
	// Every byte in every position of short and long addresses.
	for _, address := range []string{"a:", "a:12345", "a:123456", "a:1234567", "a:0123456789abcde", long} {
		for at := strings.IndexByte(address, ':') + 1; at < len(address); at++ {
			for c := range 256 {
				b := []byte(address)
				b[at] = byte(c)
				want := c > 0x20 && c < 0x7f && c != '\\'
				if link.SafeLocation(b) != want {
					t.Fatalf("SafeLocation(%q) = %v", b, !want)
				}
			}
		}
	}
	b := []byte(long)
	if n := testing.AllocsPerRun(100, func() { link.SafeLocation(b) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkSafeLocation(b *testing.B) {
	location := []byte("https://example.com/" + strings.Repeat("a", 80))
	b.ReportAllocs()
	for b.Loop() {
		link.SafeLocation(location)
	}
}
