package table_test

import (
	"bufio"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"suodi/control/feed/feedpb"
	"suodi/edge/table"
)

var visitor = flag.Bool("visitor", false, "be the visitor of BenchmarkFold: write the time to stdout, 10,000 times a second")

func TestMain(m *testing.M) {
	flag.Parse()
	if *visitor {
		visit()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func monotonic() int64 {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now)
	return now.Nano()
}

// visit is what another process does: it comes at its times, whatever the table
// is doing.
func visit() {
	for next := monotonic(); ; next += int64(100 * time.Microsecond) {
		for rest := next - monotonic(); rest > 0; rest = next - monotonic() {
			wait := unix.NsecToTimespec(rest)
			_ = unix.Nanosleep(&wait, nil)
		}
		var stamp [8]byte
		binary.LittleEndian.PutUint64(stamp[:], uint64(monotonic()))
		if _, err := os.Stdout.Write(stamp[:]); err != nil {
			return
		}
	}
}

// BenchmarkFold measures how long visits of another process, which come through
// the network poller as requests do, wait for their look-up: while nothing
// happens, while 10,000 links change each second, and while they are folded
// besides. Run it with -cpu 1 -benchtime 1x.
func BenchmarkFold(b *testing.B) {
	config := benchConfig(b)
	closeTable(b, benchTable(b, config))
	tab := open(b, config)
	waitVerified(b, tab)
	command := exec.CommandContext(b.Context(), os.Args[0], "-visitor")
	visits, err := command.StdoutPipe()
	check(b, err)
	check(b, command.Start())
	defer func() {
		_ = command.Process.Kill()
		_ = command.Wait()
	}()
	r := bufio.NewReaderSize(visits, 1<<16)
	keys := randomKeys(1 << 16)
	measure := func(until func() bool) (waits []int64) {
		for r.Buffered() > 0 { // what came before
			_, err := r.Discard(r.Buffered())
			check(b, err)
		}
		for n := 0; !until(); n++ {
			var stamp [8]byte
			_, err := io.ReadFull(r, stamp[:])
			check(b, err)
			if record, found := tab.Lookup(keys[n&(len(keys)-1)]); !found || record == nil {
				b.Fatal("not found")
			}
			waits = append(waits, monotonic()-int64(binary.LittleEndian.Uint64(stamp[:])))
		}
		return waits
	}
	report := func(name string, waits []int64) {
		slices.Sort(waits)
		for _, q := range []float64{0.5, 0.99, 0.999} {
			b.ReportMetric(float64(waits[int(q*float64(len(waits)-1))])/1e3, fmt.Sprintf("%s-p%g-µs", name, 100*q))
		}
	}
	seconds := func(d time.Duration) func() bool {
		end := time.Now().Add(d)
		return func() bool { return time.Now().After(end) }
	}
	for b.Loop() {
		report("quiet", measure(seconds(3*time.Second)))
		var stop atomic.Bool
		changed := make(chan error, 1)
		go func() { changed <- change(b, tab, &stop) }()
		report("changing", measure(seconds(3*time.Second)))
		closedBefore := tab.Stats().Folds
		tab.FoldNow()
		started := time.Now()
		report("folding", measure(func() bool { return tab.Stats().Folds > closedBefore }))
		b.ReportMetric(time.Since(started).Seconds(), "fold-s")
		stop.Store(true)
		check(b, <-changed)
	}
	b.ReportMetric(0, "ns/op")
}

// change changes 10,000 links each second, ten a delta, until it is stopped.
func change(b *testing.B, tab *table.Table, stop *atomic.Bool) error {
	every := time.NewTicker(time.Millisecond)
	defer every.Stop()
	_, held := tab.Held()
	for index := held.Index + 1; !stop.Load(); index++ {
		<-every.C
		var entries []*feedpb.Entry
		for i := range 10 {
			slug := string(appendSlug(nil, int(index*10+uint64(i))*7919%*benchLinks))
			entries = append(entries, put(b, index, slug, "https://example.org/changed"))
		}
		delta(b, tab, index, entries...)
	}
	return nil
}
