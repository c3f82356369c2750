package link

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// Normalize brings l into the form that is stored and returns everything that
// is wrong with it: domain, slug and URLs canonical, texts trimmed and in NFC,
// tags and platform ids sorted without duplicates and never nil, filter bindings
// in the order given, times in UTC
// and NotAfter in whole seconds, and defaults for what is zero: kind redirect,
// status 302, state active. A field with a problem may stay as it was.
//
// Normalizing twice changes nothing. It needs domain, slug and URL; whether
// platform ids and filters exist, whether NotAfter is still to come and whether the key is
// free is for others to say.
func (l *Link) Normalize(policy DestinationPolicy) Problems {
	var p Problems
	l.normalizeAddress(&p, policy)
	l.normalizeWords(&p)
	l.normalizeConduct(&p)
	l.normalizeSets(&p)
	l.normalizeOrigin(&p)
	bindings, wrong := NormalizeFilters(l.Filters)
	l.Filters = bindings
	return append(p, wrong...)
}

// normalizeAddress does domain, slug and URLs.
func (l *Link) normalizeAddress(p *Problems, policy DestinationPolicy) {
	if domain, err := parseDomain(string(l.Domain)); err != nil {
		*p = append(*p, err)
	} else {
		l.Domain = domain
	}
	if slug, err := parseSlug(string(l.Slug)); err != nil {
		*p = append(*p, err)
	} else {
		l.Slug = slug
	}
	if destination, err := parseDestination(l.URL, policy); err != nil {
		*p = append(*p, err)
	} else {
		l.URL = destination.URL
	}
	if l.FallbackURL = strings.TrimSpace(l.FallbackURL); l.FallbackURL != "" {
		if fallback, err := parseDestination(l.FallbackURL, policy); err != nil {
			err.Field = "fallback_url"
			*p = append(*p, err)
		} else {
			l.FallbackURL = fallback.URL
		}
	}
}

// normalizeWords does title, tags and campaign.
func (l *Link) normalizeWords(p *Problems) {
	l.Title = cleanText(p, "title", l.Title, limit{MaxTitle, "characters"})
	l.Tags = cleanList(p, "tags", l.Tags, MaxTags, func(field, tag string) string {
		return cleanText(p, field, tag, limit{MaxTag, "bytes"})
	})
	l.Campaign = cleanText(p, "campaign", l.Campaign, limit{MaxCampaign, "bytes"})
}

// normalizeConduct does kind, status, state and expiry.
func (l *Link) normalizeConduct(p *Problems) {
	if l.Kind == 0 {
		l.Kind = KindRedirect
	}
	if l.Kind != KindRedirect {
		p.add("kind", l.Kind.String(), "is not available", "use redirect")
	}
	if l.Status == 0 {
		l.Status = 302
	}
	if !knownStatus(l.Status) {
		p.add("status", fmt.Sprint(l.Status), "is no status code a link may answer with", "use 301, 302, 307 or 308")
	}
	if l.State == 0 {
		l.State = StateActive
	}
	if !l.State.known() {
		p.add("state", l.State.String(), "is not one a link can be given", "use "+orList(stateNames[1:]))
	}
	if l.NotAfter == nil {
		return
	}
	at := l.NotAfter.UTC().Truncate(time.Second)
	if at.Unix() <= 0 || at.Year() > 9999 {
		p.add("not_after", at.Format(time.RFC3339), "is before 1970 or after 9999", "give a time to come, or null for never")
		return
	}
	l.NotAfter = &at
}

// normalizeSets does allow and guard.
func (l *Link) normalizeSets(p *Problems) {
	before := len(*p)
	clean := func(field, id string) string { return cleanPlatform(p, field, id) }
	l.Allow = cleanList(p, "allow", l.Allow, MaxPlatforms, clean)
	l.Guard = cleanList(p, "guard", l.Guard, MaxPlatforms, clean)
	if len(*p) > before || len(l.Allow) == 0 {
		return
	}
	for _, id := range l.Allow {
		if _, guarded := slices.BinarySearch(l.Guard, id); !guarded {
			return
		}
	}
	p.add("allow", strings.Join(l.Allow, ", "), "leaves nobody who is redirected: every platform in it is also in guard",
		"remove a platform from guard, or add one to allow that is not guarded")
}

// normalizeOrigin does what the control plane sets itself.
func (l *Link) normalizeOrigin(p *Problems) {
	l.ID = cleanText(p, "id", l.ID, limit{maxID, "bytes"})
	l.CreatedBy = cleanText(p, "created_by", l.CreatedBy, limit{maxCreator, "bytes"})
	l.CreatedAt, l.UpdatedAt = l.CreatedAt.UTC(), l.UpdatedAt.UTC()
}

// limit is how long a text may be, in "bytes" or "characters".
type limit struct {
	most int
	unit string
}

// check adds a problem for a text that is too long.
func (m limit) check(p *Problems, field, s string) {
	n := len(s)
	if m.unit == "characters" {
		n = utf8.RuneCountInString(s)
	}
	if n > m.most {
		p.add(field, s, fmt.Sprintf("is %d %s long", n, m.unit), fmt.Sprintf("use at most %d", m.most))
	}
}

// cleanText trims s, brings it into NFC and checks it for controls and for its
// length.
func cleanText(p *Problems, field, s string, most limit) string {
	if len(s) > 4*utf8.UTFMax*most.most { // spares normalising; NFC shrinks a text to a third at most
		most.check(p, field, s)
		return s
	}
	if !utf8.ValidString(s) {
		p.add(field, s, "is not valid UTF-8", "write it in UTF-8")
		return s
	}
	s = norm.NFC.String(strings.TrimSpace(s))
	if reason := firstOf(s, control); reason != "" {
		p.add(field, s, reason, "remove it")
	}
	most.check(p, field, s)
	return s
}

// cleanList cleans every item and returns them sorted without duplicates. An
// item that is empty is a problem, and so are more than most.
func cleanList(p *Problems, field string, items []string, most int, clean func(field, item string) string) []string {
	if len(items) > most {
		p.add(field, "", fmt.Sprintf("has %d entries", len(items)), fmt.Sprintf("use at most %d", most))
		return items
	}
	cleaned := make([]string, 0, len(items))
	for i, item := range items {
		name := fmt.Sprintf("%s[%d]", field, i)
		item = clean(name, item)
		if item == "" {
			p.add(name, "", "is empty", "remove it or fill it in")
			continue
		}
		cleaned = append(cleaned, item)
	}
	slices.Sort(cleaned)
	return slices.Compact(cleaned)
}

// cleanPlatform checks that a platform id could be one: lower-case letters,
// digits, hyphens and underscores, a letter or digit first.
func cleanPlatform(p *Problems, field, id string) string {
	id = lowerASCII(strings.TrimSpace(id))
	for i := range len(id) {
		c := id[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && (i == 0 || c != '-' && c != '_') {
			p.add(field, id, "is no platform id", "use lower-case letters, digits, - and _, as in wechat or ios")
			return id
		}
	}
	limit{maxPlatform, "bytes"}.check(p, field, id)
	return id
}
