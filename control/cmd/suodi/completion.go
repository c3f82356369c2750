package main

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// completeTimeout is how long a shell waits for what it offers.
const completeTimeout = 2 * time.Second

// complete says how a flag's value is completed.
func complete(cmd *cobra.Command, flag string, how cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, how); err != nil {
		panic(err) // the flag is not there: a mistake in this program
	}
}

// fetch makes a call for the shell: in short time, and silent when it fails.
func (c *cli) fetch(ctx context.Context, call call, result any) bool {
	ctx, cancel := context.WithTimeout(ctx, completeTimeout)
	defer cancel()
	_, err := c.do(ctx, call, result)
	return err == nil
}

// completePlatforms completes the last of some platform ids with commas
// between.
func (c *cli) completePlatforms(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	const how = cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	var got platformsReply
	if !c.fetch(cmd.Context(), listPlatforms, &got) {
		return nil, how
	}
	cut := strings.LastIndexByte(typed, ',') + 1
	before, begun := typed[:cut], typed[cut:]
	given := strings.Split(before, ",")
	var found []string
	for _, p := range got.Platforms {
		if !p.Retired && strings.HasPrefix(p.ID, begun) && !slices.Contains(given, p.ID) {
			found = append(found, before+p.ID+"\t"+p.Zh+" "+p.En)
		}
	}
	return found, how
}

func (c *cli) completeDomains(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	var got domainsReply
	c.fetch(cmd.Context(), listDomains, &got)
	var found []string
	for _, d := range got.Domains {
		if strings.HasPrefix(d.Name, typed) {
			found = append(found, d.Name)
		}
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}

func (c *cli) completeFilters(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	var got filtersReply
	if len(args) == 0 {
		c.fetch(cmd.Context(), listFilters, &got)
	}
	var found []string
	for _, f := range got.Filters {
		if strings.HasPrefix(f.Name, typed) {
			found = append(found, f.Name)
		}
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}

func (c *cli) completeTokens(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	var got tokensReply
	if len(args) == 0 {
		c.fetch(cmd.Context(), call{method: http.MethodGet, path: tokensPath}, &got)
	}
	var found []string
	for _, t := range got.Tokens {
		if strings.HasPrefix(t.ID, typed) {
			found = append(found, t.ID+"\t"+t.Name)
		}
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}

// completeBindings completes the name of a filter that parameters follow.
func (c *cli) completeBindings(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	found, _ := c.completeFilters(cmd, nil, typed)
	return found, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}

// completeVersions completes a filter's name, then its versions.
func (c *cli) completeVersions(cmd *cobra.Command, args []string, typed string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return c.completeFilters(cmd, args, typed)
	}
	var got versionsReply
	c.fetch(cmd.Context(), call{method: http.MethodGet, path: filterPath(args[0]) + "/versions"}, &got)
	var found []string
	for _, v := range got.Versions {
		if number := strconv.Itoa(v.Number); strings.HasPrefix(number, typed) {
			found = append(found, number+"\t"+localTime(v.PushedAt)+" by "+v.PushedBy)
		}
	}
	return found, cobra.ShellCompDirectiveNoFileComp
}

// completeEdges completes the last of some edges' ids with commas between.
func (c *cli) completeEdges(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	var got fleetReply
	c.fetch(cmd.Context(), getFleet, &got)
	cut := strings.LastIndexByte(typed, ',') + 1
	before, begun := typed[:cut], typed[cut:]
	given := strings.Split(before, ",")
	var found []string
	for _, e := range got.Edges {
		if strings.HasPrefix(e.ID, begun) && !slices.Contains(given, e.ID) {
			found = append(found, before+e.ID)
		}
	}
	return found, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}
