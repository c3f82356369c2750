package report

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// enoughRounds is how many rounds each side needs: with three, chance alone
// brings about the clearest outcome that there can be once in ten times.
const enoughRounds = 4

// chance is how likely a difference may be by chance to count as one.
const chance = .05

// Difference is how one figure of a subject differs between two reports.
type Difference struct {
	Subject, Scenario string
	Figure            string  // such as p99
	A, B              float64 // medians over the rounds
	Low, High         float64 // bounds of the ratio B ÷ A, 95 % of bootstrap samples
	Chance            float64 // that there would be as much without a cause (Mann–Whitney)
	Rounds            [2]int
	Verdict           Verdict
}

// Verdict says what a difference means.
type Verdict string

// The verdicts, of B against A.
const (
	Better   Verdict = "better"
	Worse    Verdict = "worse"
	Noise    Verdict = "noise"           // no larger than chance brings about
	TooFew   Verdict = "too few rounds"  // to tell
	Nonsense Verdict = "nothing to tell" // one side has no figure
)

// Ratio returns B ÷ A.
func (d Difference) Ratio() float64 { return d.B / d.A }

// figures are what is compared; of lower ones less is better.
var figures = []struct {
	name  string
	of    func(Round) float64
	lower bool
}{
	{"visits/s", func(r Round) float64 { return r.Rate }, false},
	{"visits per CPU s", func(r Round) float64 {
		if r.Server == nil {
			return 0
		}
		return r.Server.Capacity
	}, false},
	{"p50 µs", func(r Round) float64 { return r.Latency.P50 }, true},
	{"p99 µs", func(r Round) float64 { return r.Latency.P99 }, true},
	{"p99.9 µs", func(r Round) float64 { return r.Latency.P999 }, true},
}

// Compare says what is different in b against a, and whether by more than
// chance. Only subjects that both have, by name and scenario, are compared.
func Compare(a, b *Report) ([]Difference, error) {
	var differences []Difference
	for _, sa := range a.Subjects {
		for _, sb := range b.Subjects {
			if sa.Name == sb.Name && sa.Scenario == sb.Scenario {
				differences = append(differences, compareSubjects(sa, sb)...)
			}
		}
	}
	if len(differences) == 0 {
		return nil, errors.New("the reports have nothing in common: no subject of one has the name and scenario of one of the other")
	}
	return differences, nil
}

func compareSubjects(a, b Subject) (differences []Difference) {
	for _, figure := range figures {
		values := func(s Subject) (values []float64) {
			for _, round := range s.Rounds {
				if v := figure.of(round); v > 0 {
					values = append(values, v)
				}
			}
			return values
		}
		va, vb := values(a), values(b)
		if len(va)+len(vb) == 0 {
			continue
		}
		d := Difference{
			Subject: a.Name, Scenario: a.Scenario, Figure: figure.name, A: Median(va), B: Median(vb),
			Rounds: [2]int{len(va), len(vb)}, Verdict: Nonsense, Chance: 1,
		}
		if len(va) > 0 && len(vb) > 0 {
			d.Low, d.High = ratioInterval(va, vb)
			d.Chance = mannWhitney(va, vb)
			d.Verdict = verdict(d, figure.lower)
		}
		differences = append(differences, d)
	}
	return differences
}

func verdict(d Difference, lower bool) Verdict {
	switch {
	case min(d.Rounds[0], d.Rounds[1]) < enoughRounds:
		return TooFew
	case d.Chance >= chance || d.Low <= 1 && d.High >= 1:
		return Noise
	case (d.B > d.A) == lower:
		return Worse
	}
	return Better
}

// WriteComparison writes what Compare found for people.
func WriteComparison(to io.Writer, a, b *Report, differences []Difference) error {
	var doubts []string
	if a.Machine != b.Machine {
		doubts = append(doubts, "The reports are from different machines or versions of Go.")
	}
	if strings.Join(a.Command, " ") != strings.Join(b.Command, " ") {
		doubts = append(doubts, fmt.Sprintf("The commands differ:\n  A: %s\n  B: %s", strings.Join(a.Command, " "), strings.Join(b.Command, " ")))
	}
	for name, r := range map[string]*Report{"A": a, "B": b} {
		if err := r.Err(); err != nil {
			doubts = append(doubts, fmt.Sprintf("%s is worth nothing: %v", name, err))
		}
	}
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	subject := ""
	for _, d := range differences {
		if name := d.Subject + " · " + d.Scenario; name != subject {
			subject = name
			_, _ = fmt.Fprintf(w, "\n%s\nFIGURE\tA\tB\tB ÷ A\tVERDICT\n", name) // Flush tells
		}
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%.3f\t%s\n", d.Figure, number(d.A), number(d.B), d.Ratio(), d.words())
	}
	err := w.Flush()
	for _, doubt := range doubts {
		_, e := fmt.Fprintf(to, "\nMind: %s\n", doubt)
		err = errors.Join(err, e)
	}
	return err
}

// words says the verdict in words.
func (d Difference) words() string {
	bounds := fmt.Sprintf("ratio %.3f to %.3f, by chance once in %.0f", d.Low, d.High, 1/d.Chance)
	switch d.Verdict {
	case Better, Worse:
		return fmt.Sprintf("%s by %.1f %%, more than the noise (%s)", d.Verdict, 100*abs(d.Ratio()-1), bounds)
	case Noise:
		return fmt.Sprintf("no difference larger than the noise (%s)", bounds)
	case TooFew:
		return fmt.Sprintf("cannot be told: %d and %d rounds, want %d each (--rounds)", d.Rounds[0], d.Rounds[1], enoughRounds)
	}
	return "cannot be told: one side does not have it"
}

func abs(x float64) float64 { return max(x, -x) }
