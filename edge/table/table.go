package table

import (
	"errors"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"suodi/control/link"
)

// Config says how a Table works; zero means the default.
type Config struct {
	Dir    string       // holds the table's files; made when missing
	Logger *slog.Logger // nil discards
	// Wait returns when everybody has left who called Lookup before Wait was
	// called and still uses a record: what they read is then unmapped. Nil: it
	// stays mapped until Close, when nobody may use a record.
	Wait func()
	// RewriteBytes is how many bytes of changes are kept at least before they
	// are folded into a new base; default 16 MiB. An eighth of the base is kept
	// when that is more, and at most 128 MiB.
	RewriteBytes int64
	// RetryEvery is the pause before a table that could not be saved is tried
	// again; default 5 s.
	RetryEvery time.Duration

	step func(name string) error // a test's: called before each write, whose error it may be
}

func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.RewriteBytes == 0 {
		c.RewriteBytes = 16 << 20
	}
	if c.RetryEvery == 0 {
		c.RetryEvery = 5 * time.Second
	}
	if c.step == nil {
		c.step = func(string) error { return nil }
	}
	return c
}

// Table is an edge's copy. Lookup, Get, Each, Links, Held, Saving and Stats may
// be called from any goroutine and never wait for changes; the methods that
// take messages from one at a time.
type Table struct {
	config   Config
	state    atomic.Pointer[state]
	_        [64]byte // visits read the line above; the writer's are below
	position atomic.Pointer[position]
	unsaved  atomic.Pointer[error] // why the files are behind the memory; nil = they are not
	counts   counts

	keeper keeper

	mu       sync.Mutex
	dir      *directory
	contents *contents
	log      *logFile // nil without a base
	next     uint64   // generation of the next base
	snapshot *snapshot
	fold     *fold   // begun and not finished
	retired  []*base // to be closed when nobody reads them
	closed   bool
	released bool // closed, but for reading
}

// position is what the table holds, for those who only ask.
type position struct {
	cluster  string
	revision link.Revision
	links    uint64
}

// Open reads the table of a directory, or starts an empty one. It fails when
// the directory cannot be used or another process has it.
func Open(config Config) (*Table, error) {
	t := &Table{config: config.withDefaults()}
	dir, err := openDirectory(t.config.Dir)
	if err != nil {
		return nil, err
	}
	t.dir = dir
	for _, name := range []string{foldName, snapshotName} { // of a killed process
		if err := os.Remove(dir.file(name)); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.config.Logger.Warn("left behind", "error", err)
		}
	}
	l, err := load(dir, t.config)
	if err != nil {
		return nil, errors.Join(err, dir.close())
	}
	t.adopt(l)
	t.keeper.start(t)
	return t, nil
}

// adopt puts what was loaded in force. The mutex is held, or nobody knows the
// table yet.
func (t *Table) adopt(l *loaded) {
	for _, reason := range l.damaged {
		t.counts.quarantines.Add(1)
		t.config.Logger.Error("a damaged table file was put aside", "error", reason)
	}
	t.contents, t.log, t.next = l.contents, l.log, max(t.next, l.next)
	t.setUnsaved(nil)
	if t.log != nil && t.log.broken != nil {
		t.saveFailed(t.log.broken)
	}
	t.publish()
}

// publish shows the contents. The mutex is held.
func (t *Table) publish() {
	c := t.contents
	if t.state.Load() != c.state {
		t.state.Store(c.state)
	}
	t.position.Store(&position{cluster: c.cluster, revision: c.revision, links: c.links})
	t.counts.note(t)
}

// Lookup returns the record of a flat link key. A link that this program
// cannot serve, or not now, is found with a nil record. The record is borrowed:
// it is valid until the caller has left, as Config.Wait sees it. Lookup neither
// waits nor allocates.
//
// The record is a part of a mapped file. When the disk fails, or somebody
// truncates the file, between Lookup and its use, reading it panics, as all
// faults of the calling goroutine do from now on; Fault tells such a panic
// from others.
func (t *Table) Lookup(key []byte) (record link.Record, found bool) {
	s := t.state.Load()
	debug.SetPanicOnFault(true)
	defer t.mend(s.base, &record, &found)
	value, known := s.find(s.seed.hash(key), key)
	switch known {
	case usable:
		return value, true
	case absent, gone:
		return nil, false
	case damaged:
		t.damaged(s.base, damage("an entry fails its checksum"))
	}
	return nil, true
}

// mend answers a look-up whose reading of the base faulted.
func (t *Table) mend(b *base, record *link.Record, found *bool) {
	if reason := recover(); reason != nil {
		if !t.faulted(b, reason) {
			panic(reason)
		}
		*record, *found = nil, true
	}
}

// Fault reports whether what was recovered is a fault of a mapped file. If the
// file is the one in force, it is put aside, and an older one or the feed takes
// its place.
func (t *Table) Fault(recovered any) bool { return t.faulted(t.state.Load().base, recovered) }

func (t *Table) faulted(b *base, reason any) bool {
	fault, ok := reason.(interface {
		runtime.Error
		Addr() uintptr
	})
	if ok && b != nil && b.maps(fault.Addr()) {
		t.damaged(b, damage("reading it faults: %v", fault))
	}
	return ok
}

// damaged notes that a base cannot be read; the keeper does the rest.
func (t *Table) damaged(b *base, reason error) {
	if b != nil && b.isDamaged(reason) {
		t.keeper.notify()
	}
}

// reading returns the state with a reference to its base, for readers whom
// Wait does not know.
func (t *Table) reading() (s *state, done func()) {
	for {
		s := t.state.Load()
		if s.base == nil {
			return s, func() {}
		}
		if s.base.hold() {
			return s, func() { t.dropped(s.base) }
		}
	}
}

func (t *Table) dropped(b *base) {
	if err := b.drop(); err != nil {
		t.config.Logger.Warn("table file could not be closed", "error", err)
	}
}

// Each calls yield with every key and value of a bucket, in no order, until
// it returns false. The value is valid during the call and must not be changed.
func (t *Table) Each(number uint16, yield func(key string, value []byte) bool) {
	s, done := t.reading()
	defer done()
	if number >= link.Buckets {
		for key, value := range s.others[number-link.Buckets] {
			if !yield(key, value) {
				return
			}
		}
		return
	}
	err := s.eachLink(number, func(key, value []byte) bool { return yield(string(key), value) })
	if err != nil {
		t.damaged(s.base, err)
	}
}

// Get returns the value of a key in any bucket. It must not be changed.
func (t *Table) Get(number uint16, key []byte) (value []byte, found bool) {
	s, done := t.reading()
	defer done()
	if number >= link.Buckets {
		value, found = s.others[number-link.Buckets][string(key)]
		return value, found
	}
	value, known := t.peek(s, key)
	if known != usable && known != unusable {
		return nil, false
	}
	return append([]byte{}, value...), true
}

// peek is find for those who may wait: a fault is damage.
func (t *Table) peek(s *state, key []byte) (value []byte, known knowledge) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if reason := recover(); reason != nil {
			if !t.faulted(s.base, reason) {
				panic(reason)
			}
			value, known = nil, damaged
		}
	}()
	return s.find(s.seed.hash(key), key)
}

// Links returns how many links the table holds.
func (t *Table) Links() int { return int(t.position.Load().links) }

// Held returns the cluster and the revision the table holds, zero when empty.
// The revision is an earlier one than before when a damaged file had to be
// given up: the feed then brings what is missing.
func (t *Table) Held() (cluster string, revision link.Revision) {
	p := t.position.Load()
	return p.cluster, p.revision
}

// Saving returns why the table is not on disk as it is in memory, or nil.
func (t *Table) Saving() error {
	if reason := t.unsaved.Load(); reason != nil {
		return *reason
	}
	return nil
}

func (t *Table) setUnsaved(reason error) {
	if reason == nil {
		t.unsaved.Store(nil)
	} else {
		t.unsaved.Store(&reason)
	}
}

func (t *Table) saveFailed(reason error) {
	if t.unsaved.Load() == nil {
		t.config.Logger.Error("table cannot be saved, going on in memory", "error", reason)
	}
	t.setUnsaved(reason)
}

var (
	errClosed  = errors.New("table is closed")
	errStopped = errors.New("stopped")
)

// Close writes nothing more and frees the directory. Nobody may use a record
// any more whom Config.Wait does not know; look-ups find no record. It is
// idempotent.
func (t *Table) Close() error {
	t.keeper.close()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed && !t.released {
		return nil
	}
	freed := t.released
	t.closed, t.released = true, false
	last := t.contents.state
	t.state.Store(emptyState(true))
	if t.config.Wait != nil {
		t.config.Wait()
	}
	var errs []error
	if last.base != nil {
		t.retired = append(t.retired, last.base)
	}
	for _, b := range t.retired {
		errs = append(errs, b.drop())
	}
	t.retired = nil
	if t.snapshot != nil {
		errs = append(errs, t.snapshot.discard())
	}
	if t.log != nil {
		errs = append(errs, t.log.close())
	}
	if !freed {
		errs = append(errs, t.dir.close())
	}
	return errors.Join(errs...)
}
