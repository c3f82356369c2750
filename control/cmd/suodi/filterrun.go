package main

import (
	"fmt"
	"net/url"
	"strings"
	"time"
	_ "time/tzdata" // zones by name, whatever the machine has

	"github.com/spf13/cobra"

	"suodi/control/link"
	"suodi/control/rollout"
	"suodi/wasm/abi"
	"suodi/wasm/meter"
	"suodi/wasm/visit"
)

// tryFlags are the flags of filter run.
type tryFlags struct {
	visitFlags
	region, slug, host, path, timeZone string
	allow, guard                       []string
	params                             string
	repeat                             int
	cluster                            bool
}

const defaultRepeat = 10_000

func (c *cli) filterRun() *cobra.Command {
	f := &tryFlags{}
	cmd := &cobra.Command{
		Use: "run FILE", Short: "Run a rule set or a module on one visit, here; - reads standard input", Args: wants("the file with the rule set or module"),
		Long: `Run a rule set or a WebAssembly module on one visit, metered and limited as on an
edge, and show what it decides and what that costs. A manifest.json beside a
module is its manifest. The exit code is 1 when the filter breaks.

Platforms are those that this program comes with, and no control plane is
needed; --cluster takes the ones in force, with what admins added. The visit hash
is made with a key of zeros: a share of visits meets others than on edges.`,
		Example: `  suodi filter run rules.yaml --ua 'Mozilla/5.0 … MicroMessenger/8.0.49' --guard wechat
  suodi filter run filter.wasm --country CN --params '{"limit": 3}' --json
  suodi filter run office-hours.yaml --time 03:00 --time-zone Asia/Shanghai`,
		ValidArgsFunction: completeFiles("yaml", "yml", "wasm"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.tryFilter(cmd, args[0], f)
		},
	}
	f.register(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.region, "region", "", "the visitor's `region`")
	flags.StringVar(&f.slug, "slug", "hello", "`path` of the link")
	flags.StringVar(&f.host, "host", "s.example", "`domain` of the link")
	flags.StringVar(&f.path, "path", "", "`path` that the visitor asked for (default that of the link)")
	flags.StringVar(&f.timeZone, "time-zone", "UTC", "the domain's time zone, a `name` such as Asia/Shanghai")
	flags.StringSliceVar(&f.allow, "allow", nil, "`platforms` that the link allows, separated by commas")
	flags.StringSliceVar(&f.guard, "guard", nil, "`platforms` that the link guards, separated by commas")
	flags.StringVar(&f.params, "params", "", "parameters that the filter is given, a JSON `object`")
	flags.IntVar(&f.repeat, "repeat", defaultRepeat, "how `many` calls the time is the median of, for at most two seconds; 1 is the first call alone")
	registerCluster(cmd, &f.cluster)
	for _, name := range []string{"region", "slug", "host", "path", "time-zone", "params", "repeat"} {
		complete(cmd, name, cobra.NoFileCompletions)
	}
	complete(cmd, "allow", c.completePlatforms)
	complete(cmd, "guard", c.completePlatforms)
	return cmd
}

func (c *cli) tryFilter(cmd *cobra.Command, file string, f *tryFlags) error {
	if f.repeat < 1 {
		return wrongUse(cmd, "--repeat %d: want 1 or more", f.repeat)
	}
	catalog, err := c.catalog(cmd.Context(), f.cluster)
	if err != nil {
		return err
	}
	t := &trial{file: nameFile(file), repeat: f.repeat}
	if t.visit, err = f.visit(cmd, catalog); err != nil {
		return err
	}
	if err := c.loadTrial(t, file, catalog); err != nil {
		return err
	}
	if t.params, err = abi.CanonicalParams(t.admitted.Manifest.Params, []byte(f.params)); err != nil {
		return wrongUse(cmd, "--params: %s", err)
	}
	report, err := t.run(cmd.Context())
	if err != nil {
		return err
	}
	report.Platform, report.Platforms = nameOf(catalog, t.visit.Platform), catalog.IDs(t.visit.Platforms)
	return c.tellTrial(report)
}

// loadTrial reads the filter of a trial and admits it.
func (c *cli) loadTrial(t *trial, file string, catalog *visit.Catalog) error {
	source, err := c.readSource(file)
	if err != nil {
		return err
	}
	t.module = source
	if !isModule(source) {
		set, err := rollout.Compile(source, catalog)
		if err != nil {
			return mistaken(file, "", err)
		}
		t.module, t.own = set.Module.Wasm, true
	}
	if t.admitted, err = meter.Admit(t.module, meter.Options{}); err != nil {
		return fmt.Errorf("%s is not admitted: %w", t.file, err)
	}
	return nil
}

func nameOf(catalog *visit.Catalog, number uint8) string {
	e, _ := catalog.ByNumber(number)
	return e.ID
}

// visit makes the visit that the flags describe, with every fact.
func (f *tryFlags) visit(cmd *cobra.Command, catalog *visit.Catalog) (*abi.Visit, error) {
	location, err := time.LoadLocation(f.timeZone)
	if err != nil {
		return nil, wrongUse(cmd, "--time-zone %q is none; want a name such as Asia/Shanghai", f.timeZone)
	}
	at, err := f.checkTime(cmd, time.Now().In(location))
	if err != nil {
		return nil, err
	}
	country, err := f.checkCountry(cmd)
	if err != nil {
		return nil, err
	}
	ip, err := f.checkIP(cmd)
	if err != nil {
		return nil, err
	}
	v := &abi.Visit{
		Country: [2]byte{'Z', 'Z'}, Region: []byte(f.region), Language: []byte(f.language),
		Host: []byte(f.host), Slug: []byte(f.slug), Path: []byte(f.path), Query: []byte(f.query),
		Referrer: []byte(f.referrer), UserAgent: []byte(f.userAgent), RequestedWith: []byte(f.requestedWith),
	}
	copy(v.Country[:], country)
	if ip.IsValid() {
		v.IP = ip.As16()
	}
	if f.path == "" {
		v.Path = []byte((&url.URL{Path: "/" + f.slug}).EscapedPath())
	}
	for flag, set := range map[string]struct {
		ids []string
		to  *abi.Set
	}{"allow": {f.allow, &v.Allow}, "guard": {f.guard, &v.Guard}} {
		for _, id := range list(set.ids) {
			e, ok := catalog.ByID(id)
			if !ok {
				return nil, wrongUse(cmd, "--%s %q is no platform%s", flag, id, didYouMean(id, catalog))
			}
			set.to.Add(e.Number)
		}
	}
	classifier, err := visit.NewClassifier(visit.Config{Catalog: catalog, CacheEntries: 1, Queue: 1})
	if err != nil {
		return nil, err
	}
	evidence := visit.Evidence{UserAgent: v.UserAgent, RequestedWith: v.RequestedWith}
	classifier.Classify(&evidence, abi.FactPlatforms|abi.FactVersions, v)
	visit.NewClock(location).Fill(v, at.Unix())
	v.Hash = visit.Hash([16]byte{}, []byte(f.host+"/"+f.slug), v.IP, v.UserAgent)
	v.Facts = abi.AllFacts
	return v, nil
}

func didYouMean(id string, catalog *visit.Catalog) string {
	var ids []string
	for _, e := range catalog.Entries() {
		ids = append(ids, e.ID)
	}
	if near := link.Nearest(id, ids); near != "" {
		return "; did you mean " + near + "?"
	}
	return ""
}

func (c *cli) tellTrial(r *trialReport) error {
	if c.json {
		if err := c.printJSON(r); err != nil {
			return err
		}
	} else if err := c.pairs(r.lines()...); err != nil {
		return err
	}
	if r.Error != "" {
		return fmt.Errorf("%s breaks on this visit: %s", r.File, printable(r.Error))
	}
	return nil
}

// lines are what people are told of a trial.
func (r *trialReport) lines() [][2]string {
	verdict := r.Action
	if r.Error != "" {
		verdict += " (it broke, and fails " + string(r.Fail) + ")"
	} else if r.Erred {
		verdict += " (a condition before could not be decided)"
	}
	fuel := ""
	if r.Fuel > 0 {
		fuel = fmt.Sprintf("%s of %s units", grouped(r.Fuel), grouped(r.FuelLimit))
	}
	took := ""
	switch {
	case r.Error != "":
	case r.Calls == 1:
		took = span(time.Duration(r.Nanoseconds)) + " (the first call)"
	default:
		took = fmt.Sprintf("%s (median of %s calls)", span(time.Duration(r.Nanoseconds)), grouped(r.Calls))
	}
	return [][2]string{
		{"verdict", verdict},
		{"leads to", r.URL},
		{"code", orNone(r.Code)},
		{"reason", describeReason(r.Reason)},
		{"rule", describeRule(r.Rule, r.RuleName)},
		{"class", string(r.Class)},
		{"visitor", r.Platform + " (" + strings.Join(r.Platforms, ", ") + ")"},
		{"fuel", fuel},
		{"time", took},
	}
}

func orNone(code uint32) string {
	if code == 0 {
		return ""
	}
	return fmt.Sprint(code)
}

// describeReason shows a reason in the languages it has.
func describeReason(r *abi.Reason) string {
	if r == nil {
		return ""
	}
	text := bothLanguages(r.Text)
	if r.Page == abi.PageNotFound {
		text = strings.TrimSpace(text + " (shown as if there were no such link)")
	}
	return text
}

// bothLanguages shows a text once where it is the same in both.
func bothLanguages(t abi.Text) string {
	switch {
	case t.Zh == t.En || t.En == "":
		return t.Zh
	case t.Zh == "":
		return t.En
	}
	return t.Zh + " / " + t.En
}

func describeRule(number uint32, name string) string {
	switch {
	case number == 0:
		return ""
	case name == "":
		return fmt.Sprint(number)
	}
	return fmt.Sprintf("%d: %s", number, name)
}
