package cert

import (
	"crypto/tls"
	"slices"
	"strings"
)

// index finds certificates by name. It is immutable.
type index struct {
	byName map[string][]*tls.Certificate // best first; wildcards as "*.example.com"
	first  []*tls.Certificate            // for clients that name nothing of ours
}

// newIndex makes an index of at least one certificate; the first is the one
// that stands in where a name is unknown, with the others of its names.
func newIndex(certificates []*tls.Certificate) *index {
	ix := &index{byName: map[string][]*tls.Certificate{}}
	for _, c := range certificates {
		for _, name := range namesOf(c) {
			ix.byName[name] = append(ix.byName[name], c)
		}
	}
	for _, list := range ix.byName {
		slices.SortStableFunc(list, func(a, b *tls.Certificate) int {
			if d := rank(a) - rank(b); d != 0 {
				return d
			}
			return b.Leaf.NotAfter.Compare(a.Leaf.NotAfter)
		})
	}
	ix.first = ix.byName[namesOf(certificates[0])[0]]
	return ix
}

// choose returns the certificate for a client's hello.
func (ix *index) choose(hello *tls.ClientHelloInfo) *tls.Certificate {
	list := ix.of(hello.ServerName)
	if len(list) > 1 {
		for _, c := range list {
			if hello.SupportsCertificate(c) == nil {
				return c
			}
		}
	}
	return list[0]
}

// of returns the certificates for a name, never none.
func (ix *index) of(name string) []*tls.Certificate {
	if list := ix.byName[name]; list != nil {
		return list
	}
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	if list := ix.byName[name]; list != nil {
		return list
	}
	if _, parent, ok := strings.Cut(name, "."); ok {
		if list := ix.byName["*."+parent]; list != nil {
			return list
		}
	}
	return ix.first
}
