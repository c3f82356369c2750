package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"suodi/wasm/visit/samples"
)

// smokeDestination is where the links of a smoke run lead; nobody goes there.
const smokeDestination = "https://example.org/suodi-smoke?a=1&b=%E4%B8%AD#c"

// SmokeConfig says what a smoke run visits; zero means the default.
type SmokeConfig struct {
	API   string // address of the control plane; required
	Edge  string // address of the edge; required
	Token string // for the API; required

	VisitTimeout time.Duration // for one visit; default 5 s
	Arrival      time.Duration // for the links to reach the edge; default 10 s

	Agents []samples.Agent // who visits; default all samples
	// Progress hears of every visit; nil: nobody does.
	Progress func(done, total int)
}

func (c SmokeConfig) withDefaults() SmokeConfig {
	if c.VisitTimeout == 0 {
		c.VisitTimeout = 5 * time.Second
	}
	if c.Arrival == 0 {
		c.Arrival = 10 * time.Second
	}
	if c.Agents == nil {
		c.Agents = samples.All()
	}
	if c.Progress == nil {
		c.Progress = func(int, int) {}
	}
	return c
}

// smokeSets are the links of a smoke run.
var smokeSets = []SmokeLink{
	{Name: "no sets"},
	{Name: "allow ios", Allow: []string{"ios"}},
	{Name: "guard wechat, qq", Guard: []string{"wechat", "qq"}},
	{Name: "both", Allow: []string{"ios"}, Guard: []string{"wechat", "qq"}},
}

// Smoke makes a few links, has every agent visit each, compares what they got
// with what the links' sets imply and removes the links again. An error says
// that it could not be done; what the visits got is in the report, whose Err
// says whether it is as it should be.
func Smoke(ctx context.Context, config SmokeConfig) (report *SmokeReport, err error) {
	config = config.withDefaults()
	client, err := NewClient(config.API, config.Token)
	if err != nil {
		return nil, err
	}
	visitor, err := NewVisitor(config.Edge, config.VisitTimeout)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, visitor.Close()) }()
	if err := visitor.open(); err != nil {
		return nil, err
	}
	s := &smoke{config: config, client: client, visitor: visitor, started: time.Now()}
	defer func() { err = errors.Join(err, s.remove(ctx)) }()
	if err := s.make(ctx); err != nil {
		return nil, err
	}
	if err := s.arrive(ctx); err != nil {
		return nil, err
	}
	return s.visitAll(ctx)
}

// smoke is one run.
type smoke struct {
	config  SmokeConfig
	client  *Client
	visitor *Visitor
	started time.Time
	links   []SmokeLink // those that were made
	hosts   []string    // and where they are visited
	targets []string
}

// make makes the links. Slugs are random, so that runs do not meet.
func (s *smoke) make(ctx context.Context) error {
	prefix := "smoke-" + strings.ToLower(rand.Text()[:10]) + "-"
	for i, set := range smokeSets {
		body := map[string]any{
			"url": smokeDestination, "slug": fmt.Sprintf("%s%d", prefix, i), "title": "suodi-bench smoke: " + set.Name, "tags": []string{"smoke"},
		}
		if len(set.Allow) > 0 {
			body["allow"] = set.Allow
		}
		if len(set.Guard) > 0 {
			body["guard"] = set.Guard
		}
		if _, err := s.client.Do(ctx, http.MethodPost, "/v1/links?wait=edges", body, &set); err != nil {
			return fmt.Errorf("make a link: %w", err)
		}
		short, err := url.Parse(set.ShortURL)
		if err != nil {
			return fmt.Errorf("make a link: %w", err)
		}
		s.links = append(s.links, set)
		s.hosts = append(s.hosts, short.Host)
		s.targets = append(s.targets, short.RequestURI())
	}
	return nil
}

// removeTimeout bounds the removal of the links, which goes on when a run is
// interrupted.
const removeTimeout = 15 * time.Second

// remove removes what make made.
func (s *smoke) remove(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTimeout)
	defer cancel()
	var errs []error
	for _, l := range s.links {
		path := "/v1/links/" + url.PathEscape(l.Domain) + "/" + url.PathEscape(l.Slug) + "?release=true"
		if _, err := s.client.Do(ctx, http.MethodDelete, path, nil, nil); err != nil {
			errs = append(errs, fmt.Errorf("link %s stays behind: %w", l.ShortURL, err))
		}
	}
	return errors.Join(errs...)
}

// poll is the pause between looks at an edge that does not have a link yet.
const poll = 50 * time.Millisecond

// arrive waits until the edge knows every link.
func (s *smoke) arrive(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, s.config.Arrival)
	defer cancel()
	for i, l := range s.links {
		for {
			answer, err := s.visitor.Visit(Visit{Host: s.hosts[i], Target: s.targets[i], UserAgent: "suodi-bench"})
			if err != nil {
				return err
			}
			if answer.Status != http.StatusNotFound && answer.Status != http.StatusServiceUnavailable {
				break
			}
			select {
			case <-time.After(poll):
			case <-ctx.Done():
				return fmt.Errorf("the edge at %s still answers %d for %s after %s: is it connected to this control plane? its /readyz tells",
					s.config.Edge, answer.Status, l.ShortURL, s.config.Arrival)
			}
		}
	}
	return nil
}

// visitAll has every agent visit every link.
func (s *smoke) visitAll(ctx context.Context) (*SmokeReport, error) {
	report := newSmokeReport(s.links, s.config.Agents)
	total, done := len(s.config.Agents)*len(s.links), 0
	for _, agent := range s.config.Agents {
		for i := range s.links {
			if err := ctx.Err(); err != nil {
				return nil, fmt.Errorf("interrupted after %d of %d visits: %w", done, total, err)
			}
			answer, err := s.visitor.Visit(Visit{Host: s.hosts[i], Target: s.targets[i], UserAgent: agent.UserAgent})
			if err != nil {
				return nil, fmt.Errorf("visit of %s: %w", agent.Name, err)
			}
			report.add(agent, i, outcomeOf(answer, s.links[i].ShortURL))
			done++
			s.config.Progress(done, total)
		}
	}
	report.Seconds = time.Since(s.started).Seconds()
	return report, nil
}

// The outcomes that a visit can have; anything else is named for its status.
const (
	redirected = "302"
	guided     = "200 guide"
	refused    = "403"
)

// outcomeOf names what a visit got.
func outcomeOf(answer *Answer, shortURL string) string {
	switch {
	case answer.Status == http.StatusFound && answer.Location == smokeDestination:
		return redirected
	case answer.Status == http.StatusFound:
		return "302 to " + answer.Location
	case answer.Status == http.StatusOK && strings.Contains(answer.Body, shortURL):
		return guided
	default:
		return fmt.Sprint(answer.Status)
	}
}

// expected returns what the sets of a link imply for an agent: it must have a
// platform of the allow set if there is one, and is guided if it has one of
// the guard set.
func expected(agent samples.Agent, l SmokeLink) string {
	has := func(id string) bool { return slices.Contains(agent.Platforms, id) }
	switch {
	case len(l.Allow) > 0 && !slices.ContainsFunc(l.Allow, has):
		return refused
	case slices.ContainsFunc(l.Guard, has):
		return guided
	}
	return redirected
}
