package report

import (
	_ "embed" // for the page
	"fmt"
	"html/template"
	"io"
	"math"
	"strings"
	"time"
)

//go:embed report.html
var pageSource string

var page = template.Must(template.New("report").Funcs(template.FuncMap{
	"number": number,
	"colour": func(i int) int { return i % plotColours },
	"gib":    func(bytes uint64) string { return fmt.Sprintf("%.1f GiB", float64(bytes)/(1<<30)) },
	"join":   func(words []string) string { return strings.Join(words, " ") },
	"time":   func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05 UTC") },
}).Parse(pageSource))

// section is a scenario and all that was measured in it.
type section struct {
	Scenario string
	Rows     []Row
	Columns  []column
	Plots    []drawn
	Failures []failure
}

type drawn struct {
	Title string
	Names []string
	SVG   template.HTML
}

type failure struct {
	Name  string
	Round int
	Error
}

// WriteHTML writes the report as one page that needs nothing else.
func (r *Report) WriteHTML(to io.Writer) error {
	var sections []section
	at := 0
	for _, rows := range r.scenarios() {
		s, err := newSection(r.Subjects[at:at+len(rows)], rows)
		if err != nil {
			return err
		}
		s.Columns = columns(rows, r.Kind == "peers")
		sections = append(sections, s)
		at += len(rows)
	}
	worthless := ""
	if err := r.Err(); err != nil {
		worthless = err.Error()
	}
	return page.Execute(to, struct {
		*Report
		Sections  []section
		Worthless string
	}{r, sections, worthless})
}

func newSection(subjects []Subject, rows []Row) (section, error) {
	s := section{Scenario: subjects[0].Scenario, Rows: rows}
	percentiles, err := percentilePlot(subjects)
	if err != nil {
		return s, err
	}
	plots := []plot{percentiles}
	if len(subjects) > 1 || len(subjects[0].Rounds) > 1 {
		plots = append(plots, roundsPlot(subjects))
	}
	if len(subjects) == 1 {
		plots = append(plots, seriesPlots(subjects[0])...)
	}
	for _, p := range plots {
		d := drawn{Title: p.title, SVG: p.SVG()}
		points := 0
		for _, l := range p.lines {
			d.Names = append(d.Names, l.name)
			points += len(l.points)
		}
		if points > 0 {
			s.Plots = append(s.Plots, d)
		}
	}
	for _, subject := range subjects {
		for i, round := range subject.Rounds {
			for _, e := range round.Errors {
				s.Failures = append(s.Failures, failure{subject.Name, i + 1, e})
			}
		}
	}
	return s, nil
}

// percentilePlot draws what share of visits took how long at most, all rounds
// of a subject together. The horizontal axis counts nines.
func percentilePlot(subjects []Subject) (plot, error) {
	p := plot{
		title: "Latency by percentile", x: "percentile", y: "µs", logY: true,
		xTicks: []tick{{0, "0"}, {math.Log10(2), "50"}, {1, "90"}, {2, "99"}, {3, "99.9"}, {4, "99.99"}, {5, "99.999"}},
	}
	for _, subject := range subjects {
		all := NewHistogram()
		for i, round := range subject.Rounds {
			if round.Latency.HDR == "" {
				continue
			}
			h, err := round.Latency.Histogram()
			if err != nil {
				return p, fmt.Errorf("%s, round %d: %w", subject.Name, i+1, err)
			}
			all.Add(h)
		}
		l := line{name: subject.Name}
		for nines := 0.0; nines <= 5 && all.Count() > 0 && math.Pow(10, nines) <= float64(all.Count()); nines += .05 {
			q := 1 - math.Pow(10, -nines)
			v := all.Quantile(q)
			pt := point{x: nines, y: v}
			if whole := math.Abs(nines-math.Round(nines)) < 1e-9; whole && nines > .5 {
				pt.says = fmt.Sprintf("%s: p%.6g %s µs", subject.Name, 100*q, number(v))
			}
			l.points = append(l.points, pt)
		}
		p.lines = append(p.lines, l)
	}
	return p, nil
}

// roundsPlot draws each subject's rates, round by round.
func roundsPlot(subjects []Subject) plot {
	p := plot{title: "Visits a second, round by round", x: "round", y: "a second"}
	for _, subject := range subjects {
		l := line{name: subject.Name}
		for i, round := range subject.Rounds {
			l.points = append(l.points, point{float64(i + 1), round.Rate, fmt.Sprintf("%s, round %d: %s a second", subject.Name, i+1, number(round.Rate))})
		}
		p.lines = append(p.lines, l)
	}
	most := 0
	for _, s := range subjects {
		most = max(most, len(s.Rounds))
	}
	for i := range most {
		p.xTicks = append(p.xTicks, tick{float64(i + 1), fmt.Sprint(i + 1)})
	}
	return p
}

// seriesPlots draws how a subject's rounds went, one after the other.
func seriesPlots(subject Subject) []plot {
	rate := plot{title: "Throughput over time", x: "seconds", y: "a second"}
	latency := plot{title: "Latency over time", x: "seconds", y: "µs", logY: true}
	visits, failed := line{name: "answered"}, line{name: "failed"}
	p50, p99, most := line{name: "p50"}, line{name: "p99"}, line{name: "longest"}
	at := 0.0
	for _, round := range subject.Rounds {
		for _, piece := range round.Series {
			x := at + piece.At + piece.Seconds/2
			visits.points = append(visits.points, point{x: x, y: float64(piece.Visits) / piece.Seconds})
			failed.points = append(failed.points, point{x: x, y: float64(piece.Failed) / piece.Seconds})
			if piece.Max > 0 {
				p50.points = append(p50.points, point{x: x, y: piece.P50})
				p99.points = append(p99.points, point{x: x, y: piece.P99})
				most.points = append(most.points, point{x: x, y: piece.Max})
			}
		}
		at += round.Seconds
	}
	rate.lines = []line{visits, failed}
	latency.lines = []line{p50, p99, most}
	return []plot{rate, latency}
}
