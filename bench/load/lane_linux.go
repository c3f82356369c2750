package load

import (
	"errors"

	"golang.org/x/sys/unix"
)

// lane is one connection, or the room for one.
type lane struct {
	fd       int
	phase    lanePhase
	used     bool // the connection has answered before
	retried  bool
	judged   string // what is wrong with the answer
	what     string
	link     uint64
	intended int64
	began    int64
	wake     int64
	out      []byte
	sent     int
	in       []byte
	have     int // bytes of a head that is not complete
	answer   answer
}

type lanePhase uint8

const (
	lanePause lanePhase = iota
	laneSend
	laneReceive
)

// visitOn begins a visit on a lane.
func (l *loop) visitOn(i int32, intended, now int64) {
	c := &l.lanes[i]
	c.intended, c.began, c.retried = intended, now, false
	c.link, c.out = l.next(c.out[:0])
	l.active++
	if c.fd >= 0 {
		l.renew(c)
		l.send(i)
	} else {
		l.connect(i)
	}
}

// renew makes a lane ready for an answer.
func (l *loop) renew(c *lane) {
	c.phase, c.sent, c.have, c.judged, c.what, c.answer = laneSend, 0, 0, "", "", answer{}
}

// connect opens a lane's connection and sends what can be sent at once.
func (l *loop) connect(i int32) {
	c := &l.lanes[i]
	l.renew(c)
	c.used = false
	fd, err := unix.Socket(l.family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		l.failed(i, failConnect, err)
		return
	}
	c.fd = fd
	err = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	if err == nil && len(l.sources) > 0 {
		err = unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)
		if err == nil {
			l.source = (l.source + 1) % len(l.sources)
			err = unix.Bind(fd, l.sources[l.source])
		}
	}
	if err == nil {
		if err = unix.Connect(fd, l.target); errors.Is(err, unix.EINPROGRESS) {
			err = nil
		}
	}
	if err == nil {
		err = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd,
			&unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | edgeTriggered, Fd: i})
	}
	if err != nil {
		l.failed(i, failConnect, err)
		return
	}
	l.send(i)
}

// edgeTriggered is EPOLLET, which has another sign in the package.
const edgeTriggered = 1 << 31

// send sends what is left of a lane's request.
func (l *loop) send(i int32) {
	c := &l.lanes[i]
	for c.sent < len(c.out) {
		n, err := unix.Write(c.fd, c.out[c.sent:])
		switch {
		case err == nil:
			c.sent += n
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EAGAIN):
			return
		default:
			l.broken(i, err)
			return
		}
	}
	c.phase = laneReceive
}

// receive takes what has come on a lane, to the end if the answer is not
// complete before: an edge-triggered event is not told again.
func (l *loop) receive(i int32) {
	c := &l.lanes[i]
	for {
		n, err := unix.Read(c.fd, c.in[c.have:])
		switch {
		case errors.Is(err, unix.EAGAIN):
			return
		case errors.Is(err, unix.EINTR):
			continue
		case err == nil && n == 0 && c.answer.ended():
			c.answer.close = true
			l.answeredOn(i)
			return
		case err != nil || n == 0:
			l.broken(i, err)
			return
		}
		done, err := l.read(c, n)
		if err != nil {
			l.failed(i, failBroken, err)
			return
		}
		if done || c.judged != "" {
			l.answeredOn(i)
			return
		}
	}
}

// read takes over n bytes that have come.
func (l *loop) read(c *lane, n int) (done bool, err error) {
	if c.answer.framing != headToCome {
		return c.answer.body(c.in[:n])
	}
	c.have += n
	head, err := c.answer.head(c.in[:c.have])
	if head == 0 || err != nil {
		return false, err
	}
	if c.judged = l.judge(&c.answer, c.link); c.judged != "" {
		c.what = l.wrong(c.judged, &c.answer, c.link)
	}
	body := c.in[head:c.have]
	c.have = 0
	return c.answer.body(body)
}

// answeredOn ends a lane's visit, whose answer is complete or known to be wrong.
func (l *loop) answeredOn(i int32) {
	c := &l.lanes[i]
	now := l.now()
	l.tick(now)
	if c.judged == "" {
		l.visit(c.intended, now)
	} else {
		l.since = 0
		l.fail(c.intended, now, c.judged, func() string { return c.what })
	}
	c.used = true
	if l.config.Fresh || c.answer.close || c.judged != "" {
		l.hangUp(c)
	}
	c.phase = lanePause
	l.active--
	l.free(i, now)
}

// free makes a lane ready.
func (l *loop) free(i int32, now int64) {
	if len(l.ready) == 0 {
		l.freed = now
	}
	l.ready = append(l.ready, i)
}

// broken deals with a connection that ended under a visit. One that was kept
// may have been closed by the server in between: then the visit has another
// try, as browsers do.
func (l *loop) broken(i int32, err error) {
	c := &l.lanes[i]
	class := failClosed
	if c.sent == 0 && !c.used {
		class = failConnect
	}
	if err == nil {
		err = errors.New("the connection was closed")
	}
	if c.used && !c.retried && c.answer.framing == headToCome && c.have == 0 {
		c.retried = true
		l.reconnects++
		l.hangUp(c)
		l.connect(i)
		return
	}
	l.failed(i, class, err)
}

// failed ends a lane's visit without an answer; the lane rests.
func (l *loop) failed(i int32, class string, err error) {
	c := &l.lanes[i]
	now := l.now()
	l.tick(now)
	l.fail(c.intended, now, class, err.Error)
	l.hangUp(c)
	c.phase = lanePause
	c.wake = now + int64(resting)
	l.active--
	l.resting = append(l.resting, i)
}

func (l *loop) hangUp(c *lane) {
	if c.fd >= 0 {
		_ = unix.Close(c.fd) // nothing of it is wanted any more
		c.fd = -1
	}
}
