package wire

import (
	"context"
	"fmt"
	"net"
	"syscall"
)

// Listen listens at a TCP address. Conns makes connections of what it accepts.
func Listen(ctx context.Context, address string) (*net.TCPListener, error) {
	config := net.ListenConfig{
		KeepAlive: -1, // inherited, see prepare
		Control: func(_, _ string, raw syscall.RawConn) (err error) {
			if controlErr := raw.Control(func(fd uintptr) { err = prepare(int(fd)) }); controlErr != nil {
				return controlErr
			}
			return err
		},
	}
	l, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	tcp, ok := l.(*net.TCPListener)
	if !ok {
		return nil, fmt.Errorf("listening at %s: a %T", address, l)
	}
	return tcp, nil
}

// Conns returns a listener that gives away Conns of what l accepts. Other than
// TCP connections are left as they are.
func Conns(l net.Listener) net.Listener { return listener{l} }

type listener struct{ net.Listener }

// Accept returns the next connection.
func (l listener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if tcp, ok := conn.(*net.TCPConn); ok && err == nil {
		return &Conn{TCPConn: tcp}, nil
	}
	return conn, err
}
