package load

import (
	"fmt"
	"math"
	"time"
)

// schedule says when visits begin; one for each worker. Times are nanoseconds
// of the run's clock, which starts with the warm-up.
type schedule struct {
	clock  time.Time
	until  int64   // no visit begins at or after it
	period float64 // ns between an open loop's visits of this worker; 0: a closed loop
	first  float64 // of the worker, so that workers alternate
	n      uint64  // visits taken
	give   int64   // ns without an answer after which nobody is there
}

func newSchedule(config *Config, clock time.Time, worker, workers int) *schedule {
	s := &schedule{clock: clock, until: int64(config.Warmup + config.Duration), give: int64(config.Timeout)}
	if config.Rate > 0 {
		s.period = float64(workers) * 1e9 / config.Rate
		s.first = float64(worker) * 1e9 / config.Rate
	}
	return s
}

func (s *schedule) now() int64 { return int64(time.Since(s.clock)) }

func (s *schedule) open() bool { return s.period > 0 }

// due returns when the next visit of an open loop should begin; for ever when
// there is none. A closed loop's begins whenever it can.
func (s *schedule) due() int64 {
	if !s.open() {
		return math.MaxInt64
	}
	at := int64(s.first + float64(s.n)*s.period)
	if at >= s.until {
		return math.MaxInt64
	}
	return at
}

// take takes the next visit if its time has come, and says when that was.
func (s *schedule) take(now int64) (intended int64, ok bool) {
	if !s.open() {
		return now, now < s.until
	}
	if intended = s.due(); intended > now {
		return 0, false
	}
	s.n++
	return intended, true
}

// finished reports whether no visit is to begin any more.
func (s *schedule) finished(now int64) bool {
	if s.open() {
		return s.due() == math.MaxInt64
	}
	return now >= s.until
}

// interrupted is why a round stopped that was told to.
const interrupted = "interrupted"

// silent says that nobody has answered for so long that going on is useless;
// "" when that is not so. Since is when the first visit was begun that nobody
// has answered, nor any after it; 0: there is none.
func (s *schedule) silent(now, since int64) string {
	if since > 0 && now-since >= s.give {
		return fmt.Sprintf("nobody has answered for %v", time.Duration(s.give))
	}
	return ""
}
