package bench

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"suodi/wasm/visit/samples"
)

// SmokeReport is what the visits of a smoke run got.
type SmokeReport struct {
	Visits    int             `json:"visits"`
	Agents    int             `json:"agents"`
	Seconds   float64         `json:"seconds"`
	Links     []SmokeLink     `json:"links"`
	Platforms []SmokePlatform `json:"platforms"`
	Wrong     []SmokeWrong    `json:"wrong"` // visits that got something else than they should
}

// SmokeLink is a link that was visited.
type SmokeLink struct {
	Name     string   `json:"name"`
	Domain   string   `json:"domain"`
	Slug     string   `json:"slug"`
	ShortURL string   `json:"short_url"`
	Allow    []string `json:"allow"`
	Guard    []string `json:"guard"`
}

// SmokePlatform is what the agents of one platform got.
type SmokePlatform struct {
	ID     string `json:"id"` // the most specific of the agents' platforms
	Agents int    `json:"agents"`
	// Got counts outcomes, for each link in the order of the report's.
	Got []map[string]int `json:"got"`
	// Wrong counts visits that should have got something else.
	Wrong int `json:"wrong"`
}

// SmokeWrong is one visit that got something else than it should.
type SmokeWrong struct {
	Agent     string   `json:"agent"`
	Platforms []string `json:"platforms"`
	Link      string   `json:"link"`
	Want      string   `json:"want"`
	Got       string   `json:"got"`
	UserAgent string   `json:"user_agent"`
}

func newSmokeReport(links []SmokeLink, agents []samples.Agent) *SmokeReport {
	return &SmokeReport{Agents: len(agents), Links: links, Platforms: []SmokePlatform{}, Wrong: []SmokeWrong{}}
}

// add counts the visit of an agent to the n-th link.
func (r *SmokeReport) add(agent samples.Agent, n int, got string) {
	p := r.platform(agent.Platform)
	r.Visits++
	if n == 0 {
		p.Agents++
	}
	p.Got[n][got]++
	if want := expected(agent, r.Links[n]); got != want {
		p.Wrong++
		r.Wrong = append(r.Wrong, SmokeWrong{
			Agent: agent.Name, Platforms: agent.Platforms, Link: r.Links[n].Name, Want: want, Got: got, UserAgent: agent.UserAgent,
		})
	}
}

// platform returns the row of a platform.
func (r *SmokeReport) platform(id string) *SmokePlatform {
	for i := range r.Platforms {
		if r.Platforms[i].ID == id {
			return &r.Platforms[i]
		}
	}
	row := SmokePlatform{ID: id, Got: make([]map[string]int, len(r.Links))}
	for i := range row.Got {
		row.Got[i] = map[string]int{}
	}
	r.Platforms = append(r.Platforms, row)
	return &r.Platforms[len(r.Platforms)-1]
}

// Err says what is wrong with what the visits got, also that there were none.
func (r *SmokeReport) Err() error {
	switch {
	case r.Visits == 0:
		return errors.New("nothing was measured: no visit was made")
	case len(r.Wrong) == 1:
		return fmt.Errorf("1 of %d visits got something else than it should", r.Visits)
	case len(r.Wrong) > 0:
		return fmt.Errorf("%d of %d visits got something else than they should", len(r.Wrong), r.Visits)
	}
	return nil
}

// WriteTable writes the report for people: a line for each platform, then one
// for each visit that went wrong.
func (r *SmokeReport) WriteTable(to io.Writer) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	head := []string{"PLATFORM", "AGENTS"}
	for _, l := range r.Links {
		head = append(head, strings.ToUpper(l.Name))
	}
	lines := []string{strings.Join(append(head, "WRONG"), "\t")}
	for _, p := range r.Platforms {
		cells := []string{p.ID, fmt.Sprint(p.Agents)}
		for _, got := range p.Got {
			cells = append(cells, counts(got))
		}
		wrong := "-"
		if p.Wrong > 0 {
			wrong = fmt.Sprint(p.Wrong)
		}
		lines = append(lines, strings.Join(append(cells, wrong), "\t"))
	}
	_, err := fmt.Fprintln(w, strings.Join(lines, "\n"))
	if err = errors.Join(err, w.Flush()); err != nil {
		return err
	}
	for _, wrong := range r.Wrong {
		_, err := fmt.Fprintf(to, "\nWRONG: %s (%s) on link %q: want %s, got %s\n  %s\n",
			wrong.Agent, strings.Join(wrong.Platforms, ", "), wrong.Link, wrong.Want, wrong.Got, wrong.UserAgent)
		if err != nil {
			return err
		}
	}
	_, err = fmt.Fprintf(to, "\n%d visits by %d user agents in %.1f s, %d wrong\n", r.Visits, r.Agents, r.Seconds, len(r.Wrong))
	return err
}

// counts writes outcomes: one by its name, several with how often.
func counts(got map[string]int) string {
	names := slices.Sorted(maps.Keys(got))
	if len(names) == 1 {
		return names[0]
	}
	for i, name := range names {
		names[i] = fmt.Sprintf("%d × %s", got[name], name)
	}
	return strings.Join(names, ", ")
}
