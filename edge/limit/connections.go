package limit

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
)

// Connections bounds how many connections are open, in all and by address.
type Connections struct {
	total, each int // 0: no limit

	open    atomic.Int64
	refused atomic.Uint64
	shards  [64]shard
}

// shard counts the connections of some addresses.
type shard struct {
	mu   sync.Mutex
	open map[netip.Addr]int
}

// NewConnections allows total connections in all and each by address; 0 is no
// limit.
func NewConnections(total, each int) *Connections {
	c := &Connections{total: total, each: each}
	for i := range c.shards {
		c.shards[i].open = map[netip.Addr]int{}
	}
	return c
}

// Open returns how many connections are open.
func (c *Connections) Open() int { return int(c.open.Load()) }

// Refused returns how many connections were refused.
func (c *Connections) Refused() uint64 { return c.refused.Load() }

// Listener returns a listener that gives away the connections of l within the
// limits. The others are handed to refuse, which must close them and not block.
func (c *Connections) Listener(l net.Listener, refuse func(net.Conn)) net.Listener {
	return &listener{Listener: l, limits: c, refuse: refuse}
}

type listener struct {
	net.Listener
	limits *Connections
	refuse func(net.Conn)
}

// Accept returns the next connection within the limits.
func (l *listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		counted, ok := l.limits.admit(conn)
		if ok {
			return counted, nil
		}
		l.limits.refused.Add(1)
		l.refuse(conn)
	}
}

// admit counts a connection until it is closed.
func (c *Connections) admit(conn net.Conn) (net.Conn, bool) {
	if open := c.open.Add(1); c.total > 0 && open > int64(c.total) {
		c.open.Add(-1)
		return nil, false
	}
	counted := &countedConn{Conn: conn, limits: c}
	if c.each > 0 {
		counted.address = Prefix(AddressOf(conn.RemoteAddr()))
		if !c.shardOf(counted.address).add(counted.address, c.each) {
			c.open.Add(-1)
			return nil, false
		}
	}
	return counted, true
}

func (c *Connections) shardOf(address netip.Addr) *shard {
	b := address.As16()
	return &c.shards[(b[15]^b[14]^b[7]^b[6])%byte(len(c.shards))]
}

func (s *shard) add(address netip.Addr, limit int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[address] >= limit {
		return false
	}
	s.open[address]++
	return true
}

func (s *shard) remove(address netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[address]--; s.open[address] <= 0 {
		delete(s.open, address)
	}
}

// countedConn gives its place back when it is closed.
type countedConn struct {
	net.Conn
	limits  *Connections
	address netip.Addr
	closed  atomic.Bool
}

// Close closes the connection.
func (c *countedConn) Close() error {
	if c.closed.CompareAndSwap(false, true) {
		if c.limits.each > 0 {
			c.limits.shardOf(c.address).remove(c.address)
		}
		c.limits.open.Add(-1)
	}
	return c.Conn.Close()
}

// AddressOf returns the IP address of a peer, without zone; invalid when it has
// none.
func AddressOf(peer net.Addr) netip.Addr {
	if tcp, ok := peer.(*net.TCPAddr); ok {
		if a, ok := netip.AddrFromSlice(tcp.IP); ok {
			return a.Unmap()
		}
	}
	return netip.Addr{}
}

// Prefix returns what an address counts as: itself, or the first 64 bits of an
// IPv6 address.
func Prefix(address netip.Addr) netip.Addr {
	if address.Is6() && !address.Is4In6() {
		p, _ := address.WithZone("").Prefix(64) // of an IPv6 address without zone it has one
		return p.Addr()
	}
	return address.Unmap()
}
