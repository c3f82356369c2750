package load

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// loop drives plain connections from one thread.
type loop struct {
	*schedule
	*requests
	*recorder
	config *Config
	family int
	target unix.Sockaddr
	// sources are the addresses that connections come from; a loopback target
	// has many, so that there are enough ports for a new connection per visit.
	sources []unix.Sockaddr
	source  int
	epoll   int
	events  [256]unix.EpollEvent

	lanes   []lane
	ready   []int32 // lanes that may begin a visit, last in first out
	resting []int32 // lanes that rest, in the order of their waking
	active  int     // lanes with a visit
	freed   int64   // since when some lane is ready
	spun    int64   // ns of waiting that cost processor time
}

// loopSupported reports whether plain connections are driven by a loop.
const loopSupported = true

func newLoop(config *Config, s *schedule, r *recorder, worker, lanes int) (*loop, error) {
	address, err := net.ResolveTCPAddr("tcp", config.Address)
	if err != nil {
		return nil, fmt.Errorf("address: %w", err)
	}
	l := &loop{schedule: s, requests: newRequests(config, worker), recorder: r, config: config, lanes: make([]lane, lanes)}
	if ip := address.IP.To4(); ip != nil {
		l.family = unix.AF_INET
		l.target = &unix.SockaddrInet4{Port: address.Port, Addr: [4]byte(ip)}
		if ip.IsLoopback() {
			for i := range 64 {
				l.sources = append(l.sources, &unix.SockaddrInet4{Addr: [4]byte{127, 1, byte(worker), byte(i + 1)}})
			}
		}
	} else {
		l.family = unix.AF_INET6
		six := &unix.SockaddrInet6{Port: address.Port, Addr: [16]byte(address.IP.To16())}
		if address.IP.IsUnspecified() {
			six.Addr = [16]byte(net.IPv6loopback)
		}
		l.target = six
	}
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	for i := range l.lanes {
		l.lanes[i].fd = -1
		l.lanes[i].in = make([]byte, maxHead)
		l.ready = append(l.ready, int32(i))
	}
	return l, nil
}

// run puts load on until the schedule's end, or until nobody answers.
func (l *loop) run(ctx context.Context) (stopped string, err error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	defer l.close()
	defer func(before int64) { l.busy = threadTime() - before - l.spun }(threadTime())
	housekeeping := int64(0)
	for {
		now := l.now()
		l.tick(now)
		if now >= housekeeping {
			housekeeping = now + int64(min(l.config.Timeout/8, 20*time.Millisecond))
			l.timeOut(now)
			if stopped := l.silent(now, l.since); stopped != "" || ctx.Err() != nil {
				l.abandon(now)
				if ctx.Err() != nil {
					stopped = interrupted
				}
				return stopped, nil
			}
		}
		l.wakeLanes(now)
		l.begin(now)
		if l.finished(now) && l.active == 0 || now >= l.end+int64(l.config.Timeout) {
			l.abandon(now)
			return "", nil
		}
		if err := l.wait(min(housekeeping, l.turn)); err != nil {
			return "", err
		}
	}
}

// begin begins the visits whose time has come, as far as lanes are free.
func (l *loop) begin(now int64) {
	for len(l.ready) > 0 {
		intended, ok := l.take(now)
		if !ok {
			return
		}
		if l.since == 0 {
			l.since = max(now, 1)
		}
		i := l.ready[len(l.ready)-1]
		l.ready = l.ready[:len(l.ready)-1]
		if l.open() && l.freed <= intended {
			l.lag.Record(now - intended)
		}
		l.visitOn(i, intended, now)
		now = l.now()
	}
}

// wakeLanes lets lanes that have rested begin visits again.
func (l *loop) wakeLanes(now int64) {
	for len(l.resting) > 0 && l.lanes[l.resting[0]].wake <= now {
		l.free(l.resting[0], now)
		l.resting = append(l.resting[:0], l.resting[1:]...)
	}
}

// timeOut ends the visits that take too long.
func (l *loop) timeOut(now int64) {
	for i := range l.lanes {
		if c := &l.lanes[i]; c.phase != lanePause && now-c.began >= int64(l.config.Timeout) {
			l.failed(int32(i), failTimeout, fmt.Errorf("no answer for %v", l.config.Timeout))
		}
	}
}

// abandon gives up the visits that are under way or could not be begun.
func (l *loop) abandon(now int64) {
	for i := range l.lanes {
		if l.lanes[i].phase != lanePause {
			l.failed(int32(i), failTimeout, errors.New("no answer until the end"))
		}
	}
	for {
		intended, ok := l.take(now)
		if !ok || !l.open() {
			break
		}
		l.fail(intended, now, failNotBegun, func() string { return "all connections were waiting for answers" })
	}
	l.flush()
}

// spin is how long before its time a visit is no longer slept for: waking up
// takes that long.
const spin = 80 * time.Microsecond

// wait waits for something to happen, at the latest until a time and the next
// visit's.
func (l *loop) wait(until int64) error {
	before := l.now()
	if len(l.ready) > 0 {
		until = min(until, l.due()-int64(spin))
	}
	if len(l.resting) > 0 {
		until = min(until, l.lanes[l.resting[0]].wake)
	}
	n, err := epollWait(l.epoll, l.events[:], max(until-before, 0))
	if err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	if n == 0 && until <= before {
		l.spun += l.now() - before
	}
	for _, event := range l.events[:n] {
		i := event.Fd
		c := &l.lanes[i]
		gone := event.Events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0
		switch c.phase {
		case lanePause:
			if gone {
				l.hangUp(c)
			}
		case laneSend:
			l.send(i)
		}
		if c.phase == laneReceive && (gone || event.Events&unix.EPOLLIN != 0) {
			l.receive(i)
		}
	}
	return nil
}

// epollWait waits some nanoseconds at most; the kernel's older call knows
// milliseconds only.
func epollWait(fd int, events []unix.EpollEvent, ns int64) (int, error) {
	limit := unix.NsecToTimespec(ns)
	n, _, errno := unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(fd), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)),
		uintptr(unsafe.Pointer(&limit)), 0, 0)
	switch errno {
	case 0:
		return int(n), nil
	case unix.EINTR:
		return 0, nil
	case unix.ENOSYS: // before Linux 5.11
		n, err := unix.EpollWait(fd, events, int(ns/int64(time.Millisecond)))
		if errors.Is(err, unix.EINTR) {
			return 0, nil
		}
		return n, err
	}
	return 0, errno
}

// threadTime returns the processor time of this thread, in nanoseconds.
func threadTime() int64 {
	var usage unix.Rusage
	_ = unix.Getrusage(unix.RUSAGE_THREAD, &usage) // has nothing to fail
	return usage.Utime.Nano() + usage.Stime.Nano()
}

func (l *loop) close() {
	for i := range l.lanes {
		l.hangUp(&l.lanes[i])
	}
	_ = unix.Close(l.epoll) // nothing hangs on it any more
}

// usableCores returns how many cores this thread may run on.
func usableCores() int {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return runtime.NumCPU()
	}
	return max(1, set.Count())
}
