package table

import (
	"errors"
	"fmt"
	"os"
	"time"

	"suodi/control/link"
)

// maxChanges is how many bytes of changes are kept at most before they are
// folded: reading them is a part of every start.
const maxChanges = 128 << 20

// fold is a base being made of the base in force and the changes up to a
// revision. The changes since go on above it.
type fold struct {
	contents   *contents // as of then; its frozen changes are folded
	generation uint64
}

// foldIsDue reports whether there are changes enough, or something that only a
// new base mends. The mutex is held.
func (t *Table) foldIsDue() bool {
	b := t.contents.state.base
	switch {
	case t.closed || b == nil || b.damaged.Load() != nil:
		return false
	case !t.keeper.retryAt.IsZero() && time.Now().Before(t.keeper.retryAt):
		return false
	case t.fold != nil || t.unsaved.Load() != nil || b.checks != link.RecordChecks:
		return true
	}
	changes := max(t.log.size-logHeader, t.contents.state.active.size.Load()-chunkSize)
	return changes >= max(t.config.RewriteBytes, min(int64(len(b.data))/8, maxChanges))
}

// foldIfDue makes a new base of the one in force and its changes.
func (t *Table) foldIfDue() error {
	t.mu.Lock()
	if !t.foldIsDue() {
		t.mu.Unlock()
		return nil
	}
	err := t.freeze()
	f := t.fold
	t.mu.Unlock()
	if err == nil {
		err = t.build(f)
	}
	if err != nil && !errors.Is(err, errStopped) {
		t.mu.Lock()
		t.keeper.retryAt = time.Now().Add(t.config.RetryEvery)
		t.mu.Unlock()
		t.counts.foldFailures.Add(1)
	}
	return err
}

// freeze begins a fold, unless one that failed is to be tried again: changes
// go to a log and an overlay of their own from now on. The mutex is held.
func (t *Table) freeze() error {
	if t.fold != nil {
		return nil
	}
	c := t.contents
	log, err := createLog(t.dir.log(t.next), logStart{generation: t.next, cluster: c.cluster, revision: c.revision}, t.config.step)
	if err != nil {
		return fmt.Errorf("begin a log: %w", err)
	}
	s := *c.state
	s.frozen, s.active = s.active, newOverlay(s.seed)
	c.state = &s
	frozen := *c
	t.fold = &fold{contents: &frozen, generation: t.next}
	t.next++
	t.replaceLog(log)
	t.publish()
	return nil
}

// build writes the base and puts it in force.
func (t *Table) build(f *fold) error {
	b, err := t.write(f)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.fold != f || t.closed { // a snapshot came, or the base was given up
		return errors.Join(b.drop(), os.Remove(b.path))
	}
	if err := t.rename(b); err != nil {
		return errors.Join(err, b.drop())
	}
	c := *t.contents
	s := *c.state
	s.base, s.frozen = b, nil
	c.state = &s
	t.setUnsaved(t.log.broken)
	t.replaceBase(&c)
	t.fold = nil
	t.counts.folds.Add(1)
	t.counts.note(t)
	return nil
}

// write writes the base of a fold.
func (t *Table) write(f *fold) (*base, error) {
	from := f.contents.state.base
	if !from.hold() {
		return nil, errStopped
	}
	defer t.dropped(from)
	p := newPace(t.keeper.stop, true)
	w, err := newBuilder(t.dir.file(foldName), *f.contents.state.seed, f.generation, p, t.config.step)
	if err != nil {
		return nil, errors.Join(err, p.close())
	}
	w.others = f.contents.state.others
	if err := f.merge(w, from, p); err != nil {
		if errors.Is(err, errDamaged) {
			t.damaged(from, err)
			t.keeper.notify()
		}
		return nil, errors.Join(err, w.discard(), p.close())
	}
	b, err := w.finish(f.generation, f.contents.cluster, f.contents.revision)
	return b, errors.Join(err, p.close())
}

// merge writes every link, bucket by bucket: those of the base that did not
// change, and those that did.
func (f *fold) merge(w *builder, from *base, p *pace) error {
	frozen := f.contents.state.frozen
	changed, err := byBucket(frozen, p)
	if err != nil {
		return err
	}
	for n := range link.Buckets {
		if err := w.begin(uint16(n), f.contents.revisions[n]); err != nil {
			return err
		}
		x := from.extents[n]
		err := from.scan(x.start, x.end, nil, func(_ uint64, key, value []byte, known knowledge) error {
			if _, above := frozen.find(frozen.seed.hash(key), key); above != absent {
				return nil
			}
			if from.checks != link.RecordChecks {
				known = knowledgeOf(value)
			}
			return w.add(key, value, known)
		})
		if err != nil {
			return err
		}
		for _, offset := range changed.of(n) {
			if key, value, known := frozen.entry(offset); known != gone {
				if err := w.add(key, value, known); err != nil {
					return err
				}
			}
		}
	}
	for n := link.Buckets; n < len(w.extents); n++ {
		if err := w.begin(uint16(n), f.contents.revisions[n]); err != nil {
			return err
		}
	}
	return nil
}

// ordered are an overlay's entries by bucket.
type ordered struct {
	offsets []uint64
	ends    [link.Buckets]int
}

func byBucket(o *overlay, p *pace) (*ordered, error) {
	var counts [link.Buckets]int
	var err error
	o.each(func(_ uint64, key, _ []byte, _ knowledge) {
		counts[link.Bucket(key)]++
		err = errors.Join(err, p.wait())
	})
	by, sum := &ordered{}, 0
	for n, count := range counts {
		by.ends[n] = sum // for now where it begins
		sum += count
	}
	by.offsets = make([]uint64, sum)
	o.each(func(offset uint64, key, _ []byte, _ knowledge) {
		n := link.Bucket(key)
		by.offsets[by.ends[n]] = offset
		by.ends[n]++
		err = errors.Join(err, p.wait())
	})
	return by, err
}

func (o *ordered) of(bucket int) []uint64 {
	start := 0
	if bucket > 0 {
		start = o.ends[bucket-1]
	}
	return o.offsets[start:o.ends[bucket]]
}

// renameFile gives a base its name.
func renameFile(b *base, name string) error {
	if err := os.Rename(b.path, name); err != nil {
		return err
	}
	b.path = name
	return nil
}
