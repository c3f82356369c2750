package api

import (
	"context"
	"crypto/rand"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"suodi/control/feed"
	"suodi/control/link"
	"suodi/control/state"
	"suodi/control/state/statepb"
	"suodi/raftstore"
)

// LinkFields are the fields of a link that a request may give.
type LinkFields struct {
	Slug        string     `json:"slug,omitempty" doc:"Path of the link: 1 to 128 bytes of UTF-8; left out, a free one is chosen."`
	Domain      string     `json:"domain,omitempty" doc:"One of the registered domains; left out, the default one."`
	URL         string     `json:"url" doc:"Destination: an http or https address of at most 8,192 bytes."`
	Title       string     `json:"title,omitempty" doc:"Title for people, at most 200 characters."`
	Tags        []string   `json:"tags,omitempty" doc:"Words to find the link by."`
	Campaign    string     `json:"campaign,omitempty" doc:"Campaign the link belongs to."`
	Status      int        `json:"status,omitempty" doc:"Status code of the redirect: 301, 302 (default), 307 or 308."`
	State       string     `json:"state,omitempty" doc:"active (default), paused or archived."`
	NotAfter    *time.Time `json:"not_after,omitempty" doc:"When the link expires."`
	FallbackURL string     `json:"fallback_url,omitempty" doc:"Where visitors go when the link is expired or archived."`
	Allow       []string   `json:"allow,omitempty" doc:"Platform ids that alone may pass; empty = all."`
	Guard       []string   `json:"guard,omitempty" doc:"Platform ids whose visitors are told how to open the link in a browser."`

	Filters []link.Binding `json:"filters,omitempty" maxItems:"8" doc:"Filters that run on the link's visits, in this order, with their parameters."`
}

// NewLink is the body of a create.
type NewLink struct {
	LinkFields
	FindOrCreate bool `json:"find_or_create,omitempty" doc:"Answer with an equal link (any slug) when there is one; slug must be left out."`
}

// linkBody is a link as the API gives it.
type linkBody struct {
	link.Link
	ShortURL   string `json:"short_url" doc:"What visitors open."`
	URLHost    string `json:"url_host" doc:"The destination's host as people read it, IDN in Unicode."`
	MixedHosts bool   `json:"mixed_script" doc:"The destination's host mixes scripts in one word: it may imitate another."`
}

type linkOutput = output[linkBody]

// LinkPath names one link.
type LinkPath struct {
	Domain string `path:"domain" doc:"The link's domain."`
	Slug   string `path:"slug" doc:"The link's slug, percent-encoded: / as %2F."`
}

func (p LinkPath) key() (link.Key, error) {
	domain, err := link.ParseDomain(p.Domain)
	if err != nil {
		return link.Key{}, inPath(err)
	}
	slug, err := link.ParseSlug(p.Slug)
	if err != nil {
		return link.Key{}, inPath(err)
	}
	return link.Key{Domain: domain, Slug: slug}, nil
}

// link makes a link of the fields, with what is left out filled in.
func (f *LinkFields) link(d *directory) (*link.Link, error) {
	l := &link.Link{
		Domain: link.Domain(f.Domain), Slug: link.Slug(f.Slug), URL: f.URL, Title: f.Title, Tags: f.Tags,
		Campaign: f.Campaign, Status: f.Status, NotAfter: f.NotAfter, FallbackURL: f.FallbackURL,
		Allow: f.Allow, Guard: f.Guard, Filters: f.Filters,
	}
	if err := l.State.UnmarshalText([]byte(f.State)); err != nil {
		return nil, err
	}
	if l.Domain == "" {
		l.Domain = d.standard
	}
	if l.Slug == "" {
		slug, err := link.GenerateSlug(rand.Reader, 0)
		if err != nil {
			return nil, err
		}
		l.Slug = slug
	}
	return l, nil
}

func (s *service) links(api huma.API) {
	create := operation("create-link", http.MethodPost, "/v1/links", "Make a link", "links")
	create.DefaultStatus = http.StatusCreated
	huma.Register(api, create, s.createLink)
	huma.Register(api, operation("list-links", http.MethodGet, "/v1/links", "List links, newest first", "links"), s.listLinks)
	huma.Register(api, operation("get-link", http.MethodGet, "/v1/links/{domain}/{slug}", "Show a link", "links"), s.getLink)
	huma.Register(api, operation("update-link", http.MethodPatch, "/v1/links/{domain}/{slug}", "Change some fields of a link", "links"), s.updateLink)
	remove := operation("delete-link", http.MethodDelete, "/v1/links/{domain}/{slug}", "Move a link to the trash", "links")
	remove.DefaultStatus = http.StatusNoContent
	huma.Register(api, remove, s.deleteLink)
}

type createLinkInput struct {
	WriteInput
	Body    NewLink
	RawBody []byte
}

func (s *service) createLink(ctx context.Context, in *createLinkInput) (*linkOutput, error) {
	d, err := s.directory(ctx, false)
	if err != nil {
		return nil, err
	}
	if in.Body.FindOrCreate && in.Body.Slug != "" {
		return nil, fieldProblem(http.StatusUnprocessableEntity, "slug", in.Body.Slug, "must be left out with find_or_create")
	}
	r := newRequest(in.WriteInput, http.StatusCreated, "POST /v1/links", string(in.RawBody))
	out, err := s.create(ctx, r, d, &in.Body)
	if err != nil {
		return nil, err
	}
	if out.GetFound() {
		r.status = http.StatusOK
	}
	revision := feed.ToRevision(out.GetRevision())
	return answer(s.finish(ctx, r, revision), d.show(state.ToLink(out.GetLink(), revision))), nil
}

// slugTries is how often a free slug is looked for before giving up.
const slugTries = 5

// create makes a link; one without a slug gets a free one.
func (s *service) create(ctx context.Context, r *request, d *directory, fields *NewLink) (*statepb.Outcome, error) {
	for try := 0; ; try++ {
		result, err := s.propose(ctx, r, try, func() ([]*statepb.Operation, error) {
			l, err := fields.link(d)
			if err != nil {
				return nil, fromError(err)
			}
			if err := d.normalize(l, link.Link{}); err != nil {
				return nil, fromError(err)
			}
			return []*statepb.Operation{createOperation(l, fields.FindOrCreate, 0)}, nil
		})
		if err != nil {
			return nil, err
		}
		out := result.GetOutcomes()[0]
		if slugTaken(out) && fields.Slug == "" && try < slugTries {
			continue
		}
		return out, fromRefusal(out)
	}
}

func slugTaken(out *statepb.Outcome) bool {
	return out.GetRefusal() == statepb.Refusal_REFUSAL_EXISTS || out.GetRefusal() == statepb.Refusal_REFUSAL_RESERVED
}

func createOperation(l *link.Link, findOrCreate bool, row int) *statepb.Operation {
	return &statepb.Operation{Operation: &statepb.Operation_CreateLink{CreateLink: &statepb.CreateLink{
		Link: state.FromLink(l), FindOrCreate: findOrCreate, Row: uint32(row),
	}}}
}

type listLinksInput struct {
	Domain string `query:"domain" doc:"Only links of this domain."`
	Tag    string `query:"tag" doc:"Only links with this tag."`
	Text   string `query:"q" maxLength:"200" doc:"Only links with this text in slug, URL or title."`
	Cursor string `query:"cursor" doc:"Where to go on: next_cursor of the page before."`
	Limit  int    `query:"limit" default:"50" minimum:"1" maximum:"1000" doc:"Links a page at most."`
	Stale  string `query:"stale" enum:"ok" doc:"ok: what this node has will do."`
}

type listLinksOutput struct {
	Body struct {
		Links      []linkBody `json:"links" doc:"Newest first. A page may be short or empty and not the last."`
		NextCursor string     `json:"next_cursor,omitempty" doc:"Cursor of the next page; absent on the last."`
	}
}

func (s *service) listLinks(ctx context.Context, in *listLinksInput) (*listLinksOutput, error) {
	query := state.LinkQuery{Tag: in.Tag, Text: strings.ToLower(in.Text), Limit: in.Limit}
	if in.Domain != "" {
		domain, err := link.ParseDomain(in.Domain)
		if err != nil {
			return nil, fromError(err)
		}
		query.Domain = domain
	}
	if in.Cursor != "" {
		after, err := state.ParseID(in.Cursor)
		if err != nil || after == 0 {
			return nil, problem(http.StatusBadRequest, "cursor must be next_cursor of an earlier page",
				&huma.ErrorDetail{Location: "query.cursor", Message: "is no cursor", Value: in.Cursor})
		}
		query.After = after
	}
	out := &listLinksOutput{}
	out.Body.Links = []linkBody{}
	err := s.backend.Read(ctx, in.Stale != "", func(r raftstore.Reader) error {
		d, err := readDirectory(r)
		if err != nil {
			return err
		}
		links, next, err := state.ListLinks(r, query)
		for _, l := range links {
			out.Body.Links = append(out.Body.Links, d.show(l))
		}
		if next != 0 {
			out.Body.NextCursor = state.FormatID(next)
		}
		return err
	})
	if err != nil {
		return nil, fromError(err)
	}
	return out, nil
}

type getLinkInput struct {
	LinkPath
	Stale string `query:"stale" enum:"ok" doc:"ok: what this node has will do."`
}

func (s *service) getLink(ctx context.Context, in *getLinkInput) (*linkOutput, error) {
	key, err := in.key()
	if err != nil {
		return nil, err
	}
	l, d, err := s.readLink(ctx, key, in.Stale != "")
	if err != nil {
		return nil, err
	}
	return answer(found(l.Revision), d.show(l)), nil
}

func (s *service) readLink(ctx context.Context, key link.Key, stale bool) (l *link.Link, d *directory, err error) {
	err = s.backend.Read(ctx, stale, func(r raftstore.Reader) error {
		if d, err = readDirectory(r); err != nil {
			return err
		}
		l, err = state.GetLink(r, key)
		return err
	})
	if err != nil {
		return nil, nil, fromError(err)
	}
	if l == nil {
		return nil, nil, problem(http.StatusNotFound, "there is no link "+key.String())
	}
	return l, d, nil
}

type updateLinkInput struct {
	LinkPath
	WriteInput
	IfMatch string `header:"If-Match" doc:"Refuse with 412 when the link's ETag is another."`
	Body    linkPatch
	RawBody []byte
}

// updateTries is how often a change without If-Match is tried again when
// somebody else changed the link in between.
const updateTries = 5

func (s *service) updateLink(ctx context.Context, in *updateLinkInput) (*linkOutput, error) {
	key, err := in.key()
	if err != nil {
		return nil, err
	}
	want, err := ifMatch(in.IfMatch)
	if err != nil {
		return nil, err
	}
	r := newRequest(in.WriteInput, http.StatusOK, "PATCH /v1/links", key.String(), in.IfMatch, string(in.RawBody))
	for try := 0; ; try++ {
		result, err := s.propose(ctx, r, try, func() ([]*statepb.Operation, error) {
			l, d, err := s.readLink(ctx, key, false)
			if err != nil {
				return nil, err
			}
			expected := feed.FromRevision(l.Revision)
			if want != nil {
				expected = want
			}
			old := *l
			if err := in.Body.apply(l); err != nil {
				return nil, fromError(err)
			}
			if err := d.normalize(l, old); err != nil {
				return nil, fromError(err)
			}
			return []*statepb.Operation{{Operation: &statepb.Operation_UpdateLink{
				UpdateLink: &statepb.UpdateLink{Link: state.FromLink(l), Expected: expected},
			}}}, nil
		})
		if err != nil {
			return nil, err
		}
		out := result.GetOutcomes()[0]
		if out.GetRefusal() == statepb.Refusal_REFUSAL_CHANGED && want == nil && try < updateTries {
			continue
		}
		if err := fromRefusal(out); err != nil {
			return nil, err
		}
		d, err := s.directory(ctx, false)
		if err != nil {
			return nil, err
		}
		revision := feed.ToRevision(out.GetRevision())
		return answer(s.finish(ctx, r, revision), d.show(state.ToLink(out.GetLink(), revision))), nil
	}
}

type deleteLinkInput struct {
	LinkPath
	WriteInput
	IfMatch string `header:"If-Match" doc:"Refuse with 412 when the link's ETag is another."`
	Release bool   `query:"release" doc:"Forget the link wholly and free its slug, also when it is in the trash already."`
}

func (s *service) deleteLink(ctx context.Context, in *deleteLinkInput) (*written, error) {
	key, err := in.key()
	if err != nil {
		return nil, err
	}
	expected, err := ifMatch(in.IfMatch)
	if err != nil {
		return nil, err
	}
	r := newRequest(in.WriteInput, http.StatusNoContent, "DELETE /v1/links", key.String(), in.IfMatch, strconv.FormatBool(in.Release))
	_, w, err := s.change(ctx, r, &statepb.Operation{Operation: &statepb.Operation_DeleteLink{DeleteLink: &statepb.DeleteLink{
		Domain: string(key.Domain), Slug: string(key.Slug), Expected: expected, Release: in.Release,
	}}})
	if err != nil {
		return nil, err
	}
	w.ETag = ""
	return &w, nil
}
