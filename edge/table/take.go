package table

import (
	"errors"
	"fmt"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/link"
)

// snapshot is a base that the feed is bringing.
type snapshot struct {
	cluster string
	builder *builder
	pace    *pace
}

func (s *snapshot) discard() error { return errors.Join(s.builder.discard(), s.pace.close()) }

// Begin says that a whole snapshot of a cluster follows: buckets, in any
// order, and End. What the table holds stays in force until then.
func (t *Table) Begin(cluster string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return errClosed
	}
	if err := t.abandon(); err != nil {
		t.config.Logger.Warn("an unfinished snapshot could not be removed", "error", err)
	}
	p := newPace(t.keeper.stop, t.contents.links > 0)
	b, err := newBuilder(t.dir.file(snapshotName), *t.contents.state.seed, t.next, p, t.config.step)
	if err != nil {
		return errors.Join(fmt.Errorf("begin snapshot: %w", err), p.close())
	}
	t.next++
	t.snapshot = &snapshot{cluster: cluster, builder: b, pace: p}
	return nil
}

// abandon gives up a snapshot that was cut short.
func (t *Table) abandon() error {
	s := t.snapshot
	t.snapshot = nil
	if s == nil {
		return nil
	}
	return s.discard()
}

// Bucket takes a bucket of the snapshot that was begun. When none was, it
// replaces the bucket by the entries it has at a revision.
func (t *Table) Bucket(number uint16, revision link.Revision, entries []*feedpb.Entry) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return errClosed
	}
	ch := &change{kind: changeBucket, bucket: number, previous: t.contents.revision, revision: revision}
	for _, e := range entries {
		ch.entries = append(ch.entries, entry{bucket: number, key: e.GetKey(), value: e.GetValue()})
	}
	if err := ch.check(); err != nil {
		return err
	}
	if t.snapshot == nil {
		return t.take(ch)
	}
	if err := t.snapshot.take(ch, t.config); err != nil {
		return errors.Join(fmt.Errorf("save snapshot: %w", err), t.abandon())
	}
	return nil
}

func (s *snapshot) take(ch *change, config Config) error {
	if err := s.builder.begin(ch.bucket, ch.revision); err != nil {
		return err
	}
	for _, e := range ch.entries {
		if e.bucket >= link.Buckets {
			s.builder.others.put(e)
			continue
		}
		if len(e.value) > maxValue { // no record is that long
			e.value = nil
		}
		known := knowledgeOf(e.value)
		reportUnusable(config.Logger, e.key, known)
		if err := s.builder.add(e.key, e.value, known); err != nil {
			return err
		}
	}
	return nil
}

// End says that all buckets together amount to a revision, and puts them in
// force.
func (t *Table) End(revision link.Revision) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.closed:
		return errClosed
	case t.snapshot == nil:
		return errors.New("a snapshot ends that was not begun")
	}
	s := t.snapshot
	t.snapshot = nil
	b, err := s.builder.finish(t.next, s.cluster, revision)
	if err = errors.Join(err, s.pace.close()); err != nil {
		return fmt.Errorf("save snapshot: %w", err)
	}
	log, err := t.install(b)
	if err != nil {
		return errors.Join(fmt.Errorf("save snapshot: %w", err), b.drop())
	}
	t.next++
	t.fold = nil // what is being folded is of the past
	t.replaceLog(log)
	t.setUnsaved(nil)
	t.replaceBase(newContents(b, t.config.Logger))
	return nil
}

// install gives a base that was built its name and a log.
func (t *Table) install(b *base) (*logFile, error) {
	log, err := createLog(t.dir.log(b.generation), logStart{generation: b.generation, cluster: b.cluster, revision: b.revision}, t.config.step)
	if err != nil {
		return nil, err
	}
	if err := t.rename(b); err != nil {
		return nil, errors.Join(err, log.close())
	}
	return log, nil
}

// rename gives a base that was built its name.
func (t *Table) rename(b *base) error {
	if err := t.config.step("rename base"); err != nil {
		return err
	}
	if err := renameFile(b, t.dir.base(b.generation)); err != nil {
		return err
	}
	if err := t.config.step("sync directory"); err != nil {
		return err
	}
	return t.dir.sync()
}

func (t *Table) replaceLog(log *logFile) {
	if t.log != nil {
		if err := t.log.close(); err != nil {
			t.config.Logger.Warn("log could not be closed", "error", err)
		}
	}
	t.log = log
}

// replaceBase puts contents with another base in force.
func (t *Table) replaceBase(c *contents) {
	old := t.contents.state.base
	t.contents = c
	t.publish()
	previous := c.state.base.generation
	if old != nil {
		previous = old.generation
		t.retired = append(t.retired, old)
	}
	if err := t.config.step("prune"); err != nil {
		return // a test has killed us
	}
	if err := t.dir.prune(c.state.base.generation, previous); err != nil {
		t.config.Logger.Warn("old table files could not be removed", "error", err)
	}
	t.keeper.notify()
}

// Delta applies a change. The caller has checked that it follows Held.
func (t *Table) Delta(delta *feedpb.Delta) error {
	ch := &change{kind: changeDelta, revision: feed.ToRevision(delta.GetRevision())}
	for _, e := range delta.GetEntries() {
		if err := checkBucket(e.GetBucket()); err != nil {
			return fmt.Errorf("delta %s: %w", ch.revision, err)
		}
		ch.entries = append(ch.entries, entry{bucket: uint16(e.GetBucket()), gone: e.Value == nil, key: e.GetKey(), value: e.GetValue()})
	}
	if err := ch.check(); err != nil {
		return fmt.Errorf("delta %s: %w", ch.revision, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return errClosed
	}
	ch.previous = t.contents.revision
	return t.take(ch)
}

func checkBucket(number uint32) error {
	if number >= feed.Buckets {
		return damage("bucket %d: there are %d", number, feed.Buckets)
	}
	return nil
}

// check checks what a change says against what the table can hold.
func (c *change) check() error {
	if c.kind == changeBucket {
		if err := checkBucket(uint32(c.bucket)); err != nil {
			return err
		}
	}
	for _, e := range c.entries {
		switch err := checkBucket(uint32(e.bucket)); {
		case err != nil:
			return err
		case c.kind == changeBucket && e.bucket != c.bucket:
			return damage("bucket %d brings a key of bucket %d", c.bucket, e.bucket)
		case e.bucket >= link.Buckets:
		case len(e.key) > maxKey:
			return damage("key of %d bytes; a link's has at most %d", len(e.key), maxKey)
		case link.Bucket(e.key) != e.bucket:
			return damage("link %q is none of bucket %d", e.key, e.bucket)
		}
	}
	return nil
}

// take saves a change and then makes it. The mutex is held.
func (t *Table) take(ch *change) error {
	if t.log == nil {
		return errors.New("a change came before the first snapshot")
	}
	ch.links = t.count(ch)
	if err := t.log.append(ch); err != nil {
		t.saveFailed(err)
	}
	if err := t.contents.apply(ch); err != nil {
		t.damaged(t.contents.state.base, err)
	}
	t.compact()
	t.publish()
	if t.foldIsDue() {
		t.keeper.notify()
	}
	return nil
}

// count returns how many links there will be after a change.
func (t *Table) count(ch *change) uint64 {
	links := t.contents.links
	if ch.kind == changeBucket && ch.bucket >= link.Buckets {
		return links
	}
	there := map[string]bool{} // of the keys that the change has dealt with
	if ch.kind == changeBucket {
		err := t.contents.state.eachLink(ch.bucket, func(_, _ []byte) bool {
			links--
			return true
		})
		if err != nil {
			t.damaged(t.contents.state.base, err)
		}
	}
	for _, e := range ch.entries {
		if e.bucket >= link.Buckets || ch.kind == changeDelta && t.contents.skips(ch, e) {
			continue
		}
		was, dealt := there[string(e.key)]
		if !dealt && ch.kind == changeDelta {
			_, known := t.peek(t.contents.state, e.key)
			was = known != absent && known != gone
		}
		switch {
		case was && e.gone:
			links--
		case !was && !e.gone:
			links++
		}
		if len(ch.entries) > 1 {
			there[string(e.key)] = !e.gone
		}
	}
	return links
}

// compact frees what changes have replaced. It keeps memory bounded while the
// same links change for ever and nothing can be folded.
func (t *Table) compact() {
	active := t.contents.state.active
	if active.garbage < t.config.RewriteBytes || 2*active.garbage < active.size.Load() {
		return
	}
	s := *t.contents.state
	s.active = active.compact()
	t.contents.state = &s
}
