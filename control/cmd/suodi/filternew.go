package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"suodi/wasm/guest"
)

// newProject is what filter new says in JSON.
type newProject struct {
	Folder   string         `json:"folder"`
	Name     string         `json:"name"`
	Language guest.Language `json:"language"`
}

func (c *cli) filterNew() *cobra.Command {
	var language, example string
	cmd := &cobra.Command{
		Use: "new FOLDER", Short: "Begin a filter in C, Rust, AssemblyScript or Go", Args: wants("the folder"),
		Long: "Write a project for a filter into a new folder, whose name is the filter's. It holds a small filter to change, its manifest, " +
			"the language's library and a Makefile: make builds filter.wasm with nothing but the compiler.",
		Example: "  suodi filter new my-filter --lang rust\n  suodi filter new links --example signed-link",
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := writeProject(args[0], language, example)
			var wrong *usageError
			if errors.As(err, &wrong) {
				return wrongUse(cmd, "%s", wrong)
			}
			if err != nil {
				return err
			}
			if c.json {
				return c.printJSON(p)
			}
			_, err = fmt.Fprintf(c.stdout, "%s is a filter in %s; `make -C %s` builds it\n", p.Folder, p.Language, p.Folder)
			return err
		},
	}
	var names []string
	for _, l := range guest.Languages() {
		names = append(names, string(l))
	}
	var examples []string
	for _, e := range guest.Examples() {
		examples = append(examples, e.Name)
	}
	cmd.Flags().StringVar(&language, "lang", "", "`language` to write it in: "+strings.Join(names, ", "))
	cmd.Flags().StringVar(&example, "example", "", "begin with a complete `filter` instead: "+strings.Join(examples, ", "))
	_ = cmd.RegisterFlagCompletionFunc("lang", cobra.FixedCompletions(names, cobra.ShellCompDirectiveNoFileComp))       // fails only for a flag that is not there
	_ = cmd.RegisterFlagCompletionFunc("example", cobra.FixedCompletions(examples, cobra.ShellCompDirectiveNoFileComp)) // the same
	return cmd
}

// writeProject writes the starter of a language or an example.
func writeProject(folder, language, example string) (newProject, error) {
	if example != "" {
		for _, e := range guest.Examples() {
			if e.Name == example {
				if language != "" && language != string(e.Language) {
					return newProject{}, &usageError{fmt.Sprintf("the example %s is in %s", example, e.Language)}
				}
				return newProject{folder, e.Name, e.Language}, guest.NewExample(folder, e.Name)
			}
		}
		return newProject{}, &usageError{fmt.Sprintf("there is no example %q", example)}
	}
	l, err := guest.ParseLanguage(language)
	if err != nil {
		return newProject{}, &usageError{"--lang: " + err.Error()}
	}
	absolute, err := filepath.Abs(folder)
	if err != nil {
		return newProject{}, err
	}
	name := filepath.Base(absolute)
	return newProject{folder, name, l}, guest.New(folder, name, l)
}
