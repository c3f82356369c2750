package api

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/rogpeppe/go-internal/diff"

	"suodi/control/state"
	"suodi/control/state/statepb"
	"suodi/raftstore"
)

type versionBody struct {
	Number   int             `json:"number"`
	Hash     string          `json:"hash" doc:"SHA-256 of the module."`
	Size     int             `json:"size" doc:"Bytes of the module."`
	PushedAt time.Time       `json:"pushed_at"`
	PushedBy string          `json:"pushed_by" doc:"Id of the token that pushed it."`
	Manifest json.RawMessage `json:"manifest,omitempty" doc:"What the module says of itself: the facts it needs, the parameters it takes, what its codes mean."`
	Source   string          `json:"source,omitempty" doc:"The rule set it was compiled from; a list leaves out those over 16 KiB."`
}

// maxListedSource is how long a source may be to be shown in a list, in bytes.
const maxListedSource = 16 << 10

type listVersionsOutput struct {
	Body struct {
		Versions []versionBody `json:"versions" doc:"Those that are kept, oldest first."`
	}
}

// VersionPath names one version of a filter.
type VersionPath struct {
	FilterPath
	Number int `path:"version" minimum:"1" maximum:"4294967295" doc:"The version's number."`
}

// text is an answer that is no JSON.
type text struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

func (s *service) versions(api huma.API) {
	huma.Register(api, operation("list-filter-versions", http.MethodGet, "/v1/filters/{name}/versions", "List a filter's versions", "filters"), s.listVersions)
	huma.Register(api, operation("get-filter-version", http.MethodGet, "/v1/filters/{name}/versions/{version}", "Show a version of a filter", "filters"),
		func(ctx context.Context, in *VersionPath) (*output[versionBody], error) {
			v, err := s.readVersion(ctx, in.Name, in.Number)
			if err != nil {
				return nil, err
			}
			return &output[versionBody]{Status: http.StatusOK, Body: v.show()}, nil
		})
	source := operation("get-filter-source", http.MethodGet, "/v1/filters/{name}/versions/{version}/source", "Show the rule set of a version", "filters")
	source.Responses = textResponse("The rule set, as it was pushed.", "application/yaml")
	huma.Register(api, source, s.getSource)
	compare := operation("diff-filter", http.MethodGet, "/v1/filters/{name}/diff", "Compare two versions of a filter", "filters")
	compare.Responses = textResponse("A unified diff: of rule sets their text, of modules what they say of themselves. Empty: they are equal.", "text/plain; charset=utf-8")
	huma.Register(api, compare, s.diffVersions)
}

func textResponse(what, kind string) map[string]*huma.Response {
	return map[string]*huma.Response{"200": {
		Description: what, Content: map[string]*huma.MediaType{kind: {Schema: &huma.Schema{Type: "string"}}},
	}}
}

func (s *service) listVersions(ctx context.Context, in *FilterPath) (*listVersionsOutput, error) {
	out := &listVersionsOutput{}
	out.Body.Versions = []versionBody{}
	err := s.backend.Read(ctx, false, func(r raftstore.Reader) error {
		versions, err := state.Versions(r, in.Name)
		if err != nil {
			return err
		}
		for _, v := range versions {
			shown := &version{FilterVersion: v}
			if len(v.GetSourceHash()) > 0 {
				if shown.source, err = state.Module(r, v.GetSourceHash()); err != nil {
					return err
				}
			}
			if len(shown.source) > maxListedSource {
				shown.source = nil
			}
			out.Body.Versions = append(out.Body.Versions, shown.show())
		}
		return nil
	})
	if err != nil {
		return nil, fromError(err)
	}
	if len(out.Body.Versions) == 0 {
		return nil, problem(http.StatusNotFound, "there is no filter "+in.Name)
	}
	return out, nil
}

func showVersion(v *statepb.FilterVersion) versionBody {
	return versionBody{
		Number: int(v.GetNumber()), Hash: hex.EncodeToString(v.GetHash()), Size: int(v.GetSize()),
		PushedAt: time.Unix(0, v.GetPushedAt()).UTC(), PushedBy: v.GetPushedBy(), Manifest: v.GetManifest(),
	}
}

// version is a version with its source.
type version struct {
	*statepb.FilterVersion
	source []byte
}

func (v *version) show() versionBody {
	body := showVersion(v.FilterVersion)
	body.Source = strings.ToValidUTF8(string(v.source), "\uFFFD")
	return body
}

// text returns what is to be compared of a version.
func (v *version) text() ([]byte, error) {
	if len(v.source) > 0 {
		return v.source, nil
	}
	manifest := v.GetManifest()
	if len(manifest) > 0 {
		var fields any
		if err := json.Unmarshal(manifest, &fields); err != nil {
			return nil, fmt.Errorf("manifest of version %d: %w", v.GetNumber(), err)
		}
		var err error
		if manifest, err = json.MarshalIndent(fields, "", "  "); err != nil {
			return nil, err
		}
	}
	return fmt.Appendf(nil, "module of %d bytes, SHA-256 %x\nmanifest %s\n", v.GetSize(), v.GetHash(), manifest), nil
}

func (s *service) readVersion(ctx context.Context, name string, number int) (*version, error) {
	v := &version{}
	err := s.backend.Read(ctx, false, func(r raftstore.Reader) error {
		versions, err := state.Versions(r, name)
		for _, other := range versions {
			if int(other.GetNumber()) == number {
				v.FilterVersion = other
			}
		}
		if err != nil || v.FilterVersion == nil || len(v.GetSourceHash()) == 0 {
			return err
		}
		v.source, err = state.Module(r, v.GetSourceHash())
		return err
	})
	if err != nil {
		return nil, fromError(err)
	}
	if v.FilterVersion == nil {
		return nil, problem(http.StatusNotFound,
			fmt.Sprintf("filter %s has no version %d that is kept; GET /v1/filters/%s/versions lists them", name, number, name))
	}
	return v, nil
}

func (s *service) getSource(ctx context.Context, in *VersionPath) (*text, error) {
	v, err := s.readVersion(ctx, in.Name, in.Number)
	if err != nil {
		return nil, err
	}
	if len(v.source) == 0 {
		return nil, problem(http.StatusNotFound, fmt.Sprintf("version %d of filter %s was pushed as a module; its source stayed with whoever compiled it", in.Number, in.Name))
	}
	return &text{ContentType: "application/yaml", Body: v.source}, nil
}

type diffInput struct {
	FilterPath
	From int `query:"from" minimum:"0" maximum:"4294967295" doc:"Number of a version; left out: the one in force."`
	To   int `query:"to" minimum:"0" maximum:"4294967295" doc:"Number of a version; left out: the newest."`
}

func (s *service) diffVersions(ctx context.Context, in *diffInput) (*text, error) {
	f, err := s.readFilter(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	from, to := in.From, in.To
	if from == 0 {
		from = f.Current
	}
	if to == 0 {
		to = f.Newest
	}
	if from == 0 {
		return nil, problem(http.StatusConflict, "no version of filter "+in.Name+" is in force; say from which one with ?from=")
	}
	var texts [2][]byte
	for i, number := range [2]int{from, to} {
		v, err := s.readVersion(ctx, in.Name, number)
		if err != nil {
			return nil, err
		}
		if texts[i], err = v.text(); err != nil {
			return nil, fromError(err)
		}
	}
	return &text{ContentType: "text/plain; charset=utf-8", Body: diff.Diff(versionName(in.Name, from), texts[0], versionName(in.Name, to), texts[1])}, nil
}
