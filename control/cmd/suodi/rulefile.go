package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"suodi/control/rollout"
	"suodi/wasm/guest"
	"suodi/wasm/rules"
)

// maxSource is how much of a file is read, in bytes; the API takes less.
const maxSource = 8 << 20

// stdinName is what the file - is called.
const stdinName = "standard input"

// readSource reads a rule set, or a module, which is joined with the manifest
// beside it; - is standard input.
func (c *cli) readSource(file string) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(io.LimitReader(c.stdin, maxSource))
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // only read
	source, err := io.ReadAll(io.LimitReader(f, maxSource))
	if err != nil || !isModule(source) {
		return source, err
	}
	return guest.Load(file)
}

// isModule reports whether a file holds WebAssembly, not a rule set.
func isModule(source []byte) bool { return bytes.HasPrefix(source, []byte("\x00asm")) }

// mistaken makes an error of what is wrong with the rule set in a file, in the
// form in which the control plane refuses one. what is a clause for mistakes
// that do not say it themselves.
func mistaken(file, what string, err error) error {
	p := &problem{Title: "failed", Detail: what}
	var wrong *rollout.Mistake
	if errors.As(err, &wrong) {
		p.Detail = wrong.What
	}
	for _, m := range rules.Errors(err) {
		p.Errors = append(p.Errors, fault{Location: fmt.Sprintf("body:%d:%d", m.Line, m.Column), Message: m.Message, Value: m.Snippet})
	}
	if len(p.Errors) == 0 {
		return fmt.Errorf("%s: %w", nameFile(file), err)
	}
	return &refusal{p, describeMistakes(p, file)}
}

func nameFile(file string) string {
	if file == "-" {
		return stdinName
	}
	return file
}

// describeMistakes lists what is wrong with a filter as compilers do, each
// mistake with its place and the line it is in.
func describeMistakes(p *problem, file string) string {
	file = nameFile(file)
	// The detail of failed tests and of modules repeats them.
	what, _, _ := strings.Cut(p.Detail, "; ")
	if len(p.Errors) == 1 && strings.HasSuffix(what, p.Errors[0].Message) {
		return file + ": " + printable(what)
	}
	var b strings.Builder
	b.WriteString(file + ": " + printable(what))
	for _, f := range p.Errors {
		place, inFile := strings.CutPrefix(f.Location, "body:")
		if inFile {
			place = file + ":" + place
		}
		fmt.Fprintf(&b, "\n%s: %s", place, printable(f.Message))
		if snippet, ok := f.Value.(string); ok && snippet != "" {
			for line := range strings.SplitSeq(snippet, "\n") {
				// Tabs hold the caret in its place.
				b.WriteString("\n  " + strings.ReplaceAll(printable(strings.ReplaceAll(line, "\t", "    ")), "\uFFFD", "?"))
			}
		}
	}
	return b.String()
}

// completeFiles completes an argument with files of these kinds.
func completeFiles(kinds ...string) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		return kinds, cobra.ShellCompDirectiveFilterFileExt
	}
}
