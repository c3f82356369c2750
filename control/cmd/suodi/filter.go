package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"gopkg.in/yaml.v3"
)

// filterReply is a filter as the API gives it.
type filterReply struct {
	Name    string `json:"name"`
	Current int    `json:"current"`
	Staged  int    `json:"staged"`
	Chain   int    `json:"chain"`
	Edges   []struct {
		Edge  string `json:"edge"`
		Hash  string `json:"hash"`
		Error string `json:"error"`
	} `json:"edges"`
}

type filtersReply struct {
	Filters []filterReply `json:"filters"`
}

var listFilters = call{method: http.MethodGet, path: "/v1/filters"}

func (c *cli) filterCommand() *cobra.Command {
	cmd := c.remote(group("filter", "Push platform rules and put them in force",
		"Push platform rules and put them in force. A pushed rule set waits as the filter's staged version until it is promoted."))
	cmd.AddCommand(c.filterNew(), c.filterBuild(), c.filterFmt(), c.filterTest(), c.filterRun(), c.filterPush(),
		c.filterMove("promote", "Put a filter's staged version in force everywhere"),
		c.filterMove("rollback", "Return to the version that was in force before"),
		c.filterList(), c.filterHistory(), c.filterChain())
	return cmd
}

func filterPath(name string) string { return "/v1/filters/" + url.PathEscape(name) }

func (c *cli) filterPush() *cobra.Command {
	var w waiting
	promote := false
	cmd := &cobra.Command{
		Use: "push FILE", Short: "Push a rule set; - reads it from standard input", Args: wants("the file with the rule set"),
		Example: "  suodi filter push rules.yaml --promote",
		RunE: func(cmd *cobra.Command, args []string) error {
			query := w.query()
			if promote {
				query.Set("promote", "all")
			}
			return c.pushFilter(cmd.Context(), args[0], query)
		},
	}
	cmd.Flags().BoolVar(&promote, "promote", false, "also put it in force everywhere")
	w.register(cmd)
	return cmd
}

func (c *cli) pushFilter(ctx context.Context, file string, query url.Values) error {
	in := c.stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }() // only read
		in = f
	}
	source, err := io.ReadAll(io.LimitReader(in, maxSource))
	if err != nil {
		return err
	}
	s, err := c.connect()
	if err != nil {
		return err
	}
	kind := "application/yaml"
	if bytes.HasPrefix(source, []byte("\x00asm")) {
		kind = "application/wasm"
	}
	var f filterReply
	got, err := s.do(ctx, call{
		method: http.MethodPost, path: filterPath(ruleSetName(source, file)), query: query, source: source, kind: kind,
	}, &f)
	if p := (*problem)(nil); errors.As(err, &p) && p.Status == http.StatusUnprocessableEntity && len(p.Errors) > 0 {
		return &refusal{p, describeMistakes(p, file)}
	}
	if err != nil {
		return s.explain(err)
	}
	return c.tellFilter(got, &f)
}

var nameLine = regexp.MustCompile(`(?m)^name:[ \t]*["']?([a-z][a-z0-9_-]*)`)

// ruleSetName returns the name that a rule set gives itself. One that cannot be
// read is sent as well, under the name it seems to have or its file's: the
// control plane knows best what is wrong with it.
func ruleSetName(source []byte, file string) string {
	var head struct {
		Name string `yaml:"name"`
	}
	if err := yaml.Unmarshal(source, &head); err == nil && head.Name != "" {
		return head.Name
	}
	if m := nameLine.FindSubmatch(source); m != nil {
		return string(m[1])
	}
	name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	if m := nameLine.FindStringSubmatch("name: " + name); m != nil && m[1] == name {
		return name
	}
	return "unnamed"
}

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
	if f.Staged > 0 && f.Staged != f.Current {
		in += fmt.Sprintf(", version %d is staged; `suodi filter promote %s` puts it in force", f.Staged, f.Name)
	}
	c.say("%s: %s", f.Name, in)
	for _, edge := range f.Edges {
		if edge.Error != "" {
			c.say("suodi: edge %s refuses %s: %s", edge.Edge, f.Name, printable(edge.Error))
		}
	}
	return nil
}

func (c *cli) filterMove(how, short string) *cobra.Command {
	var w waiting
	cmd := &cobra.Command{
		Use: how + " NAME", Short: short, Args: wants("the filter's name"), ValidArgsFunction: c.completeFilters,
		RunE: func(cmd *cobra.Command, args []string) error {
			var f filterReply
			got, err := c.do(cmd.Context(), call{method: http.MethodPost, path: filterPath(args[0]) + "/" + how, query: w.query()}, &f)
			if err != nil {
				return err
			}
			return c.tellFilter(got, &f)
		},
	}
	w.register(cmd)
	return cmd
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
			for _, f := range list.Filters {
				good, edges := 0, "none connected"
				for _, edge := range f.Edges {
					if edge.Error == "" {
						good++
					}
				}
				if len(f.Edges) > 0 {
					edges = fmt.Sprintf("%d of %d run it", good, len(f.Edges))
				}
				rows = append(rows, []string{f.Name, orDash(f.Current), orDash(f.Staged), orDash(f.Chain), edges})
			}
			return c.newTable("NAME", "IN FORCE", "STAGED", "CHAIN", "EDGES").write(rows)
		},
	}
}

func orDash(n int) string {
	if n == 0 {
		return "-"
	}
	return strconv.Itoa(n)
}

func (c *cli) filterHistory() *cobra.Command {
	return &cobra.Command{
		Use: "history NAME", Short: "List a filter's versions", Args: wants("the filter's name"), ValidArgsFunction: c.completeFilters,
		RunE: func(cmd *cobra.Command, args []string) error {
			var list struct {
				Versions []struct {
					Number   int       `json:"number"`
					Hash     string    `json:"hash"`
					Size     int       `json:"size"`
					PushedAt time.Time `json:"pushed_at"`
					PushedBy string    `json:"pushed_by"`
				} `json:"versions"`
			}
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
					strconv.Itoa(v.Number), localTime(v.PushedAt), v.PushedBy, strconv.Itoa(v.Size), v.Hash[:min(len(v.Hash), shownHash)],
				})
			}
			return c.newTable("VERSION", "PUSHED", "BY", "BYTES", "HASH").write(rows)
		},
	}
}

const shownHash = 12 // letters of a hash that people are shown

func (c *cli) filterChain() *cobra.Command {
	var w waiting
	var set []string
	cmd := &cobra.Command{
		Use: "chain", Short: "Show or set the filters that every visit runs through", Args: wants(), ValidArgsFunction: cobra.NoFileCompletions,
		Example: "  suodi filter chain\n  suodi filter chain --set platform,campaign",
		RunE: func(cmd *cobra.Command, _ []string) error {
			request := call{method: http.MethodGet, path: "/v1/chain"}
			if cmd.Flags().Changed("set") {
				request = call{method: http.MethodPut, path: request.path, query: w.query(), body: map[string]any{"filters": list(set)}}
			}
			var chain struct {
				Filters []string `json:"filters"`
			}
			got, err := c.do(cmd.Context(), request, &chain)
			if err != nil {
				return err
			}
			c.tellBehind(got)
			if c.json {
				return c.printReply(got)
			}
			for _, name := range chain.Filters {
				if _, err := fmt.Fprintln(c.stdout, name); err != nil {
					return err
				}
			}
			return nil
		},
	}
	cmd.Flags().StringSliceVar(&set, "set", nil, "`filters` from now on, in order, platform first, separated by commas")
	complete(cmd, "set", cobra.NoFileCompletions)
	w.register(cmd)
	return cmd
}
