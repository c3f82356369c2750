package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"suodi/bench"
	"suodi/bench/load"
	"suodi/bench/peer"
	"suodi/bench/report"
)

func (in invocation) peers() *cobra.Command {
	var config bench.PeersConfig
	var out output
	var only, scenarios []string
	var cores []int
	var popularity, another string
	cmd := &cobra.Command{
		Use:   "peers",
		Short: "Compare Suodi's edge with nginx, HAProxy, Caddy, workerd and bare fasthttp on this machine",
		Long: `Starts Suodi's edge and the other servers that are installed, all with the same
links, and puts the same load on each in turns, several rounds of each scenario:

  tls-half  a new TLS 1.3 connection per visit, half of them resumed
  tls-full  a new TLS 1.3 connection per visit, none resumed
  fresh     a new plain connection per visit
  kept      64 kept plain connections

The server has one core and the generator another. It prints medians, spreads
and ratios, and says which servers are missing and how to install them.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			self, err := os.Executable()
			if err != nil {
				return err
			}
			if config.Servers, err = pickServers(peer.All(self), only); err != nil {
				return err
			}
			if another != "" {
				if another, err = filepath.Abs(another); err != nil {
					return err
				}
				config.Servers = append(config.Servers, peer.Another(another))
			}
			if config.Scenarios, err = bench.PickScenarios(scenarios); err != nil {
				return fmt.Errorf("%w: %w", errUsage, err)
			}
			if config.Popularity, err = load.ParsePopularity(popularity); err != nil {
				return fmt.Errorf("%w: %w", errUsage, err)
			}
			if config.Cores, err = pickCores(cores); err != nil {
				return err
			}
			if config.Dir, err = os.MkdirTemp("", "suodi-bench-peers-*"); err != nil {
				return err
			}
			defer func() { err = errors.Join(err, os.RemoveAll(config.Dir)) }()
			view := newLive(in.stderr)
			config.Progress = view.show
			config.Begin = func(what string) {
				view.note(what)
				view.what = what
			}
			r := report.New("peers", in.args, version())
			err = bench.Peers(cmd.Context(), config, r)
			view.clear()
			if err != nil {
				return err
			}
			return out.write(in, r)
		},
	}
	flags := cmd.Flags()
	flags.StringSliceVar(&only, "only", nil, "servers to compare, such as suodi,nginx; left out: all")
	flags.StringSliceVar(&scenarios, "scenarios", []string{"tls-half", "tls-full", "fresh", "kept"}, "what to do to them")
	flags.StringToStringVar(&config.Programs, "program", nil, "where a program is, such as workerd=./workerd; left out: beside this one or in PATH")
	flags.StringVar(&another, "another", "", "`FILE` of another suodi-edge, to compare two versions of it")
	flags.Uint64Var(&config.Links, "links", 1_000_000, "links that each server is given")
	flags.StringVar(&popularity, "popularity", "uniform", "how visits spread over links: uniform, zipf or zipf:EXPONENT")
	flags.IntVar(&config.Rounds, "rounds", 5, "of each server and scenario")
	flags.DurationVar(&config.Duration, "duration", 0, "of a round (default 5s)")
	flags.DurationVar(&config.Warmup, "warmup", 0, "before each round (default 1s)")
	flags.IntSliceVar(&cores, "cores", nil, "the server's core and the generator's, such as 0,1; left out: the first two; -1,-1: as the system likes")
	out.flags(flags)
	return cmd
}

// pickServers returns the servers of some names; all when there are none.
func pickServers(all []peer.Server, names []string) ([]peer.Server, error) {
	if len(names) == 0 {
		return all, nil
	}
	known := map[string]bool{}
	for _, s := range all {
		known[s.Name] = true
	}
	for _, name := range names {
		if !known[name] {
			return nil, fmt.Errorf("%w: server %q: want some of %s", errUsage, name, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
	}
	return slices.DeleteFunc(all, func(s peer.Server) bool { return !slices.Contains(names, s.Name) }), nil
}

// pickCores returns the server's core and the generator's; nil when there are
// not two.
func pickCores(given []int) (*[2]int, error) {
	switch {
	case len(given) == 2 && given[0] < 0 && given[1] < 0:
		return nil, nil
	case len(given) == 2 && given[0] >= 0 && given[1] >= 0 && given[0] != given[1]:
		return &[2]int{given[0], given[1]}, nil
	case len(given) > 0:
		return nil, fmt.Errorf("%w: --cores: want two that differ, such as 0,1", errUsage)
	}
	if !peer.CanPin {
		return nil, nil
	}
	cores, err := peer.Cores()
	if err != nil || len(cores) < 2 {
		return nil, err
	}
	return &[2]int{cores[0], cores[1]}, nil
}

// bare is the handler that peers compares with; peers starts it.
func (in invocation) bare() *cobra.Command {
	return &cobra.Command{
		Use: peer.BareCommand + " ADDRESS [TLS-ADDRESS CHAIN KEY]", Hidden: true,
		Short: "Answer every visit with the same redirect",
		Args:  cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := peer.ServeBare(cmd.Context(), args); err != nil {
				return fmt.Errorf("%s: %w", peer.BareCommand, err)
			}
			return nil
		},
	}
}
