package table

import (
	"errors"
	"fmt"
	"os"
	"slices"
)

// loaded is what the directory amounts to.
type loaded struct {
	contents *contents
	log      *logFile // what goes on; nil without a base
	next     uint64   // a generation that none had
	damaged  []error  // bases that were put aside
}

// load reads the newest base that is sound and the changes since. Damaged
// bases are put aside.
func load(d *directory, config Config) (*loaded, error) {
	bases, logs, err := d.list()
	if err != nil {
		return nil, err
	}
	l := &loaded{next: 1}
	for _, g := range append(slices.Clone(bases), logs...) {
		l.next = max(l.next, g+1)
	}
	for _, g := range slices.Backward(bases) {
		b, err := openBase(d.base(g))
		if err == nil && b.generation != g {
			err = errors.Join(damage("it is generation %d", b.generation), b.close())
		}
		if err == nil {
			l.contents = newContents(b, config.Logger)
			break
		}
		err = fmt.Errorf("table base %s: %w", d.base(g), err)
		if !errors.Is(err, errDamaged) {
			return nil, fmt.Errorf("%w; move it away to start without it", err)
		}
		l.damaged = append(l.damaged, err)
		if err := d.quarantine(g); err != nil {
			return nil, fmt.Errorf("put a damaged base aside: %w", err)
		}
	}
	if l.contents == nil {
		l.contents = &contents{state: emptyState(len(l.damaged) > 0)}
		return l, nil
	}
	l.replay(d, logs, config)
	return l, nil
}

// replay takes the changes since the base, from one log after the other as
// long as they continue each other, and finds the log that goes on.
func (l *loaded) replay(d *directory, logs []uint64, config Config) {
	c := l.contents
	generation := c.state.base.generation
	for _, g := range logs {
		if g < generation {
			continue
		}
		next, start, err := openLog(d.log(g), config.step)
		if err == nil && (start.generation != g || start.cluster != c.cluster || start.revision != c.revision) {
			err = errors.Join(fmt.Errorf("generation %d at %s does not continue %s", start.generation, start.revision, c.revision), next.close())
		}
		if err != nil { // what it held is asked of the feed again
			config.Logger.Warn("changes cannot be read", "file", d.log(g), "error", err)
			break
		}
		if l.log != nil {
			_ = l.log.close() // it was read only
		}
		l.log = next
		if ends := next.replay(c.replay); ends != nil {
			config.Logger.Warn("changes end early, the feed will bring the rest", "file", d.log(g), "reason", ends)
			break
		}
	}
	last := generation
	if l.log != nil {
		last = l.log.generation
	}
	for _, g := range logs {
		if g > last { // behind a gap: they must not follow what is written from now on
			_ = os.Remove(d.log(g))
		}
	}
	l.resume(d, config)
}

// replay is apply for a change that is read back.
func (c *contents) replay(ch *change) error {
	if ch.previous != c.revision {
		return fmt.Errorf("a change follows revision %s, held is %s", ch.previous, c.revision)
	}
	if err := ch.check(); err != nil {
		return err
	}
	return c.apply(ch)
}

// resume makes the log ready for more. A disk that fails stops the saving, not
// the serving.
func (l *loaded) resume(d *directory, config Config) {
	if l.log != nil {
		l.log.broken = l.log.cut()
		return
	}
	c := l.contents
	start := logStart{generation: c.state.base.generation, cluster: c.cluster, revision: c.revision}
	log, err := createLog(d.log(start.generation), start, config.step)
	if err != nil {
		log = &logFile{generation: start.generation, broken: err}
	}
	l.log = log
}
