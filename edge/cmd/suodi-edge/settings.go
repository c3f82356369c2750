package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"strings"

	"gopkg.in/yaml.v3"

	"suodi/edge"
	"suodi/edge/cert"
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

	TLS          string   `yaml:"tls"`
	Certificates []string `yaml:"certificates"`

	Proxies       []string `yaml:"proxies"`
	ProxyProtocol bool     `yaml:"proxy-protocol"`

	RatePerAddress        float64 `yaml:"rate-per-address"`
	Rate                  float64 `yaml:"rate"`
	ConnectionsPerAddress int     `yaml:"connections-per-address"`
	Connections           int     `yaml:"connections"`

	GoFilters    bool   `yaml:"go-filters"`
	CountryDB    string `yaml:"country-db"`
	AccessLog    string `yaml:"access-log"`
	AccessSample int    `yaml:"access-sample"`

	takeOver bool
	version  bool
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
	flags.StringVar(&s.TLS, "tls", s.TLS, "`address` for visitors over TLS; needs --certificates")
	flags.Var(list{&s.Certificates}, "certificates", "PEM `files` for TLS, separated by commas, each CERTIFICATE:KEY; read again when they change or on SIGHUP")
	flags.Var(list{&s.Proxies}, "proxies", "`networks` such as 10.0.0.0/8 of proxies whose X-Forwarded-For is believed, separated by commas")
	flags.BoolVar(&s.ProxyProtocol, "proxy-protocol", s.ProxyProtocol, "connections from --proxies begin with a PROXY header, version 1 or 2")
	flags.Float64Var(&s.RatePerAddress, "rate-per-address", s.RatePerAddress, "`visits` a second that one address may make, twice as many at once; the others get 429; 0: no limit")
	flags.Float64Var(&s.Rate, "rate", s.Rate, "`visits` a second in all; 0: no limit")
	flags.IntVar(&s.ConnectionsPerAddress, "connections-per-address", s.ConnectionsPerAddress, "`connections` that one address may hold open; 0: no limit")
	flags.IntVar(&s.Connections, "connections", s.Connections, "`connections` open in all; the others get 503; 0: four fifths of the file descriptors there are")
	flags.BoolVar(&s.GoFilters, "go-filters", s.GoFilters, "run filters of class go (standard Go); one of their calls may hold up all visits for as long as it lasts")
	flags.StringVar(&s.CountryDB, "country-db", s.CountryDB, "`file` in MaxMind's format that tells the country of addresses; read again when it is replaced")
	flags.StringVar(&s.AccessLog, "access-log", s.AccessLog, "`file` for a line of JSON a visit, opened anew on SIGHUP; -: standard output; empty: none")
	flags.IntVar(&s.AccessSample, "access-sample", s.AccessSample, "one visit in `so many` is written to the access log; 0: each")
	flags.BoolVar(&s.takeOver, "take-over", false, "replace the edge that runs with this data directory without dropping a visit: its addresses are handed over and it ends")
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

// config is what the settings say to the edge.
func (s *settings) config(logger *slog.Logger) (edge.Config, error) {
	config := edge.Config{
		Dir: s.Data, ID: s.ID, Listen: s.Listen, Admin: s.Admin, Upstream: s.Upstream, TLS: s.TLS, TakeOver: s.takeOver,
		ProxyProtocol: s.ProxyProtocol, RatePerAddress: s.RatePerAddress, Rate: s.Rate,
		ConnectionsPerAddress: s.ConnectionsPerAddress, Connections: s.Connections,
		GoFilters: s.GoFilters, CountryDB: s.CountryDB, AccessLog: s.AccessLog, AccessSample: s.AccessSample,
		Version: version(), Logger: logger,
	}
	for _, pair := range s.Certificates {
		certificate, key, ok := strings.Cut(pair, ":")
		if !ok {
			return config, fmt.Errorf("certificates %q: want CERTIFICATE:KEY, two files; %w", pair, errUsage)
		}
		config.Certificates = append(config.Certificates, cert.Pair{Certificate: certificate, Key: key})
	}
	for _, text := range s.Proxies {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			address, addressErr := netip.ParseAddr(text)
			if addressErr != nil {
				return config, fmt.Errorf("proxies %q: want a network such as 10.0.0.0/8; %w", text, errUsage)
			}
			network = netip.PrefixFrom(address, address.BitLen())
		}
		config.Proxies = append(config.Proxies, network.Masked())
	}
	return config, nil
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
