package raftstore

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

const (
	// rpcTimeout bounds one request between nodes.
	rpcTimeout = 10 * time.Second
	// idleTimeout ends a request that makes no progress. The library's own
	// deadline for a snapshot grows with its size, to days.
	idleTimeout = time.Minute
	maxPool     = 4 // idle connections kept for each peer
)

func (s *Store) newTransport(stream raft.StreamLayer) raft.Transport {
	return raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Logger:  s.raftLog,
		Stream:  &streamLayer{StreamLayer: stream, open: map[net.Conn]struct{}{}},
		MaxPool: maxPool,
		Timeout: rpcTimeout,
	})
}

// tcpStream is plain TCP.
type tcpStream struct {
	net.Listener
	advertise net.Addr
}

func listen(bind, advertise string) (raft.StreamLayer, error) {
	l, err := net.Listen("tcp", bind)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	t := &tcpStream{Listener: l, advertise: l.Addr()}
	if advertise != "" {
		if t.advertise, err = net.ResolveTCPAddr("tcp", advertise); err != nil {
			return nil, errors.Join(fmt.Errorf("advertise: %w", err), l.Close())
		}
	}
	if a, ok := t.advertise.(*net.TCPAddr); !ok || a.IP == nil || a.IP.IsUnspecified() {
		return nil, errors.Join(fmt.Errorf("address %s cannot be advertised to other nodes", t.advertise), l.Close())
	}
	return t, nil
}

func (t *tcpStream) Addr() net.Addr { return t.advertise }

func (t *tcpStream) Dial(address raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	return net.DialTimeout("tcp", string(address), timeout)
}

// streamLayer adds idle deadlines to the connections of another, and closes
// them with itself: the library leaves those it accepted open.
type streamLayer struct {
	raft.StreamLayer

	mu   sync.Mutex
	open map[net.Conn]struct{} // nil when closed
}

func (l *streamLayer) Accept() (net.Conn, error) {
	c, err := l.StreamLayer.Accept()
	if err != nil {
		return nil, err
	}
	return l.track(c)
}

func (l *streamLayer) Dial(address raft.ServerAddress, timeout time.Duration) (net.Conn, error) {
	c, err := l.StreamLayer.Dial(address, timeout)
	if err != nil {
		return nil, err
	}
	return l.track(c)
}

func (l *streamLayer) track(c net.Conn) (net.Conn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		return nil, errors.Join(net.ErrClosed, c.Close())
	}
	t := &idleConn{Conn: c, layer: l}
	l.open[t] = struct{}{}
	return t, nil
}

func (l *streamLayer) forget(c net.Conn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, c)
}

func (l *streamLayer) Close() error {
	l.mu.Lock()
	open := l.open
	l.open = nil
	l.mu.Unlock()
	err := l.StreamLayer.Close()
	for c := range open {
		_ = c.Close() // its peer sees it; there is nobody else to tell
	}
	return err
}

// idleConn gives up a request with a far deadline, which is how the library
// sends a snapshot, when it makes no progress for idleTimeout. Such a connection
// carries nothing else after it.
type idleConn struct {
	net.Conn
	layer *streamLayer

	mu       sync.Mutex
	deadline time.Time // the far one; zero if none
}

// SetDeadline implements net.Conn.
func (c *idleConn) SetDeadline(t time.Time) error {
	c.mu.Lock()
	c.deadline = time.Time{}
	far := t.After(time.Now().Add(idleTimeout))
	if far {
		c.deadline = t
	}
	c.mu.Unlock()
	if far {
		return c.progress()
	}
	return c.Conn.SetDeadline(t)
}

// progress moves the deadline on, up to the far one.
func (c *idleConn) progress() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.deadline.IsZero() {
		return nil
	}
	next := time.Now().Add(idleTimeout)
	if c.deadline.Before(next) {
		next = c.deadline
	}
	return c.Conn.SetDeadline(next)
}

func (c *idleConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err == nil {
		err = c.progress()
	}
	return n, err
}

func (c *idleConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if err == nil {
		err = c.progress()
	}
	return n, err
}

func (c *idleConn) Close() error {
	c.layer.forget(c)
	return c.Conn.Close()
}
