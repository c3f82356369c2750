package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"suodi/control/rollout"
	"suodi/wasm/rules"
	"suodi/wasm/visit"
)

// testReport is what filter test says in JSON.
type testReport struct {
	Name   string       `json:"name"`
	Passed int          `json:"passed"`
	Failed int          `json:"failed"`
	Tests  []testResult `json:"tests"`
}

type testResult struct {
	Name   string `json:"name"`
	Line   int    `json:"line"`
	Passed bool   `json:"passed"`
	Want   string `json:"want,omitempty"` // of a failed one
	Got    string `json:"got,omitempty"`
}

func (c *cli) filterTest() *cobra.Command {
	cluster := false
	cmd := &cobra.Command{
		Use: "test FILE", Short: "Compile a rule set and run its tests, here; - reads standard input", Args: wants("the file with the rule set"),
		Long: `Compile a rule set and run its tests, as a push would. The exit code is 1 when
one fails. Platforms are those that this program comes with, and no control
plane is needed; --cluster takes the ones in force, with what admins added.`,
		Example:           "  suodi filter test rules.yaml\n  suodi filter test rules.yaml --cluster --json",
		ValidArgsFunction: completeFiles("yaml", "yml"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.testRules(cmd.Context(), args[0], cluster)
		},
	}
	registerCluster(cmd, &cluster)
	return cmd
}

func registerCluster(cmd *cobra.Command, cluster *bool) {
	cmd.Flags().BoolVar(cluster, "cluster", false, "take the cluster's platforms instead of the shipped ones")
}

// catalog returns the platforms that this program comes with, or the cluster's.
func (c *cli) catalog(ctx context.Context, cluster bool) (*visit.Catalog, error) {
	if !cluster {
		return visit.Shipped(), nil
	}
	return c.fetchCatalog(ctx)
}

func (c *cli) testRules(ctx context.Context, file string, cluster bool) error {
	source, err := c.readSource(file)
	if err != nil {
		return err
	}
	if isModule(source) {
		return fmt.Errorf("%s is a module: only rule sets have tests; `suodi filter run` runs it on a visit", nameFile(file))
	}
	catalog, err := c.catalog(ctx, cluster)
	if err != nil {
		return err
	}
	set, err := rollout.Compile(source, catalog)
	if err != nil {
		return mistaken(file, "", err)
	}
	failures, err := set.Test(ctx)
	if err != nil {
		return mistaken(file, "", err)
	}
	return c.tellTests(file, reportTests(set, failures))
}

// reportTests tells all tests from those that fail, which come in their order.
func reportTests(set *rollout.RuleSet, failures []rules.Failure) *testReport {
	report := &testReport{Name: set.Name, Tests: []testResult{}}
	for _, t := range set.Tests {
		result := testResult{Name: t.Name, Line: t.Line, Passed: true}
		if len(failures) > 0 && failures[0].Line == t.Line && failures[0].Name == t.Name {
			result.Passed, result.Want, result.Got = false, failures[0].Want, failures[0].Got
			failures = failures[1:]
			report.Failed++
		} else {
			report.Passed++
		}
		report.Tests = append(report.Tests, result)
	}
	return report
}

func (c *cli) tellTests(file string, report *testReport) error {
	if c.json {
		if err := c.printJSON(report); err != nil {
			return err
		}
	}
	style := c.styleOf(c.stdout)
	for _, t := range report.Tests {
		if c.json {
			break
		}
		place := style.dim(fmt.Sprintf("%s:%d:", nameFile(file), t.Line))
		line := place + " ok " + printable(t.Name)
		if !t.Passed {
			line = place + " " + style.bold("FAIL") + " " + printable(t.Name) + ": want " + printable(t.Want) + ", got " + printable(t.Got)
		}
		if _, err := fmt.Fprintln(c.stdout, line); err != nil {
			return err
		}
	}
	all := len(report.Tests)
	switch {
	case report.Failed > 0:
		return fmt.Errorf("%d of %s of %s fail", report.Failed, count(all, "test"), report.Name)
	case c.json:
	case all == 0:
		c.say("%s compiles; it has no tests", report.Name)
	default:
		c.say("%s compiles and passes its %s", report.Name, count(all, "test"))
	}
	return nil
}
