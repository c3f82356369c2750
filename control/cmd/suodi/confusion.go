package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"suodi/control/link"
	"suodi/wasm/visit"
	"suodi/wasm/visit/samples"
)

func (c *cli) confusionCommand() *cobra.Command {
	cluster := false
	cmd := &cobra.Command{
		Use: "confusion [FILE]", Short: "Show which platforms user agents are taken for",
		Long: `Show how well the platform catalog tells real user agents: how many of each
platform there are, how many are taken for it, and which are taken for what.

Without FILE the samples that Suodi comes with are tried. FILE, or - for
standard input, has a line for each user agent: a name, the most specific
platform, all platforms separated by commas, and the user agent, separated by
tabs:

  phone-1	wechat	android,mobile,wechat	Mozilla/5.0 (Linux; Android 14; …

The catalog is the one that this program comes with, and no control plane is
needed; --cluster tries the one in force, with what admins added.`,
		Args: wantsAtMost("FILE"),
		RunE: func(cmd *cobra.Command, args []string) error {
			agents := samples.All()
			if len(args) > 0 {
				var err error
				if agents, err = c.readAgents(args[0]); err != nil {
					return err
				}
			}
			catalog := visit.Shipped()
			if cluster {
				var err error
				if catalog, err = c.fetchCatalog(cmd.Context()); err != nil {
					return err
				}
			}
			if err := knownPlatforms(catalog, agents); err != nil {
				return err
			}
			table := samples.Compare(agents, catalog.Judge)
			if c.json {
				return c.printJSON(table)
			}
			return c.tellConfusion(&table)
		},
	}
	cmd.Flags().BoolVar(&cluster, "cluster", false, "try the cluster's catalog instead of the shipped one")
	return cmd
}

// wantsAtMost checks that a command got no more than the arguments it names.
func wantsAtMost(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > len(names) {
			return wrongUse(cmd, "%q is one argument too many", args[len(names)])
		}
		return nil
	}
}

func (c *cli) readAgents(file string) ([]samples.Agent, error) {
	in := c.stdin
	if file != "-" {
		f, err := os.Open(file)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }() // only read
		in = f
	}
	agents, err := samples.Read(in)
	if err == nil && len(agents) == 0 {
		err = fmt.Errorf("%s has no user agents", file)
	}
	return agents, err
}

// fetchCatalog returns the cluster's catalog.
func (c *cli) fetchCatalog(ctx context.Context) (*visit.Catalog, error) {
	var reply struct {
		Platforms []visit.Entry `json:"platforms"`
	}
	if _, err := c.do(ctx, listPlatforms, &reply); err != nil {
		return nil, err
	}
	return visit.NewCatalog(reply.Platforms)
}

// knownPlatforms reports an agent whose platforms the catalog does not have.
func knownPlatforms(catalog *visit.Catalog, agents []samples.Agent) error {
	for _, agent := range agents {
		for _, id := range agent.Platforms {
			if _, ok := catalog.ByID(id); ok {
				continue
			}
			var ids []string
			for _, e := range catalog.Entries() {
				ids = append(ids, e.ID)
			}
			hint := ""
			if near := link.Nearest(id, ids); near != "" {
				hint = fmt.Sprintf("; did you mean %s?", near)
			}
			return fmt.Errorf("user agent %s: %q is no platform%s", agent.Name, id, hint)
		}
	}
	return nil
}

func (c *cli) tellConfusion(t *samples.Table) error {
	var rows [][]string
	for _, r := range t.Platforms {
		rows = append(rows, []string{
			r.Platform, strconv.Itoa(r.Expected), strconv.Itoa(r.Found), strconv.Itoa(r.Right), percent(r.Right, r.Found), percent(r.Right, r.Expected),
		})
	}
	if err := c.newTable("PLATFORM", "EXPECTED", "FOUND", "RIGHT", "PRECISION", "RECALL").write(rows); err != nil {
		return err
	}
	if rows = nil; len(t.Confusions) > 0 {
		for _, confusion := range t.Confusions {
			rows = append(rows, []string{confusion.Expected, confusion.Got, strconv.Itoa(confusion.Agents)})
		}
		_, _ = fmt.Fprintln(c.stdout) // the next write fails as well
		if err := c.newTable("EXPECTED", "GOT", "USER AGENTS").write(rows); err != nil {
			return err
		}
	}
	if rows = nil; len(t.Wrong) > 0 {
		for _, w := range t.Wrong {
			rows = append(rows, []string{w.Agent.Name, without(w.Agent.Platforms, w.Got), without(w.Got, w.Agent.Platforms), shorten(w.Agent.UserAgent, 60)})
		}
		_, _ = fmt.Fprintln(c.stdout)
		if err := c.newTable("NAME", "MISSING", "TOO MUCH", "USER AGENT").write(rows); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(c.stdout, "\n%d of %d user agents are told right\n", t.Right, t.Agents)
	return err
}

// without returns the ids of a list that another does not have.
func without(ids, others []string) string {
	rest := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return slices.Contains(others, id) })
	if len(rest) == 0 {
		return "-"
	}
	return strings.Join(rest, ",")
}

// percent cuts rather than rounds, so that only all is 100 %.
func percent(part, whole int) string {
	if whole == 0 {
		return "-"
	}
	return strconv.FormatFloat(float64(part*1000/whole)/10, 'f', 1, 64) + " %"
}
