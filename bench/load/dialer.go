package load

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
	"time"
)

// dialer drives connections with a goroutine each.
type dialer struct {
	config *Config
	*schedule

	mu   sync.Mutex
	book *recorder // shared under mu
	stop string    // under mu
}

func newDialer(config *Config, s *schedule, r *recorder) *dialer {
	return &dialer{config: config, schedule: s, book: r}
}

// run puts load on until the schedule's end, or until nobody answers.
func (d *dialer) run(ctx context.Context) (stopped string, err error) {
	before := processTime()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var lanes, keeper sync.WaitGroup
	for n := range d.config.Connections {
		lanes.Go(func() { d.lane(ctx, n) })
	}
	done := make(chan struct{})
	keeper.Go(func() { d.keep(ctx, cancel, done) })
	lanes.Wait()
	close(done)
	keeper.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.open() {
		now := d.now()
		intended, ok := d.take(now)
		if !ok {
			break
		}
		d.book.fail(intended, now, failNotBegun, func() string { return "all connections were waiting for answers" })
	}
	d.book.busy = (processTime() - before) / int64(usableCores())
	d.book.flush()
	return d.stop, nil
}

// keep closes the pieces, and stops the run when it is over or nobody answers.
func (d *dialer) keep(ctx context.Context, cancel context.CancelFunc, done <-chan struct{}) {
	ticker := time.NewTicker(20 * time.Millisecond)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return
		case <-ctx.Done():
			d.mu.Lock()
			if d.stop == "" && d.now() < d.until+int64(d.config.Timeout) {
				d.stop = interrupted
			}
			d.mu.Unlock()
			return
		case <-ticker.C:
		}
		now := d.now()
		d.mu.Lock()
		d.book.tick(now)
		d.stop = d.silent(now, d.book.since)
		over := d.stop != "" || now >= d.until+int64(d.config.Timeout)
		d.mu.Unlock()
		if over {
			cancel()
			return
		}
	}
}

// next takes the next visit and waits for its time; false when there is none.
func (d *dialer) next(ctx context.Context) (intended int64, ok bool) {
	d.mu.Lock()
	var wait time.Duration
	now := d.now()
	if d.open() {
		if intended = d.due(); intended < d.until {
			d.take(intended)
			ok = true
		}
		wait = time.Duration(intended - now)
	} else {
		intended, ok = d.take(now)
	}
	d.mu.Unlock()
	if !ok || ctx.Err() != nil {
		return 0, false
	}
	if wait <= 0 {
		return intended, true
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		return 0, false
	}
	d.mu.Lock()
	d.book.lag.Record(d.now() - intended)
	d.mu.Unlock()
	return intended, true
}

// wire is one goroutine's connection.
type wire struct {
	*requests
	d       *dialer
	full    *tls.Config
	resumed *tls.Config
	conn    net.Conn
	out, in []byte
}

func (d *dialer) lane(ctx context.Context, n int) {
	w := &wire{requests: newRequests(d.config, n), d: d, in: make([]byte, maxHead)}
	if d.config.TLS != nil {
		name, _, err := net.SplitHostPort(d.config.Host)
		if err != nil {
			name = d.config.Host
		}
		w.full = &tls.Config{
			MinVersion: tls.VersionTLS13, CurvePreferences: []tls.CurveID{tls.X25519}, NextProtos: []string{"http/1.1"},
			ServerName: name, InsecureSkipVerify: true, SessionTicketsDisabled: true,
		}
		w.resumed = w.full.Clone()
		w.resumed.SessionTicketsDisabled = false
		w.resumed.ClientSessionCache = tls.NewLRUClientSessionCache(1)
	}
	defer w.hangUp()
	for {
		intended, ok := d.next(ctx)
		if !ok {
			return
		}
		class, example := w.visit(ctx)
		d.mu.Lock()
		now := d.now()
		d.book.tick(now)
		switch class {
		case "":
			d.book.visit(intended, now)
		case failStatus, failLocation:
			d.book.since = 0
			d.book.fail(intended, now, class, func() string { return example })
		default:
			d.book.fail(intended, now, class, func() string { return example })
		}
		d.mu.Unlock()
		if class != "" && class != failStatus && class != failLocation {
			w.hangUp()
			select {
			case <-time.After(resting):
			case <-ctx.Done():
				return
			}
		}
	}
}

func (w *wire) hangUp() {
	if w.conn != nil {
		_ = w.conn.Close() // nothing of it is wanted any more
		w.conn = nil
	}
}

// visit makes one visit and says what went wrong.
func (w *wire) visit(ctx context.Context) (class, example string) {
	w.d.mu.Lock()
	if w.d.book.since == 0 {
		w.d.book.since = max(w.d.now(), 1)
	}
	w.d.mu.Unlock()
	deadline := time.Now().Add(w.d.config.Timeout)
	link, request := w.next(w.out[:0])
	w.out = request
	kept := w.conn != nil
	for {
		if w.conn == nil {
			err := w.open(ctx, deadline)
			switch {
			case err == nil:
			case ctx.Err() != nil:
				return failTimeout, "no answer until the end"
			case isTimeout(err):
				return failTimeout, err.Error()
			default:
				return failConnect, err.Error()
			}
		}
		class, err := w.exchange(link, deadline)
		if class == failClosed && kept { // the server may have closed it in between
			kept = false
			w.hangUp()
			w.d.mu.Lock()
			w.d.book.reconnects++
			w.d.mu.Unlock()
			continue
		}
		if err != nil {
			example = err.Error()
		}
		return class, example
	}
}

// open opens the connection.
func (w *wire) open(ctx context.Context, deadline time.Time) error {
	conn, err := (&net.Dialer{Deadline: deadline}).DialContext(ctx, "tcp", w.d.config.Address)
	if err != nil {
		return err
	}
	if err := conn.SetDeadline(deadline); err != nil {
		return errors.Join(err, conn.Close())
	}
	w.conn = conn
	if w.full == nil {
		return nil
	}
	config := w.full
	if share := w.d.config.TLS.Resume; share > 0 && w.random.Float64() < share {
		config = w.resumed
	}
	secure := tls.Client(conn, config)
	if err := secure.HandshakeContext(ctx); err != nil {
		w.hangUp()
		return err
	}
	w.conn = secure
	w.d.mu.Lock()
	w.d.book.handshakes++
	if secure.ConnectionState().DidResume {
		w.d.book.resumed++
	}
	w.d.mu.Unlock()
	return nil
}

// exchange sends the request and reads the answer.
func (w *wire) exchange(link uint64, deadline time.Time) (class string, err error) {
	if err := w.conn.SetDeadline(deadline); err != nil {
		return failClosed, err
	}
	if _, err := w.conn.Write(w.out); err != nil {
		return classOf(err), err
	}
	var a answer
	var judged string
	have := 0
	for done := false; !done; {
		n, err := w.conn.Read(w.in[have:])
		if n > 0 {
			var broken error
			if a.framing != headToCome {
				done, broken = a.body(w.in[:n])
			} else {
				have += n
				var head int
				if head, broken = a.head(w.in[:have]); head > 0 {
					if judged = w.judge(&a, link); judged != "" {
						err = errors.New(w.wrong(judged, &a, link))
					}
					done, broken = a.body(w.in[head:have])
					have = 0
				}
			}
			if broken != nil {
				return failBroken, broken
			}
		}
		if judged != "" {
			w.hangUp()
			return judged, err
		}
		if err != nil && !done {
			if a.ended() && errors.Is(err, io.EOF) {
				break
			}
			return classOf(err), err
		}
	}
	if w.d.config.Fresh || a.close || a.ended() {
		w.hangUp()
	}
	return "", nil
}

func classOf(err error) string {
	if isTimeout(err) {
		return failTimeout
	}
	return failClosed
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}

// processTime returns the processor time of this process, in nanoseconds.
func processTime() int64 {
	var usage syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &usage) // has nothing to fail
	return usage.Utime.Nano() + usage.Stime.Nano()
}
