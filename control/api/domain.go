package api

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	_ "time/tzdata" // names are checked against this copy, whatever the machine has

	"github.com/danielgtaylor/huma/v2"

	"suodi/control/link"
	"suodi/control/state"
	"suodi/control/state/statepb"
)

// DomainFields are the fields of a domain that a request may give.
type DomainFields struct {
	BaseURL     string `json:"base_url,omitempty" doc:"How short links of the domain begin; left out: https:// and the domain."`
	Default     bool   `json:"default,omitempty" doc:"Links without a domain get this one, and it answers hosts that are no domain."`
	NotFoundURL string `json:"not_found_url,omitempty" doc:"Where visitors of unknown slugs go; left out: a page that says so."`
	TimeZone    string `json:"time_zone,omitempty" doc:"Name in the IANA time zone database, as in Asia/Shanghai: what filters and link times go by; left out: UTC."`

	Filters []link.Binding `json:"filters,omitempty" maxItems:"8" doc:"Filters that run on the domain's visits, in this order, behind the chain. A secret parameter given as *** stays as it is."`
}

// domainBody is a domain as the API gives it.
type domainBody struct {
	Name string `json:"name" doc:"Host, in lower case, without port."`
	DomainFields
	Revision link.Revision `json:"revision" doc:"Revision of the last change, as epoch.index."`
}

func (d *directory) showDomain(name string) domainBody {
	domain := d.domains[link.Domain(name)]
	return domainBody{
		Name: name,
		DomainFields: DomainFields{
			BaseURL: domain.GetBaseUrl(), Default: domain.GetDefault(), NotFoundURL: domain.GetNotFoundUrl(),
			TimeZone: domain.GetTimeZone(), Filters: d.showBindings(state.ToBindings(domain.GetFilters())),
		},
		Revision: domain.Revision,
	}
}

type domainOutput = output[domainBody]

type listDomainsOutput struct {
	Body struct {
		Domains []domainBody `json:"domains"`
	}
}

func (s *service) domains(api huma.API) {
	huma.Register(api, operation("list-domains", http.MethodGet, "/v1/domains", "List the domains", "domains"),
		func(ctx context.Context, _ *struct{}) (*listDomainsOutput, error) {
			d, err := s.directory(ctx, false)
			if err != nil {
				return nil, err
			}
			out := &listDomainsOutput{}
			out.Body.Domains = []domainBody{}
			for _, name := range slices.Sorted(maps.Keys(d.domains)) {
				out.Body.Domains = append(out.Body.Domains, d.showDomain(string(name)))
			}
			return out, nil
		})
	huma.Register(api, operation("get-domain", http.MethodGet, "/v1/domains/{domain}", "Show a domain", "domains"), s.getDomain)
	huma.Register(api, operation("put-domain", http.MethodPut, "/v1/domains/{domain}", "Register or change a domain", "domains"), s.putDomain)
}

// DomainPath names one domain.
type DomainPath struct {
	Domain string `path:"domain" doc:"The domain's name."`
}

func (s *service) getDomain(ctx context.Context, in *DomainPath) (*domainOutput, error) {
	name, err := link.ParseDomain(in.Domain)
	if err != nil {
		return nil, inPath(err)
	}
	d, err := s.directory(ctx, false)
	if err != nil {
		return nil, err
	}
	if _, ok := d.domains[name]; !ok {
		return nil, problem(http.StatusNotFound, "there is no domain "+string(name))
	}
	body := d.showDomain(string(name))
	return answer(found(body.Revision), body), nil
}

type putDomainInput struct {
	DomainPath
	WriteInput
	IfMatch string `header:"If-Match" doc:"Refuse with 412 when the domain's ETag is another."`
	Body    DomainFields
	RawBody []byte
}

func (s *service) putDomain(ctx context.Context, in *putDomainInput) (*domainOutput, error) {
	name, err := link.ParseDomain(in.Domain)
	if err != nil {
		return nil, inPath(err)
	}
	expected, err := ifMatch(in.IfMatch)
	if err != nil {
		return nil, err
	}
	base, err := checkBaseURL(in.Body.BaseURL, name)
	if err != nil {
		return nil, err
	}
	d, err := s.directory(ctx, false)
	if err != nil {
		return nil, err
	}
	policy := d.policy()
	own := policy.OwnDomains
	policy.OwnDomains = func(host link.Domain) bool { return host == name || own(host) }
	notFound, err := checkURL("not_found_url", in.Body.NotFoundURL, policy)
	if err != nil {
		return nil, err
	}
	if err := checkTimeZone(in.Body.TimeZone); err != nil {
		return nil, err
	}
	filters, problems := link.NormalizeFilters(in.Body.Filters)
	if len(problems) == 0 {
		problems = d.bind(filters, state.ToBindings(d.domains[name].GetFilters()))
	}
	if len(problems) > 0 {
		return nil, fromError(problems)
	}
	r := newRequest(in.WriteInput, http.StatusOK, "PUT /v1/domains", string(name), in.IfMatch, string(in.RawBody))
	_, w, err := s.change(ctx, r, &statepb.Operation{Operation: &statepb.Operation_PutDomain{PutDomain: &statepb.PutDomain{
		Domain: &statepb.Domain{
			Name: string(name), BaseUrl: base, Default: in.Body.Default, NotFoundUrl: notFound,
			TimeZone: in.Body.TimeZone, Filters: state.FromBindings(filters),
		},
		Expected: expected,
	}}})
	if err != nil {
		return nil, err
	}
	out, err := s.getDomain(ctx, &DomainPath{Domain: string(name)})
	if err != nil {
		return nil, err
	}
	return answer(w, out.Body), nil
}

// checkURL checks an optional address of a page that visitors are sent to.
func checkURL(field, raw string, policy link.DestinationPolicy) (string, error) {
	if raw == "" {
		return "", nil
	}
	destination, err := link.ParseDestination(raw, policy)
	if err != nil {
		var wrong *link.FieldError
		if errors.As(err, &wrong) {
			wrong.Field = field
		}
		return "", fromError(err)
	}
	return destination.URL, nil
}

// checkTimeZone checks a name of the IANA time zone database. This machine's
// own zone is none: edges are elsewhere.
func checkTimeZone(name string) error {
	if name == "" {
		return nil
	}
	if _, err := time.LoadLocation(name); err != nil || name == "Local" || len(name) > 64 {
		return fieldProblem(http.StatusUnprocessableEntity, "time_zone", name, "is no name of the IANA time zone database; give one as in Asia/Shanghai or UTC")
	}
	return nil
}

// checkBaseURL checks how short links of a domain begin.
func checkBaseURL(raw string, name link.Domain) (string, error) {
	if raw == "" {
		return "https://" + string(name), nil
	}
	u, err := url.Parse(raw)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" || u.User != nil ||
		strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return "", fieldProblem(http.StatusUnprocessableEntity, "base_url", raw, "must be http:// or https:// and a host, nothing after it")
	}
	host, err := link.ParseDomain(u.Hostname())
	if err != nil || host != name {
		return "", fieldProblem(http.StatusUnprocessableEntity, "base_url", raw, "must have the domain's own host, "+string(name))
	}
	return u.Scheme + "://" + u.Host, nil
}
