package api

import (
	"encoding/json"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"suodi/control/link"
)

// optional is a field that may be absent, null or a value.
type optional[T any] struct {
	Given bool
	Value T // zero for null
}

// UnmarshalJSON notes that the field is there.
func (o *optional[T]) UnmarshalJSON(data []byte) error {
	o.Given = true
	if string(data) == "null" {
		return nil
	}
	return json.Unmarshal(data, &o.Value)
}

// Schema is the value's, or null.
func (o optional[T]) Schema(r huma.Registry) *huma.Schema {
	schema := *r.Schema(reflect.TypeFor[T](), true, "")
	schema.Nullable = true
	return &schema
}

func (o optional[T]) put(to *T) {
	if o.Given {
		*to = o.Value
	}
}

// linkPatch is the body of a change (RFC 7396): absent fields stay.
type linkPatch struct {
	URL         optional[string]    `json:"url,omitempty" doc:"Destination."`
	Title       optional[string]    `json:"title,omitempty" doc:"Title for people."`
	Tags        optional[[]string]  `json:"tags,omitempty" doc:"Words to find the link by; replaces them all."`
	Campaign    optional[string]    `json:"campaign,omitempty" doc:"Campaign the link belongs to."`
	Status      optional[int]       `json:"status,omitempty" doc:"Status code of the redirect: 301, 302, 307 or 308."`
	State       optional[string]    `json:"state,omitempty" doc:"active, paused or archived."`
	NotAfter    optional[time.Time] `json:"not_after,omitempty" doc:"When the link expires; null: never."`
	FallbackURL optional[string]    `json:"fallback_url,omitempty" doc:"Where visitors go when the link is expired or archived."`
	Allow       optional[[]string]  `json:"allow,omitempty" doc:"Platform ids that alone may pass; replaces them all."`
	Guard       optional[[]string]  `json:"guard,omitempty" doc:"Platform ids whose visitors are guided; replaces them all."`

	Filters optional[[]link.Binding] `json:"filters,omitempty" doc:"Filters that run on the link's visits; replaces them all. A secret parameter given as *** stays as it is."`
}

func (p *linkPatch) apply(l *link.Link) error {
	p.URL.put(&l.URL)
	p.Title.put(&l.Title)
	p.Tags.put(&l.Tags)
	p.Campaign.put(&l.Campaign)
	p.Status.put(&l.Status)
	p.FallbackURL.put(&l.FallbackURL)
	p.Allow.put(&l.Allow)
	p.Guard.put(&l.Guard)
	p.Filters.put(&l.Filters)
	if p.NotAfter.Given {
		l.NotAfter = nil
		if !p.NotAfter.Value.IsZero() {
			l.NotAfter = &p.NotAfter.Value
		}
	}
	if p.State.Given {
		return l.State.UnmarshalText([]byte(p.State.Value))
	}
	return nil
}
