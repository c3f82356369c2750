package table

import "time"

// How long background work runs before it lets visits go first, and how long
// it then stays away. Yielding to the scheduler would not do: a goroutine that
// is always ready keeps a processor from asking the network for what is.
const (
	workTime  = 50 * time.Microsecond
	pauseTime = 50 * time.Microsecond
	paceEvery = 16 // calls between looks at the clock
)

// pace makes background work wait for visits. Its owner is one goroutine; nil
// paces nothing.
type pace struct {
	timer *timer          // nil: nobody visits yet, pause never
	stop  <-chan struct{} // closed: the work is to end
	calls uint
	since time.Time
}

func newPace(stop <-chan struct{}, visited bool) *pace {
	p := &pace{stop: stop, since: time.Now()}
	if visited {
		p.timer = newTimer()
	}
	return p
}

// wait returns at once, or after a pause when it is time for one. It returns
// errStopped when the work is to end.
func (p *pace) wait() error {
	if p == nil {
		return nil
	}
	if p.calls++; p.calls%paceEvery != 0 {
		return nil
	}
	return p.waitNow()
}

// waitNow is wait after a piece of work that is long in itself.
func (p *pace) waitNow() error {
	if p == nil || time.Since(p.since) < workTime {
		return nil
	}
	select {
	case <-p.stop:
		return errStopped
	default:
	}
	if p.timer != nil {
		p.timer.sleep(pauseTime)
	}
	p.since = time.Now()
	return nil
}

func (p *pace) close() error {
	if p == nil || p.timer == nil {
		return nil
	}
	return p.timer.close()
}
