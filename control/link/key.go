package link

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
)

// Buckets is the number of buckets of the key space. Changing this breaks
// compatibility.
const Buckets = 4096

// ErrMalformedKey is returned for bytes that are no flat key.
var ErrMalformedKey = errors.New("malformed link key")

// castagnoli is the CRC-32C table, computed by processors themselves.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Key identifies a link.
type Key struct {
	Domain Domain
	Slug   Slug
}

// String returns "domain/slug" for people; the slug is not escaped.
func (k Key) String() string { return string(k.Domain) + "/" + string(k.Slug) }

// Bytes returns the flat key: domain, 0x00, slug.
func (k Key) Bytes() []byte {
	b := make([]byte, 0, len(k.Domain)+1+len(k.Slug))
	b = append(b, k.Domain...)
	b = append(b, 0)
	return append(b, k.Slug...)
}

// AppendKey appends the flat key of domain and slug to dst. It checks nothing:
// a look-up with a key that cannot exist finds nothing.
func AppendKey(dst, domain, slug []byte) []byte {
	dst = append(dst, domain...)
	dst = append(dst, 0)
	return append(dst, slug...)
}

// ParseKey reads a flat key; domain and slug must be canonical. The Key does
// not alias b.
func ParseKey(b []byte) (Key, error) {
	left, right, found := bytes.Cut(b, []byte{0})
	if !found {
		return Key{}, fmt.Errorf("%w: no separator", ErrMalformedKey)
	}
	domain, err := ParseDomain(string(left))
	if err != nil {
		return Key{}, fmt.Errorf("%w: %w", ErrMalformedKey, err)
	}
	slug, err := ParseSlug(string(right))
	if err != nil {
		return Key{}, fmt.Errorf("%w: %w", ErrMalformedKey, err)
	}
	if string(domain) != string(left) || string(slug) != string(right) {
		return Key{}, fmt.Errorf("%w: %q is not canonical", ErrMalformedKey, b)
	}
	return Key{Domain: domain, Slug: slug}, nil
}

// Bucket returns the bucket of a flat key, the low 12 bits of its CRC-32C.
// Changing this breaks compatibility. It does not allocate; a key that lives
// on the caller's stack moves to the heap.
func Bucket(key []byte) uint16 {
	return uint16(crc32.Checksum(key, castagnoli) & (Buckets - 1))
}
