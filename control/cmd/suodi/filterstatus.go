package main

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

func (c *cli) filterStatus() *cobra.Command {
	return &cobra.Command{
		Use: "status [NAME]", Short: "Show where a filter is in force, how it fares on each edge and what it decides", Args: wantsAtMost("NAME"),
		Long: `Show where a filter is in force and, for each of its versions and each connected
edge, whether the edge runs it and what it decides there, since the edge started
or loaded it. A filter that breaks too often is tripped: it is not called for a
while, and its fail mode answers. Without NAME all filters are shown.`,
		Example:           "  suodi filter status campaign\n  suodi filter status --json",
		ValidArgsFunction: c.completeFilters,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.showStatus(cmd.Context(), args)
		},
	}
}

func (c *cli) showStatus(ctx context.Context, names []string) error {
	var list filtersReply
	var got *reply
	var err error
	if len(names) == 0 {
		got, err = c.do(ctx, listFilters, &list)
	} else {
		list.Filters = make([]filterReply, 1)
		got, err = c.do(ctx, call{method: http.MethodGet, path: filterPath(names[0])}, &list.Filters[0])
	}
	if err != nil {
		return err
	}
	if c.json {
		return c.printReply(got)
	}
	for i := range list.Filters {
		if i > 0 {
			if _, err := fmt.Fprintln(c.stdout); err != nil {
				return err
			}
		}
		if err := c.showFilter(&list.Filters[i]); err != nil {
			return err
		}
	}
	return nil
}

func (c *cli) showFilter(f *filterReply) error {
	staged := ""
	if f.Staged > 0 {
		staged = fmt.Sprintf("version %d; `suodi filter promote %s` puts it in force", f.Staged, f.Name)
	}
	refused := []string{}
	for _, e := range f.Edges {
		if e.Error != "" {
			refused = append(refused, fmt.Sprintf("version %d on %s: %s", e.Version, e.Edge, e.Error))
		}
	}
	lines := [][2]string{
		{"filter", f.Name},
		{"in force", f.inForce()},
		{"runs", f.runs()},
		{"canary", f.Canary.describe()},
		{"staged", staged},
		{"note", f.Note},
		{"edges", f.onEdges()},
	}
	for _, r := range refused {
		lines = append(lines, [2]string{"refused", r})
	}
	if err := c.pairs(lines...); err != nil {
		return err
	}
	if len(f.Edges) == 0 {
		return nil
	}
	return c.newTable("VERSION", "EDGE", "STATE", "HASH", "VISITS", "PASS", "ALLOW", "DENY", "GUIDE", "ROUTE", "BROKE", "UNDECIDED").write(f.statusRows())
}

func (f *filterReply) inForce() string {
	if f.Current == 0 {
		return "none"
	}
	return fmt.Sprintf("version %d", f.Current)
}

// runs says on whose visits the filter runs.
func (f *filterReply) runs() string {
	var where []string
	if f.Chain > 0 {
		where = append(where, fmt.Sprintf("on all visits, at place %d of the chain", f.Chain))
	}
	if bound := boundTo(f); bound != "-" {
		if len(f.Bound.Domains) > 0 {
			bound += " (" + strings.Join(f.Bound.Domains, ", ") + ")"
		}
		where = append(where, "where it is bound: "+bound)
	}
	if len(where) == 0 {
		return "nowhere: it is not in the chain, and nothing binds it"
	}
	return strings.Join(where, "; ")
}

// describe says which visits a canary gets, and when it is halted.
func (c *canaryReply) describe() string {
	if c == nil {
		return ""
	}
	on := showPercent(c.Percent) + " of all visits"
	if len(c.Edges) > 0 {
		on = "all visits of " + strings.Join(c.Edges, ", ")
	}
	return fmt.Sprintf("version %d on %s since %s by %s; halted when it breaks on %s more of the visits or a verdict's share changes by %s, from %s on",
		c.Version, on, localTime(c.StartedAt), c.StartedBy, showPercent(c.MaxFailures*100), showPercent(c.MaxChange*100), count(c.MinVisits, "visit"))
}

// statusRows are the versions on the edges, and what each decided on all edges
// together where there are several.
func (f *filterReply) statusRows() (rows [][]string) {
	slices.SortStableFunc(f.Edges, func(a, b filterOnEdge) int { return cmp.Compare(a.Version, b.Version) })
	for from := 0; from < len(f.Edges); {
		end := from
		var all tallyReply
		for ; end < len(f.Edges) && f.Edges[end].Version == f.Edges[from].Version; end++ {
			e := &f.Edges[end]
			rows = append(rows, append([]string{e.version(), e.Edge, e.state(), orNothing(shortHash(e.Hash))}, e.Tally.cells()...))
			all.add(e.Tally)
		}
		if end-from > 1 {
			rows = append(rows, append([]string{f.Edges[from].version(), "(all)", "", ""}, all.cells()...))
		}
		from = end
	}
	return rows
}

func (e *filterOnEdge) version() string {
	switch {
	case e.Version == 0:
		return "none"
	case e.Canary:
		return fmt.Sprintf("%d canary", e.Version)
	}
	return fmt.Sprint(e.Version)
}

func (e *filterOnEdge) state() string {
	switch {
	case e.Error != "":
		return "refused"
	case e.Tripped:
		return "tripped"
	}
	return "runs"
}

func (t *tallyReply) add(other *tallyReply) {
	if other == nil {
		return
	}
	for _, n := range [][2]*uint64{
		{&t.Visits, &other.Visits},
		{&t.Passed, &other.Passed},
		{&t.Allowed, &other.Allowed},
		{&t.Denied, &other.Denied},
		{&t.Guided, &other.Guided},
		{&t.Routed, &other.Routed},
		{&t.Failed, &other.Failed},
		{&t.Erred, &other.Erred},
	} {
		*n[0] += *n[1]
	}
}

// cells are the columns of what was counted: visits, the shares of verdicts and
// how many went wrong.
func (t *tallyReply) cells() []string {
	if t == nil {
		return []string{"-", "-", "-", "-", "-", "-", "-", "-"}
	}
	cells := []string{grouped(t.Visits)}
	for _, n := range []uint64{t.Passed, t.Allowed, t.Denied, t.Guided, t.Routed} {
		share := "-"
		if n > 0 {
			share = percent(int(n), int(t.Visits))
		}
		cells = append(cells, share)
	}
	return append(cells, grouped(t.Failed), grouped(t.Erred))
}

func orNothing(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
