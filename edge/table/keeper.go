package table

import (
	"errors"
	"fmt"
	"sync"
	"time"
)

// keeper is the goroutine that looks after the files.
type keeper struct {
	wake    chan struct{}
	stop    chan struct{}
	once    sync.Once
	done    sync.WaitGroup
	unread  *base     // to be verified; the goroutine's own
	retryAt time.Time // a fold that failed is tried again; the table's mutex guards it
}

func (k *keeper) start(t *Table) {
	k.wake, k.stop = make(chan struct{}, 1), make(chan struct{})
	k.unread = t.contents.state.base
	t.counts.verifying.Store(k.unread != nil)
	k.notify()
	k.done.Go(func() { k.run(t) })
}

// notify says that there may be something to do.
func (k *keeper) notify() {
	select {
	case k.wake <- struct{}{}:
	default: // it knows
	}
}

func (k *keeper) close() {
	k.once.Do(func() { close(k.stop) })
	k.done.Wait()
}

func (k *keeper) run(t *Table) {
	retry := time.NewTimer(t.config.RetryEvery)
	defer retry.Stop()
	for {
		select {
		case <-k.stop:
			return
		case <-k.wake:
		case <-retry.C:
		}
		t.closeRetired()
		t.fallBack()
		if err := t.foldIfDue(); err != nil && !errors.Is(err, errStopped) {
			t.config.Logger.Error("table cannot be folded, going on without", "error", err)
		}
		t.closeRetired()
		if err := k.verify(t); err != nil && !errors.Is(err, errStopped) {
			t.fallBack()
		}
		t.counts.verifying.Store(k.unread != nil)
		retry.Reset(t.config.RetryEvery)
	}
}

// closeRetired closes the bases that are no longer in force, when nobody reads
// them.
func (t *Table) closeRetired() {
	if t.config.Wait == nil {
		return
	}
	t.mu.Lock()
	retired := t.retired
	t.retired = nil
	t.mu.Unlock()
	if len(retired) == 0 {
		return
	}
	t.config.Wait()
	for _, b := range retired {
		t.dropped(b)
	}
	t.mu.Lock()
	t.counts.note(t)
	t.mu.Unlock()
}

// verify reads the base that was opened, once.
func (k *keeper) verify(t *Table) error {
	b := k.unread
	k.unread = nil
	if b == nil || !b.hold() {
		return nil
	}
	defer t.dropped(b)
	p := newPace(k.stop, true)
	err := errors.Join(b.verify(p), p.close())
	if errors.Is(err, errDamaged) {
		t.damaged(b, err)
	}
	return err
}

// fallBack puts a damaged base aside and takes the one before it with the
// changes since. Where those do not reach as far, the feed brings the rest:
// Held tells it from where.
func (t *Table) fallBack() {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.contents.state.base
	if b == nil || b.damaged.Load() == nil || t.closed {
		return
	}
	before := t.contents.revision
	reason := *b.damaged.Load()
	t.fold = nil
	t.replaceLog(nil)
	err := t.dir.quarantine(b.generation)
	l := &loaded{contents: &contents{state: emptyState(true)}}
	if err == nil {
		var fallen *loaded
		if fallen, err = load(t.dir, t.config); err == nil {
			l = fallen
		}
	}
	if l.contents.state.base == nil {
		l.contents = &contents{state: emptyState(true)}
	}
	l.damaged = append([]error{fmt.Errorf("table base %s: %w", b.path, errors.Join(reason, err))}, l.damaged...)
	t.retired = append(t.retired, b)
	t.keeper.unread = l.contents.state.base
	t.counts.verifying.Store(t.keeper.unread != nil)
	t.adopt(l)
	t.config.Logger.Warn("fell back to an older table", "revision", t.contents.revision, "before", before)
	t.keeper.notify()
}
