package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"suodi/control/feed"
	"suodi/control/link"
	"suodi/wasm/abi"
)

// explainFlags are the flags of link explain.
type explainFlags struct {
	visitFlags
	edge    string
	header  bool
	seconds int
}

func (c *cli) linkExplain() *cobra.Command {
	f := &explainFlags{}
	cmd := &cobra.Command{
		Use: "explain LINK", Short: "Ask an edge what a visit would get, and why", Args: wants("the link"),
		Long: `Ask an edge what a visit to a link would get, and why: which filter and rule
decided, by which version, and how long each step took. The edge goes through
the same steps as for a visit and leaves nothing behind: nothing is counted.

With --header a header is signed instead. Whoever sends it to an edge with a
request is answered with the explanation, until it expires; a ready curl command
is printed with it.`,
		Example: `  suodi link explain hello --ua 'Mozilla/5.0 … MicroMessenger/8.0.49' --country CN
  suodi link explain hello --time 2026-12-31T23:59 --edge edge-1
  suodi link explain hello --header`,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.header {
				return c.signExplain(cmd, args[0], f)
			}
			return c.explainLink(cmd, args[0], f)
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&f.edge, "edge", "", "`id` of the edge to ask (default any)")
	cmd.Flags().BoolVar(&f.header, "header", false, "print a signed header that makes any edge explain a request")
	cmd.Flags().IntVar(&f.seconds, "seconds", 600, "how `long` the header is good for")
	complete(cmd, "edge", c.completeEdges)
	complete(cmd, "seconds", cobra.NoFileCompletions)
	return cmd
}

// fields returns the visit as the API takes it.
func (f *explainFlags) fields(cmd *cobra.Command) (map[string]any, error) {
	fields := map[string]any{}
	country, err := f.checkCountry(cmd)
	if err != nil {
		return nil, err
	}
	if _, err := f.checkIP(cmd); err != nil {
		return nil, err
	}
	for name, value := range map[string]string{
		"user_agent": f.userAgent, "requested_with": f.requestedWith, "country": country, "ip": f.ip,
		"language": f.language, "referrer": f.referrer, "query": f.query,
	} {
		if value != "" {
			fields[name] = value
		}
	}
	if f.time != "" {
		at, err := f.checkTime(cmd, time.Now())
		if err != nil {
			return nil, err
		}
		fields["time"] = at
	}
	return fields, nil
}

func (c *cli) explainLink(cmd *cobra.Command, name string, f *explainFlags) error {
	fields, err := f.fields(cmd)
	if err != nil {
		return err
	}
	s, err := c.connect()
	if err != nil {
		return err
	}
	key, err := s.find(cmd.Context(), name)
	if err != nil {
		return err
	}
	query := url.Values{}
	if f.edge != "" {
		query.Set("edge", f.edge)
	}
	var e feed.Explanation
	got, err := s.do(cmd.Context(), call{
		method: http.MethodPost, path: linkPath(key) + "/explain", query: query, body: fields,
		once: true, // who has no edge to ask now has none in a second either
	}, &e)
	if p := (*problem)(nil); errors.As(err, &p) && p.Status == http.StatusServiceUnavailable && f.edge != "" {
		what, _, _ := strings.Cut(p.Error(), "; ")
		return &refusal{p, "edge " + f.edge + " does not answer: " + printable(what) + "; `suodi fleet` lists the edges"}
	}
	if err != nil {
		return s.explain(err)
	}
	if c.json {
		return c.printReply(got)
	}
	return c.tellExplanation(&e)
}

func (c *cli) tellExplanation(e *feed.Explanation) error {
	visitor := e.Platform
	if len(e.Platforms) > 0 {
		visitor = strings.TrimSpace(visitor + " (" + strings.Join(e.Platforms, ", ") + ")")
	}
	if err := c.pairs([][2]string{
		{"link", e.Domain + "/" + e.Slug},
		{"answer", fmt.Sprintf("%s, status %d", e.Answer, e.Status)},
		{"leads to", e.Location},
		{"because", because(e)},
		{"visitor", visitor},
		{"facts", describeFacts(e.Facts)},
		{"edge", e.Edge + " at revision " + e.Revision.String()},
	}...); err != nil {
		return err
	}
	var rows [][]string
	for _, f := range e.Filters {
		version := orDash(int(f.Version))
		if f.Canary {
			version += " canary"
		}
		rows = append(rows, []string{f.Name, version, f.Action, orNothing(f.Rule), span(time.Duration(f.Nanoseconds)), why(&f)})
	}
	if len(rows) > 0 {
		if err := c.section("FILTER", "VERSION", "VERDICT", "RULE", "TIME", "").write(rows); err != nil {
			return err
		}
	}
	if rows = nil; len(e.Steps) > 0 {
		for _, step := range e.Steps {
			rows = append(rows, []string{step.Name, span(time.Duration(step.Nanoseconds))})
		}
		return c.section("STEP", "TIME").write(rows)
	}
	return nil
}

// section is a table below an empty line.
func (c *cli) section(header ...string) *table {
	_, _ = fmt.Fprintln(c.stdout) // the next write fails as well
	return c.newTable(header...)
}

// because says which filter decided, if one did.
func because(e *feed.Explanation) string {
	if len(e.Filters) == 0 {
		return ""
	}
	last := &e.Filters[len(e.Filters)-1]
	if last.Action == abi.Pass.String() {
		return "every filter passed"
	}
	text := fmt.Sprintf("filter %s version %d says %s", last.Name, last.Version, last.Action)
	if last.Rule != "" {
		text += " by rule " + last.Rule
	}
	return text
}

// why says what else there is to a filter's verdict.
func why(f *feed.ExplainedFilter) string {
	var texts []string
	if f.Error != "" {
		texts = append(texts, "it broke, this is its fail mode: "+f.Error)
	}
	if f.Reason != nil {
		texts = append(texts, bothLanguages(*f.Reason))
	} else if f.Code > 0 {
		texts = append(texts, "code "+strconv.FormatUint(uint64(f.Code), 10))
	}
	if f.Erred {
		texts = append(texts, "a condition could not be decided")
	}
	return strings.Join(texts, "; ")
}

// describeFacts lists the facts that are there, but for those that are long or
// told already.
func describeFacts(facts map[string]any) string {
	var texts []string
	for name, value := range facts {
		switch text := fmt.Sprint(value); {
		case name == "user_agent" || name == "host" || name == "path":
		case text == "" || text == "0" || text == "false":
		default:
			if n, ok := value.(float64); ok { // as JSON has all numbers
				text = strconv.FormatFloat(n, 'f', -1, 64)
			}
			texts = append(texts, name+" "+text)
		}
	}
	slices.Sort(texts)
	return strings.Join(texts, ", ")
}

// signExplain prints a header and a command that uses it.
func (c *cli) signExplain(cmd *cobra.Command, name string, f *explainFlags) error {
	for _, flag := range []string{"country", "ip", "time", "edge"} {
		if cmd.Flags().Changed(flag) {
			return wrongUse(cmd, "--%s cannot be sent with --header: the edge explains the request as it comes; leave one of them out", flag)
		}
	}
	s, err := c.connect()
	if err != nil {
		return err
	}
	key, err := s.find(cmd.Context(), name)
	if err != nil {
		return err
	}
	short, err := s.shortURL(cmd.Context(), key)
	if err != nil {
		return s.explain(err)
	}
	var signed struct {
		Header    string    `json:"header"`
		Value     string    `json:"value"`
		ExpiresAt time.Time `json:"expires_at"`
	}
	got, err := s.do(cmd.Context(), call{
		method: http.MethodPost, path: "/v1/explain-header", query: url.Values{"seconds": {strconv.Itoa(f.seconds)}},
	}, &signed)
	if err != nil {
		return s.explain(err)
	}
	if c.json {
		return c.printReply(got)
	}
	header := signed.Header + ": " + signed.Value
	if _, err := fmt.Fprintf(c.stdout, "%s\n%s\n", header, f.curl(header, short)); err != nil {
		return err
	}
	c.say("it is good until %s; whoever has it sees how filters decide", localTime(signed.ExpiresAt))
	return nil
}

// shortURL returns where a link is visited.
func (s *session) shortURL(ctx context.Context, key link.Key) (string, error) {
	var l linkReply
	_, err := s.do(ctx, call{method: http.MethodGet, path: linkPath(key)}, &l)
	return l.ShortURL, err
}

// curl returns the command that makes the visit with a header.
func (f *explainFlags) curl(header, short string) string {
	words := []string{"curl", "-H", shellQuote(header)}
	if f.userAgent != "" {
		words = append(words, "-A", shellQuote(f.userAgent))
	}
	if f.referrer != "" {
		words = append(words, "-e", shellQuote(f.referrer))
	}
	for _, h := range [][2]string{{"X-Requested-With", f.requestedWith}, {"Accept-Language", f.language}} {
		if h[1] != "" {
			words = append(words, "-H", shellQuote(h[0]+": "+h[1]))
		}
	}
	if f.query != "" {
		short += "?" + f.query
	}
	return strings.Join(append(words, shellQuote(short)), " ")
}
