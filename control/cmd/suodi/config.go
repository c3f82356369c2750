package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"gopkg.in/yaml.v3"

	"suodi/control/link"
)

// setting is one key of the daemon's configuration: a line of its file and a
// flag.
type setting struct {
	key, standard, help string
	value               string // in force
}

// settings of serve, in the order of its help.
func serveSettings() []*setting {
	return []*setting{
		{key: "data", standard: defaultData, help: "`folder` that holds everything the node keeps"},
		{key: "node-id", standard: "node-1", help: "`name` of the node, for all time"},
		{key: "api", standard: "127.0.0.1:7070", help: "`address` of the admin API"},
		{key: "feed", standard: "127.0.0.1:7071", help: "`address` that edges connect to"},
		{key: "raft", standard: "127.0.0.1:7072", help: "`address` that control nodes talk to each other on"},
		{key: "base-url", standard: "http://127.0.0.1:8080", help: "`URL` that short links of the first domain begin with; only looked at when there is no domain yet"},
		{key: "go-filters", standard: "no", help: "`yes` takes filters of class go (standard Go); they may stall an edge for as long as one of their calls lasts, and edges must be told --go-filters too"},
		{key: "log-level", standard: "info", help: "least `level` that is logged: debug, info, warn or error"},
		{key: "log-format", standard: "text", help: "`form` of the log: text or json"},
	}
}

// register makes a flag of every setting.
func register(cmd *cobra.Command, settings []*setting) {
	for _, s := range settings {
		cmd.Flags().StringVar(&s.value, s.key, s.standard, s.help)
	}
	for name, values := range map[string][]string{"log-level": logLevels, "log-format": logFormats} {
		if cmd.Flags().Lookup(name) != nil {
			complete(cmd, name, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
		}
	}
	_ = cmd.MarkFlagDirname("data") // fails only for a flag that is not there
}

// readConfig takes the values of a YAML file into the settings, except those
// that are given as flags. It refuses what it does not know.
func readConfig(cmd *cobra.Command, path string, settings []*setting) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	var document yaml.Node
	if err := yaml.Unmarshal(data, &document); err != nil {
		return fmt.Errorf("configuration %s: %w", path, err)
	}
	if len(document.Content) == 0 {
		return nil // an empty file
	}
	root := document.Content[0]
	if root.Kind != yaml.MappingNode {
		return fmt.Errorf("%s:%d: want lines like `api: 127.0.0.1:7070`", path, root.Line)
	}
	var errs []error
	seen := map[string]bool{}
	for i := 0; i < len(root.Content); i += 2 {
		key, value := root.Content[i], root.Content[i+1]
		s := find(settings, key.Value)
		switch {
		case s == nil:
			errs = append(errs, fmt.Errorf("%s:%d: there is no key %s; %s", path, key.Line, key.Value, keyHint(key.Value, settings)))
		case seen[key.Value]:
			errs = append(errs, fmt.Errorf("%s:%d: %s is given twice; keep one", path, key.Line, key.Value))
		case value.Kind != yaml.ScalarNode || value.Tag == "!!null":
			errs = append(errs, fmt.Errorf("%s:%d: %s has no value; give one or leave the line out", path, value.Line, key.Value))
		case !cmd.Flags().Changed(key.Value):
			s.value = value.Value
		}
		seen[key.Value] = true
	}
	return errors.Join(errs...)
}

func find(settings []*setting, key string) *setting {
	for _, s := range settings {
		if s.key == key {
			return s
		}
	}
	return nil
}

func keyHint(key string, settings []*setting) string {
	var keys []string
	for _, s := range settings {
		keys = append(keys, s.key)
	}
	if near := link.Nearest(key, keys); near != "" {
		return "did you mean " + near + "?"
	}
	return "there are " + strings.Join(keys, ", ")
}

var (
	logLevels  = []string{"debug", "info", "warn", "error"}
	logFormats = []string{"text", "json"}
)

// newLogger returns a logger that writes to w.
func newLogger(w io.Writer, level, format string) (*slog.Logger, error) {
	var least slog.Level
	if !slices.Contains(logLevels, level) || least.UnmarshalText([]byte(level)) != nil {
		return nil, &usageError{fmt.Sprintf("log-level %q is none; want %s", level, strings.Join(logLevels, ", "))}
	}
	options := &slog.HandlerOptions{Level: least}
	switch format {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, &usageError{fmt.Sprintf("log-format %q is none; want %s", format, strings.Join(logFormats, " or "))}
}
