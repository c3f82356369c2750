package report

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// Schema names the form of the JSON. Changing it breaks readers of reports.
const Schema = "suodi-bench/1"

// Report is one measurement.
type Report struct {
	Schema   string    `json:"schema"`
	Kind     string    `json:"kind"` // the command: run, sweep, peers, table, classify, filter
	Started  time.Time `json:"started"`
	Command  []string  `json:"command"` // the arguments that it was made with
	Version  string    `json:"version"` // of suodi-bench
	Machine  Machine   `json:"machine"` // that the load came from
	Subjects []Subject `json:"subjects"`
	Sweep    *Sweep    `json:"sweep,omitempty"`
	Missing  []Missing `json:"missing,omitempty"`
	// Warnings say what may make the figures worth less than they look.
	Warnings []string `json:"warnings,omitempty"`
}

// Subject is something that was measured.
type Subject struct {
	Name     string  `json:"name"`
	Scenario string  `json:"scenario"` // what was done to it
	Note     string  `json:"note,omitempty"`
	Rounds   []Round `json:"rounds"`
}

// Round is one measurement of a subject.
type Round struct {
	Started time.Time `json:"started"` // after the warm-up
	Seconds float64   `json:"seconds"` // until the last answer, at least as long as load was put on
	Target  float64   `json:"target_rate,omitempty"`
	Visits  uint64    `json:"visits"` // answered as they should be
	Failed  uint64    `json:"failed"`
	Rate    float64   `json:"rate"` // of Visits
	Errors  []Error   `json:"errors,omitempty"`
	// Stopped is why the round ended before its time.
	Stopped string `json:"stopped,omitempty"`
	// Resumed is the share of TLS handshakes that resumed a session.
	Resumed *float64 `json:"resumed,omitempty"`
	// Latency also holds the visits that timed out or could not be begun, with
	// the time until they were given up.
	Latency   Latency    `json:"latency"`
	Series    []Interval `json:"series,omitempty"`
	Generator *Generator `json:"generator,omitempty"`
	Server    *Server    `json:"server,omitempty"`
}

// Error is one way in which visits failed.
type Error struct {
	Class   string `json:"class"`
	Count   uint64 `json:"count"`
	Example string `json:"example"` // the first one
}

// Interval is a piece of a round.
type Interval struct {
	At      float64 `json:"at"` // of its beginning, from the round's
	Seconds float64 `json:"seconds"`
	Visits  uint64  `json:"visits"`
	Failed  uint64  `json:"failed"`
	P50     float64 `json:"p50"`
	P99     float64 `json:"p99"`
	Max     float64 `json:"max"`
}

// Generator is how the program that puts the load on fared.
type Generator struct {
	// Busy is the share of its time that it was not waiting: near 1 it cannot
	// give more, and the figures are its own rather than the server's.
	Busy float64 `json:"busy"`
	// Lag is how long after its time the 99th percentile of visits was begun
	// although a connection was free.
	Lag        float64 `json:"lag_p99,omitempty"`
	Reconnects uint64  `json:"reconnects,omitempty"` // connections that the server had closed in between
}

// Server is what the server used, where it could be seen.
type Server struct {
	CPU float64 `json:"cpu"` // seconds of processor time a second
	// Capacity is visits for each second of processor time: what one core could
	// answer, also where the generator could not ask for as much.
	Capacity float64 `json:"capacity"`
	Memory   uint64  `json:"memory,omitempty"` // resident bytes at the end
}

// Sweep is the search for the highest rate.
type Sweep struct {
	Limit float64 `json:"limit"` // that p99 had to stay under
	Rate  float64 `json:"rate"`  // the highest that was confirmed; 0: none
	Steps []Step  `json:"steps"`
}

// Step is a rate that was tried.
type Step struct {
	Rate     float64 `json:"rate"`
	Achieved float64 `json:"achieved"`
	P99      float64 `json:"p99"`
	OK       bool    `json:"ok"`
	Confirms bool    `json:"confirms,omitempty"` // a rate that was good before
	Reason   string  `json:"reason,omitempty"`   // why it was not good
}

// Missing is what could not be measured.
type Missing struct {
	Name   string `json:"name"`
	Reason string `json:"reason"`
	WayOut string `json:"way_out,omitempty"`
}

// New returns a report without subjects.
func New(kind string, command []string, version string) *Report {
	return &Report{
		Schema: Schema, Kind: kind, Started: time.Now().UTC().Truncate(time.Second), Command: command, Version: version,
		Machine: ThisMachine(), Subjects: []Subject{},
	}
}

// Warn adds a warning, once.
func (r *Report) Warn(warning string) {
	if !slices.Contains(r.Warnings, warning) {
		r.Warnings = append(r.Warnings, warning)
	}
}

// WriteJSON writes the report for programs.
func (r *Report) WriteJSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(r)
}

// Read reads what WriteJSON wrote.
func Read(from io.Reader) (*Report, error) {
	r := &Report{}
	if err := json.NewDecoder(from).Decode(r); err != nil {
		return nil, fmt.Errorf("not a report: %w", err)
	}
	if r.Schema != Schema {
		return nil, fmt.Errorf("schema %q: this program reads %q", r.Schema, Schema)
	}
	return r, nil
}

// maxFailed is the share of visits that may fail before a measurement is worth
// nothing.
const maxFailed = 0.01

// Err says why the report is worth nothing, if so: something in it was not
// measured, or more than one visit in a hundred failed.
func (r *Report) Err() error {
	if len(r.Subjects) == 0 {
		return errors.New("nothing was measured")
	}
	var errs []error
	for _, s := range r.Subjects {
		errs = append(errs, s.err())
	}
	return errors.Join(errs...)
}

func (s Subject) err() error {
	if len(s.Rounds) == 0 {
		return fmt.Errorf("%s: nothing was measured", s.Name)
	}
	for i, round := range s.Rounds {
		if err := round.Err(); err != nil {
			return fmt.Errorf("%s, round %d: %w", s.Name, i+1, err)
		}
	}
	return nil
}

// Err says why the round is worth nothing, if so.
func (r Round) Err() error {
	said := ""
	for _, e := range r.Errors {
		said += fmt.Sprintf("; %d %s (%s)", e.Count, e.Class, e.Example)
	}
	switch total := r.Visits + r.Failed; {
	case r.Visits == 0:
		return fmt.Errorf("nothing was measured: none of %d visits was answered as it should be%s", total, said)
	case r.Stopped != "":
		return fmt.Errorf("stopped after %.1f s: %s%s", r.Seconds, r.Stopped, said)
	case float64(r.Failed) > maxFailed*float64(total):
		return fmt.Errorf("%d of %d visits failed, so the figures mean nothing%s", r.Failed, total, said)
	}
	return nil
}
