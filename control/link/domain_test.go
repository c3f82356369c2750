package link_test

import (
	"errors"
	"strings"
	"testing"

	"suodi/control/link"
)

func TestParseDomain(t *testing.T) {
	long := strings.Repeat("a123456789.", 22) + "example.com" // 253 bytes
	for _, test := range []struct{ name, in, want, unicode string }{
		{"plain", "go.example.com", "go.example.com", ""},
		{"upper case", "Go.EXAMPLE.com", "go.example.com", ""},
		{"localhost", "localhost", "localhost", ""},
		{"underscore", "_a.example.com", "_a.example.com", ""},
		{"hyphens in third place", "r3---sn-apo3qvuoxuxbt-j5pe.googlevideo.com", "r3---sn-apo3qvuoxuxbt-j5pe.googlevideo.com", ""},
		{"IPv4", "127.0.0.1", "127.0.0.1", ""},
		{"IPv4 in full width", "１２７.0.0.1", "127.0.0.1", ""},
		{"IPv6", "::1", "[::1]", ""},
		{"IPv6 in brackets", "[2001:DB8:0:0::1]", "[2001:db8::1]", ""},
		{"German", "Bücher.example", "xn--bcher-kva.example", "bücher.example"},
		{"sharp s stays", "straße.de", "xn--strae-oqa.de", "straße.de"},
		{"Chinese", "短链接.中国", "xn--gzu746b2hv.xn--fiqs8s", "短链接.中国"},
		{"ideographic full stop", "例え。テスト", "xn--r8jz45g.xn--zckzah", "例え.テスト"},
		{"punycode", "XN--BCHER-KVA.example", "xn--bcher-kva.example", "bücher.example"},
		{"Arabic", "موقع.وزارة-الاتصالات.مصر", "xn--4gbrim.xn----ymcbaaajlc6dj7bxne2c.xn--wgbh1c", "موقع.وزارة-الاتصالات.مصر"},
		{"emoji", "❤️.ws", "xn--qei.ws", "❤.ws"},
		{"longest", long, long, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := link.ParseDomain(test.in)
			if err != nil || string(got) != test.want {
				t.Fatalf("ParseDomain(%q) = %q, %v; want %q", test.in, got, err, test.want)
			}
			unicode := test.unicode
			if unicode == "" {
				unicode = test.want
			}
			if got.Unicode() != unicode {
				t.Errorf("Unicode() = %q, want %q", got.Unicode(), unicode)
			}
			if again, err := link.ParseDomain(string(got)); err != nil || again != got {
				t.Errorf("parsing %q again = %q, %v", got, again, err)
			}
		})
	}
}

func TestParseDomainRefuses(t *testing.T) {
	for _, test := range []struct{ name, in string }{
		{"empty", ""},
		{"dot", "."},
		{"port", "example.com:80"},
		{"full-width port", "example.com：80"},
		{"IPv6 with port", "[::1]:80"},
		{"IPv6 unclosed", "[::1"},
		{"IPv6 with zone", "fe80::1%eth0"},
		{"IPv4 in brackets", "[127.0.0.1]"},
		{"nested brackets", "[[::1]]"},
		{"URL", "https://example.com"},
		{"path", "example.com/a"},
		{"trailing dot", "example.com."},
		{"trailing ideographic dot", "example.com。"},
		{"leading dot", ".example.com"},
		{"two dots", "example..com"},
		{"space", "exam ple.com"},
		{"surrounding space", " example.com"},
		{"NUL", "example.com\x00"},
		{"control", "exam\nple.com"},
		{"zero width space", "exam\u200bple.com"},
		{"zero width joiner between Latin letters", "exam\u200dple.com"},
		{"soft hyphen", "exam\u00adple.com"},
		{"right-to-left override", "exam\u202eple.com"},
		{"invalid UTF-8", "exam\xffple.com"},
		{"percent", "ex%61mple.com"},
		{"wildcard", "*.example.com"},
		{"userinfo", "a@example.com"},
		{"full-width at sign", "a＠example.com"},
		{"full-width slash", "example.com／a"},
		{"account of symbol", "℀.com"},
		{"short IPv4", "127.1"},
		{"number", "2130706433"},
		{"hexadecimal number", "0x7f000001"},
		{"hexadecimal IPv4", "0x7f.0.0.1"},
		{"octal IPv4", "0177.0.0.1"},
		{"IPv4 out of range", "256.0.0.1"},
		{"name ending in a number", "example.123"},
		{"long label", strings.Repeat("a", 64) + ".com"},
		{"long name", strings.Repeat("a123456789.", 23) + "example.com"},
		{"long after encoding", strings.Repeat("é", 60) + ".com"},
		{"broken punycode", "xn--a-ä.com"},
		{"punycode of ASCII", "xn--example-.com"},
		{"punycode that decodes to a slash", "xn--a/b-.com"},
		{"mixed directions", "aא.com"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := link.ParseDomain(test.in)
			var problem *link.FieldError
			if !errors.As(err, &problem) || got != "" {
				t.Fatalf("ParseDomain(%q) = %q, %v; want a FieldError", test.in, got, err)
			}
			if problem.Field != "domain" || problem.Reason == "" || problem.Hint == "" {
				t.Errorf("incomplete: %+v", problem)
			}
		})
	}
}

func FuzzParseDomain(f *testing.F) {
	for _, seed := range []string{
		"go.example.com", "LOCALHOST", "127.0.0.1", "[::1]", "::ffff:1.2.3.4", "bücher.example", "xn--bcher-kva.example",
		"例え。テスト", "a．b", "xn--a-.com", "❤️.ws", "א.com", "ß.de", "a_b", "-a-", "0x.0x", "１.1", "a\u200cb", "ͅ.com", "℀", "ẞ",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		d, err := link.ParseDomain(in)
		if err != nil {
			return
		}
		for _, c := range []byte(d) {
			if c <= ' ' || c >= 0x7f || strings.IndexByte("/\\?#@%", c) >= 0 || c >= 'A' && c <= 'Z' {
				t.Fatalf("ParseDomain(%q) = %q has %q", in, d, c)
			}
		}
		if again, err := link.ParseDomain(string(d)); err != nil || again != d {
			t.Fatalf("ParseDomain(%q) = %q, again %q, %v", in, d, again, err)
		}
		if again, err := link.ParseDomain(d.Unicode()); err != nil || again != d {
			t.Fatalf("ParseDomain(%q) = %q, of its Unicode form %q: %q, %v", in, d, d.Unicode(), again, err)
		}
	})
}
