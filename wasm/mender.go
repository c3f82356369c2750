package wasm

import "context"

// mender replaces instances that broke, away from the visits.
type mender struct {
	jobs chan job
}

// job says that a filter needs a new instance, and which one broke; nil when it
// is known.
type job struct {
	filter *Filter
	broken *instance
}

func newMender() mender { return mender{jobs: make(chan job, 64)} }

// take accepts a job without waiting. When too many wait already, the instance
// is closed here; whoever misses one next asks again.
func (m mender) take(j job) {
	select {
	case m.jobs <- j:
	default:
		if j.broken != nil {
			j.broken.close(j.filter.host.ctx)
		}
	}
}

// run does the jobs until quit is closed.
func (m mender) run(ctx context.Context, quit <-chan struct{}) {
	for {
		select {
		case <-quit:
			return
		case j := <-m.jobs:
			if j.broken != nil {
				j.broken.close(ctx)
			}
			if j.filter.fill(ctx) != nil { // it could be made when the filter was loaded
				j.filter.failed()
			}
		}
	}
}

// spare takes an instance for a seat that has none; nil if there is none ready.
// A seat's first one is made here then: nothing has gone wrong that the visit
// should suffer from, and visits cannot bring it about again.
func (f *Filter) spare(s *seat) *instance {
	select {
	case s.instance = <-f.spares:
	default:
		if s.used {
			break
		}
		var err error
		if s.instance, err = f.instantiate(f.host.ctx); err != nil { // it could be made when the filter was loaded
			f.failed()
		}
	}
	s.used = true
	f.host.mender.take(job{filter: f})
	return s.instance
}

// failed counts a failure.
func (f *Filter) failed() {
	f.failures.Add(1)
	f.breaker.failed(f.host.config.Now())
}
