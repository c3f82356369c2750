package wire

import (
	"sync"
	"time"
)

// deadline is when reading, or writing, is to fail. It is armed at that time or
// an earlier one: most are moved back long before they pass, and need not be
// armed again for that.
type deadline struct {
	mu            sync.Mutex
	wanted, armed time.Time // zero: never
}

// set changes the deadline.
func (d *deadline) set(to time.Time, arm func(time.Time) error) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wanted = to
	if !d.armed.IsZero() && (to.IsZero() || !to.Before(d.armed)) {
		return nil
	}
	return d.arm(arm)
}

// arm has reading or writing fail at the wanted time; mu is held.
func (d *deadline) arm(arm func(time.Time) error) error {
	d.armed = d.wanted
	return arm(d.wanted)
}

// early reports whether what has failed for its deadline failed before the
// wanted one, and arms that one.
func (d *deadline) early(arm func(time.Time) error) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.wanted.IsZero() && !time.Now().Before(d.wanted) {
		return false
	}
	return d.arm(arm) == nil
}
