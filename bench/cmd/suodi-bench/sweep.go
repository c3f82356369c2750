package main

import (
	"time"

	"github.com/spf13/cobra"

	"suodi/bench/load"
	"suodi/bench/report"
)

func (in invocation) sweep() *cobra.Command {
	var v visits
	var out output
	var config load.SweepConfig
	var duration time.Duration
	cmd := &cobra.Command{
		Use:   "sweep URL",
		Short: "Find the highest rate at which p99 stays under a limit",
		Long: `Puts an open loop on an address at rising rates until the 99th percentile of
latencies reaches the limit, narrows the rate down, and tries what it found
several times more: what it reports held every time.`,
		Args: oneArgument("URL"),
		RunE: func(cmd *cobra.Command, args []string) (err error) {
			v.url = args[0]
			if config.Load, err = v.config(); err != nil {
				return err
			}
			config.Load.Duration = duration
			view := newLive(in.stderr)
			config.Load.Progress = view.show
			config.Try = func(rate float64, confirms bool) {
				again := ""
				if confirms {
					again = " again"
				}
				view.begin("%.0f a second%s", rate, again)
			}
			sweep, rounds, err := load.Sweep(cmd.Context(), config)
			view.clear()
			if err != nil {
				return err
			}
			r := report.New("sweep", in.args, version())
			r.Sweep = sweep
			r.Subjects = []report.Subject{{Name: config.Load.Address, Scenario: config.Load.Scenario() + ", at the highest rate", Rounds: rounds}}
			for i := range rounds {
				for _, doubt := range load.Doubts(&rounds[i]) {
					r.Warn(doubt)
				}
			}
			return out.write(in, r)
		},
	}
	flags := cmd.Flags()
	flags.DurationVar(&config.Limit, "limit", time.Millisecond, "that p99 must stay under")
	flags.Float64Var(&config.From, "from", 1000, "the first rate, visits a second")
	flags.Float64Var(&config.Most, "most", 1_000_000, "the highest rate that is tried")
	flags.Float64Var(&config.Precise, "precision", .03, "`SHARE` of the rate that it is found out to")
	flags.IntVar(&config.Confirm, "confirm", 3, "how often the rate must hold again")
	flags.DurationVar(&duration, "duration", 5*time.Second, "of a try")
	v.flags(flags)
	out.flags(flags)
	return cmd
}
