package report

import (
	"fmt"
	"slices"
)

// Row is a subject in one line: medians over its rounds.
type Row struct {
	Name, Scenario string
	Rounds         int
	Rate, Spread   float64 // spread as a share
	Capacity       float64 // 0: not seen
	P50, P99, P999 float64
	Max            float64 // of all rounds
	Failed         uint64
	Busy           float64
	// First names the first subject of the scenario. Ratio is how many times this
	// one's Rate that one's is: the median of the rounds, which took turns, and
	// the least and the most of them. CapacityRatio is the same of Capacity. 0:
	// there is none, or it is the first itself.
	First              string
	Ratio, Least, Most float64
	CapacityRatio      float64
}

// Rows sums the subjects up.
func (r *Report) Rows() []Row {
	var rows []Row
	first := map[string]Subject{}
	for _, s := range r.Subjects {
		row := s.row()
		base, known := first[s.Scenario]
		if known {
			ratios := s.ratios(base, rateOf)
			row.Ratio, row.CapacityRatio = Median(ratios), Median(s.ratios(base, capacityOf))
			if len(ratios) > 0 {
				row.Least, row.Most = slices.Min(ratios), slices.Max(ratios)
			}
		} else {
			first[s.Scenario] = s
		}
		row.First = first[s.Scenario].Name
		rows = append(rows, row)
	}
	return rows
}

func rateOf(r Round) float64 { return r.Rate }

func capacityOf(r Round) float64 {
	if r.Server == nil {
		return 0
	}
	return r.Server.Capacity
}

// row sums a subject up by itself.
func (s Subject) row() Row {
	row := Row{Name: s.Name, Scenario: s.Scenario, Rounds: len(s.Rounds)}
	column := func(of func(Round) float64) []float64 {
		values := make([]float64, len(s.Rounds))
		for i, round := range s.Rounds {
			values[i] = of(round)
		}
		return values
	}
	rates := column(rateOf)
	row.Rate, row.Spread, row.Capacity = Median(rates), Spread(rates), Median(column(capacityOf))
	row.P50 = Median(column(func(r Round) float64 { return r.Latency.P50 }))
	row.P99 = Median(column(func(r Round) float64 { return r.Latency.P99 }))
	row.P999 = Median(column(func(r Round) float64 { return r.Latency.P999 }))
	for _, round := range s.Rounds {
		row.Failed += round.Failed
		row.Max = max(row.Max, round.Latency.Max)
		if round.Generator != nil {
			row.Busy = max(row.Busy, round.Generator.Busy)
		}
	}
	return row
}

// ratios returns how many times a figure of each round that of base's is.
func (s Subject) ratios(base Subject, of func(Round) float64) (ratios []float64) {
	for i := range min(len(s.Rounds), len(base.Rounds)) {
		if own := of(s.Rounds[i]); own > 0 {
			ratios = append(ratios, of(base.Rounds[i])/own)
		}
	}
	return ratios
}

// scenarios returns the rows, those of a scenario together.
func (r *Report) scenarios() (groups [][]Row) {
	rows := r.Rows()
	for len(rows) > 0 {
		n := 1
		for n < len(rows) && rows[n].Scenario == rows[0].Scenario {
			n++
		}
		groups, rows = append(groups, rows[:n]), rows[n:]
	}
	return groups
}

// column is one of a table of rows.
type column struct {
	Head string
	cell func(Row) string
}

// Cell writes the row's cell.
func (c column) Cell(r Row) string { return c.cell(r) }

// columns returns what there is to show of some rows; ratios to the first of
// them if they are to be compared.
func columns(rows []Row, compared bool) []column {
	has := func(is func(Row) bool) bool { return slices.ContainsFunc(rows, is) }
	against := rows[0].First + " ÷ it"
	compared = compared && len(rows) > 1
	var shown []column
	add := func(wanted bool, head string, cell func(Row) string) {
		if wanted {
			shown = append(shown, column{head, cell})
		}
	}
	seen := has(func(r Row) bool { return r.Capacity > 0 })
	add(true, "rounds", func(r Row) string { return fmt.Sprint(r.Rounds) })
	add(true, "a second", func(r Row) string { return number(r.Rate) })
	add(has(func(r Row) bool { return r.Rounds > 1 }), "±", func(r Row) string { return fmt.Sprintf("%.1f %%", 100*r.Spread) })
	add(compared, against, func(r Row) string { return ratio(r.Ratio) })
	add(compared, "least", func(r Row) string { return ratio(r.Least) })
	add(compared, "most", func(r Row) string { return ratio(r.Most) })
	add(seen, "per CPU second", func(r Row) string { return orDash(r.Capacity) })
	add(seen && compared, against, func(r Row) string { return ratio(r.CapacityRatio) })
	for _, p := range []struct {
		head string
		of   func(Row) float64
	}{
		{"p50 µs", func(r Row) float64 { return r.P50 }},
		{"p99 µs", func(r Row) float64 { return r.P99 }},
		{"p99.9 µs", func(r Row) float64 { return r.P999 }},
		{"longest µs", func(r Row) float64 { return r.Max }},
	} {
		add(true, p.head, func(r Row) string { return number(p.of(r)) })
	}
	loaded := has(func(r Row) bool { return r.Busy > 0 })
	add(loaded, "failed", func(r Row) string { return fmt.Sprint(r.Failed) })
	add(loaded, "generator busy", func(r Row) string { return fmt.Sprintf("%.0f %%", 100*r.Busy) })
	return shown
}
