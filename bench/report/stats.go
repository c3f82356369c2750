package report

import (
	"math"
	"math/rand/v2"
	"slices"
)

// Median returns the median of some values; NaN of none.
func Median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(values))
	return sortedMedian(sorted)
}

func sortedMedian(sorted []float64) float64 {
	n := len(sorted)
	if n%2 == 1 {
		return sorted[n/2]
	}
	return (sorted[n/2-1] + sorted[n/2]) / 2
}

// Spread returns half the distance between the smallest and the largest of some
// values, as a share of their median: the noise of a few rounds.
func Spread(values []float64) float64 {
	if len(values) < 2 {
		return 0
	}
	return (slices.Max(values) - slices.Min(values)) / 2 / Median(values)
}

// mannWhitney returns how likely it is that two samples of the same
// distribution differ in their ranks as much as these do, either way (H. B. Mann
// and D. R. Whitney, 1947). It is exact for few values without ties, and the
// normal approximation with its corrections otherwise.
func mannWhitney(a, b []float64) float64 {
	n, m := len(a), len(b)
	u, ties := 0.0, 0.0
	for _, x := range a {
		for _, y := range b {
			switch {
			case x > y:
				u++
			case x == y:
				u += .5
			}
		}
	}
	all := slices.Sorted(slices.Values(append(slices.Clone(a), b...)))
	for i := 0; i < len(all); {
		j := i
		for j < len(all) && all[j] == all[i] {
			j++
		}
		t := float64(j - i)
		ties += t*t*t - t
		i = j
	}
	small := math.Min(u, float64(n*m)-u)
	if ties == 0 && n+m <= 40 {
		counts := mannWhitneyCounts(n, m)
		tail, total := 0.0, 0.0
		for i, count := range counts {
			total += count
			if float64(i) <= small {
				tail += count
			}
		}
		return math.Min(1, 2*tail/total)
	}
	size := float64(n + m)
	deviation := math.Sqrt(float64(n*m) / 12 * (size + 1 - ties/(size*(size-1))))
	if deviation == 0 {
		return 1
	}
	z := (math.Abs(u-float64(n*m)/2) - .5) / deviation
	return math.Min(1, math.Erfc(z/math.Sqrt2))
}

// mannWhitneyCounts returns in how many orders of n and m values the statistic
// is 0, 1, 2 ….
func mannWhitneyCounts(n, m int) []float64 {
	// counts[j][u] for i values of the first sample: the largest of all is from
	// the first, and then beats all j, or from the second.
	counts := make([][]float64, m+1)
	for j := range counts {
		counts[j] = make([]float64, n*m+1)
		counts[j][0] = 1
	}
	for range n {
		next := make([][]float64, m+1)
		for j := range next {
			next[j] = make([]float64, n*m+1)
			for u := range next[j] {
				if u >= j {
					next[j][u] = counts[j][u-j]
				}
				if j > 0 {
					next[j][u] += next[j-1][u]
				}
			}
		}
		counts = next
	}
	return counts[m]
}

const resamples = 10_000

// ratioInterval returns between what bounds the ratio of the medians of b and a
// lies, with 95 in 100 bootstrap samples (B. Efron, 1979).
func ratioInterval(a, b []float64) (low, high float64) {
	random := rand.New(rand.NewPCG(1, 2)) // the same answer for the same reports
	ratios := make([]float64, resamples)
	as, bs := make([]float64, len(a)), make([]float64, len(b))
	for i := range ratios {
		ratios[i] = resample(random, bs, b) / resample(random, as, a)
	}
	slices.Sort(ratios)
	return ratios[resamples*25/1000], ratios[resamples*975/1000-1]
}

// resample draws a sample with replacement and returns its median.
func resample(random *rand.Rand, into, from []float64) float64 {
	for i := range into {
		into[i] = from[random.IntN(len(from))]
	}
	slices.Sort(into)
	return sortedMedian(into)
}
