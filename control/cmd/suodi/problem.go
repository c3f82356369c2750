package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// refusal is a problem as people are told of it.
type refusal struct {
	problem *problem
	text    string
}

func (r *refusal) Error() string { return r.text }

func (r *refusal) Unwrap() error { return r.problem }

// writeProblem writes an error for programs: the API's problem as it came, any
// other error in the same form and without a status.
func writeProblem(w io.Writer, err error) {
	p := &problem{Title: "failed", Detail: err.Error()}
	if usage := (*usageError)(nil); errors.As(err, &usage) {
		p.Title = "wrong use"
	}
	errors.As(err, &p)
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(p) // nobody is left to be told
}

// labels are what the command line calls the fields of requests.
var labels = map[string]string{
	"body.url": "the URL", "body.slug": "the slug", "body.domain": "--domain", "body.allow": "--allow", "body.guard": "--guard",
	"body.title": "--title", "body.tags": "--tag", "body.campaign": "--campaign", "body.status": "--status", "body.state": "--state",
	"body.filters": "--filter", "body.not_after": "--not-after", "body.fallback_url": "--fallback", "body.name": "the name",
	"query.domain": "--domain", "query.tag": "--tag", "query.q": "--q", "query.limit": "--limit", "query.cursor": "--cursor",
	"body.canary.percent": "--canary", "body.canary.edges": "--canary-edges", "body.canary.max_failures": "--max-failures",
	"body.canary.max_change": "--max-change", "body.canary.min_visits": "--min-visits", "query.percent": "--canary",
	"query.edge": "--edge", "query.seconds": "--seconds", "body.country": "--country", "body.ip": "--ip", "body.user_agent": "--ua",
}

// tips are where what belongs into a field can be looked up.
var tips = map[string]string{
	"body.allow": "`suodi platform list` lists the platforms",
	"body.guard": "`suodi platform list` lists the platforms",

	"body.filters":      "`suodi filter list` lists the filters",
	"body.canary.edges": "`suodi fleet` lists the edges",
}

// describe says what a problem is, one line for each field that is wrong.
func describe(p *problem) string {
	if len(p.Errors) == 0 {
		return printable(p.Error())
	}
	var lines, ends []string
	for _, f := range p.Errors {
		field, rest, _ := strings.Cut(f.Location, "[")
		label := labels[field]
		if inner, found := strings.CutPrefix(f.Location, "body.params."); found {
			label = "--params " + inner
		} else if label == "" {
			label = f.Location
		} else if _, inner, found := strings.Cut(rest, "]."); found && inner != "name" {
			label += " " + inner
		}
		line := label
		if f.Value != nil && f.Value != "" {
			line += " " + quoteValue(f.Value)
		}
		lines = append(lines, printable(strings.TrimSpace(line+" "+f.Message)))
		if tip := tips[field]; tip != "" && (len(ends) == 0 || ends[len(ends)-1] != tip) {
			ends = append(ends, tip)
		}
	}
	text := ""
	if len(lines) == 1 {
		text = lines[0]
	} else {
		text = fmt.Sprintf("%d fields are wrong:\n  %s", len(lines), strings.Join(lines, "\n  "))
	}
	if len(ends) > 0 {
		text += "\n  " + strings.Join(ends, "\n  ")
	}
	return text
}

// maxValue is how much of a refused value is repeated, in columns.
const maxValue = 100

func quoteValue(value any) string {
	if text, ok := value.(string); ok {
		return fmt.Sprintf("%q", shorten(text, maxValue))
	}
	data, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return shorten(string(data), maxValue)
}
