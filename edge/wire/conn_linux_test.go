package wire_test

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"

	"suodi/edge/wire"
)

// Connections have the keep-alive probes that net would give them.
func TestListen(t *testing.T) {
	here, _ := pair(t)
	raw, err := here.(*wire.Conn).SyscallConn()
	check(t, err)
	for _, option := range []struct{ level, name, want int }{
		{unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1},
		{unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, 15},
		{unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, 15},
		{unix.IPPROTO_TCP, unix.TCP_KEEPCNT, 9},
		{unix.IPPROTO_TCP, unix.TCP_NODELAY, 1},
	} {
		var got int
		check(t, errors.Join(raw.Control(func(fd uintptr) { got, err = unix.GetsockoptInt(int(fd), option.level, option.name) }), err))
		if got != option.want {
			t.Errorf("option %d: %d, want %d", option.name, got, option.want)
		}
	}
}
