package useragent_test

import (
	"flag"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"

	"suodi/wasm/visit/samples"
	"suodi/wasm/visit/samples/npm"
)

var (
	moreAgents = flag.String("agents", "", "a file of more user agents to compare, one a line")
	mutated    = flag.Int("mutated", 10_000, "how many mutated user agents to compare")
	generated  = flag.Int("generated", 10_000, "how many user agents made from rules to compare")
	perRule    = flag.Int("perrule", 12, "how many texts made from a rule to try on the rule alone")
	seed       = flag.Uint64("seed", 1, "seed of what is made at random")
)

// lines returns the lines of a file.
func lines(t testing.TB, name string) []string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
}

// agents returns every user agent of the corpora, each once. browsers.txt has
// what ordinary browsers send; rules.txt has one or two for each rule that
// answers any of those in uap-core's tests and in uap-go's collection; npm's
// packages have what people visit with today.
func agents(t testing.TB) []string {
	t.Helper()
	all := slices.Concat(lines(t, "testdata/browsers.txt"), lines(t, "testdata/rules.txt"))
	for _, sample := range samples.All() {
		all = append(all, sample.UserAgent)
	}
	for _, line := range lines(t, "../testdata/traps.tsv") {
		all = append(all, line[strings.LastIndexByte(line, '\t')+1:])
	}
	all = append(all, npm.Agents(t)...)
	if *moreAgents != "" {
		all = append(all, lines(t, *moreAgents)...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func newRandom() *rand.Rand { return rand.New(rand.NewPCG(*seed, 0)) }

// pieces are what mutation puts in: what rules look for, and what they may
// stumble over.
var pieces = []string{
	" ", "/", ";", "(", ")", ".", "_", "-", ",", "+", "0", "1.2.3", "10_3", "999999", "x", "Z", "\n", "\r\n", "\x00", "\x7f",
	"\x80", "\xff", "\xc3", "é", "中文", "\u212a", "\u017f", "\ufffd", "\U0001f600", "Bot", "bot/1", " spider", "Crawl", "CFNetwork",
	" CFNetwork/1.2", "-iPad/", "-iPhone/1", "Mobile", " Mobile ", "Version/4.0", "Chrome/1.2.3.4", "; wv)", "Safari/", " Safari",
	"Mozilla/5.0 (", "iPhone", "iPad;", "Android 4.4", "Windows NT 6.1", "Opera", "Firefox/3.0b1", "Darwin/19.2.0", "like Mac OS X",
	strings.Repeat("a", 49), strings.Repeat(" b/", 70), strings.Repeat(".", 199), strings.Repeat("é", 101),
}

// mutate changes a few things of an agent.
func mutate(random *rand.Rand, agent string) string {
	for range 1 + random.IntN(4) {
		at := random.IntN(len(agent) + 1)
		to := min(len(agent), at+random.IntN(12))
		switch random.IntN(7) {
		case 0: // leave out
			agent = agent[:at] + agent[to:]
		case 1: // say twice
			agent = agent[:to] + agent[at:]
		case 2: // end early
			agent = agent[:at]
		case 3: // other case
			agent = agent[:at] + swapCase(agent[at:to]) + agent[to:]
		case 4: // move
			agent = agent[to:] + agent[:at] + agent[at:to]
		default:
			agent = agent[:at] + pieces[random.IntN(len(pieces))] + agent[at:]
		}
	}
	return agent
}

func swapCase(text string) string {
	if upper := strings.ToUpper(text); upper != text {
		return upper
	}
	return strings.ToLower(text)
}
