package rollout

import (
	"context"
	"strings"

	"suodi/wasm/abi"
)

// Decision is what a filter says of one visit.
type Decision struct {
	Action abi.Action
	URL    string // of a route
	Failed bool   // the filter broke, and Action is its fail mode's
}

// String returns the decision in a word.
func (d Decision) String() string {
	if d.Failed {
		return "broken (" + d.Action.String() + ")"
	}
	return d.Action.String()
}

// Runner runs a filter over visits.
type Runner interface {
	// Run returns what the filter says of each visit, given params.
	Run(ctx context.Context, module, params []byte, visits []abi.Visit) ([]Decision, error)
}

// MaxExamples is how many visits a forecast shows.
const MaxExamples = 5

// maxShownAgent bounds how much of a user agent is shown, in bytes.
const maxShownAgent = 256

// Forecast says what a version would have changed of visits that were. It
// shows no addresses.
type Forecast struct {
	Visits       int            `json:"visits" doc:"Recent visits that both versions were run on."`
	Changed      int            `json:"changed" doc:"Visits of which they would have decided differently."`
	FromTo       map[string]int `json:"from_to" doc:"Those visits by what would have changed, as in pass→deny."`
	Examples     []Example      `json:"examples" doc:"Some of those visits, at most 5, of every kind first."`
	MissingFacts []string       `json:"missing_facts,omitempty" doc:"Facts that the new version asks for and that no visit had been given: what it decides by them is not foreseen."`
	Note         string         `json:"note,omitempty" doc:"What the figures do not tell."`
	Unavailable  string         `json:"unavailable,omitempty" doc:"Why there is no forecast."`
}

// Example is a visit that would have been decided differently.
type Example struct {
	Platform  string `json:"platform"`
	UserAgent string `json:"user_agent"`
	Country   string `json:"country"`
	Before    string `json:"before"`
	After     string `json:"after"`
}

// Compare returns what changes between two decisions of each visit. platform
// names a platform's number; needs are the facts that the new version asks for.
func Compare(visits []abi.Visit, before, after []Decision, needs abi.Facts, platform func(uint8) string) Forecast {
	f := Forecast{Visits: len(visits), FromTo: map[string]int{}, Examples: []Example{}}
	var given abi.Facts
	var others []Example
	for i := range visits {
		v := &visits[i]
		given |= v.Facts
		if before[i] == after[i] {
			continue
		}
		f.Changed++
		kind := before[i].String() + "→" + after[i].String()
		f.FromTo[kind]++
		example := show(v, platform)
		example.Before, example.After = describe(before[i]), describe(after[i])
		if f.FromTo[kind] == 1 && len(f.Examples) < MaxExamples {
			f.Examples = append(f.Examples, example)
		} else if len(others) < MaxExamples {
			others = append(others, example)
		}
	}
	f.Examples = append(f.Examples, others[:min(len(others), MaxExamples-len(f.Examples))]...)
	if len(visits) > 0 {
		f.MissingFacts = (needs &^ given).Names()
	}
	return f
}

// describe returns a decision with where a route leads.
func describe(d Decision) string {
	if d.URL == "" {
		return d.String()
	}
	return d.String() + " to " + strings.ToValidUTF8(d.URL, "\uFFFD")
}

func show(v *abi.Visit, platform func(uint8) string) Example {
	agent := v.UserAgent
	if len(agent) > maxShownAgent {
		agent = agent[:maxShownAgent]
	}
	example := Example{UserAgent: strings.ToValidUTF8(string(agent), "\uFFFD")}
	if v.Facts&abi.FactPlatforms != 0 {
		example.Platform = platform(v.Platform)
	}
	if v.Facts&abi.FactCountry != 0 {
		example.Country = strings.ToValidUTF8(string(v.Country[:]), "\uFFFD")
	}
	return example
}
