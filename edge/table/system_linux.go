package table

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// anonymous returns memory outside the heap, zeroed, in huge pages where the
// system has them: an index is read at random, and with small pages each read
// would miss the address translation too.
func anonymous(size int) ([]byte, error) {
	b, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err == nil {
		_ = unix.Madvise(b, unix.MADV_HUGEPAGE) // small pages will do
	}
	return b, err
}

// populate enters pages that are in memory into the address translation, so
// that look-ups need not. It is a help only: what fails is left undone.
func populate(b []byte) { _ = unix.Madvise(b, unix.MADV_POPULATE_READ) }

// startWriting has the system begin to write a part of a file to disk, so that
// the sync at the end does not have everything left to do.
func startWriting(f *os.File, offset, size int64) {
	_ = unix.SyncFileRange(int(f.Fd()), offset, size, unix.SYNC_FILE_RANGE_WRITE)
}

// timer sleeps for microseconds. The runtime's own timers round an idle
// processor's sleep up to a millisecond.
type timer struct{ file *os.File }

func newTimer() *timer {
	fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC)
	if err != nil {
		return &timer{}
	}
	return &timer{file: os.NewFile(uintptr(fd), "timerfd")}
}

func (t *timer) sleep(d time.Duration) {
	if t.file == nil || t.sleepOn(d) != nil {
		time.Sleep(d)
	}
}

func (t *timer) sleepOn(d time.Duration) error {
	raw, err := t.file.SyscallConn()
	if err != nil {
		return err
	}
	var setErr error
	err = raw.Control(func(fd uintptr) {
		setErr = unix.TimerfdSettime(int(fd), 0, &unix.ItimerSpec{Value: unix.NsecToTimespec(int64(d))}, nil)
	})
	if err == nil {
		err = setErr
	}
	if err == nil {
		var expired [8]byte
		_, err = t.file.Read(expired[:])
	}
	return err
}

func (t *timer) close() error {
	if t.file == nil {
		return nil
	}
	return t.file.Close()
}
