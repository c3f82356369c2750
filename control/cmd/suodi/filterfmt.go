package main

import (
	"bytes"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"suodi/wasm/rules"
)

// formatted is what filter fmt says of a file in JSON.
type formatted struct {
	File    string `json:"file"`
	Changed bool   `json:"changed"`
	Source  string `json:"source,omitempty"`
}

func (c *cli) filterFmt() *cobra.Command {
	write, check := false, false
	cmd := &cobra.Command{
		Use: "fmt [FILE...]", Short: "Write rule sets the one way there is to write them",
		Long: `Write rule sets the one way there is to write them: fields in order, conditions
as CEL writes them, comments where they belong. What a rule set means does not
change. Without FILE, or for -, standard input is read. No control plane is
needed.`,
		Example: `  suodi filter fmt rules.yaml
  suodi filter fmt -w *.yaml
  suodi filter fmt --check *.yaml`,
		ValidArgsFunction: completeFiles("yaml", "yml"),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{"-"}
			}
			if write && check {
				return wrongUse(cmd, "-w writes and --check does not; give one of them")
			}
			var files []formatted
			for _, file := range args {
				if write && file == "-" {
					return wrongUse(cmd, "-w needs files: there is nothing to write standard input back to")
				}
				f, err := c.formatFile(file, write)
				if err != nil {
					return err
				}
				files = append(files, f)
			}
			return c.tellFormatted(files, write, check)
		},
	}
	cmd.Flags().BoolVarP(&write, "write", "w", false, "write the files back, and name those that changed")
	cmd.Flags().BoolVar(&check, "check", false, "only name the files that are not formatted; the exit code is 1 if there are any")
	return cmd
}

func (c *cli) formatFile(file string, write bool) (formatted, error) {
	source, err := c.readSource(file)
	if err != nil {
		return formatted{}, err
	}
	out, err := rules.Format(source)
	if err != nil {
		return formatted{}, mistaken(file, "the rule set cannot be read", err)
	}
	f := formatted{File: nameFile(file), Changed: !bytes.Equal(source, out), Source: string(out)}
	if write && f.Changed {
		info, err := os.Stat(file)
		if err != nil {
			return f, err
		}
		err = os.WriteFile(file, out, info.Mode().Perm())
		return f, err
	}
	return f, nil
}

func (c *cli) tellFormatted(files []formatted, write, check bool) error {
	changed := 0
	for i := range files {
		f := &files[i]
		if f.Changed {
			changed++
		}
		var err error
		switch named := write || check; {
		case c.json && named:
			f.Source = "" // it is in the file
		case c.json:
		case !named:
			_, err = fmt.Fprint(c.stdout, f.Source)
		case f.Changed:
			_, err = fmt.Fprintln(c.stdout, f.File)
		}
		if err != nil {
			return err
		}
	}
	if c.json {
		if err := c.printJSON(map[string][]formatted{"files": files}); err != nil {
			return err
		}
	}
	if check && changed > 0 {
		return fmt.Errorf("%d of %d files are not formatted; `suodi filter fmt -w` formats them", changed, len(files))
	}
	return nil
}
