package limit_test

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"suodi/edge/limit"
)

var start = time.Unix(1_800_000_000, 0)

func TestRate(t *testing.T) {
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	r := limit.NewRate(10, 3, 0)
	for i := range 3 {
		if wait, ok := r.Allow(a, start); !ok {
			t.Fatalf("request %d of the burst is refused for %s", i, wait)
		}
	}
	if wait, ok := r.Allow(a, start); ok || wait != 100*time.Millisecond {
		t.Errorf("over the burst: wait %s, %t; want 100ms", wait, ok)
	}
	if _, ok := r.Allow(b, start); !ok {
		t.Error("another address is refused")
	}
	if _, ok := r.Allow(a, start.Add(99*time.Millisecond)); ok {
		t.Error("allowed before its time")
	}
	if _, ok := r.Allow(a, start.Add(100*time.Millisecond)); !ok {
		t.Error("refused at its time")
	}
	// Who has rested long enough has the burst again, and no more.
	later, allowed := start.Add(time.Hour), 0
	for range 10 {
		if _, ok := r.Allow(a, later); ok {
			allowed++
		}
	}
	if allowed != 3 {
		t.Errorf("%d allowed after a rest; want 3", allowed)
	}
}

func TestRateCountsNetworks(t *testing.T) {
	for _, test := range []struct {
		name, first, second string
		same                bool
	}{
		{"IPv6 of one network", "2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true},
		{"IPv6 of two networks", "2001:db8:1:2::1", "2001:db8:1:3::1", false},
		{"IPv4 and the same mapped", "192.0.2.1", "::ffff:192.0.2.1", true},
		{"IPv4 neighbours", "192.0.2.1", "192.0.2.2", false},
	} {
		r := limit.NewRate(1, 1, 0)
		r.Allow(netip.MustParseAddr(test.first), start)
		if _, ok := r.Allow(netip.MustParseAddr(test.second), start); ok == test.same {
			t.Errorf("%s: allowed %t", test.name, ok)
		}
	}
}

// TestRateUnderFlood asks from far more addresses than are remembered: nobody
// may be refused a first request, and who asks all the time stays limited.
func TestRateUnderFlood(t *testing.T) {
	r := limit.NewRate(1, 2, 1024)
	greedy := netip.MustParseAddr("198.51.100.1")
	allowed := 0
	for i := range 200_000 {
		other := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		if _, ok := r.Allow(other, start); !ok {
			t.Fatalf("address %d is refused at its first request", i)
		}
		if i%10 == 0 {
			if _, ok := r.Allow(greedy, start); ok {
				allowed++
			}
		}
	}
	if allowed > 200 { // of 20,000
		t.Errorf("the greedy address was allowed %d times", allowed)
	}
}

func TestRateFromManyGoroutines(t *testing.T) {
	r := limit.NewRate(1, 1000, 0)
	address := netip.MustParseAddr("192.0.2.1")
	var allowed atomic.Int64
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 1000 {
				if _, ok := r.Allow(address, start); ok {
					allowed.Add(1)
				}
			}
		})
	}
	group.Wait()
	// Taking a cell over is the one moment at which some may go uncounted.
	if n := allowed.Load(); n < 1000 || n > 1004 {
		t.Errorf("%d allowed; want the burst of 1000", n)
	}
}

func TestRateAllocs(t *testing.T) {
	r := limit.NewRate(1e6, 100, 0)
	address := netip.MustParseAddr("2001:db8::1")
	if n := testing.AllocsPerRun(1000, func() { r.Allow(address, start) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkRate(b *testing.B) {
	r := limit.NewRate(1e6, 100, 1<<16)
	address := netip.MustParseAddr("2001:db8::1")
	now := start
	for b.Loop() {
		now = now.Add(time.Microsecond)
		r.Allow(address, now)
	}
}

// queue is a listener of connections that it is given.
type queue struct {
	conns chan net.Conn
}

func (q queue) Accept() (net.Conn, error) {
	conn, ok := <-q.conns
	if !ok {
		return nil, net.ErrClosed
	}
	return conn, nil
}
func (q queue) Close() error   { close(q.conns); return nil }
func (q queue) Addr() net.Addr { return &net.TCPAddr{} }

// peer is a connection from an address.
type peer struct {
	net.Conn
	address string
	closed  int
}

func (p *peer) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(p.address), Port: 1} }
func (p *peer) Close() error         { p.closed++; return nil }

func TestConnections(t *testing.T) {
	limits := limit.NewConnections(3, 2)
	q := queue{make(chan net.Conn, 16)}
	var refused []string
	l := limits.Listener(q, func(c net.Conn) { refused = append(refused, c.(*peer).address) })
	accept := func(address string) net.Conn {
		t.Helper()
		q.conns <- &peer{address: address}
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	first := accept("192.0.2.1")
	accept("192.0.2.1")
	q.conns <- &peer{address: "192.0.2.1"} // a third of one address
	second := accept("2001:db8::1")
	if len(refused) != 1 || refused[0] != "192.0.2.1" || limits.Refused() != 1 || limits.Open() != 3 {
		t.Fatalf("refused %v, %d open", refused, limits.Open())
	}
	q.conns <- &peer{address: "198.51.100.7"} // a fourth in all
	q.conns <- &peer{address: "198.51.100.8"}
	if err := q.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) || len(refused) != 3 {
		t.Fatalf("refused %v, %v", refused, err)
	}
	// A connection gives its place back once, however often it is closed.
	for range 3 {
		if err := errors.Join(first.Close(), second.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if limits.Open() != 1 {
		t.Errorf("%d open; want 1", limits.Open())
	}
}
