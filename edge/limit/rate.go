package limit

import (
	"encoding/binary"
	"hash/maphash"
	"math/bits"
	"net/netip"
	"sync/atomic"
	"time"
)

// Rate bounds how often each address may ask. It is the generic cell rate
// algorithm (ITU-T I.371): what is stored is when the address would be at rest
// again if it asked no more.
type Rate struct {
	interval int64 // nanoseconds between two requests at the limit
	slack    int64 // how far ahead of now rest may lie: the burst
	seed     maphash.Seed
	sets     []set
	mask     uint64
}

// set holds the addresses of one hash; a cache line.
type set struct {
	cells [ways]cell
}

const ways = 4

type cell struct {
	key  atomic.Uint64 // hash of the address, never 0
	rest atomic.Int64  // nanoseconds since 1970
}

// MaxAddresses is how many addresses a Rate remembers at most.
const MaxAddresses = 1 << 22

// NewRate allows perSecond requests a second and address, and burst at once.
// It remembers at least the given number of addresses, 16 bytes each.
func NewRate(perSecond float64, burst, addresses int) *Rate {
	addresses = min(max(addresses, 1024), MaxAddresses)
	n := 1 << bits.Len(uint(addresses/ways-1))
	interval := max(int64(float64(time.Second)/perSecond), 1)
	return &Rate{
		interval: interval, slack: interval * int64(max(burst, 1)-1),
		seed: maphash.MakeSeed(), sets: make([]set, n), mask: uint64(n - 1),
	}
}

// Allow reports whether an address may ask now; if not, after how long it may.
func (r *Rate) Allow(address netip.Addr, now time.Time) (wait time.Duration, ok bool) {
	key := r.hash(address) | 1
	s := &r.sets[key>>32&r.mask]
	at := now.UnixNano()
	c := s.find(key, at)
	for {
		rest := c.rest.Load()
		next := max(rest, at) + r.interval
		if ahead := next - r.interval - at; ahead > r.slack {
			return time.Duration(ahead - r.slack), false
		}
		if c.rest.CompareAndSwap(rest, next) {
			return 0, true
		}
	}
}

// find returns the cell of an address, taking over the one that is nearest to
// rest when it has none. Two visits that take over a cell at once may give an
// address a fresh limit; neither is refused for the other's sake.
func (s *set) find(key uint64, now int64) *cell {
	best := &s.cells[0]
	for i := range s.cells {
		c := &s.cells[i]
		if c.key.Load() == key {
			return c
		}
		if c.rest.Load() < best.rest.Load() {
			best = c
		}
	}
	best.key.Store(key)
	best.rest.Store(now)
	return best
}

func (r *Rate) hash(address netip.Addr) uint64 {
	var b [8]byte
	if address.Is4() || address.Is4In6() {
		v4 := address.As4()
		b = [8]byte{4: v4[0], 5: v4[1], 6: v4[2], 7: v4[3]}
	} else {
		v6 := address.As16()
		binary.LittleEndian.PutUint64(b[:], binary.LittleEndian.Uint64(v6[:8]))
	}
	return maphash.Bytes(r.seed, b[:])
}
