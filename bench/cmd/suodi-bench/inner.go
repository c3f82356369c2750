package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"suodi/bench/inner"
	"suodi/bench/load"
	"suodi/bench/report"
)

// timing returns a command that times a part of an edge alone.
func (in invocation) timing(use, short string, config *inner.Config, measure func(*cobra.Command) ([]report.Subject, error)) *cobra.Command {
	var out output
	cmd := &cobra.Command{
		Use: use, Short: short, Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			view := newLive(in.stderr)
			config.Begin = func(what string) { view.note(what) }
			subjects, err := measure(cmd)
			view.clear()
			if err != nil {
				return err
			}
			r := report.New(use, in.args, version())
			r.Subjects = subjects
			return out.write(in, r)
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&config.Rounds, "rounds", 5, "how often to measure")
	flags.DurationVar(&config.Duration, "duration", time.Second, "of a round")
	out.flags(flags)
	return cmd
}

func (in invocation) table() *cobra.Command {
	var config inner.TableConfig
	var dir string
	cmd := in.timing("table", "Time looking links up, alone", &config.Config, func(cmd *cobra.Command) (subjects []report.Subject, err error) {
		folder, err := os.MkdirTemp(dir, "suodi-bench-table-*")
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
		config.Dir = filepath.Join(folder, "table")
		return inner.Table(cmd.Context(), config)
	})
	cmd.Flags().Uint64Var(&config.Links, "links", 1_000_000, "links in the table")
	cmd.Flags().StringVar(&dir, "dir", "", "`FOLDER` for the table; left out: the system's for temporary files")
	return cmd
}

func (in invocation) classify() *cobra.Command {
	var config inner.Config
	var file string
	cmd := in.timing("classify", "Time telling platforms from user agents, alone", &config, func(cmd *cobra.Command) (_ []report.Subject, err error) {
		var agents *load.Agents
		if file != "" {
			if agents, err = readFile(file, load.ReadAgents); err != nil {
				return nil, err
			}
		}
		return inner.Classify(cmd.Context(), config, agents)
	})
	cmd.Flags().StringVar(&file, "agents", "", "user agents from `FILE`: weight, tab, agent; left out: the default mix")
	return cmd
}

func (in invocation) filter() *cobra.Command {
	var config inner.Config
	var file string
	cmd := in.timing("filter", "Time a filter's calls, alone", &config, func(cmd *cobra.Command) ([]report.Subject, error) {
		if file == "" {
			return inner.Filter(cmd.Context(), config, "", nil)
		}
		module, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("module: %w", err)
		}
		return inner.Filter(cmd.Context(), config, strings.TrimSuffix(filepath.Base(file), ".wasm"), module)
	})
	cmd.Flags().StringVar(&file, "module", "", "a filter's .wasm `FILE`; left out: the platform rule set")
	return cmd
}
