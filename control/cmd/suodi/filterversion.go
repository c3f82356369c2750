package main

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/cobra"
)

// versionReply is a version of a filter as the API gives it.
type versionReply struct {
	Number   int       `json:"number"`
	Hash     string    `json:"hash"`
	Size     int       `json:"size"`
	PushedAt time.Time `json:"pushed_at"`
	PushedBy string    `json:"pushed_by"`
	Source   string    `json:"source"`
}

type versionsReply struct {
	Versions []versionReply `json:"versions"`
}

const shownHash = 12 // letters of a hash that people are shown

func shortHash(hash string) string { return hash[:min(len(hash), shownHash)] }

func (c *cli) filterVersions() *cobra.Command {
	return &cobra.Command{
		Use: "versions NAME", Short: "List a filter's versions", Args: wants("the filter's name"), ValidArgsFunction: c.completeFilters,
		RunE: func(cmd *cobra.Command, args []string) error {
			var list versionsReply
			got, err := c.do(cmd.Context(), call{method: http.MethodGet, path: filterPath(args[0]) + "/versions"}, &list)
			if err != nil {
				return err
			}
			if c.json {
				return c.printReply(got)
			}
			var rows [][]string
			for _, v := range list.Versions {
				rows = append(rows, []string{
					strconv.Itoa(v.Number), localTime(v.PushedAt), v.PushedBy, grouped(v.Size), shortHash(v.Hash),
				})
			}
			return c.newTable("VERSION", "PUSHED", "BY", "BYTES", "HASH").write(rows)
		},
	}
}

func (c *cli) filterHistory() *cobra.Command {
	return &cobra.Command{
		Use: "history NAME", Short: "Show what happened to a filter, newest first", Args: wants("the filter's name"), ValidArgsFunction: c.completeFilters,
		RunE: func(cmd *cobra.Command, args []string) error {
			var history struct {
				Events []struct {
					At      time.Time    `json:"at"`
					By      string       `json:"by"`
					What    string       `json:"what"`
					Version int          `json:"version"`
					Reason  string       `json:"reason"`
					Canary  *canaryReply `json:"canary"`
				} `json:"events"`
			}
			got, err := c.do(cmd.Context(), call{method: http.MethodGet, path: filterPath(args[0]) + "/history"}, &history)
			if err != nil {
				return err
			}
			if c.json {
				return c.printReply(got)
			}
			var rows [][]string
			for _, e := range history.Events {
				more := e.Reason
				if e.Canary != nil && more == "" {
					more = "on " + e.Canary.on()
				}
				rows = append(rows, []string{localTime(e.At), orDash(e.Version), e.What, e.By, more})
			}
			return c.newTable("WHEN", "VERSION", "WHAT", "BY", "").write(rows)
		},
	}
}

// parseVersion reads the number of a version.
func parseVersion(cmd *cobra.Command, text string) (string, error) {
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil || n == 0 {
		return "", wrongUse(cmd, "%q is no version; want its number", text)
	}
	return strconv.FormatUint(n, 10), nil
}

// wantsSome checks that a command got the first of the arguments it names and no
// more than all.
func wantsSome(first string, others ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return wants(first)(cmd, args)
		}
		return wantsAtMost(append([]string{first}, others...)...)(cmd, args)
	}
}

func (c *cli) filterDiff() *cobra.Command {
	return &cobra.Command{
		Use: "diff NAME [FROM [TO]]", Short: "Compare two versions of a filter", Args: wantsSome("the filter's name", "FROM", "TO"),
		Long: `Compare two versions of a filter: rule sets by their text, modules by what they say
of themselves. Without FROM it is the version in force, without TO the newest.`,
		Example:           "  suodi filter diff campaign\n  suodi filter diff campaign 3 5",
		ValidArgsFunction: c.completeVersions,
		RunE: func(cmd *cobra.Command, args []string) error {
			query := url.Values{}
			for i, name := range []string{"from", "to"} {
				if len(args) <= i+1 {
					break
				}
				number, err := parseVersion(cmd, args[i+1])
				if err != nil {
					return err
				}
				query.Set(name, number)
			}
			got, err := c.do(cmd.Context(), call{method: http.MethodGet, path: filterPath(args[0]) + "/diff", query: query, accept: "text/plain"}, nil)
			if err != nil {
				return err
			}
			if c.json {
				return c.printJSON(map[string]string{"diff": string(got.body)})
			}
			if len(got.body) == 0 {
				c.say("the two versions are equal")
			}
			_, err = c.stdout.Write(got.body)
			return err
		},
	}
}

func (c *cli) filterSource() *cobra.Command {
	return &cobra.Command{
		Use: "source NAME [VERSION]", Short: "Print the rule set of a version", Args: wantsSome("the filter's name", "VERSION"),
		Long:              "Print the rule set of a version, as it was pushed. Without VERSION it is the one in force, else the newest.",
		Example:           "  suodi filter source campaign > campaign.yaml",
		ValidArgsFunction: c.completeVersions,
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			number := ""
			if len(args) > 1 {
				number, err = parseVersion(cmd, args[1])
			} else {
				number, err = c.shownVersion(cmd.Context(), args[0])
			}
			if err != nil {
				return err
			}
			var v versionReply
			got, err := c.do(cmd.Context(), call{method: http.MethodGet, path: filterPath(args[0]) + "/versions/" + number}, &v)
			if err != nil {
				return err
			}
			if c.json {
				return c.printReply(got)
			}
			if v.Source == "" {
				return fmt.Errorf("version %s of %s was pushed as a module; its source stayed with whoever compiled it", number, args[0])
			}
			_, err = fmt.Fprint(c.stdout, v.Source)
			return err
		},
	}
}

// shownVersion returns the number of the version in force, else the newest.
func (c *cli) shownVersion(ctx context.Context, name string) (string, error) {
	var f filterReply
	if _, err := c.do(ctx, call{method: http.MethodGet, path: filterPath(name)}, &f); err != nil {
		return "", err
	}
	if f.Current == 0 {
		return strconv.Itoa(f.Newest), nil
	}
	return strconv.Itoa(f.Current), nil
}
