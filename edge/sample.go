package edge

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"suodi/wasm/abi"
)

// samples are recent visits, so that an admin who pushes a filter can be told
// what it would have made of them. A few visits a second give all their facts,
// as a filter would get them; addresses are cut to their network first.
type samples struct {
	budget atomic.Int32 // how many visits may be taken until it is filled up again

	mu   sync.Mutex
	ring [sampleRing][]byte
	next int
	room [abi.BufferSize]byte
}

const (
	sampleRing  = 1024
	sampleEvery = 100 * time.Millisecond
	sampleBurst = 10 // visits in that time: a hundred a second
)

// run fills the budget up until ctx is done.
func (s *samples) run(ctx context.Context) {
	ticker := time.NewTicker(sampleEvery)
	defer ticker.Stop()
	for s.budget.Store(sampleBurst); ; {
		select {
		case <-ctx.Done():
			s.budget.Store(0)
			return
		case <-ticker.C:
			s.budget.Store(sampleBurst)
		}
	}
}

// take keeps a visit that reached the filters. Where another visit is being
// kept it is let go: nobody waits.
func (s *samples) take(v *visitState) {
	if s.budget.Load() <= 0 || s.budget.Add(-1) < 0 || !s.mu.TryLock() {
		return
	}
	defer s.mu.Unlock()
	v.gather(abi.AllFacts)
	facts := &v.slot.Visit
	facts.IP = cutAddress(facts.IP)
	n, err := facts.Encode(s.room[:], abi.AllFacts, nil)
	if err != nil {
		return // no filter could look at it either
	}
	s.ring[s.next%sampleRing] = append(s.ring[s.next%sampleRing][:0], s.room[:n]...)
	s.next++
}

// newest returns copies of the newest visits, at most count.
func (s *samples) newest(count int) [][]byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	var visits [][]byte
	for i := range min(count, s.next, sampleRing) {
		visits = append(visits, append([]byte(nil), s.ring[(s.next-1-i)%sampleRing]...))
	}
	return visits
}

// cutAddress leaves the first 24 bits of an IPv4 address, 48 of an IPv6 address.
func cutAddress(ip [16]byte) [16]byte {
	keep := 6
	if [12]byte(ip[:12]) == [12]byte{10: 0xff, 11: 0xff} {
		keep = 15
	}
	clear(ip[keep:])
	return ip
}
