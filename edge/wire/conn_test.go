package wire_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"testing"
	"time"

	"suodi/edge/wire"
)

// pair returns both ends of a connection, ours first.
func pair(t *testing.T) (net.Conn, *net.TCPConn) {
	t.Helper()
	l, err := wire.Listen(t.Context(), "127.0.0.1:0")
	check(t, err)
	t.Cleanup(func() { _ = l.Close() })
	there, err := net.Dial("tcp", l.Addr().String())
	check(t, err)
	t.Cleanup(func() { _ = there.Close() })
	here, err := wire.Conns(l).Accept()
	check(t, err)
	t.Cleanup(func() { _ = here.Close() })
	check(t, there.SetDeadline(time.Now().Add(20*time.Second)))
	return here, there.(*net.TCPConn)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// What is written arrives whole also when deadlines that were moved back pass
// meanwhile.
func TestWrite(t *testing.T) {
	here, there := pair(t)
	all := make([]byte, 32<<20) // more than sockets take
	for i := range all {
		all[i] = byte(i * 7 >> 3)
	}
	began := time.Now()
	check(t, here.SetWriteDeadline(began.Add(30*time.Millisecond)))
	check(t, here.SetWriteDeadline(began.Add(time.Hour)))
	wrote := make(chan error)
	go func() {
		n, err := here.Write(all)
		if n != len(all) {
			err = errors.Join(err, io.ErrShortWrite)
		}
		wrote <- errors.Join(err, here.Close())
	}()
	// Nothing is read before the first deadline has passed.
	check(t, here.SetReadDeadline(began.Add(100*time.Millisecond)))
	if _, err := here.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("reading: %v", err)
	}
	got, err := io.ReadAll(there)
	check(t, errors.Join(err, <-wrote))
	if !bytes.Equal(got, all) {
		t.Errorf("%d bytes arrived of %d, or others", len(got), len(all))
	}
}

// A deadline fails reading when it passes: not before, also when it was moved
// back, and not never, when it was moved forward again.
func TestReadDeadline(t *testing.T) {
	const short, long = 30 * time.Millisecond, 300 * time.Millisecond
	for _, test := range []struct {
		name string
		set  []time.Duration // one after the other; 0 is none
		want time.Duration
	}{
		{"short", []time.Duration{short}, short},
		{"moved back", []time.Duration{short, long}, long},
		{"moved forward", []time.Duration{time.Hour, short}, short},
		{"back and forward", []time.Duration{long, time.Hour, short}, short},
		{"taken away and set", []time.Duration{short, 0, long}, long},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			here, _ := pair(t)
			began := time.Now()
			for _, d := range test.set {
				var at time.Time
				if d > 0 {
					at = began.Add(d)
				}
				check(t, here.SetReadDeadline(at))
			}
			_, err := here.Read(make([]byte, 1))
			if took := time.Since(began); !errors.Is(err, os.ErrDeadlineExceeded) || took < test.want || took > test.want+10*time.Second {
				t.Errorf("%v after %v, want a time-out after %v", err, took, test.want)
			}
		})
	}
}

// A deadline that was taken away does not fail reading, although it stays armed.
func TestNoReadDeadline(t *testing.T) {
	here, there := pair(t)
	began := time.Now()
	check(t, here.SetReadDeadline(began.Add(30*time.Millisecond)))
	check(t, here.SetReadDeadline(time.Time{}))
	timer := time.AfterFunc(150*time.Millisecond, func() { _, _ = there.Write([]byte("x")) })
	defer timer.Stop()
	if n, err := here.Read(make([]byte, 1)); n != 1 || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// A client that takes nothing fails writing at the deadline, not at an earlier
// one that was moved back.
func TestWriteDeadline(t *testing.T) {
	here, there := pair(t)
	check(t, there.SetReadBuffer(4096))
	began := time.Now()
	const want = 300 * time.Millisecond
	check(t, here.SetWriteDeadline(began.Add(30*time.Millisecond)))
	check(t, here.SetWriteDeadline(began.Add(want)))
	var err error
	for err == nil { // until no socket takes more
		_, err = here.Write(make([]byte, 1<<20))
	}
	if took := time.Since(began); !errors.Is(err, os.ErrDeadlineExceeded) || took < want {
		t.Errorf("%v after %v, want a time-out after %v", err, took, want)
	}
}

// TestAllocs holds a question and its answer, with their deadlines, to no heap
// allocation.
func TestAllocs(t *testing.T) {
	here, there := pair(t)
	b, answer := make([]byte, 64), make([]byte, 64)
	round := func() {
		_, err := there.Write(b)
		check(t, err)
		check(t, here.SetReadDeadline(time.Now().Add(time.Minute)))
		_, err = here.Read(b)
		check(t, err)
		check(t, here.SetWriteDeadline(time.Now().Add(time.Minute)))
		_, err = here.Write(b)
		check(t, err)
		_, err = io.ReadFull(there, answer)
		check(t, err)
	}
	if n := testing.AllocsPerRun(100, round); n != 0 {
		t.Errorf("%v allocations, want none", n)
	}
}
