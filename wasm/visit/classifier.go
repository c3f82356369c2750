package visit

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"suodi/wasm/abi"
)

// Bounds on what a user agent may cost. Longer ones are not remembered, and
// beyond the second bound not parsed. Real ones stay within the first, nearly
// all within half of it; one made to be slow takes some 0.1 ms at the second.
const (
	MaxCached = 512  // bytes
	MaxParsed = 1024 // bytes
)

// Config configures a Classifier.
type Config struct {
	// Catalog is the first catalog; nil means Shipped().
	Catalog *Catalog
	// CacheEntries is how many user agents are remembered, rounded up to eight
	// times a power of two; 0 means 16,384, at most 1,048,576. Each takes about 300
	// bytes and the user agent's length, so at most 850.
	CacheEntries int
	// Queue is how many user agents may wait to be parsed; 0 means 1,024, at
	// most 65,536. New ones take no more than half of it, so that those that come
	// again find room.
	Queue int
}

func (c Config) withDefaults() Config {
	if c.Catalog == nil {
		c.Catalog = Shipped()
	}
	if c.CacheEntries == 0 {
		c.CacheEntries = 16 << 10
	}
	if c.Queue == 0 {
		c.Queue = 1 << 10
	}
	return c
}

func (c Config) validate() error {
	if c.CacheEntries < 1 || c.CacheEntries > 1<<20 {
		return fmt.Errorf("classifier: cache entries %d: want 1 to %d", c.CacheEntries, 1<<20)
	}
	if c.Queue < 1 || c.Queue > 1<<16 {
		return fmt.Errorf("classifier: queue %d: want 1 to %d", c.Queue, 1<<16)
	}
	return nil
}

// Classifier fills in the facts that follow from evidence. Its methods may
// be called concurrently.
type Classifier struct {
	current atomic.Pointer[generation]
	swaps   atomic.Uint64
	cache   *cache
	queue   chan *record

	running atomic.Bool
	closing chan struct{}
	close   sync.Once
	stopped chan struct{} // closed when Run has returned

	misses, parsed, atOnce, dropped, tooLong atomic.Uint64
}

// generation is a catalog and a number that no other generation has, so that
// what an old catalog said is not taken for what this one says.
type generation struct {
	number  uint64
	catalog *Catalog
}

// NewClassifier returns a classifier. It answers at once; what it leaves to
// its worker is done while Run runs.
func NewClassifier(config Config) (*Classifier, error) {
	config = config.withDefaults()
	if err := config.validate(); err != nil {
		return nil, err
	}
	c := &Classifier{
		cache:   newCache(config.CacheEntries),
		queue:   make(chan *record, config.Queue),
		closing: make(chan struct{}),
		stopped: make(chan struct{}),
	}
	c.Swap(config.Catalog)
	return c, nil
}

// Swap puts another catalog in force: a Classify that begins after Swap has
// returned uses it, also for user agents that are remembered.
func (c *Classifier) Swap(catalog *Catalog) {
	c.current.Store(&generation{number: c.swaps.Add(1), catalog: catalog})
}

// Catalog returns the catalog in force.
func (c *Classifier) Catalog() *Catalog { return c.current.Load().catalog }

// Classify fills in those facts of v that need asks for and that follow from
// the evidence, abi.FactPlatforms and abi.FactVersions, and adds them to
// v.Facts. Others are left alone. v.Browser then belongs to the classifier and
// must not be written to; nothing is kept of e.
//
// For a user agent that is remembered it neither allocates nor waits, whatever
// the other evidence is. Else, platforms take about a microsecond; versions
// take a few more where need asks for them, and are left to the worker where it
// does not.
func (c *Classifier) Classify(e *Evidence, need abi.Facts, v *abi.Visit) {
	need &= abi.FactPlatforms | abi.FactVersions
	if need == 0 {
		return
	}
	now := c.current.Load()
	if len(e.UserAgent) > MaxCached {
		c.classifyLong(now, e, need, v)
		return
	}
	hash := c.cache.hash(e.UserAgent)
	r, again, kept := c.cache.get(hash, e.UserAgent), true, true
	if r == nil {
		c.misses.Add(1)
		r, again = &record{agent: string(e.UserAgent)}, false
		kept = c.cache.put(hash, r)
	}
	if need&abi.FactPlatforms != 0 {
		r.classify(now, e, v)
	}
	p := r.parsed.Load()
	if need&abi.FactVersions != 0 {
		if p == nil {
			c.atOnce.Add(1)
			p = parse(r.agent)
			r.parsed.Store(p)
		}
		setVersions(v, p)
	} else if p == nil && kept {
		c.enqueue(r, again)
	}
}

// classifyLong is Classify for a user agent that is too long to remember.
func (c *Classifier) classifyLong(now *generation, e *Evidence, need abi.Facts, v *abi.Visit) {
	c.tooLong.Add(1)
	if need&abi.FactPlatforms != 0 {
		p := now.catalog.Weigh(e)
		setPlatforms(v, &p)
	}
	if need&abi.FactVersions != 0 {
		p := &parsed{}
		if len(e.UserAgent) <= MaxParsed {
			c.atOnce.Add(1)
			p = parse(string(e.UserAgent))
		}
		setVersions(v, p)
	}
}

// Versions returns the versions of a user agent as far as they are known by
// now; it never parses. It is for what is written down behind the answer, and
// says there (Versions.Known) what is left to the collector.
func (c *Classifier) Versions(userAgent []byte) Versions {
	if len(userAgent) > MaxCached {
		return Versions{}
	}
	r := c.cache.get(c.cache.hash(userAgent), userAgent)
	if r == nil {
		return Versions{}
	}
	p := r.parsed.Load()
	if p == nil {
		return Versions{}
	}
	return p.Versions
}

// classify fills in the platforms that the catalog in force gives the record's
// agent and the rest of the evidence.
func (r *record) classify(now *generation, e *Evidence, v *abi.Visit) {
	matcher := now.catalog.matcher
	m := r.matched.Load()
	if m == nil || m.generation != now.number {
		m = &matched{generation: now.number, seen: matcher.see(e.UserAgent)}
		m.platforms = matcher.platforms(&m.seen)
		r.matched.Store(m)
	}
	if len(e.RequestedWith) == 0 && !matcher.open(&m.seen) { // nearly always
		setPlatforms(v, &m.platforms)
		return
	}
	p := matcher.weigh(m.seen, matcher.read(e))
	setPlatforms(v, &p)
}

func setPlatforms(v *abi.Visit, p *Platforms) {
	v.Platforms, v.Platform, v.App, v.OS, v.Device, v.Bot = p.Set, p.Platform, p.App, p.OS, p.Device, p.Bot
	v.Facts |= abi.FactPlatforms
}

func setVersions(v *abi.Visit, p *parsed) {
	v.Browser, v.BrowserMajor, v.OSMajor = p.browser, p.browserMajor, p.osMajor
	v.Facts |= abi.FactVersions
}

// enqueue hands a record to the worker unless it has it already. One that came
// before may take any place of the queue, a new one those of its first half.
// When the worker is behind, the record waits for a later visit to bring it
// again.
func (c *Classifier) enqueue(r *record, again bool) {
	if r.queued.Load() || !r.queued.CompareAndSwap(false, true) {
		return
	}
	if again || len(c.queue) <= cap(c.queue)/2 {
		select {
		case c.queue <- r:
			return
		default:
		}
	}
	r.queued.Store(false)
	c.dropped.Add(1)
}

// Run parses in the background until ctx is done or Close is called, then
// returns nil. It loads the rules first, so that starting up does not wait for
// them. A second call is an error.
func (c *Classifier) Run(ctx context.Context) error {
	if !c.running.CompareAndSwap(false, true) {
		return errors.New("classifier: Run called twice")
	}
	defer close(c.stopped)
	if c.done(ctx) {
		return nil
	}
	rules()
	for !c.done(ctx) {
		select {
		case <-ctx.Done():
		case <-c.closing:
		case r := <-c.queue:
			if r.parsed.Load() == nil {
				r.parsed.Store(parse(r.agent))
				c.parsed.Add(1)
			}
		}
	}
	return nil
}

func (c *Classifier) done(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return true
	case <-c.closing:
		return true
	default:
		return false
	}
}

// Close makes Run return and waits until it has. Classify goes on working.
// Closing again does nothing.
func (c *Classifier) Close() error {
	c.close.Do(func() { close(c.closing) })
	if c.running.Load() {
		<-c.stopped
	}
	return nil
}

// Stats are counts since the classifier was made.
type Stats struct {
	Misses  uint64 // user agents that were not remembered
	Parsed  uint64 // parsed by the worker
	AtOnce  uint64 // parsed while a visit waited
	Dropped uint64 // not handed to the worker because it was behind; left to a later visit or the collector
	TooLong uint64 // over MaxCached bytes
	Waiting int    // for the worker now
}

// Stats returns the counts.
func (c *Classifier) Stats() Stats {
	return Stats{
		Misses:  c.misses.Load(),
		Parsed:  c.parsed.Load(),
		AtOnce:  c.atOnce.Load(),
		Dropped: c.dropped.Load(),
		TooLong: c.tooLong.Load(),
		Waiting: len(c.queue),
	}
}
