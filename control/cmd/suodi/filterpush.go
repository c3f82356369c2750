package main

import (
	"errors"
	"maps"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"gopkg.in/yaml.v3"

	"suodi/control/rollout"
	"suodi/wasm/abi"
	"suodi/wasm/meter"
)

// pushFlags are the flags of filter push.
type pushFlags struct {
	name                 string
	promote, named       bool
	canary               string
	forecast, noForecast bool
	waiting
}

func (c *cli) filterPush() *cobra.Command {
	f := &pushFlags{}
	cmd := &cobra.Command{
		Use: "push FILE", Short: "Push a rule set or a module; - reads it from standard input", Args: wants("the file with the rule set or module"),
		Long: `Push a rule set or a WebAssembly module. It becomes the filter's staged version,
which waits to be promoted. A rule set is compiled and its tests are run; a
manifest.json beside a module is its manifest. Where an edge is connected, it is
also told what the version would have changed of recent visits.`,
		Example: `  suodi filter push rules.yaml
  suodi filter push rules.yaml --promote
  suodi filter push filter.wasm --canary 5%
  suodi filter push plain.wasm --name device-models`,
		ValidArgsFunction: completeFiles("yaml", "yml", "wasm"),
		RunE: func(cmd *cobra.Command, args []string) error {
			query, err := f.query(cmd)
			if err != nil {
				return err
			}
			return c.pushFilter(cmd, args[0], f.name, query)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.name, "name", "", "the filter's `name` (default what it calls itself, else the file's)")
	flags.BoolVar(&f.promote, "promote", false, "also put it in force everywhere")
	flags.StringVar(&f.canary, "canary", "", "also put it in force for a `share` of the visits, as in 5%")
	flags.BoolVar(&f.named, "named", false, "with --promote or --canary: do not append a new filter to the chain; it runs where links and domains bind it")
	flags.BoolVar(&f.forecast, "forecast", false, "say it when there can be no forecast")
	flags.BoolVar(&f.noForecast, "no-forecast", false, "make no forecast")
	complete(cmd, "name", c.completeFilters)
	complete(cmd, "canary", cobra.NoFileCompletions)
	f.register(cmd)
	return cmd
}

func (f *pushFlags) query(cmd *cobra.Command) (url.Values, error) {
	query := f.waiting.query()
	switch {
	case f.promote && f.canary != "":
		return nil, wrongUse(cmd, "--promote is everywhere and --canary is not; give one of them")
	case f.forecast && f.noForecast:
		return nil, wrongUse(cmd, "--forecast and --no-forecast contradict each other")
	case f.named && !f.promote && f.canary == "":
		return nil, wrongUse(cmd, "--named says where a promoted filter runs; give it with --promote or --canary, or to `suodi filter promote`")
	case f.promote:
		query.Set("promote", "all")
	case f.canary != "":
		share, err := parsePercent(f.canary)
		if err != nil {
			return nil, wrongUse(cmd, "--canary: %s", err)
		}
		query.Set("promote", "canary")
		query.Set("percent", strconv.FormatFloat(share, 'f', -1, 64))
	}
	if f.named {
		query.Set("chain", "no")
	}
	if f.forecast {
		query.Set("forecast", "1")
	}
	if f.noForecast {
		query.Set("forecast", "0")
	}
	return query, nil
}

func (c *cli) pushFilter(cmd *cobra.Command, file, name string, query url.Values) error {
	source, err := c.readSource(file)
	if err != nil {
		return err
	}
	request := call{method: http.MethodPost, query: query, source: source, kind: "application/yaml"}
	if isModule(source) {
		request.kind = "application/wasm"
	}
	if name == "" {
		name = filterName(source, file)
	}
	if !abi.ValidName(name) {
		return wrongUse(cmd, "%q is no filter name (want lower case letters, digits, - and _, a letter first, at most 63); give one with --name", name)
	}
	s, err := c.connect()
	if err != nil {
		return err
	}
	bar := c.newProgress("pushing "+name, len(source))
	request.path, request.progress = filterPath(name), bar.show
	var f filterReply
	got, err := s.do(cmd.Context(), request, &f)
	bar.end()
	if p := (*problem)(nil); errors.As(err, &p) && p.Status == http.StatusUnprocessableEntity && isMistake(p) {
		return &refusal{p, describeMistakes(p, file)}
	}
	if err != nil {
		return s.explain(err)
	}
	if err := c.tellFilter(got, &f); err != nil {
		return err
	}
	if f.Forecast != nil && !c.json {
		c.tellForecast(f.Forecast)
	}
	return nil
}

// isMistake reports whether a problem is one with what was pushed, not with how.
func isMistake(p *problem) bool {
	return slices.ContainsFunc(p.Errors, func(f fault) bool { return strings.HasPrefix(f.Location, "body:") })
}

var nameLine = regexp.MustCompile(`(?m)^name:[ \t]*["']?([a-z][a-z0-9_-]*)`)

// filterName returns the name that a rule set or module gives itself. What
// cannot be read is sent as well, under the name it seems to have or its file's:
// the control plane knows best what is wrong with it.
func filterName(source []byte, file string) string {
	if isModule(source) {
		if m, err := meter.Admit(source, meter.Options{}); err == nil && m.HasManifest {
			return m.Manifest.Name
		}
		return fileName(file)
	}
	var head struct {
		Name string `yaml:"name"`
	}
	if err := yaml.Unmarshal(source, &head); err == nil && abi.ValidName(head.Name) {
		return head.Name
	}
	if m := nameLine.FindSubmatch(source); m != nil {
		return string(m[1])
	}
	if name := fileName(file); abi.ValidName(name) {
		return name
	}
	return "unnamed"
}

func fileName(file string) string { return strings.TrimSuffix(filepath.Base(file), filepath.Ext(file)) }

// maxShownAgent is how much of a user agent is shown, in columns.
const maxShownAgent = 80

// tellForecast says what a version would have changed of recent visits.
func (c *cli) tellForecast(f *rollout.Forecast) {
	if f.Unavailable != "" {
		c.say("forecast: there is none: %s", printable(f.Unavailable))
		return
	}
	if f.Visits == 0 {
		c.say("forecast: there were no visits to try it on")
		return
	}
	text := "none of the last " + count(f.Visits, "visit") + " would be decided otherwise"
	if f.Changed > 0 {
		text = grouped(f.Changed) + " of the last " + count(f.Visits, "visit") + " (" + percent(f.Changed, f.Visits) + ") would be decided otherwise"
	}
	c.say("forecast: %s", text)
	kinds := slices.SortedFunc(maps.Keys(f.FromTo), func(a, b string) int {
		if f.FromTo[a] != f.FromTo[b] {
			return f.FromTo[b] - f.FromTo[a]
		}
		return strings.Compare(a, b)
	})
	for _, kind := range kinds {
		c.say("  %s  %s", grouped(f.FromTo[kind]), printable(strings.ReplaceAll(kind, "→", " → ")))
	}
	said := map[rollout.Example]bool{}
	for _, e := range f.Examples {
		if said[e] {
			continue
		}
		said[e] = true
		who := strings.TrimSpace(e.Platform + " " + e.Country)
		c.say("  as in %s → %s: %s %s", printable(e.Before), printable(e.After), printable(who), shorten(printable(e.UserAgent), maxShownAgent))
	}
	if len(f.MissingFacts) > 0 {
		c.say("  it asks for %s, which no recent visit was given: what it decides by that is not foreseen", strings.Join(f.MissingFacts, ", "))
	}
	if f.Note != "" {
		c.say("  mind: %s", printable(f.Note))
	}
}
