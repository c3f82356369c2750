package edge

import (
	"errors"
	"log/slog"
	"net"
	"syscall"
	"time"
)

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
