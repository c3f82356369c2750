package main

import (
	"net/http"

	"github.com/spf13/cobra"
)

// promoteFlags are the flags of filter promote.
type promoteFlags struct {
	canary      string
	edges       []string
	maxFailures string
	maxChange   string
	minVisits   int
	named       bool
	waiting
}

func (c *cli) filterPromote() *cobra.Command {
	f := &promoteFlags{}
	cmd := &cobra.Command{
		Use: "promote NAME", Short: "Put a filter's staged version in force, everywhere or as a canary", Args: wants("the filter's name"),
		Long: `Put a filter's staged version in force. With --canary or --canary-edges it runs on
a part of the visits first, and is taken out of force by itself when it breaks
more often or decides otherwise than the version in force, by more than the
limits. Promoting a canary puts it in force everywhere, or on other visits.`,
		Example: `  suodi filter promote campaign
  suodi filter promote campaign --canary 5%
  suodi filter promote campaign --canary-edges edge-1,edge-2 --max-change 20% --min-visits 1000`,
		ValidArgsFunction: c.completeFilters,
		RunE: func(cmd *cobra.Command, args []string) error {
			fields, err := f.fields(cmd)
			if err != nil {
				return err
			}
			request := call{method: http.MethodPost, path: filterPath(args[0]) + "/promote", query: f.query()}
			if len(fields) > 0 {
				request.body = fields
			}
			return c.moveFilter(cmd, request)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.canary, "canary", "", "`share` of all visits that get it first, as in 5%; a visitor stays on one side")
	flags.StringSliceVar(&f.edges, "canary-edges", nil, "`edges` that run it first, on all their visits, separated by commas")
	flags.StringVar(&f.maxFailures, "max-failures", "", "halt the canary when the `share` of visits it breaks on is larger by more than this (default 1%)")
	flags.StringVar(&f.maxChange, "max-change", "", "halt the canary when the `share` of a verdict differs by more than this (default 10%)")
	flags.IntVar(&f.minVisits, "min-visits", 0, "`visits` of each version before they are compared (default 100)")
	flags.BoolVar(&f.named, "named", false, "do not append a new filter to the chain; it runs where links and domains bind it")
	for _, name := range []string{"canary", "max-failures", "max-change", "min-visits"} {
		complete(cmd, name, cobra.NoFileCompletions)
	}
	complete(cmd, "canary-edges", c.completeEdges)
	f.register(cmd)
	return cmd
}

// fields returns the body of the request, empty for everywhere.
func (f *promoteFlags) fields(cmd *cobra.Command) (map[string]any, error) {
	fields, canary := map[string]any{}, map[string]any{}
	if f.named {
		fields["chain"] = false
	}
	edges := list(f.edges)
	if f.canary != "" && len(edges) > 0 {
		return nil, wrongUse(cmd, "--canary is a share of all visits and --canary-edges all visits of some edges; give one of them")
	}
	if f.canary != "" {
		share, err := parsePercent(f.canary)
		if err != nil {
			return nil, wrongUse(cmd, "--canary: %s", err)
		}
		canary["percent"] = share
	}
	if len(edges) > 0 {
		canary["edges"] = edges
	}
	trial := len(canary) > 0
	for name, field := range map[string]struct{ flag, value string }{
		"max_failures": {"--max-failures", f.maxFailures}, "max_change": {"--max-change", f.maxChange},
	} {
		if field.value == "" {
			continue
		}
		share, err := parsePercent(field.value)
		if err != nil {
			return nil, wrongUse(cmd, "%s: %s", field.flag, err)
		}
		canary[name] = share / 100
	}
	if cmd.Flags().Changed("min-visits") {
		canary["min_visits"] = f.minVisits
	}
	if len(canary) > 0 && !trial {
		return nil, wrongUse(cmd, "--max-failures, --max-change and --min-visits say when a canary is halted; give --canary or --canary-edges with them")
	}
	if trial {
		fields["canary"] = canary
	}
	return fields, nil
}

func (c *cli) filterRollback() *cobra.Command {
	var w waiting
	cmd := &cobra.Command{
		Use: "rollback NAME", Short: "End a filter's canary, or return to the version in force before", Args: wants("the filter's name"),
		Long: `End a filter's canary if one runs. Otherwise return to the version that was in
force before; where there is none, no version is in force and the filter passes
every visit.`,
		ValidArgsFunction: c.completeFilters,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.moveFilter(cmd, call{method: http.MethodPost, path: filterPath(args[0]) + "/rollback", query: w.query()})
		},
	}
	w.register(cmd)
	return cmd
}

func (c *cli) moveFilter(cmd *cobra.Command, request call) error {
	var f filterReply
	got, err := c.do(cmd.Context(), request, &f)
	if err != nil {
		return err
	}
	return c.tellFilter(got, &f)
}
