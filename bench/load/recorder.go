package load

import (
	"slices"

	"suodi/bench/report"
)

// What can become of a visit that is not answered as it should be.
const (
	failConnect  = "could not connect"
	failClosed   = "closed without an answer"
	failTimeout  = "timed out"
	failNotBegun = "could not be begun" // in time: no connection was free
	failBroken   = "malformed answer"
	failStatus   = "unexpected status"
	failLocation = "unexpected Location"
)

// piece is what one worker saw in one interval.
type piece struct {
	index          int // negative in the warm-up
	visits, failed uint64
	latency        *report.Histogram
}

// recorder is one worker's book. Times are nanoseconds of the run's clock.
type recorder struct {
	begin, end int64 // visits meant to begin from begin on and before end count
	interval   int64
	turn       int64 // when the current piece ends

	current *piece
	out     chan<- *piece
	free    <-chan *piece

	failures   []report.Error // by class, few
	lag        *report.Histogram
	last       int64 // when the last visit that counts ended
	since      int64 // when a visit was begun that was the first since an answer; 0: none
	busy       int64 // ns of work
	handshakes uint64
	resumed    uint64
	reconnects uint64
}

func newRecorder(begin, end, interval int64, out chan<- *piece, free <-chan *piece) *recorder {
	r := &recorder{begin: begin, end: end, interval: interval, out: out, free: free, lag: report.NewHistogram()}
	r.turn = begin % interval
	if r.turn == 0 {
		r.turn = interval
	}
	r.current = &piece{index: int((r.turn-begin)/interval) - 1, latency: report.NewHistogram()}
	return r
}

// belongs reports whether a visit that ends now is part of the current piece:
// one of the warm-up that ends after it is part of nothing.
func (r *recorder) belongs(intended int64) bool {
	return r.current.index < 0 || intended >= r.begin && intended < r.end
}

// visit notes a visit that was answered as it should be.
func (r *recorder) visit(intended, now int64) {
	r.since = 0
	if !r.belongs(intended) {
		return
	}
	r.current.visits++
	r.current.latency.Record(now - intended)
	r.last = now
}

// fail notes a visit that was not; example is only asked when it is needed.
func (r *recorder) fail(intended, now int64, class string, example func() string) {
	if !r.belongs(intended) {
		return
	}
	if class == failTimeout || class == failNotBegun {
		r.current.latency.Record(now - intended)
	}
	r.current.failed++
	at := slices.IndexFunc(r.failures, func(e report.Error) bool { return e.Class == class })
	if at < 0 {
		at = len(r.failures)
		r.failures = append(r.failures, report.Error{Class: class, Example: example()})
	}
	if r.current.index >= 0 {
		r.failures[at].Count++
		r.last = now
	}
}

// tick hands finished pieces over.
func (r *recorder) tick(now int64) {
	for now >= r.turn {
		r.flush()
		r.turn += r.interval
	}
}

// flush hands over the current piece, finished or not.
func (r *recorder) flush() {
	index := r.current.index
	r.out <- r.current
	select {
	case r.current = <-r.free:
		r.current.visits, r.current.failed = 0, 0
		r.current.latency.Reset()
	default:
		r.current = &piece{latency: report.NewHistogram()}
	}
	r.current.index = index + 1
}
