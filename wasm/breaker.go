package wasm

import (
	"sync"
	"sync/atomic"
	"time"
)

// breaker trips a filter that fails too often: it is not called any more and
// its visits follow its fail mode. After each CoolDown one visit tries it; when
// that succeeds the filter is in force again.
type breaker struct {
	limits TripLimits
	open   atomic.Bool

	mu    sync.Mutex
	since time.Time // when the window began
	count int       // failures in it
	retry time.Time // when a visit may try it, while open
}

// TripLimits says when a filter is not called any more.
type TripLimits struct {
	Failures int           // so many failures, 50,
	Window   time.Duration // in so long, 10 s, trip it
	CoolDown time.Duration // for so long, 10 s
}

func (l TripLimits) withDefaults() TripLimits {
	if l.Failures == 0 {
		l.Failures = 50
	}
	if l.Window == 0 {
		l.Window = 10 * time.Second
	}
	if l.CoolDown == 0 {
		l.CoolDown = 10 * time.Second
	}
	return l
}

// slowCall is how long a call of class go may take and be none the worse; each
// further one counts as a failure.
const slowCall = 20 * time.Millisecond

// failed counts a failure.
func (b *breaker) failed(now time.Time) { b.fail(now, 1) }

// slow counts what a call took against the filter, and reports whether it was
// slow.
func (b *breaker) slow(now time.Time, took time.Duration) bool {
	n := int(took / slowCall)
	if n > 0 {
		b.fail(now, n)
	}
	return n > 0
}

func (b *breaker) fail(now time.Time, n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now.Sub(b.since) >= b.limits.Window {
		b.since, b.count = now, 0
	}
	if b.count += n; b.count >= b.limits.Failures || b.open.Load() {
		b.retry = now.Add(b.limits.CoolDown)
		b.open.Store(true)
	}
}

// admits reports whether a visit may try the tripped filter.
func (b *breaker) admits(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now.Before(b.retry) {
		return false
	}
	b.retry = now.Add(b.limits.CoolDown) // the next one, if nothing comes of this
	return true
}

// reset puts the filter in force again after a visit that succeeded.
func (b *breaker) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.count = 0
	b.open.Store(false)
}
