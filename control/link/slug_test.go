package link_test

import (
	"crypto/rand"
	"errors"
	"io"
	"net/url"
	"strings"
	"testing"
	"testing/iotest"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"suodi/control/link"
)

func TestParseSlug(t *testing.T) {
	for _, test := range []struct{ name, in, want, escaped string }{
		{"plain", "spring", "spring", "spring"},
		{"case is kept", "SpringSale", "SpringSale", "SpringSale"},
		{"segments", "2026/春节/hóng-bāo", "2026/春节/hóng-bāo", "2026/%E6%98%A5%E8%8A%82/h%C3%B3ng-b%C4%81o"},
		{"NFD becomes NFC", "cafe\u0301", "caf\u00e9", "caf%C3%A9"},
		{"Hangul jamo", "\u1112\u1161\u11ab", "한", "%ED%95%9C"},
		{"space inside", "a b", "a b", "a%20b"},
		{"plus inside", "c++/faq", "c++/faq", "c++/faq"},
		{"dot inside", "a.b/.c/...", "a.b/.c/...", "a.b/.c/..."},
		{"quotes", `it's "so" <b>`, `it's "so" <b>`, "it%27s%20%22so%22%20%3Cb%3E"},
		{"emoji", "👩‍💻", "👩‍💻", "%F0%9F%91%A9%E2%80%8D%F0%9F%92%BB"},
		{"Persian with joiner", "می\u200cخواهم", "می\u200cخواهم", ""},
		{"reserved only at the root", "x/robots.txt", "x/robots.txt", "x/robots.txt"},
		{"longest", strings.Repeat("a", 128), strings.Repeat("a", 128), strings.Repeat("a", 128)},
		{"long before NFC", strings.Repeat("e\u0301", 64), strings.Repeat("\u00e9", 64), strings.Repeat("%C3%A9", 64)},
		{"one byte", "~", "~", "~"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := link.ParseSlug(test.in)
			if err != nil || string(got) != test.want {
				t.Fatalf("ParseSlug(%q) = %q, %v; want %q", test.in, got, err, test.want)
			}
			if test.escaped != "" && got.Escaped() != test.escaped {
				t.Errorf("Escaped() = %q, want %q", got.Escaped(), test.escaped)
			}
		})
	}
}

func TestParseSlugRefuses(t *testing.T) {
	for _, test := range []struct{ name, in string }{
		{"empty", ""},
		{"too long", strings.Repeat("a", 129)},
		{"too long in NFC", strings.Repeat("中", 43)},
		{"far too long", strings.Repeat("a", 1<<20)},
		{"invalid UTF-8", "a\xffb"},
		{"surrogate", "a\xed\xa0\x80b"},
		{"NUL", "a\x00b"},
		{"newline", "a\nb"},
		{"tab at the end", "a\t"},
		{"DEL", "a\x7f"},
		{"next line", "a\u0085b"},
		{"line separator", "a\u2028b"},
		{"paragraph separator", "a\u2029b"},
		{"right-to-left override", "a\u202eb"},
		{"isolate", "a\u2066b"},
		{"right-to-left mark", "a\u200fb"},
		{"byte order mark", "\ufeffa"},
		{"zero width space", "a\u200bb"},
		{"soft hyphen", "a\u00adb"},
		{"Hangul filler", "a\u3164b"},
		{"tag characters", "a\U000e0041"},
		{"replacement character", "caf\ufffd"},
		{"noncharacter", "a\uffff"},
		{"space first", " a"},
		{"space last", "a "},
		{"ideographic space last", "a\u3000"},
		{"no-break space first", "\u00a0a"},
		{"joiner last", "a\u200d"},
		{"plus last", "a+"},
		{"slash first", "/a"},
		{"slash last", "a/"},
		{"only a slash", "/"},
		{"empty segment", "a//b"},
		{"dot segment", "a/./b"},
		{"dot dot segment", "a/../b"},
		{"dot dot last", "a/.."},
		{"backslash", `a\b`},
		{"question mark", "a?b"},
		{"hash", "a#b"},
		{"percent", "a%20b"},
		{"reserved dot", ".well-known/acme"},
		{"dot", "."},
		{"favicon", "favicon.ico"},
		{"robots in capitals", "Robots.TXT"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := link.ParseSlug(test.in)
			var problem *link.FieldError
			if !errors.As(err, &problem) || got != "" {
				t.Fatalf("ParseSlug(%q) = %q, %v; want a FieldError", test.in, got, err)
			}
			if problem.Field != "slug" || problem.Reason == "" || problem.Hint == "" || len(err.Error()) > 1000 {
				t.Errorf("unhelpful: %+v", problem)
			}
		})
	}
}

func TestGenerateSlug(t *testing.T) {
	counts := map[rune]int{}
	for range 2000 {
		slug, err := link.GenerateSlug(rand.Reader, 0)
		if err != nil || len(slug) != link.DefaultSlugLength {
			t.Fatalf("GenerateSlug = %q, %v", slug, err)
		}
		if strings.ContainsAny(string(slug), "0Oo1lI") {
			t.Fatalf("%q is ambiguous", slug)
		}
		if parsed, err := link.ParseSlug(string(slug)); err != nil || parsed != slug {
			t.Fatalf("%q does not parse: %v", slug, err)
		}
		for _, c := range string(slug) {
			counts[c]++
		}
	}
	if len(counts) != 56 {
		t.Errorf("%d characters in use, want 56", len(counts))
	}
	for c, n := range counts { // 250 expected, standard deviation 16
		if n < 150 || n > 350 {
			t.Errorf("%q drawn %d times in 14,000", c, n)
		}
	}
	if slug, err := link.GenerateSlug(rand.Reader, link.MaxSlug); err != nil || len(slug) != link.MaxSlug {
		t.Errorf("longest = %q, %v", slug, err)
	}
}

func TestGenerateSlugRejectsBias(t *testing.T) {
	// 224 and above would wrap to the alphabet's beginning once too often.
	slug, err := link.GenerateSlug(strings.NewReader("\x00\xe0\xff\xdf\x38ab"), 3)
	if err != nil || slug != "2z2" {
		t.Errorf("GenerateSlug = %q, %v; want 2z2", slug, err)
	}
}

type ones struct{}

func (ones) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = 0xff
	}
	return len(b), nil
}

func TestGenerateSlugFails(t *testing.T) {
	broken := errors.New("broken")
	for _, test := range []struct {
		name   string
		random io.Reader
		length int
		want   error
	}{
		{"negative length", rand.Reader, -1, nil},
		{"too long", rand.Reader, link.MaxSlug + 1, nil},
		{"failing source", iotest.ErrReader(broken), 7, broken},
		{"short source", strings.NewReader("ab"), 7, io.ErrUnexpectedEOF},
		{"useless source", ones{}, 7, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			slug, err := link.GenerateSlug(test.random, test.length)
			if err == nil || slug != "" || test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("GenerateSlug = %q, %v; want error %v", slug, err, test.want)
			}
		})
	}
}

func FuzzParseSlug(f *testing.F) {
	for _, seed := range []string{
		"a", "春节", "cafe\u0301", "a/b", "a//b", ".a", "a+", "+", "a\u200d", "\u0338/", "\u212a", "\u037e", "\u1fef",
		"robots.txt", "\ufb1d", "a \u0301", strings.Repeat("\U0001d160", 12), "%2e", "a/..", "\xff",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		slug, err := link.ParseSlug(in)
		if err != nil {
			return
		}
		s := string(slug)
		if again, err := link.ParseSlug(s); err != nil || again != slug {
			t.Fatalf("ParseSlug(%q) = %q, again %q, %v", in, slug, again, err)
		}
		if len(s) < 1 || len(s) > link.MaxSlug || !utf8.ValidString(s) || !norm.NFC.IsNormalString(s) {
			t.Fatalf("ParseSlug(%q) = %q", in, slug)
		}
		u, err := url.Parse("https://example.com/" + slug.Escaped())
		if err != nil || u.Path != "/"+s || u.RawQuery != "" || u.Fragment != "" {
			t.Fatalf("%q escaped is %q, which reads as %+v, %v", slug, slug.Escaped(), u, err)
		}
	})
}
