package main

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"suodi/control/link"
)

// linkReply is a link as the API gives it.
type linkReply struct {
	link.Link
	ShortURL    string `json:"short_url"`
	URLHost     string `json:"url_host"`
	MixedScript bool   `json:"mixed_script"`
}

func (c *cli) linkCommand() *cobra.Command {
	cmd := c.remote(group("link", "Make, show and change links",
		"Make, show and change links. A link is named by its SLUG (on the default domain), by DOMAIN/SLUG or by its short URL."))
	cmd.AddCommand(c.linkCreate(), c.linkGet(), c.linkList(), c.linkUpdate(), c.linkDelete(), c.linkQR(), c.linkExplain())
	return cmd
}

// linkFlags are the flags of create and update that become fields.
type linkFlags struct {
	cli        *cli
	slug       string
	domain     string
	url        string
	title      string
	campaign   string
	state      string
	notAfter   string
	fallback   string
	status     int
	allow      []string
	guard      []string
	tags       []string
	filters    []string
	findOrMake bool
	waiting
}

func (f *linkFlags) register(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringSliceVar(&f.allow, "allow", nil, "`platforms` whose visitors alone may pass, separated by commas")
	flags.StringSliceVar(&f.guard, "guard", nil, "`platforms` whose visitors are told how to open the link in a browser")
	flags.StringVar(&f.title, "title", "", "`text` for people")
	flags.StringArrayVar(&f.tags, "tag", nil, "`word` to find the link by; may be given again")
	flags.StringVar(&f.campaign, "campaign", "", "`name` of the campaign the link belongs to")
	flags.IntVar(&f.status, "status", 0, "status `code` of the redirect: 301, 302, 307 or 308 (default 302)")
	flags.StringVar(&f.state, "state", "", "`one` of active, paused, archived (default active)")
	flags.StringVar(&f.notAfter, "not-after", "", "`time` the link expires: RFC 3339, a date (till its end) or +72h, +30d")
	flags.StringVar(&f.fallback, "fallback", "", "`URL` for visitors of the expired or archived link")
	flags.StringArrayVar(&f.filters, "filter", nil, "filter that runs on the link's visits, as `NAME` or NAME={…} with its parameters; may be given again")
	c := f.cli
	complete(cmd, "filter", c.completeBindings)
	complete(cmd, "allow", c.completePlatforms)
	complete(cmd, "guard", c.completePlatforms)
	complete(cmd, "status", cobra.FixedCompletions([]string{"301", "302", "307", "308"}, cobra.ShellCompDirectiveNoFileComp))
	complete(cmd, "state", cobra.FixedCompletions([]string{"active", "paused", "archived"}, cobra.ShellCompDirectiveNoFileComp))
	for _, name := range []string{"title", "tag", "campaign", "not-after", "fallback"} {
		complete(cmd, name, cobra.NoFileCompletions)
	}
	f.waiting.register(cmd)
}

// fields returns the fields that the flags of a command line give.
func (f *linkFlags) fields(cmd *cobra.Command) (map[string]any, error) {
	fields := map[string]any{}
	for flag, field := range map[string]struct {
		name  string
		value any
	}{
		"slug": {"slug", f.slug}, "domain": {"domain", f.domain}, "url": {"url", f.url},
		"allow": {"allow", list(f.allow)}, "guard": {"guard", list(f.guard)}, "tag": {"tags", list(f.tags)},
		"title": {"title", f.title}, "campaign": {"campaign", f.campaign}, "status": {"status", f.status},
		"state": {"state", f.state}, "fallback": {"fallback_url", f.fallback},
	} {
		if cmd.Flags().Changed(flag) {
			fields[field.name] = field.value
		}
	}
	if cmd.Flags().Changed("filter") {
		bindings, err := parseBindings(cmd, "filter", f.filters)
		if err != nil {
			return nil, err
		}
		fields["filters"] = bindings
	}
	if !cmd.Flags().Changed("not-after") {
		return fields, nil
	}
	if f.notAfter == "" || f.notAfter == "never" {
		fields["not_after"] = nil
		return fields, nil
	}
	t, err := parseMoment(f.notAfter, time.Now())
	if err != nil {
		return nil, wrongUse(cmd, "--not-after: %s", err)
	}
	fields["not_after"] = t
	return fields, nil
}

// list drops empty words, so that an empty flag means none.
func list(words []string) []string {
	kept := []string{}
	for _, w := range words {
		if w = strings.TrimSpace(w); w != "" {
			kept = append(kept, w)
		}
	}
	return kept
}

func (c *cli) linkCreate() *cobra.Command {
	f := &linkFlags{cli: c}
	cmd := &cobra.Command{
		Use: "create URL", Short: "Make a link and print its short URL", Args: wants("the URL"),
		Long: "Make a link and print its short URL. When the command returns, the link works on every connected edge.",
		Example: `  suodi link create https://example.org/
  suodi link create https://example.org/ --slug hello --guard wechat
  suodi link create https://example.org/ --allow ios,android --not-after +72h --fallback https://example.org/over
  suodi link create https://example.org/ --filter 'signed-link={"key":"…"}'`,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			fields, err := f.fields(cmd)
			if err != nil {
				return err
			}
			fields["url"] = args[0]
			if f.findOrMake {
				fields["find_or_create"] = true
			}
			return c.createLink(cmd.Context(), fields, f.query())
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&f.slug, "slug", "", "`path` of the link; left out, a free one is chosen")
	cmd.Flags().StringVar(&f.domain, "domain", "", "`host` the link is on; left out, the default domain")
	cmd.Flags().BoolVar(&f.findOrMake, "find-or-create", false, "print an equal link, whatever its slug, when there is one")
	complete(cmd, "slug", cobra.NoFileCompletions)
	complete(cmd, "domain", c.completeDomains)
	return cmd
}

func (c *cli) createLink(ctx context.Context, fields map[string]any, query url.Values) error {
	s, err := c.connect()
	if err != nil {
		return err
	}
	var made linkReply
	got, err := s.do(ctx, call{method: http.MethodPost, path: "/v1/links", query: query, body: fields}, &made)
	if err != nil {
		var p *problem
		if errors.As(err, &p) && p.Status == http.StatusConflict && p.hasFault("body.slug") {
			return s.slugTaken(ctx, p, fields)
		}
		return s.explain(err)
	}
	c.tellBehind(got)
	if c.json {
		return c.printReply(got)
	}
	if _, err := c.stdout.Write([]byte(made.ShortURL + "\n")); err != nil {
		return err
	}
	if made.MixedScript {
		c.say("suodi: mind that the host of %s mixes scripts: it may imitate another", printable(made.URLHost))
	}
	return nil
}

// slugTaken says who has a slug that cannot be given.
func (s *session) slugTaken(ctx context.Context, p *problem, fields map[string]any) error {
	slug, _ := fields["slug"].(string)
	domain, _ := fields["domain"].(string)
	name := slug
	if domain != "" {
		name = domain + "/" + slug
	}
	text := "the slug " + strconv.Quote(slug) + " belongs to a deleted link; choose another, leave --slug out to get a free one, or free it with `suodi link delete --release " + shellQuote(name) + "`"
	if key, err := s.find(ctx, name); err == nil {
		var holder linkReply
		if _, err := s.do(ctx, call{method: http.MethodGet, path: linkPath(key)}, &holder); err == nil {
			text = "the slug " + strconv.Quote(slug) + " is taken (it leads to " + shorten(holder.URL, maxValue) +
				"); choose another or leave --slug out to get a free one"
		}
	}
	return &refusal{p, printable(text)}
}

func (c *cli) linkGet() *cobra.Command {
	return &cobra.Command{
		Use: "get LINK", Short: "Show a link", Args: wants("the link"), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.changeLink(cmd.Context(), args[0], call{method: http.MethodGet})
		},
	}
}

// changeLink finds a link, makes a call for it and shows what it is then.
func (c *cli) changeLink(ctx context.Context, name string, call call) error {
	s, err := c.connect()
	if err != nil {
		return err
	}
	key, err := s.find(ctx, name)
	if err != nil {
		return err
	}
	call.path = linkPath(key)
	var l linkReply
	got, err := s.do(ctx, call, &l)
	if err != nil {
		return s.explain(err)
	}
	c.tellBehind(got)
	if c.json {
		return c.printReply(got)
	}
	return c.showLink(&l)
}

func (c *cli) showLink(l *linkReply) error {
	expires := ""
	if l.NotAfter != nil {
		expires = localTime(*l.NotAfter)
	}
	host := ""
	if l.MixedScript {
		host = l.URLHost + " (mixes scripts: it may imitate another)"
	}
	return c.pairs([][2]string{
		{"short URL", l.ShortURL},
		{"leads to", l.URL},
		{"host", host},
		{"domain", string(l.Domain)},
		{"slug", string(l.Slug)},
		{"title", l.Title},
		{"tags", strings.Join(l.Tags, ", ")},
		{"campaign", l.Campaign},
		{"state", l.State.String()},
		{"status", strconv.Itoa(l.Status)},
		{"allow", strings.Join(l.Allow, ", ")},
		{"guard", strings.Join(l.Guard, ", ")},
		{"filters", showBindings(l.Filters)},
		{"expires", expires},
		{"fallback", l.FallbackURL},
		{"created", localTime(l.CreatedAt) + " by " + l.CreatedBy},
		{"updated", localTime(l.UpdatedAt)},
		{"revision", l.Revision.String()},
		{"id", l.ID},
	}...)
}

// showBindings shows filter bindings as flags take them.
func showBindings(bindings []link.Binding) string {
	var texts []string
	for _, b := range bindings {
		text := b.Filter
		if len(b.Params) > 0 {
			text += "=" + string(b.Params)
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, ", ")
}

func (c *cli) linkUpdate() *cobra.Command {
	f := &linkFlags{cli: c}
	cmd := &cobra.Command{
		Use: "update LINK", Short: "Change a link", Args: wants("the link"),
		Long: "Change what flags are given for; the rest stays. An empty value removes: --guard '' guards nobody, --filter '' binds no filter, --not-after never lifts the expiry.",
		Example: `  suodi link update hello --url https://example.org/new
  suodi link update hello --state paused
  suodi link update go.example.com/hello --guard '' --tag spring --tag sale`,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			fields, err := f.fields(cmd)
			if err != nil {
				return err
			}
			if len(fields) == 0 {
				return wrongUse(cmd, "nothing to change is given")
			}
			return c.changeLink(cmd.Context(), args[0], call{method: http.MethodPatch, query: f.query(), body: fields})
		},
	}
	f.register(cmd)
	cmd.Flags().StringVar(&f.url, "url", "", "`URL` the link leads to from now on")
	complete(cmd, "url", cobra.NoFileCompletions)
	return cmd
}

func (c *cli) linkDelete() *cobra.Command {
	w, release := &waiting{}, false
	cmd := &cobra.Command{
		Use: "delete LINK", Short: "Delete a link; its slug stays reserved", Args: wants("the link"),
		Long:              "Delete a link. Its slug stays reserved, so that nobody takes over what is printed somewhere, until it is released.",
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.deleteLink(cmd.Context(), args[0], w.query(), release)
		},
	}
	cmd.Flags().BoolVar(&release, "release", false, "forget the link wholly and free its slug, also when it was deleted before")
	w.register(cmd)
	return cmd
}

func (c *cli) deleteLink(ctx context.Context, name string, query url.Values, release bool) error {
	s, err := c.connect()
	if err != nil {
		return err
	}
	key, err := s.find(ctx, name)
	if err != nil {
		return err
	}
	if release {
		query.Set("release", "true")
	}
	got, err := s.do(ctx, call{method: http.MethodDelete, path: linkPath(key), query: query}, nil)
	if err != nil {
		return s.explain(err)
	}
	c.tellBehind(got)
	switch {
	case c.json:
	case release:
		c.say("deleted %s and freed its slug", key)
	default:
		c.say("deleted %s; its slug stays reserved until `suodi link delete --release %s`", key, shellQuote(name))
	}
	return nil
}
