package report

import (
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
)

// number writes a figure with about three digits that matter, and groups of three.
func number(v float64) string {
	switch {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return "-"
	case v != 0 && abs(v) < 1:
		return strconv.FormatFloat(v, 'f', 3, 64)
	case v != 0 && abs(v) < 10:
		return strconv.FormatFloat(v, 'f', 2, 64)
	case abs(v) < 100:
		return strconv.FormatFloat(v, 'f', 1, 64)
	}
	return group(strconv.FormatFloat(v, 'f', 0, 64))
}

// group puts commas between groups of three digits.
func group(digits string) string {
	for at := len(digits) - 3; at > 0 && digits[at-1] != '-'; at -= 3 {
		digits = digits[:at] + "," + digits[at:]
	}
	return digits
}

// Notes returns what is to be borne in mind about the subjects, each once.
func (r *Report) Notes() (notes []string) {
	for _, s := range r.Subjects {
		if note := s.Name + ": " + s.Note; s.Note != "" && !slices.Contains(notes, note) {
			notes = append(notes, note)
		}
	}
	return notes
}

// WriteText writes the report for people at a terminal.
func (r *Report) WriteText(to io.Writer) error {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	for _, rows := range r.scenarios() {
		_ = w.Flush() // a scenario's columns are its own; the last Flush tells
		_, _ = fmt.Fprintf(to, "\n%s\n", rows[0].Scenario)
		shown := columns(rows, r.Kind == "peers")
		cells := []string{""}
		for _, c := range shown {
			cells = append(cells, c.Head)
		}
		_, _ = fmt.Fprintln(w, strings.Join(cells, "\t")+"\t")
		for _, row := range rows {
			cells = append(cells[:0], row.Name)
			for _, c := range shown {
				cells = append(cells, c.cell(row))
			}
			_, _ = fmt.Fprintln(w, strings.Join(cells, "\t")+"\t")
		}
	}
	err := w.Flush()
	say := func(format string, args ...any) {
		_, e := fmt.Fprintf(to, format, args...)
		err = errors.Join(err, e)
	}
	if r.Sweep != nil {
		r.Sweep.write(say)
	}
	for _, note := range r.Notes() {
		say("\n%s\n", note)
	}
	for _, s := range r.Subjects {
		for i, round := range s.Rounds {
			for _, e := range round.Errors {
				say("\n%s, round %d: %d %s, such as: %s\n", s.Name, i+1, e.Count, e.Class, e.Example)
			}
		}
	}
	for _, m := range r.Missing {
		say("\nNot measured: %s: %s\n", m.Name, m.Reason)
		if m.WayOut != "" {
			say("  %s\n", m.WayOut)
		}
	}
	for _, warning := range r.Warnings {
		say("\nMind: %s\n", warning)
	}
	return err
}

func (s *Sweep) write(say func(string, ...any)) {
	say("\n")
	for _, step := range s.Steps {
		mark := "holds"
		if !step.OK {
			mark = "too much: " + step.Reason
		}
		if step.Confirms {
			mark += " (again)"
		}
		say("%12s a second: p99 %s µs, %s\n", number(step.Rate), number(step.P99), mark)
	}
	if s.Rate == 0 {
		say("\nNo rate was found at which p99 stays under %s µs.\n", number(s.Limit))
		return
	}
	say("\n%s visits a second are the most at which p99 stays under %s µs.\n", number(s.Rate), number(s.Limit))
}

func ratio(r float64) string {
	if r == 0 || math.IsNaN(r) || math.IsInf(r, 0) {
		return "-"
	}
	return fmt.Sprintf("%.2f", r)
}

func orDash(v float64) string {
	if v == 0 || math.IsNaN(v) {
		return "-"
	}
	return number(v)
}
