package link

import (
	"fmt"
	"time"
)

// The limits of a link's fields.
const (
	MaxTitle     = 200 // characters
	MaxTags      = 32
	MaxTag       = 64 // bytes each
	MaxCampaign  = 64 // bytes
	MaxPlatforms = 64 // ids in each of Allow and Guard
	maxPlatform  = 64 // bytes of a platform id
	maxID        = 64 // bytes
	maxCreator   = 128
)

// Link is one link as administrators see it. Normalize brings it into the form
// that is stored.
type Link struct {
	ID          string     `json:"id" doc:"Identifies the link for good, also when its slug changes."`
	Domain      Domain     `json:"domain" doc:"Host the link answers on, in lower case, IDN as punycode, without port."`
	Slug        Slug       `json:"slug" doc:"Path of the link below its domain: 1 to 128 bytes of UTF-8; slashes separate segments."`
	URL         string     `json:"url" doc:"Destination: an http or https address, or that of an app whose scheme is enabled; at most 8,192 bytes. Returned in canonical form."`
	Kind        Kind       `json:"kind" doc:"What the link does: redirect."`
	Title       string     `json:"title" doc:"Title for people, at most 200 characters."`
	Tags        []string   `json:"tags" doc:"Words to find the link by: at most 32 of at most 64 bytes each. Returned sorted and without duplicates."`
	Campaign    string     `json:"campaign" doc:"Campaign the link belongs to, at most 64 bytes."`
	Status      int        `json:"status" doc:"Status code of the redirect: 301, 302 (default), 307 or 308."`
	State       State      `json:"state" doc:"active (default), paused (answers 404) or archived (answers 410 or the fallback URL)."`
	NotAfter    *time.Time `json:"not_after" doc:"When the link expires, to the second; null = never. It answers 410 or the fallback URL from then on."`
	FallbackURL string     `json:"fallback_url" doc:"Where visitors are sent when the link is expired or archived; empty = a page that says so."`
	Allow       []string   `json:"allow" doc:"Platform ids that alone may pass; empty = all. Returned sorted and without duplicates."`
	Guard       []string   `json:"guard" doc:"Platform ids whose visitors get a page that says how to open the link in a browser. Returned sorted and without duplicates."`
	Filters     []Binding  `json:"filters" doc:"Filters that run on the link's visits, in this order, behind the cluster's chain and the domain's: at most 8."`
	CreatedAt   time.Time  `json:"created_at" doc:"When the link was made."`
	UpdatedAt   time.Time  `json:"updated_at" doc:"When the link was last changed."`
	CreatedBy   string     `json:"created_by" doc:"Who made the link."`
	Revision    Revision   `json:"revision" doc:"Revision of the link's last change, as epoch.index."`
}

// Key returns the key of the link.
func (l *Link) Key() Key { return Key{Domain: l.Domain, Slug: l.Slug} }

// AppendRecord appends the record of a normalized link to dst. allow and guard
// are the numbers of its platform ids. It refuses an empty set for ids that
// are there: a link with sets must not become one for everybody.
func (l *Link) AppendRecord(dst []byte, allow, guard Platforms) ([]byte, error) {
	if allow.IsEmpty() != (len(l.Allow) == 0) || guard.IsEmpty() != (len(l.Guard) == 0) {
		return dst, fmt.Errorf("encode link record of %s: platform ids and numbers disagree", l.Key())
	}
	fields := RecordFields{
		Kind: l.Kind, State: l.State, Status: l.Status, Revision: l.Revision,
		Destination: l.URL, Fallback: l.FallbackURL, Allow: allow, Guard: guard, Filters: l.Filters,
	}
	if l.NotAfter != nil {
		fields.NotAfter = l.NotAfter.Unix()
	}
	return AppendRecord(dst, fields)
}
