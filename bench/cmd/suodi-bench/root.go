package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// Exit codes.
const (
	exitDone   = 0
	exitFailed = 1
	exitUsage  = 2
)

// invocation is one call of the program: all that comes from outside.
type invocation struct {
	args           []string // without the program's name
	stdout, stderr io.Writer
	getenv         func(string) string
}

// errUsage says that the command line is wrong.
var errUsage = errors.New("wrong command line")

// run does what the command line says and returns the exit code.
func run(ctx context.Context, in invocation) int {
	root := in.root()
	root.SetArgs(in.args)
	root.SetOut(in.stdout)
	root.SetErr(in.stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	_, _ = fmt.Fprintf(in.stderr, "suodi-bench: %v\n", err)
	if errors.Is(err, errUsage) {
		return exitUsage
	}
	return exitFailed
}

func (in invocation) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "suodi-bench",
		Short: "Visit a running Suodi and say what came back",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("%w: %q is no command; `suodi-bench --help` lists them", errUsage, args[0])
			}
			return nil
		},
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return fmt.Errorf("%w: %w; `%s --help` lists the flags", errUsage, err, cmd.CommandPath())
	})
	root.AddCommand(in.run(), in.sweep(), in.peers(), in.profile(), in.table(), in.classify(), in.filter(), in.compare(), in.fill(), in.smoke(), in.bare())
	return root
}

// noArguments refuses a command line with arguments.
func noArguments(_ *cobra.Command, args []string) error {
	if len(args) > 0 {
		return fmt.Errorf("%w: unexpected argument %q", errUsage, args[0])
	}
	return nil
}
