package table

import (
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/link"
)

// Config says how a Table works; zero means the default.
type Config struct {
	Dir    string       // holds table.log; made when missing
	Logger *slog.Logger // nil discards
	// RewriteBytes is how many bytes of deltas are kept at least before the
	// file is written anew; default 16 MiB.
	RewriteBytes int64
	// RetryEvery is the pause before a table that could not be saved is tried
	// again; default 5 s.
	RetryEvery time.Duration
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
	return c
}

// bucket is immutable.
type bucket struct {
	// revision of the snapshot that the bucket came with: deltas up to it are
	// already in it.
	revision link.Revision
	values   map[string]value
}

// value is what a key holds. A link's record that this program cannot serve
// stays, for one that can, but unusable.
type value struct {
	bytes    []byte
	unusable bool
}

// Table is an edge's copy. Lookup, Each, Links and Held may be called from any
// goroutine; the methods that take messages from one at a time.
type Table struct {
	config  Config
	buckets [feed.Buckets]atomic.Pointer[bucket]
	links   atomic.Int64

	mu       sync.Mutex
	cluster  string
	revision link.Revision
	file     *file
	failed   error     // why the file is behind the memory; nil = it is not
	retryAt  time.Time // when to try again
	closed   bool
}

// Open reads the table of a directory, or starts an empty one. It fails when
// the directory cannot be used or another process has it.
func Open(config Config) (*Table, error) {
	t := &Table{config: config.withDefaults()}
	empty := &bucket{}
	for i := range t.buckets {
		t.buckets[i].Store(empty)
	}
	f, err := openFile(t.config.Dir)
	if err != nil {
		return nil, err
	}
	t.file = f
	ends, err := f.replay(t.load)
	if err != nil {
		return nil, errors.Join(err, f.close())
	}
	if ends != "" {
		t.config.Logger.Warn("table file ends early, the feed will bring the rest", "reason", ends)
	}
	return t, nil
}

// load takes one message of the file.
func (t *Table) load(message *feedpb.ControlMessage) error {
	switch m := message.GetMessage().(type) {
	case *feedpb.ControlMessage_Welcome:
		t.begin(m.Welcome.GetClusterId())
	case *feedpb.ControlMessage_Bucket:
		t.putBucket(m.Bucket)
	case *feedpb.ControlMessage_SnapshotEnd:
		t.revision = feed.ToRevision(m.SnapshotEnd.GetRevision())
	case *feedpb.ControlMessage_Delta:
		t.loadDelta(m.Delta)
	default:
		return fmt.Errorf("unexpected message %T", m)
	}
	return nil
}

// Lookup returns the record of a flat link key. A link whose record this
// program cannot serve is found with a nil record. It does not allocate.
func (t *Table) Lookup(key []byte) (record link.Record, found bool) {
	v, found := t.buckets[link.Bucket(key)].Load().values[string(key)]
	if v.unusable {
		return nil, found
	}
	return v.bytes, found
}

// Each calls yield with every key and value of a bucket, in no order, until
// it returns false. The bytes must not be changed.
func (t *Table) Each(number uint16, yield func(key string, value []byte) bool) {
	for key, v := range t.buckets[number].Load().values {
		if !yield(key, v.bytes) {
			return
		}
	}
}

// Get returns the value of a key in any bucket.
func (t *Table) Get(number uint16, key []byte) (value []byte, found bool) {
	v, found := t.buckets[number].Load().values[string(key)]
	return v.bytes, found
}

// Links returns how many links the table holds.
func (t *Table) Links() int { return int(t.links.Load()) }

// Held returns the cluster and the revision the table holds, zero when empty.
func (t *Table) Held() (cluster string, revision link.Revision) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.cluster, t.revision
}

// Saving returns why the table is not on disk as it is in memory, or nil.
func (t *Table) Saving() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.failed
}

// Begin says which cluster the messages that follow come from. A table of
// another cluster is emptied.
func (t *Table) Begin(cluster string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return errClosed
	}
	if t.cluster == cluster {
		return nil
	}
	t.save(&feedpb.ControlMessage{Message: &feedpb.ControlMessage_Welcome{
		Welcome: &feedpb.Welcome{ClusterId: cluster},
	}})
	t.begin(cluster)
	return nil
}

func (t *Table) begin(cluster string) {
	t.cluster, t.revision = cluster, link.Revision{}
	empty := &bucket{}
	for i := range t.buckets {
		t.buckets[i].Store(empty)
	}
	t.links.Store(0)
}

// Bucket replaces a bucket by the entries it has at a revision.
func (t *Table) Bucket(number uint16, revision link.Revision, entries []*feedpb.Entry) error {
	if int(number) >= len(t.buckets) {
		return fmt.Errorf("bucket %d: there are %d", number, len(t.buckets))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return errClosed
	}
	message := &feedpb.Bucket{Number: uint32(number), Revision: feed.FromRevision(revision), Entries: entries, Last: true}
	t.save(&feedpb.ControlMessage{Message: &feedpb.ControlMessage_Bucket{Bucket: message}})
	t.putBucket(message)
	return nil
}

func (t *Table) putBucket(m *feedpb.Bucket) {
	if int64(m.GetNumber()) >= int64(len(t.buckets)) {
		return
	}
	number := uint16(m.GetNumber())
	b := &bucket{revision: feed.ToRevision(m.GetRevision()), values: make(map[string]value, len(m.GetEntries()))}
	for _, e := range m.GetEntries() {
		b.values[string(e.GetKey())] = t.newValue(number, e.GetKey(), e.GetValue())
	}
	t.swap(number, b)
}

// End says that all buckets together amount to a revision.
func (t *Table) End(revision link.Revision) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return errClosed
	}
	t.save(&feedpb.ControlMessage{Message: &feedpb.ControlMessage_SnapshotEnd{
		SnapshotEnd: &feedpb.SnapshotEnd{Revision: feed.FromRevision(revision)},
	}})
	t.revision = revision
	t.rewriteIfDue()
	return nil
}

// Delta applies a change. The caller has checked that it follows Held.
func (t *Table) Delta(delta *feedpb.Delta) error {
	for _, e := range delta.GetEntries() {
		if int(e.GetBucket()) >= len(t.buckets) {
			return fmt.Errorf("delta %s: bucket %d: there are %d", feed.ToRevision(delta.GetRevision()), e.GetBucket(), len(t.buckets))
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return errClosed
	}
	t.save(&feedpb.ControlMessage{Message: &feedpb.ControlMessage_Delta{Delta: delta}})
	t.putDelta(delta)
	t.rewriteIfDue()
	return nil
}

// loadDelta is putDelta while nobody reads yet: it changes buckets in place.
func (t *Table) loadDelta(delta *feedpb.Delta) {
	revision := feed.ToRevision(delta.GetRevision())
	for _, e := range delta.GetEntries() {
		if int64(e.GetBucket()) >= int64(len(t.buckets)) {
			continue
		}
		number := uint16(e.GetBucket())
		b := t.buckets[number].Load()
		if revision.Compare(b.revision) <= 0 {
			continue
		}
		if b.values == nil {
			b = &bucket{revision: b.revision, values: map[string]value{}}
			t.buckets[number].Store(b)
		}
		before := len(b.values)
		t.change(b, number, e)
		if number < link.Buckets {
			t.links.Add(int64(len(b.values) - before))
		}
	}
	t.revision = revision
}

// change makes one change to a bucket that is not read yet.
func (t *Table) change(b *bucket, number uint16, e *feedpb.Entry) {
	if e.Value == nil {
		delete(b.values, string(e.GetKey()))
		return
	}
	b.values[string(e.GetKey())] = t.newValue(number, e.GetKey(), e.GetValue())
}

func (t *Table) putDelta(delta *feedpb.Delta) {
	revision := feed.ToRevision(delta.GetRevision())
	copies := map[uint16]*bucket{}
	for _, e := range delta.GetEntries() {
		if int64(e.GetBucket()) >= int64(len(t.buckets)) {
			continue
		}
		number := uint16(e.GetBucket())
		b := copies[number]
		if b == nil {
			old := t.buckets[number].Load()
			if revision.Compare(old.revision) <= 0 {
				continue
			}
			b = &bucket{revision: old.revision, values: maps.Clone(old.values)}
			if b.values == nil {
				b.values = map[string]value{}
			}
			copies[number] = b
		}
		t.change(b, number, e)
	}
	for number, b := range copies {
		t.swap(number, b)
	}
	t.revision = revision
}

// swap puts a bucket in the place of the old one.
func (t *Table) swap(number uint16, b *bucket) {
	old := t.buckets[number].Swap(b)
	if number < link.Buckets {
		t.links.Add(int64(len(b.values) - len(old.values)))
	}
}

// newValue checks a link's record once, so that look-ups need not.
func (t *Table) newValue(number uint16, key, bytes []byte) value {
	if number >= link.Buckets {
		return value{bytes: bytes}
	}
	if _, err := link.CheckRecord(bytes); err != nil {
		t.config.Logger.Error("link cannot be served", "key", string(key), "error", err)
		return value{bytes: bytes, unusable: true}
	}
	return value{bytes: bytes}
}

var errClosed = errors.New("table is closed")

// Release writes nothing more and frees the directory for another process, but
// goes on finding links. Resume takes the directory back.
func (t *Table) Release() error { return t.Close() }

// Resume takes a directory back that was released; it fails when another
// process has written to it since.
func (t *Table) Resume() error { return errors.ErrUnsupported }

// Close writes nothing more and frees the directory. It is idempotent.
func (t *Table) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return nil
	}
	t.closed = true
	return t.file.close()
}
