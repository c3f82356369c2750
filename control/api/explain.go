package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"regexp"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/state"
	"suodi/raftstore"
)

// ExplainFields are the visit that is asked about.
type ExplainFields struct {
	UserAgent     string     `json:"user_agent,omitempty" maxLength:"4096"`
	RequestedWith string     `json:"requested_with,omitempty" maxLength:"256" doc:"X-Requested-With, which in-app browsers on Android send."`
	Country       string     `json:"country,omitempty" doc:"Two letters; left out: what the address tells."`
	IP            string     `json:"ip,omitempty" doc:"The visitor's address."`
	Language      string     `json:"language,omitempty" maxLength:"256" doc:"Accept-Language."`
	Referrer      string     `json:"referrer,omitempty" maxLength:"4096"`
	Query         string     `json:"query,omitempty" maxLength:"4096" doc:"Behind the short link's question mark."`
	Time          *time.Time `json:"time,omitempty" doc:"When the visit comes; left out: now."`
}

type explainInput struct {
	LinkPath
	Edge string `query:"edge" maxLength:"128" doc:"Id of the edge to ask; left out: any."`
	Body ExplainFields
}

type explainOutput struct {
	Body feed.Explanation
}

type explainHeaderInput struct {
	Seconds int `query:"seconds" default:"600" minimum:"1" maximum:"3300" doc:"How long it is good for."`
}

type explainHeaderOutput struct {
	Body struct {
		Header    string    `json:"header" doc:"Name of the request header."`
		Value     string    `json:"value" doc:"Its value: whoever sends it to an edge with a visit is told why the visit gets what it gets, and nothing else happens."`
		ExpiresAt time.Time `json:"expires_at"`
	}
}

// explainTimeout is how long an edge may take to explain.
const explainTimeout = 5 * time.Second

func (s *service) explanations(api huma.API) {
	huma.Register(api, operation("explain-link", http.MethodPost, "/v1/links/{domain}/{slug}/explain", "Ask an edge what a visit would get, and why", "links"), s.explain)
	huma.Register(api, operation("sign-explain-header", http.MethodPost, "/v1/explain-header", "Get a header that makes any edge explain a visit", "links"), s.signExplain)
}

var country = regexp.MustCompile(`^[A-Z]{2}$`)

func (s *service) explain(ctx context.Context, in *explainInput) (*explainOutput, error) {
	key, err := in.key()
	if err != nil {
		return nil, err
	}
	visit := &feedpb.ExplainVisit{
		Domain: string(key.Domain), Slug: string(key.Slug), UserAgent: in.Body.UserAgent, RequestedWith: in.Body.RequestedWith,
		Country: in.Body.Country, Ip: in.Body.IP, Language: in.Body.Language, Referrer: in.Body.Referrer, Query: in.Body.Query,
	}
	if in.Body.Country != "" && !country.MatchString(in.Body.Country) {
		return nil, fieldProblem(http.StatusUnprocessableEntity, "country", in.Body.Country, "must be two capital letters, as in CN")
	}
	if in.Body.IP != "" {
		if _, err := netip.ParseAddr(in.Body.IP); err != nil {
			return nil, fieldProblem(http.StatusUnprocessableEntity, "ip", in.Body.IP, "is no IP address")
		}
	}
	if in.Body.Time != nil {
		visit.Time = in.Body.Time.Unix()
	}
	ctx, cancel := context.WithTimeout(ctx, explainTimeout)
	defer cancel()
	answer, err := s.backend.Ask(ctx, in.Edge, &feedpb.Ask{Ask: &feedpb.Ask_Explain{Explain: visit}})
	if err != nil {
		return nil, fromError(err)
	}
	out := &explainOutput{}
	if err := json.Unmarshal(answer.GetExplanation(), &out.Body); err != nil {
		return nil, fromError(fmt.Errorf("the edge's explanation cannot be read: %w", err))
	}
	return out, nil
}

func (s *service) signExplain(ctx context.Context, in *explainHeaderInput) (*explainHeaderOutput, error) {
	var secret []byte
	err := s.backend.Read(ctx, true, func(r raftstore.Reader) (err error) {
		secret, err = state.Secret(r)
		return err
	})
	if err != nil {
		return nil, fromError(err)
	}
	signing, err := feed.DeriveKey(secret, feed.PurposeExplain)
	if err != nil {
		return nil, fromError(err)
	}
	out := &explainHeaderOutput{}
	out.Body.Header = feed.ExplainHeader
	out.Body.ExpiresAt = time.Now().Add(time.Duration(in.Seconds) * time.Second).UTC().Truncate(time.Second)
	out.Body.Value = feed.SignExplain(signing, out.Body.ExpiresAt)
	return out, nil
}
