package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

const (
	defaultLimit = 50
	maxPage      = 1000 // links that the API gives in one answer

	maxShownURL   = 60 // columns
	maxShownTitle = 30
)

// listing is a list of links being printed.
type listing struct {
	*cli
	*session
	query url.Values
	limit int // links at most; 0: all
	shown int
	table *table

	opened bool // the JSON is begun
}

func (c *cli) linkList() *cobra.Command {
	var domain, tag, text, cursor string
	var limit int
	var all bool
	cmd := &cobra.Command{
		Use: "list", Short: "List links, newest first", Args: wants(), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if limit < 1 {
				return wrongUse(cmd, "--limit %d: want at least 1, or --all", limit)
			}
			s, err := c.connect()
			if err != nil {
				return err
			}
			l := &listing{cli: c, session: s, query: url.Values{}, limit: limit}
			if all {
				l.limit = 0
			}
			for name, value := range map[string]string{"domain": domain, "tag": tag, "q": text, "cursor": cursor} {
				if value != "" {
					l.query.Set(name, value)
				}
			}
			return l.print(cmd.Context())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&domain, "domain", "", "only links on this `host`")
	flags.StringVar(&tag, "tag", "", "only links with this `word` as a tag")
	flags.StringVar(&text, "q", "", "only links with this `text` in slug, URL or title")
	flags.IntVar(&limit, "limit", defaultLimit, "`number` of links at most")
	flags.BoolVar(&all, "all", false, "list all there are")
	flags.StringVar(&cursor, "cursor", "", "go on at the `next_cursor` of an earlier list")
	complete(cmd, "domain", c.completeDomains)
	for _, name := range []string{"tag", "q", "limit", "cursor"} {
		complete(cmd, name, cobra.NoFileCompletions)
	}
	return cmd
}

// page is one answer of the API; links stay as they came for those who want
// JSON.
type page struct {
	Links      []json.RawMessage `json:"links"`
	NextCursor string            `json:"next_cursor"`
}

// print fetches page after page and prints each at once: a list may be longer
// than memory.
func (l *listing) print(ctx context.Context) error {
	l.table = l.newTable("SHORT URL", "LEADS TO", "ALLOW", "GUARD", "STATE", "TITLE")
	for {
		want := maxPage
		if l.limit > 0 {
			want = min(l.limit-l.shown, maxPage)
		}
		l.query.Set("limit", strconv.Itoa(want))
		var p page
		if _, err := l.session.do(ctx, call{method: http.MethodGet, path: "/v1/links", query: l.query}, &p); err != nil {
			return l.explain(err)
		}
		if err := l.printPage(p.Links); err != nil {
			return err
		}
		l.shown += len(p.Links)
		if p.NextCursor == "" || l.shown == l.limit {
			return l.end(p.NextCursor)
		}
		l.query.Set("cursor", p.NextCursor)
	}
}

func (l *listing) printPage(links []json.RawMessage) error {
	if l.json {
		var b bytes.Buffer
		if !l.opened {
			b.WriteString("{\n  \"links\": [")
			l.opened = true
		}
		for i, link := range links {
			if l.shown+i > 0 {
				b.WriteByte(',')
			}
			b.WriteString("\n    ")
			if err := json.Indent(&b, link, "    ", "  "); err != nil {
				return err
			}
		}
		_, err := l.stdout.Write(b.Bytes())
		return err
	}
	var rows [][]string
	for _, data := range links {
		var one linkReply
		if err := json.Unmarshal(data, &one); err != nil {
			return fmt.Errorf("read link: %w", err)
		}
		rows = append(rows, []string{
			one.ShortURL, shorten(one.URL, maxShownURL), strings.Join(one.Allow, ","), strings.Join(one.Guard, ","),
			one.State.String(), shorten(one.Title, maxShownTitle),
		})
	}
	if len(rows) == 0 {
		return nil
	}
	return l.table.write(rows)
}

func (l *listing) end(cursor string) error {
	switch {
	case l.json && cursor == "":
		_, err := fmt.Fprint(l.stdout, "\n  ]\n}\n")
		return err
	case l.json:
		_, err := fmt.Fprintf(l.stdout, "\n  ],\n  \"next_cursor\": %q\n}\n", cursor)
		return err
	case cursor != "":
		l.say("there are more; --all lists them all, --cursor %s goes on", cursor)
	case l.shown == 0:
		l.say("there are no such links; `suodi link create URL` makes one")
	}
	return nil
}
