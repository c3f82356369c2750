package raftstore

import "sync"

// watch is a value that goroutines can wait on. The zero value is ready.
type watch[T any] struct {
	mu      sync.Mutex
	value   T
	changed chan struct{} // nil until somebody waits; closed by the next change
}

func (w *watch[T]) load() T {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.value
}

// wait returns the value and a channel that is closed when it next changes.
func (w *watch[T]) wait() (T, <-chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.changed == nil {
		w.changed = make(chan struct{})
	}
	return w.value, w.changed
}

// update changes the value under the lock and wakes whoever waits.
func (w *watch[T]) update(change func(*T)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(&w.value)
	if w.changed != nil {
		close(w.changed)
		w.changed = nil
	}
}

// gate counts what is in flight and can be shut, after which nothing enters.
type gate struct {
	mu      sync.Mutex
	n       int
	shut    bool
	drained chan struct{} // set by close; closed when shut and n is 0
}

func (g *gate) enter() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.shut {
		return false
	}
	g.n++
	return true
}

func (g *gate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.n--
	if g.shut && g.n == 0 {
		close(g.drained)
	}
}

// close shuts the gate; the channel is closed when the last one has left.
func (g *gate) close() <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.shut {
		g.shut = true
		g.drained = make(chan struct{})
		if g.n == 0 {
			close(g.drained)
		}
	}
	return g.drained
}
