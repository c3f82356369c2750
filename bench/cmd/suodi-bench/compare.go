package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"suodi/bench/report"
)

// errWorse says that a comparison found something worse.
var errWorse = errors.New("the second report is worse")

func (in invocation) compare() *cobra.Command {
	var fail bool
	cmd := &cobra.Command{
		Use:   "compare A.json B.json",
		Short: "Say whether two reports differ by more than the noise",
		Long: `Compares what two reports (made with --save) have in common, figure by figure. A
difference counts when the ranks of the rounds would come about by chance less
than once in twenty times (Mann–Whitney) and the ratio's bootstrap interval does
not hold 1. It takes four rounds on each side.`,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return fmt.Errorf("%w: want two reports; `%s --help` tells more", errUsage, cmd.CommandPath())
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			a, err := readFile(args[0], report.Read)
			if err != nil {
				return err
			}
			b, err := readFile(args[1], report.Read)
			if err != nil {
				return err
			}
			differences, err := report.Compare(a, b)
			if err != nil {
				return err
			}
			if err := report.WriteComparison(in.stdout, a, b, differences); err != nil || !fail {
				return err
			}
			for _, d := range differences {
				if d.Verdict == report.Worse {
					return fmt.Errorf("%w: %s, %s: %s", errWorse, d.Subject, d.Scenario, d.Figure)
				}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&fail, "fail", false, "exit with 1 when a figure is worse")
	return cmd
}
