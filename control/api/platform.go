package api

import (
	"context"
	"net/http"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/link"
	"suodi/control/state"
	"suodi/control/state/statepb"
	"suodi/raftstore"
	"suodi/wasm/visit"
)

// PlatformFields are the fields of a platform that a request may give.
type PlatformFields struct {
	Zh       string        `json:"zh" doc:"Name in Chinese."`
	En       string        `json:"en" doc:"Name in English."`
	Kind     string        `json:"kind" enum:"app,os,form,general,crawler" doc:"What the entry describes; within a kind the lowest order that matches wins."`
	Order    int           `json:"order" doc:"Precedence within the kind, lowest first."`
	Match    []alternative `json:"match,omitempty" doc:"What a user agent must look like: one of these."`
	Packages []string      `json:"packages,omitempty" doc:"Android package names the app sends as X-Requested-With."`
	Retired  bool          `json:"retired,omitempty" doc:"No longer matched nor offered; its number stays taken."`
}

// alternative is visit.Alternative with its schema: a token, or an object.
type alternative struct{ visit.Alternative }

// Schema offers both ways to write it.
func (alternative) Schema(r huma.Registry) *huma.Schema {
	type tokens struct {
		Prefix string   `json:"prefix,omitempty" doc:"The user agent begins with it."`
		All    []string `json:"all,omitempty" doc:"It holds all of these."`
		None   []string `json:"none,omitempty" doc:"It holds none of these."`
	}
	return &huma.Schema{OneOf: []*huma.Schema{
		{Type: "string", Description: "A token that the user agent holds."},
		r.Schema(reflect.TypeFor[tokens](), false, "AlternativeTokens"),
	}}
}

// platformBody is a platform as the API gives it.
type platformBody struct {
	ID     string `json:"id" doc:"What links and rules call it."`
	Number int    `json:"number" doc:"Its number in filters, given for ever."`
	PlatformFields
	Revision link.Revision `json:"revision" doc:"Revision of the last change, as epoch.index."`
}

func showPlatform(p state.Platform) platformBody {
	e := feed.ToEntry(p.Platform)
	body := platformBody{
		ID: e.ID, Number: int(e.Number), Revision: p.Revision,
		PlatformFields: PlatformFields{
			Zh: e.Zh, En: e.En, Kind: string(e.Kind), Order: e.Order, Packages: e.Packages, Retired: e.Retired,
		},
	}
	for _, m := range e.Match {
		body.Match = append(body.Match, alternative{m})
	}
	return body
}

type platformOutput = output[platformBody]

type listPlatformsOutput struct {
	Body struct {
		Platforms []platformBody `json:"platforms" doc:"In the order of their numbers."`
	}
}

func (s *service) platforms(api huma.API) {
	huma.Register(api, operation("list-platforms", http.MethodGet, "/v1/platforms", "List the platform catalog", "platforms"),
		func(ctx context.Context, _ *struct{}) (*listPlatformsOutput, error) {
			platforms, err := s.readPlatforms(ctx)
			out := &listPlatformsOutput{}
			out.Body.Platforms = []platformBody{}
			for _, p := range platforms {
				out.Body.Platforms = append(out.Body.Platforms, showPlatform(p))
			}
			return out, err
		})
	huma.Register(api, operation("get-platform", http.MethodGet, "/v1/platforms/{id}", "Show a platform", "platforms"), s.getPlatform)
	huma.Register(api, operation("put-platform", http.MethodPut, "/v1/platforms/{id}", "Add or change a platform", "platforms"), s.putPlatform)
}

func (s *service) readPlatforms(ctx context.Context) (platforms []state.Platform, err error) {
	err = s.backend.Read(ctx, false, func(r raftstore.Reader) (err error) {
		platforms, err = state.Platforms(r)
		return err
	})
	if err != nil {
		return nil, fromError(err)
	}
	return platforms, nil
}

// catalogOf makes the classifier's catalog of the platforms.
func catalogOf(platforms []state.Platform) (*visit.Catalog, error) {
	entries := make([]visit.Entry, len(platforms))
	for i, p := range platforms {
		entries[i] = feed.ToEntry(p.Platform)
	}
	return visit.NewCatalog(entries)
}

// PlatformPath names one platform.
type PlatformPath struct {
	ID string `path:"id" maxLength:"63" doc:"The platform's id."`
}

func (s *service) getPlatform(ctx context.Context, in *PlatformPath) (*platformOutput, error) {
	platforms, err := s.readPlatforms(ctx)
	if err != nil {
		return nil, err
	}
	ids := make([]string, 0, len(platforms))
	for _, p := range platforms {
		if p.GetId() == in.ID {
			return answer(found(p.Revision), showPlatform(p)), nil
		}
		ids = append(ids, p.GetId())
	}
	detail := "there is no platform " + in.ID
	if near := link.Nearest(in.ID, ids); near != "" {
		detail += "; did you mean " + near + "?"
	}
	return nil, problem(http.StatusNotFound, detail)
}

type putPlatformInput struct {
	PlatformPath
	WriteInput
	IfMatch string `header:"If-Match" doc:"Refuse with 412 when the platform's ETag is another."`
	Body    PlatformFields
	RawBody []byte
}

func (s *service) putPlatform(ctx context.Context, in *putPlatformInput) (*platformOutput, error) {
	expected, err := ifMatch(in.IfMatch)
	if err != nil {
		return nil, err
	}
	entry := visit.Entry{
		ID: in.ID, Zh: in.Body.Zh, En: in.Body.En, Kind: visit.Kind(in.Body.Kind), Order: in.Body.Order,
		Packages: in.Body.Packages, Retired: in.Body.Retired,
	}
	for _, m := range in.Body.Match {
		entry.Match = append(entry.Match, m.Alternative)
	}
	r := newRequest(in.WriteInput, http.StatusOK, "PUT /v1/platforms", in.ID, in.IfMatch, string(in.RawBody))
	out, err := s.tryPlatform(ctx, r, entry, expected)
	if err != nil {
		return nil, err
	}
	now, err := s.getPlatform(ctx, &in.PlatformPath)
	if err != nil {
		return nil, err
	}
	return answer(s.finish(ctx, r, feed.ToRevision(out.GetRevision())), now.Body), nil
}

// tryPlatform checks an entry against the catalog and proposes it, again when
// the catalog changed in between.
func (s *service) tryPlatform(ctx context.Context, r *request, entry visit.Entry, expected *feedpb.Revision) (*statepb.Outcome, error) {
	for try := 0; ; try++ {
		result, err := s.propose(ctx, r, try, func() ([]*statepb.Operation, error) {
			platforms, err := s.readPlatforms(ctx)
			if err != nil {
				return nil, err
			}
			return []*statepb.Operation{{Operation: &statepb.Operation_PutPlatform{PutPlatform: &statepb.PutPlatform{
				Platform: feed.FromEntry(entry), Expected: expected, Catalog: feed.FromRevision(state.NewestPlatform(platforms)),
			}}}}, tryEntry(platforms, entry)
		})
		if err != nil {
			return nil, err
		}
		out := result.GetOutcomes()[0]
		// Detail says that it was the catalog that changed, not the entry.
		if out.GetRefusal() == statepb.Refusal_REFUSAL_CHANGED && out.GetDetail() != "" && try < updateTries {
			continue
		}
		return out, fromRefusal(out)
	}
}

// tryEntry checks that a catalog with the entry in it is one: what the edges
// would refuse must not be stored.
func tryEntry(platforms []state.Platform, entry visit.Entry) error {
	taken := map[uint8]bool{}
	entries := make([]visit.Entry, 0, len(platforms)+1)
	for _, p := range platforms {
		e := feed.ToEntry(p.Platform)
		taken[e.Number] = true
		if e.ID == entry.ID {
			entry.Number = e.Number
			continue
		}
		entries = append(entries, e)
	}
	for n := visit.FirstAssigned; entry.Number == 0 && n < 256; n++ {
		if !taken[uint8(n)] {
			entry.Number = uint8(n)
		}
	}
	if entry.Number == 0 {
		return problem(http.StatusConflict, "no platform number is left; change a retired entry instead")
	}
	if _, err := visit.NewCatalog(append(entries, entry)); err != nil {
		return problem(http.StatusUnprocessableEntity, err.Error(), &huma.ErrorDetail{Location: "body", Message: err.Error()})
	}
	return nil
}
