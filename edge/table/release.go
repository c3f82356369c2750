package table

import (
	"errors"
	"sync"
)

// Release writes nothing more and frees the directory for another process, but
// goes on finding links, as they are. Resume takes the directory back.
func (t *Table) Release() error {
	t.keeper.close()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return errClosed
	}
	t.closed, t.released = true, true
	t.fold = nil
	var errs []error
	if t.snapshot != nil {
		errs = append(errs, t.snapshot.discard())
		t.snapshot = nil
	}
	t.replaceLog(nil)
	return errors.Join(append(errs, t.dir.close())...)
}

// Resume takes a directory back that was released, as it is by now: another
// process may have written to it. It fails while one uses it, and may be tried
// again.
func (t *Table) Resume() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.released {
		return errClosed
	}
	dir, err := openDirectory(t.config.Dir)
	if err != nil {
		return err
	}
	l, err := load(dir, t.config)
	if err != nil {
		return errors.Join(err, dir.close())
	}
	t.dir = dir
	t.closed, t.released = false, false
	if old := t.contents.state.base; old != nil {
		t.retired = append(t.retired, old)
	}
	t.adopt(l)
	t.keeper.resume(t)
	return nil
}

// resume starts the goroutine again after close.
func (k *keeper) resume(t *Table) {
	k.stop, k.once = make(chan struct{}), sync.Once{}
	k.notify() // the base that was left is to be closed
	k.done.Go(func() { k.run(t) })
}
