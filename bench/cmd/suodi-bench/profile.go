package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"suodi/bench"
	"suodi/bench/peer"
)

func (in invocation) profile() *cobra.Command {
	var config bench.ProfileConfig
	var to string
	var scenarios []string
	var cores []int
	cmd := &cobra.Command{
		Use:   "profile",
		Short: "Record what an edge's processor does under load",
		Long: `Starts suodi-edge with as many links as said, puts the load of peers' scenarios
on it, one after the other, and writes what its processor did meanwhile to a
file that 'go tool pprof' reads, and 'go build' for profile-guided optimization.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			self, err := os.Executable()
			if err != nil {
				return err
			}
			config.Edge = peer.All(self)[0]
			if config.Scenarios, err = bench.PickScenarios(scenarios); err != nil {
				return fmt.Errorf("%w: %w", errUsage, err)
			}
			if config.Cores, err = pickCores(cores); err != nil {
				return err
			}
			if config.Dir, err = os.MkdirTemp("", "suodi-bench-profile-*"); err != nil {
				return err
			}
			defer func() { err = errors.Join(err, os.RemoveAll(config.Dir)) }()
			view := newLive(in.stderr)
			config.Progress = view.show
			config.Begin = func(what string) {
				view.note(what)
				view.what = what
			}
			profile, err := bench.Profile(cmd.Context(), config)
			view.clear()
			if err != nil {
				return err
			}
			if err := os.WriteFile(to, profile, 0o644); err != nil {
				return err
			}
			_, err = fmt.Fprintf(in.stdout, "%s: %d bytes\n", to, len(profile))
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&to, "to", "cpu.pprof", "`FILE` to write")
	flags.StringSliceVar(&scenarios, "scenarios", []string{"kept", "fresh", "tls-half"}, "what to do to it, as of peers")
	flags.StringVar(&config.Program, "program", "", "where suodi-edge is; left out: beside this program or in PATH")
	flags.Uint64Var(&config.Links, "links", 1_000_000, "links that it is given")
	flags.DurationVar(&config.Duration, "duration", 0, "of each scenario (default 10s)")
	flags.IntSliceVar(&cores, "cores", nil, "the edge's core and the generator's, such as 0,1; left out: the first two; -1,-1: as the system likes")
	return cmd
}
