package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"suodi/wasm/abi"
	"suodi/wasm/guest"
	"suodi/wasm/meter"
)

// builtFilter is what filter build says in JSON.
type builtFilter struct {
	File  string    `json:"file"`
	Name  string    `json:"name"`
	Class abi.Class `json:"class"`
	Size  int       `json:"size"` // bytes, manifest included
}

func (c *cli) filterBuild() *cobra.Command {
	return &cobra.Command{
		Use: "build [FOLDER]", Short: "Build a filter that is written by hand and check that it is admitted", Args: wantsAtMost("FOLDER"),
		Long: `Build the project in a folder, which filter new made, with its own Makefile, and
check that the module would be admitted. What the compiler says goes to standard
error. Without FOLDER it is the one at hand.`,
		Example: "  suodi filter new my-filter --lang rust\n  suodi filter build my-filter\n  suodi filter run my-filter/filter.wasm",
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return nil, cobra.ShellCompDirectiveFilterDirs
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			folder := "."
			if len(args) > 0 {
				folder = args[0]
			}
			b, err := c.buildFilter(cmd.Context(), folder)
			if err != nil {
				return err
			}
			if c.json {
				return c.printJSON(b)
			}
			_, err = fmt.Fprintf(c.stdout, "%s is filter %s, class %s, %s\n", b.File, b.Name, b.Class, count(b.Size, "byte"))
			return err
		},
	}
}

func (c *cli) buildFilter(ctx context.Context, folder string) (*builtFilter, error) {
	var env []string
	if language, ok := languageOf(folder); ok {
		var err error
		if env, err = guest.Toolchain(ctx, language); err != nil {
			return nil, err
		}
	}
	module, err := guest.Build(ctx, folder, env, c.stderr)
	if err != nil {
		return nil, err
	}
	file := filepath.Join(folder, guest.ModuleFile)
	m, err := meter.Admit(module, meter.Options{})
	if err != nil {
		return nil, fmt.Errorf("%s is not admitted: %w", file, err)
	}
	return &builtFilter{File: file, Name: m.Manifest.Name, Class: m.Class, Size: len(module)}, nil
}

// languageOf tells a project's language by a file that only it has.
func languageOf(folder string) (guest.Language, bool) {
	for _, l := range []struct {
		file     string
		language guest.Language
	}{{"Cargo.toml", guest.Rust}, {"go.mod", guest.Go}, {"asconfig.json", guest.AssemblyScript}, {"suodi.h", guest.C}} {
		if _, err := os.Stat(filepath.Join(folder, l.file)); err == nil {
			return l.language, true
		}
	}
	return "", false
}
