package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"github.com/spf13/pflag"

	"suodi/bench/report"
)

// output is where a report goes.
type output struct {
	json       bool   // to standard output instead of the text
	save, page string // files
}

func (o *output) flags(flags *pflag.FlagSet) {
	flags.BoolVar(&o.json, "json", false, "write the report as JSON to standard output")
	flags.StringVar(&o.save, "save", "", "also write the report as JSON to `FILE`, for compare")
	flags.StringVar(&o.page, "report", "", "also write the report as one HTML page to `FILE`")
}

// write writes a report to all places, and says at the end if it is worth
// nothing.
func (o *output) write(in invocation, r *report.Report) error {
	write := r.WriteText
	if o.json {
		write = r.WriteJSON
	}
	return errors.Join(write(in.stdout), writeFile(o.save, r.WriteJSON), writeFile(o.page, r.WriteHTML), r.Err())
}

func writeFile(name string, write func(io.Writer) error) error {
	if name == "" {
		return nil
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	if err := errors.Join(write(f), f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}

// version is the module's version, or the revision it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 && info.Main.Version == "(devel)" {
			return s.Value[:12]
		}
	}
	return info.Main.Version
}
