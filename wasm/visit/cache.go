package visit

import (
	"hash/maphash"
	"math/bits"
	"sync/atomic"
)

// ways is how many user agents share a set of the cache, whose hashes are then
// one cache line and whose pointers are another.
const ways = 8

// cache remembers user agents. Its size is fixed: a new one replaces another
// of its set. Readers never wait, and nothing but a full comparison makes two
// user agents the same. The hash is keyed, so nobody can choose a set.
type cache struct {
	seed maphash.Seed
	sets []cacheSet // a power of two
}

type cacheSet struct {
	hashes  [ways]atomic.Uint64 // hints: a record is what its agent says it is
	records [ways]atomic.Pointer[record]
}

// record is a remembered user agent.
type record struct {
	agent   string
	credit  atomic.Uint32 // how often it will be spared, at most maxCredit
	queued  atomic.Bool   // handed to the worker
	matched atomic.Pointer[matched]
	parsed  atomic.Pointer[parsed]
}

// maxCredit is how often a user agent is spared that was looked up so often.
// One that comes twice is then no match for one that comes all the time.
const maxCredit = 7

// matched is what one catalog says of a user agent. Other evidence is not part
// of it: it is weighed anew each time, so that it cannot crowd the cache.
type matched struct {
	generation uint64
	seen       seen
	platforms  Platforms // of the user agent by itself
}

// newCache returns a cache of at least entries records.
func newCache(entries int) *cache {
	sets := max((entries+ways-1)/ways, 1)
	return &cache{
		seed: maphash.MakeSeed(),
		sets: make([]cacheSet, 1<<bits.Len(uint(sets-1))),
	}
}

func (c *cache) hash(agent []byte) uint64 { return maphash.Bytes(c.seed, agent) }

func (c *cache) set(hash uint64) *cacheSet { return &c.sets[hash&uint64(len(c.sets)-1)] }

// get returns the record of agent, nil if there is none.
func (c *cache) get(hash uint64, agent []byte) *record {
	set := c.set(hash)
	for way := range ways {
		if set.hashes[way].Load() != hash {
			continue
		}
		if r := set.records[way].Load(); r != nil && r.agent == string(agent) {
			// Two visits at once may count as one.
			if n := r.credit.Load(); n < maxCredit {
				r.credit.Store(n + 1)
			}
			return r
		}
	}
	return nil
}

// put remembers r, in the place of a record without credit, so that a stream
// of user agents each seen once replaces itself and not those that visit often.
// Where all have credit it reports false and leaves r out; but that costs each
// of them one, so those that are not looked up again will go.
func (c *cache) put(hash uint64, r *record) bool {
	set := c.set(hash)
	first := int(hash >> 61)
	victim := -1
	for i := range ways {
		way := (first + i) % ways
		old := set.records[way].Load()
		if old == nil {
			victim = way
			break
		}
		if victim < 0 && old.credit.Load() == 0 {
			victim = way
		}
	}
	if victim < 0 {
		for way := range ways {
			if old := set.records[way].Load(); old != nil {
				if n := old.credit.Load(); n > 0 {
					old.credit.Store(n - 1)
				}
			}
		}
		return false
	}
	set.hashes[victim].Store(hash)
	set.records[victim].Store(r)
	return true
}
