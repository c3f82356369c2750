package link

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// MaxSlug is the length of the longest slug in bytes. Changing this breaks
// compatibility.
const MaxSlug = 128

// DefaultSlugLength is the length of a generated slug when none is asked for:
// 56^7 is 1.7 trillion, so among ten million links one try in 170,000 collides.
const DefaultSlugLength = 7

// slugAlphabet is what slugs are generated from: letters and digits without
// those that are mistaken for each other (0 O o, 1 l I).
const slugAlphabet = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz"

// Slug is the path of a link below its domain, without the leading slash:
// NFC UTF-8 of 1 to MaxSlug bytes. Slashes separate segments.
type Slug string

// ParseSlug normalises s to NFC and checks it. The error is a *FieldError.
//
// Refused are, beside what the length and UTF-8 demand: control, bidirectional
// and invisible characters, U+FFFD (a sign of damage that nobody can type),
// white space and joiners at either end, a plus at the end (it asks for the
// preview), slashes at either end, empty, "." and ".." segments (clients
// remove them), \ ? # and % (they mean something else in a URL), and reserved
// paths: those that begin with a dot, favicon.ico and robots.txt in any case.
func ParseSlug(s string) (Slug, error) {
	slug, err := parseSlug(s)
	if err != nil {
		return "", err
	}
	return slug, nil
}

func parseSlug(s string) (Slug, *FieldError) {
	if s == "" {
		return "", refuse("slug", s, "is empty", "give one, or none at all to have one made")
	}
	if len(s) > 4*MaxSlug { // spares normalising; NFC shrinks a text to a third at most
		return "", refuse("slug", s, "is too long", fmt.Sprintf("use at most %d bytes", MaxSlug))
	}
	if !utf8.ValidString(s) {
		return "", refuse("slug", s, "is not valid UTF-8", "write it in UTF-8")
	}
	s = norm.NFC.String(s)
	if len(s) > MaxSlug {
		return "", refuse("slug", s, fmt.Sprintf("is %d bytes long", len(s)), fmt.Sprintf("use at most %d bytes", MaxSlug))
	}
	if reason := firstOf(s, unfit); reason != "" {
		return "", refuse("slug", s, reason, "remove it")
	}
	if i := strings.IndexAny(s, `\?#%`); i >= 0 {
		return "", refuse("slug", s, fmt.Sprintf("contains %q", s[i:i+1]),
			`leave out \ ? # and %; write other characters as they are, not percent-encoded`)
	}
	first, _ := utf8.DecodeRuneInString(s)
	last, _ := utf8.DecodeLastRuneInString(s)
	switch {
	case isBlank(first) || isBlank(last):
		return "", refuse("slug", s, "has a space or joiner at one end", "remove it")
	case last == '+':
		return "", refuse("slug", s, "ends with +, which asks for a link's preview", "end it otherwise")
	case first == '/' || last == '/':
		return "", refuse("slug", s, "starts or ends with a slash", "remove it; slashes go between segments")
	case first == '.', strings.EqualFold(s, "favicon.ico"), strings.EqualFold(s, "robots.txt"):
		return "", refuse("slug", s, "is reserved", "choose one that is not favicon.ico or robots.txt and does not begin with a dot")
	}
	for segment := range strings.SplitSeq(s, "/") {
		if segment == "" || segment == "." || segment == ".." {
			return "", refuse("slug", s, fmt.Sprintf("has a segment %q, which clients remove", segment), "give every segment a name")
		}
	}
	return Slug(s), nil
}

// isBlank reports whether r shows nothing where a slug begins or ends.
func isBlank(r rune) bool {
	return unicode.IsSpace(r) || r == 0x200c || r == 0x200d || r == 0x2800
}

// Escaped returns the slug percent-encoded for the path of a URL; slashes stay.
// Plain are, as in net/url, the unreserved characters and $&+,/:;=@ .
func (s Slug) Escaped() string {
	var b strings.Builder
	b.Grow(len(s))
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~$&+,/:;=@", c) >= 0 {
			b.WriteByte(c)
		} else {
			b.WriteByte('%')
			b.WriteByte(upperHex[c>>4])
			b.WriteByte(upperHex[c&15])
		}
	}
	return b.String()
}

const upperHex = "0123456789ABCDEF"

// GenerateSlug makes a slug of length characters (0: DefaultSlugLength; at most
// MaxSlug), each uniformly drawn from an unambiguous alphabet of 56. random
// must be a source of unpredictable bytes, such as crypto/rand.Reader.
func GenerateSlug(random io.Reader, length int) (Slug, error) {
	if length == 0 {
		length = DefaultSlugLength
	}
	if length < 0 || length > MaxSlug {
		return "", refuse("slug", "", fmt.Sprintf("cannot be %d characters long", length), fmt.Sprintf("ask for 1 to %d", MaxSlug))
	}
	// Bytes from fair on would favour the alphabet's beginning; one in eight is.
	const fair = 256 - 256%len(slugAlphabet)
	slug := make([]byte, 0, MaxSlug)
	var drawn [MaxSlug]byte
	for range 64 { // a reader that never gives a usable byte must not hang us
		part := drawn[:length-len(slug)]
		if _, err := io.ReadFull(random, part); err != nil {
			return "", fmt.Errorf("generate slug: %w", err)
		}
		for _, c := range part {
			if int(c) < fair {
				slug = append(slug, slugAlphabet[int(c)%len(slugAlphabet)])
			}
		}
		if len(slug) == length {
			return Slug(slug), nil
		}
	}
	return "", errors.New("generate slug: the random source is broken")
}
