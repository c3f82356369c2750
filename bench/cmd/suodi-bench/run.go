package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"suodi/bench/load"
	"suodi/bench/report"
)

// visits are the flags that say what visits are made.
type visits struct {
	url         string
	host        string
	connections int
	fresh       bool
	resume      float64
	warmup      time.Duration
	timeout     time.Duration
	workers     int
	links       uint64
	linksFile   string
	location    string
	popularity  string
	agents      string
	statuses    []int
	seed        uint64
}

func (v *visits) flags(flags *pflag.FlagSet) {
	flags.StringVar(&v.host, "host", "", "`NAME` for the Host header and TLS; left out: the URL's")
	flags.IntVar(&v.connections, "connections", 64, "connections at a time, at most")
	flags.BoolVar(&v.fresh, "fresh", false, "open a connection for every visit, as the public does")
	flags.Float64Var(&v.resume, "resume", 0, "`SHARE` (0 to 1) of new TLS connections that resume a session")
	flags.DurationVar(&v.warmup, "warmup", 2*time.Second, "load before the measurement")
	flags.DurationVar(&v.timeout, "timeout", 5*time.Second, "for a visit; a run in which nobody answers for as long stops")
	flags.IntVar(&v.workers, "workers", 1, "threads that make visits, a core each; with TLS Go sees to it")
	flags.Uint64Var(&v.links, "links", 0, "visit `N` links that `suodi-bench fill` made")
	flags.StringVar(&v.linksFile, "links-file", "", "visit the links of `FILE`: path, weight, beginning of the Location, separated by tabs")
	flags.StringVar(&v.location, "location", "", "what every Location must begin with (made links: before the slug); left out: anything")
	flags.StringVar(&v.popularity, "popularity", "zipf", "how visits spread over links: uniform, zipf or zipf:EXPONENT")
	flags.StringVar(&v.agents, "agents", "", "user agents from `FILE`: weight, tab, agent; left out: a mix of those that follow shared links in China")
	flags.IntSliceVar(&v.statuses, "expect", []int{301, 302, 303, 307, 308}, "statuses that a visit may be answered with")
	flags.Uint64Var(&v.seed, "seed", 1, "of the draw of links and agents")
}

// config turns the flags into a configuration.
func (v *visits) config() (load.Config, error) {
	config := load.Config{
		Host: v.host, Connections: v.connections, Fresh: v.fresh, Warmup: v.warmup, Timeout: v.timeout,
		Workers: v.workers, Statuses: v.statuses, Seed: v.seed,
	}
	u, err := url.Parse(v.url)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return config, fmt.Errorf("%w: URL %q: want http://host:port/path or https://…", errUsage, v.url)
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	config.Address = net.JoinHostPort(u.Hostname(), port)
	if config.Host == "" {
		config.Host = u.Host
	}
	if u.Scheme == "https" {
		config.TLS = &load.TLS{Resume: v.resume}
	} else if v.resume > 0 {
		return config, fmt.Errorf("%w: --resume is for https", errUsage)
	}
	if config.Links, err = v.pickLinks(u); err != nil {
		return config, err
	}
	if v.agents != "" {
		if config.Agents, err = readFile(v.agents, load.ReadAgents); err != nil {
			return config, err
		}
	}
	return config, nil
}

// pickLinks finds out what is visited.
func (v *visits) pickLinks(u *url.URL) (*load.Links, error) {
	popularity, err := load.ParsePopularity(v.popularity)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUsage, err)
	}
	given := 0
	for _, is := range []bool{v.links > 0, v.linksFile != "", u.Path != "" && u.Path != "/"} {
		if is {
			given++
		}
	}
	switch {
	case given > 1:
		return nil, fmt.Errorf("%w: give one of --links, --links-file and a path in the URL", errUsage)
	case v.links > 0:
		return load.MadeLinks(v.links, v.location, popularity)
	case v.linksFile != "":
		return readFile(v.linksFile, func(r io.Reader) (*load.Links, error) { return load.ReadLinks(r, popularity) })
	case given == 0:
		return nil, fmt.Errorf("%w: which links? give a path in the URL, --links or --links-file", errUsage)
	}
	return load.OneLink(u.RequestURI(), v.location)
}

// readFile reads a file with what reads its kind.
func readFile[T any](name string, read func(io.Reader) (T, error)) (T, error) {
	var none T
	f, err := os.Open(name)
	if err != nil {
		return none, err
	}
	value, err := read(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return none, fmt.Errorf("%s: %w", name, err)
	}
	return value, nil
}

func (in invocation) run() *cobra.Command {
	var v visits
	var out output
	var rate float64
	var duration time.Duration
	var rounds int
	cmd := &cobra.Command{
		Use:   "run URL",
		Short: "Put load on an address and report what came back",
		Long: `Visits an address and reports rate, latencies and errors.

With --rate the loop is open: visits begin at that rate whatever becomes of
them, and their time counts from when they should have begun. Without it the
loop is closed: each connection makes a visit when the one before is answered.

What the public does to a short link is a new TLS connection per visit, half of
them resumed:

  suodi-bench run https://go.example/ --fresh --resume 0.5 --rate 1000 --links 100000`,
		Args: oneArgument("URL"),
		RunE: func(cmd *cobra.Command, args []string) error {
			v.url = args[0]
			config, err := v.config()
			if err != nil {
				return err
			}
			config.Rate, config.Duration = rate, duration
			view := newLive(in.stderr)
			config.Progress = view.show
			r := report.New("run", in.args, version())
			subject := report.Subject{Name: config.Address, Scenario: config.Scenario()}
			for n := range rounds {
				view.begin("round %d of %d", n+1, rounds)
				config.Seed = v.seed + uint64(n)
				round, err := load.Run(cmd.Context(), config)
				view.clear()
				if err != nil {
					return err
				}
				subject.Rounds = append(subject.Rounds, *round)
				for _, doubt := range load.Doubts(round) {
					r.Warn(doubt)
				}
				if round.Stopped != "" {
					break
				}
			}
			r.Subjects = append(r.Subjects, subject)
			return out.write(in, r)
		},
	}
	flags := cmd.Flags()
	flags.Float64Var(&rate, "rate", 0, "visits a second of an open loop; 0: a closed loop")
	flags.DurationVar(&duration, "duration", 10*time.Second, "of a round")
	flags.IntVar(&rounds, "rounds", 1, "how often to measure; compare needs four")
	v.flags(flags)
	out.flags(flags)
	return cmd
}

// oneArgument refuses a command line without exactly one argument.
func oneArgument(name string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("%w: want one %s; `%s --help` tells more", errUsage, name, cmd.CommandPath())
		}
		return nil
	}
}
