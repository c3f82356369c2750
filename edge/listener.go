package edge

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"sync"
	"syscall"
	"time"

	proxyproto "github.com/pires/go-proxyproto"

	"suodi/edge/limit"
	"suodi/edge/wire"
)

// listeners are where an edge answers.
type listeners struct {
	edge, tls, admin net.Listener // tls may be nil
}

// open listens at the configuration's addresses, but for those that another
// process has handed over.
func (l *listeners) open(config Config) error {
	for _, open := range []struct {
		to            *net.Listener
		what, address string
	}{
		{&l.edge, "edge", config.Listen}, {&l.tls, "TLS", config.TLS}, {&l.admin, "admin", config.Admin},
	} {
		if *open.to != nil && !sameAddress((*open.to).Addr(), open.address) {
			// The configuration has changed: what waits in the old queue is the old
			// process's to answer or refuse.
			if err := (*open.to).Close(); err != nil {
				return err
			}
			*open.to = nil
		}
		if *open.to != nil || open.address == "" {
			continue
		}
		l, err := wire.Listen(context.Background(), open.address)
		if err != nil {
			return fmt.Errorf("%s address: %w", open.what, err)
		}
		*open.to = l
	}
	return nil
}

// sameAddress reports whether a socket listens at an address, which may leave
// the port to chance.
func sameAddress(has net.Addr, wanted string) bool {
	want, err := net.ResolveTCPAddr("tcp", wanted)
	got, ok := has.(*net.TCPAddr)
	if err != nil || !ok || wanted == "" {
		return false
	}
	anywhere := len(want.IP) == 0 || want.IP.IsUnspecified()
	sameIP := want.IP.Equal(got.IP) || anywhere && got.IP.IsUnspecified()
	return sameIP && (want.Port == 0 || want.Port == got.Port)
}

// lingerTimeout is how long an edge that was replaced answers on connections
// that are still open; then it closes those that ask nothing.
const lingerTimeout = 5 * time.Second

// linger lets visitors move to the process that has taken over: new
// connections are its, and each answer on an old one says that it is the last,
// so that nobody asks on a connection that is being closed.
func (s *Server) linger() {
	select {
	case <-s.handed:
	default:
		return
	}
	s.leaving.Store(true)
	for _, l := range []net.Listener{s.listen.edge, s.listen.tls} {
		if tcp, ok := l.(*net.TCPListener); ok {
			_ = tcp.SetDeadline(time.Unix(1, 0)) // on an open socket it cannot fail
		}
	}
	for end := time.Now().Add(lingerTimeout); s.connections.Open() > 0 && time.Now().Before(end); {
		time.Sleep(20 * time.Millisecond)
	}
}

// close frees the addresses; those that are free already are left alone.
func (l *listeners) close() error {
	var errs []error
	for _, one := range []net.Listener{l.edge, l.tls, l.admin} {
		if one == nil {
			continue
		}
		if err := one.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// visitListeners returns what visits come through: connections within the
// limits, with the addresses that proxies tell, decrypted.
func (s *Server) visitListeners() []net.Listener {
	all := []net.Listener{s.guarded(s.listen.edge, refusePlain)}
	if s.listen.tls != nil {
		all = append(all, tls.NewListener(s.guarded(s.listen.tls, refuseSilently), s.certs.TLS()))
	}
	return all
}

func (s *Server) guarded(raw net.Listener, refuse func(net.Conn)) net.Listener {
	l := s.connections.Listener(wire.Conns(newPatient(raw, s.config.Logger)), refuse)
	if !s.config.ProxyProtocol {
		return l
	}
	return &proxyproto.Listener{
		Listener: l, ReadHeaderTimeout: s.config.ReadTimeout,
		ConnPolicy: func(o proxyproto.ConnPolicyOptions) (proxyproto.Policy, error) {
			if s.trusts(limit.AddressOf(o.Upstream)) {
				return proxyproto.REQUIRE, nil
			}
			return proxyproto.SKIP, nil // whoever else sends such a header sends a malformed request
		},
	}
}

// refusal is what a connection over the limit is told, if it can be told
// without waiting.
var refusal = []byte("HTTP/1.1 503 Service Unavailable\r\nRetry-After: " + retryAfter +
	"\r\nCache-Control: no-store\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

func refusePlain(conn net.Conn) {
	_ = conn.SetWriteDeadline(time.Now().Add(10 * time.Millisecond)) // an empty socket buffer takes it at once
	_, _ = conn.Write(refusal)
	_ = conn.Close()
}

// refuseSilently closes a connection that would have to be decrypted first.
func refuseSilently(conn net.Conn) { _ = conn.Close() }

// patientListener waits where accepting fails for want of something that
// connections give back when they end, such as file descriptors, and where the
// socket has been told to accept no more. fasthttp would take either for the
// end.
type patientListener struct {
	net.Listener
	logger *slog.Logger
	closed chan struct{}
	once   *sync.Once
}

func newPatient(l net.Listener, logger *slog.Logger) patientListener {
	return patientListener{Listener: l, logger: logger, closed: make(chan struct{}), once: &sync.Once{}}
}

// Close makes Accept return.
func (l patientListener) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// Pauses between attempts to accept.
const (
	firstPause = 5 * time.Millisecond
	lastPause  = time.Second
)

// Accept returns the next connection.
func (l patientListener) Accept() (net.Conn, error) {
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		conn, err := l.Listener.Accept()
		if errors.Is(err, os.ErrDeadlineExceeded) { // another process accepts now
			<-l.closed
			return nil, net.ErrClosed
		}
		if err == nil || !passes(err) {
			return conn, err
		}
		if pause == firstPause {
			l.logger.Warn("cannot accept connections now, trying on", "error", err)
		}
		time.Sleep(pause)
	}
}

// passes reports whether an error of accepting goes away by itself.
func passes(err error) bool {
	for _, e := range []syscall.Errno{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
