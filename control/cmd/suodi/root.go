package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"suodi/control/link"
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
	stdin          io.Reader
	stdout, stderr io.Writer
	getenv         func(string) string
	abort          <-chan struct{} // closed: end at once; nil: never
}

// run does what the command line says and returns the exit code. When ctx ends
// it stops in good order.
func run(ctx context.Context, in invocation) int {
	c := &cli{invocation: in}
	root := c.root()
	root.SetArgs(in.args)
	root.SetIn(in.stdin)
	root.SetOut(in.stdout)
	root.SetErr(in.stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitDone
	}
	// A command line that could not be read may still ask for JSON.
	if c.json || slices.Contains(in.args, "--json") {
		writeProblem(in.stderr, err)
	} else {
		c.say("suodi: %s", err)
	}
	if usage := (*usageError)(nil); errors.As(err, &usage) {
		return exitUsage
	}
	return exitFailed
}

// usageError says that the command line is wrong.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

// wrongUse returns a usage error that points to the command's help.
func wrongUse(cmd *cobra.Command, format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...) + "; `" + cmd.CommandPath() + " --help` shows how"}
}

// cli is the command line being carried out.
type cli struct {
	invocation
	json        bool   // --json
	addr, token string // --addr, --token
}

func (c *cli) root() *cobra.Command {
	root := group("suodi", "Suodi 缩地: short links that arrive",
		`Suodi 缩地 is a redirect platform: short links that arrive.

Try it:       suodi dev
Make a link:  suodi link create https://example.org/ --guard wechat

Exit codes: 0 it is done, 1 it failed, 2 the command line is wrong.`)
	root.SilenceUsage, root.SilenceErrors = true, true
	root.PersistentFlags().BoolVar(&c.json, "json", false, "write JSON for programs: the API's own, errors as problem documents")
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(c.devCommand(), c.serveCommand(), c.linkCommand(), c.qrCommand(), c.platformCommand(), c.filterCommand(),
		c.tokenCommand(), c.fleetCommand(), c.versionCommand())
	return root
}

// group returns a command that only holds others.
func group(use, short, long string) *cobra.Command {
	return &cobra.Command{
		Use: use, Short: short, Long: long,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			var names []string
			for _, sub := range cmd.Commands() {
				names = append(names, sub.Name())
			}
			hint := ""
			if near := link.Nearest(args[0], names); near != "" {
				hint = fmt.Sprintf(", did you mean %s?", near)
			}
			return wrongUse(cmd, "%q is no command of %s%s", args[0], cmd.CommandPath(), hint)
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
}

// wants checks that a command got just the arguments that it names.
func wants(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		switch {
		case len(args) < len(names):
			return wrongUse(cmd, "%s is missing", names[len(args)])
		case len(args) > len(names):
			return wrongUse(cmd, "%q is one argument too many", args[len(names)])
		}
		return nil
	}
}

func flagError(cmd *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if near := link.Nearest(unknown.GetSpecifiedName(), names); near != "" {
			return wrongUse(cmd, "there is no flag --%s, did you mean --%s?", unknown.GetSpecifiedName(), near)
		}
	}
	return wrongUse(cmd, "%s", err)
}

func (c *cli) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the program's version", Args: wants(),
		RunE: func(*cobra.Command, []string) error {
			info, _ := debug.ReadBuildInfo()
			if c.json {
				return c.printJSON(map[string]string{"version": version(), "go": info.GoVersion})
			}
			_, err := fmt.Fprintf(c.stdout, "suodi %s (%s)\n", version(), info.GoVersion)
			return err
		},
	}
}

// version is the module's version, which the go command takes from the
// repository the program was built in.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "(devel)"
	}
	return info.Main.Version
}

// printJSON writes a value to standard output.
func (c *cli) printJSON(value any) error {
	encoder := json.NewEncoder(c.stdout)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(value)
}

// say tells people something.
func (c *cli) say(format string, args ...any) {
	_, _ = fmt.Fprintf(c.stderr, format+"\n", args...) // nobody is left to be told that it fails
}
