package table

import (
	"log/slog"

	"suodi/control/feed"
	"suodi/control/link"
)

// contents is what the table holds and how far it has come. Its owner is the
// table's writer; others see the state and the position alone.
type contents struct {
	state     *state
	cluster   string
	revision  link.Revision
	revisions [feed.Buckets]link.Revision // of the snapshot a bucket came with: deltas up to it are already in it
	links     uint64
	logger    *slog.Logger
}

// newContents returns what a base holds.
func newContents(b *base, logger *slog.Logger) *contents {
	c := &contents{state: newState(b), cluster: b.cluster, revision: b.revision, links: b.links, logger: logger}
	for n := range c.revisions {
		c.revisions[n] = b.extents[n].revision
	}
	return c
}

// apply makes a change, whose links are counted.
func (c *contents) apply(ch *change) error {
	var err error
	switch ch.kind {
	case changeDelta:
		c.applyDelta(ch)
		c.revision = ch.revision
	case changeBucket:
		err = c.applyBucket(ch)
		c.revisions[ch.bucket] = ch.revision
	}
	c.links = ch.links
	return err
}

func (c *contents) applyDelta(ch *change) {
	var others []entry
	for _, e := range ch.entries {
		switch {
		case c.skips(ch, e):
		case e.bucket < link.Buckets:
			c.putLink(e)
		default:
			others = append(others, e)
		}
	}
	if len(others) > 0 {
		c.setOthers(c.state.others.with(others))
	}
}

// skips reports whether an entry of a delta is already in its bucket.
func (c *contents) skips(ch *change, e entry) bool {
	return ch.revision.Compare(c.revisions[e.bucket]) <= 0
}

func (c *contents) putLink(e entry) {
	hash := c.state.seed.hash(e.key)
	switch {
	case e.gone:
		c.state.active.put(hash, e.key, nil, gone)
	case len(e.value) > maxValue: // no record is that long
		c.state.active.put(hash, e.key, nil, unusable)
	default:
		known := knowledgeOf(e.value)
		c.state.active.put(hash, e.key, e.value, known)
		reportUnusable(c.logger, e.key, known)
	}
}

// reportUnusable says what this program cannot serve: the link's visitors are
// answered 503.
func reportUnusable(logger *slog.Logger, key []byte, known knowledge) {
	if known == unusable {
		logger.Error("link cannot be served", "key", string(key))
	}
}

func (c *contents) setOthers(o *others) {
	s := *c.state
	s.others = o
	c.state = &s
}

// applyBucket replaces a bucket. An error means that the base could not be
// read, and keys that should be gone may not be.
func (c *contents) applyBucket(ch *change) error {
	if ch.bucket >= link.Buckets {
		o := *c.state.others
		o[ch.bucket-link.Buckets] = nil
		for _, e := range ch.entries {
			o.put(e)
		}
		c.setOthers(&o)
		return nil
	}
	stays := map[string]bool{}
	for _, e := range ch.entries {
		stays[string(e.key)] = true
	}
	var leave []entry
	err := c.state.eachLink(ch.bucket, func(key, _ []byte) bool {
		if !stays[string(key)] {
			leave = append(leave, entry{bucket: ch.bucket, gone: true, key: append([]byte{}, key...)})
		}
		return true
	})
	for _, e := range leave {
		c.putLink(e)
	}
	for _, e := range ch.entries {
		c.putLink(e)
	}
	return err
}

// eachLink calls yield with the links of a bucket, in no order, until it
// returns false. Key and value are valid during the call.
func (s *state) eachLink(bucket uint16, yield func(key, value []byte) bool) error {
	going := true
	pass := func(key, value []byte, known knowledge) {
		if going && known != gone {
			going = yield(key, value)
		}
	}
	s.active.each(func(_ uint64, key, value []byte, known knowledge) {
		if link.Bucket(key) == bucket {
			pass(key, value, known)
		}
	})
	if s.frozen != nil {
		s.frozen.each(func(_ uint64, key, value []byte, known knowledge) {
			if link.Bucket(key) != bucket {
				return
			}
			if _, above := s.active.find(s.seed.hash(key), key); above == absent {
				pass(key, value, known)
			}
		})
	}
	if s.base == nil || !going {
		return nil
	}
	x := s.base.extents[bucket]
	err := s.base.scan(x.start, x.end, nil, func(_ uint64, key, value []byte, known knowledge) error {
		hash := s.seed.hash(key)
		if _, above := s.active.find(hash, key); above != absent {
			return nil
		}
		if s.frozen != nil {
			if _, above := s.frozen.find(hash, key); above != absent {
				return nil
			}
		}
		if pass(key, value, known); !going {
			return errStopped
		}
		return nil
	})
	if !going {
		return nil
	}
	return err
}
