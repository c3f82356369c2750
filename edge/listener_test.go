package edge_test

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"syscall"
	"testing"
	"time"

	"suodi/edge"
)

// short is a listener that lacks descriptors for a while.
type short struct {
	net.Listener
	fails int
	last  error
}

func (s *short) Accept() (net.Conn, error) {
	if s.fails == 0 {
		return nil, s.last
	}
	s.fails--
	return nil, &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
}

// Running out of file descriptors passes; a closed listener does not.
func TestAcceptOutlastsWant(t *testing.T) {
	l := &short{fails: 4, last: net.ErrClosed}
	if _, err := edge.PatientListener(l, slog.New(slog.DiscardHandler)).Accept(); err != net.ErrClosed || l.fails != 0 {
		t.Errorf("%v after all but %d wants", err, l.fails)
	}
}

// An edge that is told to end while it starts, ends.
func TestCloseAtOnce(t *testing.T) {
	for i := range 20 {
		s, err := edge.Open(edge.Config{
			Dir: t.TempDir(), ID: fmt.Sprint("edge-", i), Listen: "127.0.0.1:0", Admin: "127.0.0.1:0", Upstream: []string{"127.0.0.1:1"},
		})
		check(t, err)
		closed := make(chan error)
		go func() { closed <- s.Close() }()
		select {
		case err := <-closed:
			check(t, err)
		case <-time.After(30 * time.Second):
			t.Fatalf("round %d: Close does not return", i)
		}
	}
}
