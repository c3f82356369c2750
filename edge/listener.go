package edge

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"syscall"
	"time"

	proxyproto "github.com/pires/go-proxyproto"

	"suodi/edge/limit"
)

// listeners are where an edge answers.
type listeners struct {
	edge, tls, admin net.Listener // tls may be nil
}

// openListeners listens at the configuration's addresses.
func openListeners(config Config) (l listeners, err error) {
	for _, open := range []struct {
		to            *net.Listener
		what, address string
	}{
		{&l.edge, "edge", config.Listen}, {&l.tls, "TLS", config.TLS}, {&l.admin, "admin", config.Admin},
	} {
		if open.address == "" {
			continue
		}
		if *open.to, err = net.Listen("tcp", open.address); err != nil {
			return listeners{}, errors.Join(fmt.Errorf("%s address: %w", open.what, err), l.close())
		}
	}
	return l, nil
}

// close frees the addresses; those that are free already are left alone.
func (l listeners) close() error {
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
	l := s.connections.Listener(patientListener{raw, s.config.Logger}, refuse)
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
// connections give back when they end, such as file descriptors. fasthttp would
// take that for the end.
type patientListener struct {
	net.Listener
	logger *slog.Logger
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
