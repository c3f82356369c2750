package inner

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"suodi/bench/peer"
	"suodi/bench/report"
	"suodi/edge/table"
)

// TableConfig says what table is timed; zero means the default.
type TableConfig struct {
	Config
	Links uint64 // default 1,000,000
	Dir   string // for the table's files; required, empty
}

// Table fills a table and times looking links up in it, starting it again, and
// two memory accesses of which one waits for the other, to compare with.
func Table(ctx context.Context, config TableConfig) (subjects []report.Subject, err error) {
	config.Config = config.withDefaults()
	if config.Links == 0 {
		config.Links = 1_000_000
	}
	if config.Dir == "" {
		return nil, errors.New("directory: none given")
	}
	if err := config.validate(); err != nil {
		return nil, err
	}
	config.Begin(fmt.Sprintf("filling a table with %d links", config.Links))
	before := memory()
	begun := time.Now()
	if err := peer.Fill(config.Dir, config.Links); err != nil {
		return nil, err
	}
	scenario := fmt.Sprintf("table of %d links", config.Links)
	subjects = []report.Subject{{Name: "fill", Scenario: scenario + ", filled", Rounds: []report.Round{once(begun, time.Since(begun))}}}
	restart := report.Subject{Name: "restart to the first right answer", Scenario: scenario + ", started again"}
	for n := range config.Rounds {
		config.Begin(fmt.Sprintf("round %d of %d: restart", n+1, config.Rounds))
		round, err := config.restart()
		if err != nil {
			return nil, err
		}
		restart.Rounds = append(restart.Rounds, round)
	}
	subjects = append(subjects, restart)
	t, err := table.Open(table.Config{Dir: config.Dir})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	runtime.GC()
	disk, err := size(config.Dir)
	if err != nil {
		return nil, err
	}
	note := fmt.Sprintf("%.0f bytes of memory a link and %.0f on disk, of which %d are key and record",
		float64(memory()-before)/float64(config.Links), float64(disk)/float64(config.Links), perLink(t))
	parts := []part{
		{name: "look-up, any link", note: note, do: lookUp(t, func(n uint64) uint64 { return scramble(n) % config.Links })},
		{name: "look-up, the same 1,000", do: lookUp(t, func(n uint64) uint64 { return scramble(n) % min(1000, config.Links) })},
		{name: "look-up, no such link", do: miss(t, config.Links)},
		{name: "two dependent memory misses", do: memoryMisses()},
	}
	timed, err := config.time(ctx, scenario, parts)
	if err != nil {
		return nil, err
	}
	middle := func(s report.Subject) float64 {
		var values []float64
		for _, round := range s.Rounds {
			values = append(values, round.Latency.P50)
		}
		return report.Median(values)
	}
	timed[0].Note += fmt.Sprintf("; %.2f × two dependent memory misses (medians)", middle(timed[0])/middle(timed[len(timed)-1]))
	return append(subjects, timed...), nil
}

// restart opens the table and looks a link up.
func (c TableConfig) restart() (round report.Round, err error) {
	begun := time.Now()
	t, err := table.Open(table.Config{Dir: c.Dir})
	if err != nil {
		return round, err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	if _, found := t.Lookup(peer.Key(nil, c.Links-1)); !found {
		return round, fmt.Errorf("the last link is %w", errNothing)
	}
	return once(begun, time.Since(begun)), nil
}

// lookUp looks links up, each after the one before has been read: the next
// one's number depends on it.
func lookUp(t *table.Table, number func(uint64) uint64) func(uint64) bool {
	key := make([]byte, 0, 64)
	var read uint64
	return func(n uint64) bool {
		key = peer.Key(key[:0], number(n^read))
		record, found := t.Lookup(key)
		if !found || len(record.Destination()) == 0 {
			return false
		}
		read = uint64(record.Destination()[0]) // always the same, which no processor knows beforehand
		return true
	}
}

// miss looks links up that are not there.
func miss(t *table.Table, links uint64) func(uint64) bool {
	key := make([]byte, 0, 64)
	return func(n uint64) bool {
		key = peer.Key(key[:0], links+n%(1<<30))
		_, found := t.Lookup(key)
		return !found
	}
}

// perLink returns the bytes of a link's key and record.
func perLink(t *table.Table) int {
	key := peer.Key(nil, 0)
	record, _ := t.Lookup(key)
	return len(key) + len(record)
}

// cacheLine is the unit of memory accesses, in 8-byte words.
const cacheLine = 8

// memoryMisses reads two places of 512 MiB, the second of which follows from
// what stands at the first.
func memoryMisses() func(uint64) bool {
	words := make([]uint64, 64<<20)
	for i := 0; i < len(words); i += 512 {
		words[i] = 0 // so that every page is there
	}
	lines := uint64(len(words) / cacheLine)
	var at uint64
	return func(n uint64) bool {
		at = scramble(n^words[at]) % lines * cacheLine
		at = scramble(at^words[at]) % lines * cacheLine
		return words[at] == 0
	}
}

// memory returns the bytes that this program holds: its heap, and what it has
// mapped and touched.
func memory() int64 {
	data, err := os.ReadFile("/proc/self/statm")
	var pages, resident int64
	if err == nil {
		_, err = fmt.Sscan(string(data), &pages, &resident)
	}
	if err != nil {
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return int64(stats.HeapInuse)
	}
	return resident * int64(os.Getpagesize())
}

// size returns how many bytes a directory's files have.
func size(dir string) (sum int64, err error) {
	err = filepath.Walk(dir, func(_ string, info os.FileInfo, err error) error {
		if err == nil && !info.IsDir() {
			sum += info.Size()
		}
		return err
	})
	return sum, err
}
