package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"suodi/control/rollout"
)

// filterReply is a filter as the API gives it.
type filterReply struct {
	Name    string                     `json:"name"`
	Newest  int                        `json:"newest"`
	Current int                        `json:"current"`
	Staged  int                        `json:"staged"`
	Canary  *canaryReply               `json:"canary"`
	History []int                      `json:"history"`
	Chain   int                        `json:"chain"`
	Params  map[string]json.RawMessage `json:"params"`
	Note    string                     `json:"note"`
	Bound   struct {
		Links   int      `json:"links"`
		Domains []string `json:"domains"`
	} `json:"bound"`
	Edges    []filterOnEdge    `json:"edges"`
	Forecast *rollout.Forecast `json:"forecast"`
}

// canaryReply is a canary, or what was said of one.
type canaryReply struct {
	Version     int       `json:"version"`
	StartedAt   time.Time `json:"started_at"`
	StartedBy   string    `json:"started_by"`
	Percent     float64   `json:"percent"`
	Edges       []string  `json:"edges"`
	MaxFailures float64   `json:"max_failures"`
	MaxChange   float64   `json:"max_change"`
	MinVisits   int       `json:"min_visits"`
}

// on says which visits a canary gets.
func (c *canaryReply) on() string {
	if len(c.Edges) > 0 {
		return count(len(c.Edges), "edge")
	}
	return showPercent(c.Percent)
}

type filterOnEdge struct {
	Edge    string      `json:"edge"`
	Version int         `json:"version"`
	Canary  bool        `json:"canary"`
	Hash    string      `json:"hash"`
	Error   string      `json:"error"`
	Tripped bool        `json:"tripped"`
	Tally   *tallyReply `json:"tally"`
}

// tallyReply counts visits.
type tallyReply struct {
	Visits  uint64 `json:"visits"`
	Passed  uint64 `json:"passed"`
	Allowed uint64 `json:"allowed"`
	Denied  uint64 `json:"denied"`
	Guided  uint64 `json:"guided"`
	Routed  uint64 `json:"routed"`
	Failed  uint64 `json:"failed"`
	Erred   uint64 `json:"erred"`
}

type filtersReply struct {
	Filters []filterReply `json:"filters"`
}

var listFilters = call{method: http.MethodGet, path: "/v1/filters"}

func (c *cli) filterCommand() *cobra.Command {
	cmd := c.remote(group("filter", "Push platform rules and put them in force",
		`Push platform rules and put them in force.

A filter is a rule set (YAML) or a WebAssembly module. Write one with new, fmt,
test and run, which need no control plane. A pushed one waits as the filter's
staged version until it is promoted, everywhere or as a canary for a part of the
visits; rollback takes it back.`))
	cmd.AddCommand(c.filterNew(), c.filterBuild(), c.filterFmt(), c.filterTest(), c.filterRun(), c.filterPush(), c.filterPromote(), c.filterRollback(),
		c.filterList(), c.filterStatus(), c.filterHistory(), c.filterVersions(), c.filterDiff(), c.filterSource(), c.filterChain())
	return cmd
}

func filterPath(name string) string { return "/v1/filters/" + url.PathEscape(name) }

// tellFilter says where a filter stands after a change.
func (c *cli) tellFilter(got *reply, f *filterReply) error {
	c.tellBehind(got)
	if c.json {
		return c.printReply(got)
	}
	in := "no version is in force"
	if f.Current > 0 {
		in = fmt.Sprintf("version %d is in force", f.Current)
	}
	if f.Canary != nil {
		in += fmt.Sprintf(", version %d is a canary on %s; `suodi filter promote %s` puts it in force everywhere, `suodi filter rollback %s` ends it",
			f.Canary.Version, f.Canary.on(), f.Name, f.Name)
	} else if f.Staged > 0 && f.Staged != f.Current {
		in += fmt.Sprintf(", version %d is staged; `suodi filter promote %s` puts it in force", f.Staged, f.Name)
	}
	c.say("%s: %s", f.Name, in)
	if f.Current > 0 && f.Chain == 0 && f.Bound.Links == 0 && len(f.Bound.Domains) == 0 {
		c.say("suodi: it runs nowhere yet: it is not in the chain (`suodi filter chain`), and no link or domain binds it")
	}
	c.tellRefusals(f)
	return nil
}

// tellRefusals says which edges cannot run a version.
func (c *cli) tellRefusals(f *filterReply) {
	for _, edge := range f.Edges {
		if edge.Error != "" {
			c.say("suodi: edge %s refuses version %d of %s: %s", edge.Edge, edge.Version, f.Name, printable(edge.Error))
		}
	}
}

func (c *cli) filterList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the filters and how they fare on the edges", Args: wants(), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var list filtersReply
			got, err := c.do(cmd.Context(), listFilters, &list)
			if err != nil {
				return err
			}
			if c.json {
				return c.printReply(got)
			}
			var rows [][]string
			for i := range list.Filters {
				f := &list.Filters[i]
				canary := "-"
				if f.Canary != nil {
					canary = fmt.Sprintf("%d on %s", f.Canary.Version, f.Canary.on())
				}
				rows = append(rows, []string{f.Name, orDash(f.Current), orDash(f.Staged), canary, orDash(f.Chain), boundTo(f), f.onEdges()})
			}
			return c.newTable("NAME", "IN FORCE", "STAGED", "CANARY", "CHAIN", "BOUND", "EDGES").write(rows)
		},
	}
}

// maxBound is where the API stops counting the links that bind a filter.
const maxBound = 1000

// boundTo says who binds a filter by name.
func boundTo(f *filterReply) string {
	text := ""
	if n := f.Bound.Links; n >= maxBound {
		text = grouped(n) + " links or more"
	} else if n > 0 {
		text = count(n, "link")
	}
	if n := len(f.Bound.Domains); n > 0 && text != "" {
		text += ", " + count(n, "domain")
	} else if n > 0 {
		text = count(n, "domain")
	}
	if text == "" {
		return "-"
	}
	return text
}

// onEdges says how many edges run the filter, all versions of it that they are
// to run.
func (f *filterReply) onEdges() string {
	all, bad, tripped := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, e := range f.Edges {
		all[e.Edge] = true
		if e.Error != "" {
			bad[e.Edge] = true
		}
		if e.Tripped {
			tripped[e.Edge] = true
		}
	}
	if len(all) == 0 {
		return "none connected"
	}
	text := fmt.Sprintf("%d of %d run it", len(all)-len(bad), len(all))
	if len(tripped) > 0 {
		text += fmt.Sprintf(", tripped on %d", len(tripped))
	}
	return text
}

func orDash(n int) string {
	if n == 0 {
		return "-"
	}
	return strconv.Itoa(n)
}
