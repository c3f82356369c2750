package useragent_test

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ua-parser/uap-go/uaparser"

	"suodi/wasm/visit"
	"suodi/wasm/visit/samples"
	"suodi/wasm/visit/useragent"
)

// group is user agents of one kind of visits.
type group struct {
	name   string
	agents []string
}

func groups(b *testing.B) []group {
	b.Helper()
	browsers, inApp, crawlers := lines(b, "testdata/browsers.txt"), []string{}, []string{}
	for _, sample := range samples.All() {
		switch {
		case slices.Contains(sample.Platforms, visit.Bot):
			crawlers = append(crawlers, sample.UserAgent)
		case sample.Platform == visit.Browser:
			browsers = append(browsers, sample.UserAgent)
		default:
			inApp = append(inApp, sample.UserAgent)
		}
	}
	return []group{{"browsers", browsers}, {"in-app", inApp}, {"crawlers", crawlers}, {"all", agents(b)}}
}

// timing is what one way of parsing took for each user agent.
type timing [][]time.Duration

func (t timing) measure(i int, parse func()) {
	start := time.Now()
	parse()
	t[i] = append(t[i], time.Since(start))
}

// report reports percentiles, over the agents, of each agent's median.
func (t timing) report(b *testing.B, prefix string) {
	medians := make([]float64, len(t))
	for i, times := range t {
		slices.Sort(times)
		medians[i] = float64(times[len(times)/2].Nanoseconds()) / 1000
	}
	slices.Sort(medians)
	at := func(percent int) float64 { return medians[min(len(medians)*percent/100, len(medians)-1)] }
	b.ReportMetric(at(50), prefix+"p50-µs")
	b.ReportMetric(at(95), prefix+"p95-µs")
	b.ReportMetric(at(99), prefix+"p99-µs")
	b.ReportMetric(at(100), prefix+"max-µs")
}

// BenchmarkAgents parses every user agent of a group, browser and operating
// system, turn by turn here and with uap-go. Nothing is cached.
func BenchmarkAgents(b *testing.B) {
	p, oracle := parser(b), sharedOracle()
	for _, group := range groups(b) {
		b.Run(group.name, func(b *testing.B) {
			ours, theirs := make(timing, len(group.agents)), make(timing, len(group.agents))
			for round := 0; b.Loop(); round++ {
				for i, agent := range group.agents {
					ours.measure(i, func() { p.Parse(agent) })
				}
				if round%10 != 0 {
					continue
				}
				for i, agent := range group.agents {
					theirs.measure(i, func() {
						oracle.ParseUserAgent(agent)
						oracle.ParseOs(agent)
					})
				}
			}
			b.ReportMetric(0, "ns/op")
			ours.report(b, "")
			theirs.report(b, "uap-")
		})
	}
}

// BenchmarkHostile reports the slowest of many agents made of what the rules
// look for, at the best of a few tries each.
func BenchmarkHostile(b *testing.B) {
	p, oracle, g := parser(b), sharedOracle(), newGenerator(b)
	for _, size := range []struct {
		name  string
		bytes int
	}{{"512B", 512}, {"1KiB", 1 << 10}, {"4KiB", 4 << 10}} {
		b.Run(size.name, func(b *testing.B) {
			var slowest time.Duration
			var worst string
			for range 3000 << 9 / size.bytes {
				agent := hostile(g, size.bytes)
				if took := best(9, func() { p.Parse(agent) }); took > slowest {
					slowest, worst = took, agent
				}
			}
			for b.Loop() {
				p.Parse(worst)
			}
			b.ReportMetric(float64(slowest.Microseconds()), "slowest-µs")
			if size.bytes < 4<<10 {
				b.ReportMetric(float64(best(3, func() { reparse(oracle, worst) }).Microseconds()), "uap-µs")
			}
		})
	}
}

// reparse parses with uap-go what it may have just parsed.
func reparse(oracle *uaparser.Parser, agent string) {
	oracle.ParseUserAgent(agent + " ")
	oracle.ParseOs(agent + " ")
	oracle.ParseUserAgent("")
	oracle.ParseOs("")
}

func best(tries int, do func()) time.Duration {
	least := time.Hour
	for range tries {
		start := time.Now()
		do()
		least = min(least, time.Since(start))
	}
	return least
}

// hostile returns an agent of a size that meets many needs and matches little:
// beginnings of what few rules match, of what many match, or of both.
func hostile(g *generator, size int) string {
	var b strings.Builder
	few := make([]string, 1+g.random.IntN(4))
	for i := range few {
		few[i] = beginning(g.random, g.text(g.random.IntN(len(g.trees))))
	}
	ofFew := g.random.IntN(3)
	for b.Len() < size {
		if g.random.IntN(2) < ofFew {
			b.WriteString(few[g.random.IntN(len(few))])
		} else {
			b.WriteString(beginning(g.random, g.text(g.random.IntN(len(g.trees)))))
		}
	}
	return b.String()[:size]
}

// beginning returns some of text, at least a byte.
func beginning(random *rand.Rand, text string) string {
	if text == "" {
		return " "
	}
	if random.IntN(3) == 0 {
		return text
	}
	return text[:1+random.IntN(len(text))]
}

// BenchmarkNew reports what a start takes.
func BenchmarkNew(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := useragent.New(); err != nil {
			b.Fatal(err)
		}
	}
}
