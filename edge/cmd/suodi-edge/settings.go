package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"gopkg.in/yaml.v3"
)

// settings are what the configuration file and the flags say. Every key of the
// file is also a flag, which wins.
type settings struct {
	Listen    string   `yaml:"listen"`
	Admin     string   `yaml:"admin"`
	Data      string   `yaml:"data"`
	ID        string   `yaml:"id"`
	Upstream  []string `yaml:"upstream"`
	LogLevel  string   `yaml:"log-level"`
	LogFormat string   `yaml:"log-format"`

	version bool
}

// usage begins the text of --help; the flags follow.
const usage = `suodi-edge answers visits from its own copy of the links, which it keeps up to
date by following a control plane's feed.

Usage: suodi-edge [flags]

`

// list is a flag that takes values separated by commas.
type list struct{ to *[]string }

func (l list) String() string {
	if l.to == nil {
		return ""
	}
	return strings.Join(*l.to, ",")
}

func (l list) Set(s string) error {
	*l.to = strings.Split(s, ",")
	return nil
}

// parse reads the command line and the file it names.
func parse(args []string, stderr io.Writer) (*settings, error) {
	s := &settings{
		Listen: "127.0.0.1:8080", Admin: "127.0.0.1:8081", Data: "./data/edge", ID: "edge-1",
		Upstream: []string{"127.0.0.1:7071"}, LogLevel: "info", LogFormat: "text",
	}
	file := configFile(args)
	if file != "" {
		if err := s.read(file); err != nil {
			return nil, err
		}
	}
	flags := flag.NewFlagSet("suodi-edge", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() {
		_, _ = io.WriteString(stderr, usage) // help that cannot be written helps nobody
		flags.PrintDefaults()
	}
	flags.String("config", "", "`file` in YAML with these settings as keys; flags win")
	flags.StringVar(&s.Listen, "listen", s.Listen, "`address` for visitors")
	flags.StringVar(&s.Admin, "admin", s.Admin, "`address` for /healthz, /readyz, /metrics and /debug/pprof; loopback only")
	flags.StringVar(&s.Data, "data", s.Data, "`directory` that holds the edge's copy of the links")
	flags.StringVar(&s.ID, "id", s.ID, "`name` of this edge in the fleet")
	flags.Var(list{&s.Upstream}, "upstream", "`addresses` of control nodes' feeds, separated by commas; loopback only until there is TLS")
	flags.StringVar(&s.LogLevel, "log-level", s.LogLevel, "debug, info, warn or error")
	flags.StringVar(&s.LogFormat, "log-format", s.LogFormat, "text or json")
	flags.BoolVar(&s.version, "version", false, "print the version and end")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil, err
		}
		return nil, errUsage // what is wrong stands on stderr already
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("unexpected argument %q; %w", flags.Arg(0), errUsage)
	}
	return s, nil
}

// configFile finds --config before the other flags are read.
func configFile(args []string) string {
	for i, arg := range args {
		name, value, given := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		if !strings.HasPrefix(arg, "-") || name != "config" {
			continue
		}
		if given {
			return value
		}
		if i+1 < len(args) {
			return args[i+1]
		}
	}
	return ""
}

// read takes over what a file says.
func (s *settings) read(file string) error {
	f, err := os.Open(file)
	if err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	decoder := yaml.NewDecoder(f)
	decoder.KnownFields(true)
	err = decoder.Decode(s)
	if errors.Is(err, io.EOF) {
		err = nil // an empty file says nothing
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("configuration %s: %w", file, err)
	}
	return nil
}
