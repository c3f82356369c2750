package api

import (
	"context"
	"slices"
	"strings"

	"suodi/control/link"
	"suodi/control/state"
	"suodi/raftstore"
)

// directory is what links are checked and shown against.
type directory struct {
	domains  map[link.Domain]state.Domain
	standard link.Domain // the default domain
	ids      []string    // of the platforms
	known    map[string]bool
	takers   map[string]taker // the filters
}

func readDirectory(r raftstore.Reader) (*directory, error) {
	domains, err := state.Domains(r)
	if err != nil {
		return nil, err
	}
	platforms, err := state.Platforms(r)
	if err != nil {
		return nil, err
	}
	takers, err := readTakers(r)
	if err != nil {
		return nil, err
	}
	d := &directory{takers: takers, domains: map[link.Domain]state.Domain{}, known: map[string]bool{}}
	for _, domain := range domains {
		name := link.Domain(domain.GetName())
		d.domains[name] = domain
		if domain.GetDefault() {
			d.standard = name
		}
	}
	for _, p := range platforms {
		if p.GetRetired() {
			continue
		}
		d.ids = append(d.ids, p.GetId())
		d.known[p.GetId()] = true
	}
	return d, nil
}

func (d *directory) policy() link.DestinationPolicy {
	return link.DestinationPolicy{OwnDomains: func(host link.Domain) bool {
		_, own := d.domains[host]
		return own
	}}
}

// normalize checks everything about a link that can be told before it is
// stored. What the link already had, old, may have become bad since: a platform
// may be retired, a destination's host be ours. A new link has an empty old one.
func (d *directory) normalize(l *link.Link, old link.Link) error {
	problems := slices.DeleteFunc(l.Normalize(d.policy()), func(p *link.FieldError) bool {
		return old.URL != "" && (p.Field == "url" && l.URL == old.URL || p.Field == "fallback_url" && l.FallbackURL == old.FallbackURL)
	})
	if _, ok := d.domains[l.Domain]; !ok && !slices.ContainsFunc(problems, func(p *link.FieldError) bool { return p.Field == "domain" }) {
		names := make([]string, 0, len(d.domains))
		for name := range d.domains {
			names = append(names, string(name))
		}
		hint := "PUT /v1/domains/{domain} registers one"
		if near := link.Nearest(string(l.Domain), names); near != "" {
			hint = "did you mean " + near + "? " + hint
		}
		problems = append(problems, &link.FieldError{Field: "domain", Value: string(l.Domain), Reason: "is not registered", Hint: hint})
	}
	problems = append(problems, d.unknownPlatforms("allow", l.Allow, old.Allow)...)
	problems = append(problems, d.unknownPlatforms("guard", l.Guard, old.Guard)...)
	if !slices.ContainsFunc(problems, func(p *link.FieldError) bool { return strings.HasPrefix(p.Field, "filters") }) {
		problems = append(problems, d.bind(l.Filters, old.Filters)...)
	}
	return problems.Err()
}

func (d *directory) unknownPlatforms(field string, ids, had []string) (problems link.Problems) {
	for _, id := range ids {
		if d.known[id] || slices.Contains(had, id) {
			continue
		}
		hint := "GET /v1/platforms lists those there are"
		if near := link.Nearest(id, d.ids); near != "" {
			hint = "did you mean " + near + "? " + hint
		}
		problems = append(problems, &link.FieldError{Field: field, Value: id, Reason: "is no platform", Hint: hint})
	}
	return problems
}

// show returns a link as the API gives it.
func (d *directory) show(l *link.Link) linkBody {
	body := linkBody{Link: *l}
	body.Filters = d.showBindings(l.Filters)
	base := "https://" + string(l.Domain)
	if domain, ok := d.domains[l.Domain]; ok && domain.GetBaseUrl() != "" {
		base = domain.GetBaseUrl()
	}
	body.ShortURL = base + "/" + l.Slug.Escaped()
	if destination, err := link.ParseDestination(l.URL, link.DestinationPolicy{}); err == nil {
		body.URLHost, body.MixedHosts = destination.HostUnicode, destination.MixedScript
	}
	return body
}

// directory reads what links are checked and shown against.
func (s *service) directory(ctx context.Context, stale bool) (d *directory, err error) {
	err = s.backend.Read(ctx, stale, func(r raftstore.Reader) (err error) {
		d, err = readDirectory(r)
		return err
	})
	if err != nil {
		return nil, fromError(err)
	}
	return d, nil
}
