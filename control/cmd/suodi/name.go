package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"suodi/control/link"
)

// registry is the domains that links can be on.
type registry struct {
	names    []link.Domain
	standard link.Domain // of links named by their slug alone
}

func (r registry) has(domain link.Domain) bool {
	for _, name := range r.names {
		if name == domain {
			return true
		}
	}
	return false
}

// parseName reads how people name a link: SLUG on the default domain,
// DOMAIN/SLUG, or the short URL. As slugs may have slashes in them, what stands
// before the first is a domain only when one of that name is registered. A
// percent-encoded name is decoded, as no slug has a % in it, and the + that asks
// for a preview is ignored.
func parseName(text string, domains registry) (link.Key, error) {
	domain, path := domains.standard, strings.TrimPrefix(text, "/")
	if strings.Contains(text, "://") {
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" {
			return link.Key{}, &usageError{fmt.Sprintf("%q names no link; want SLUG, DOMAIN/SLUG or the short URL", text)}
		}
		if domain, err = link.ParseDomain(u.Hostname()); err != nil || !domains.has(domain) {
			return link.Key{}, &usageError{fmt.Sprintf("%q is no short URL of ours: %s is none of the domains (%s)",
				text, u.Hostname(), joinDomains(domains.names))}
		}
		path = strings.TrimPrefix(u.EscapedPath(), "/")
	} else if head, rest, found := strings.Cut(path, "/"); found {
		u, err := url.Parse("//" + head)
		if err == nil {
			if named, err := link.ParseDomain(u.Hostname()); err == nil && domains.has(named) {
				domain, path = named, rest
			}
		}
	}
	path = strings.TrimSuffix(path, "+")
	if decoded, err := url.PathUnescape(path); err == nil {
		path = decoded
	}
	slug, err := link.ParseSlug(path)
	if err != nil {
		return link.Key{}, &usageError{fmt.Sprintf("%q names no link: %s", text, err)}
	}
	return link.Key{Domain: domain, Slug: slug}, nil
}

func joinDomains(names []link.Domain) string {
	texts := make([]string, len(names))
	for i, name := range names {
		texts[i] = string(name)
	}
	return strings.Join(texts, ", ")
}

// domainReply is a domain as the API gives it.
type domainReply struct {
	Name        string `json:"name"`
	BaseURL     string `json:"base_url"`
	Default     bool   `json:"default"`
	NotFoundURL string `json:"not_found_url"`
	Revision    string `json:"revision"`
}

type domainsReply struct {
	Domains []domainReply `json:"domains"`
}

var listDomains = call{method: http.MethodGet, path: "/v1/domains"}

// find returns the key of the link that a name means.
func (s *session) find(ctx context.Context, name string) (link.Key, error) {
	var got domainsReply
	if _, err := s.do(ctx, listDomains, &got); err != nil {
		return link.Key{}, s.explain(err)
	}
	var known registry
	for _, d := range got.Domains {
		known.names = append(known.names, link.Domain(d.Name))
		if d.Default {
			known.standard = link.Domain(d.Name)
		}
	}
	return parseName(name, known)
}

// linkPath returns where the API has a link.
func linkPath(key link.Key) string {
	return "/v1/links/" + url.PathEscape(string(key.Domain)) + "/" + url.PathEscape(string(key.Slug))
}
