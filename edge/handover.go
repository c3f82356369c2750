package edge

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// A running edge hands its addresses and its data directory over to a new
// process, so that an upgrade drops no visit. They talk over a socket in the
// data directory, which only the edge's user may open:
//
//	new → old  "suodi handover 1\n"
//	old        stops following the feed and lets go of the data directory, but
//	           answers visits on from memory
//	old → new  a line of JSON, the names of what comes with it, and the
//	           listening sockets themselves (SCM_RIGHTS)
//	new        reads the directory, starts answering on the same sockets
//	new → old  "ready\n"
//	old        takes no new connections, answers what is under way and ends
//
// The sockets are shared and never closed by both, so nothing that waits in
// their queues is reset. When the line breaks before "ready", the old process
// takes its directory back and goes on.

const (
	handoverSocket  = "edge.sock"
	handoverRequest = "suodi handover 1\n"
	handoverReady   = "ready\n"

	// handoverTimeout bounds how long the new process may take to be ready.
	handoverTimeout = 2 * time.Minute
)

// handoverOffer is what the old process says.
type handoverOffer struct {
	Listeners []string `json:"listeners"` // edge, tls, admin: in the order of the descriptors
}

// ErrNobody says that no edge runs with the data directory.
var ErrNobody = errors.New("no edge runs with this data directory")

// takeover is the new process's end.
type takeover struct {
	conn *net.UnixConn
}

// takeOver asks the edge that runs with a data directory for its listeners.
func takeOver(dir string) (l listeners, t *takeover, err error) {
	conn, err := net.DialTimeout("unix", filepath.Join(dir, handoverSocket), 5*time.Second)
	if err != nil {
		return l, nil, fmt.Errorf("%w: %w", ErrNobody, err)
	}
	t = &takeover{conn: conn.(*net.UnixConn)}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("take over: %w", err), l.close(), t.conn.Close())
		}
	}()
	if err := t.conn.SetDeadline(time.Now().Add(handoverTimeout)); err != nil {
		return l, nil, err
	}
	if _, err := io.WriteString(t.conn, handoverRequest); err != nil {
		return l, nil, err
	}
	line, files, err := receive(t.conn)
	defer func() {
		for _, f := range files {
			err = errors.Join(err, f.Close()) // listeners have descriptors of their own
		}
	}()
	if err != nil {
		return l, nil, err
	}
	var offer handoverOffer
	if err := json.Unmarshal(line, &offer); err != nil || len(offer.Listeners) != len(files) {
		return l, nil, fmt.Errorf("the running edge offers %q with %d sockets: %w", line, len(files), errors.Join(err, errHandover))
	}
	for i, name := range offer.Listeners {
		to := l.named(name)
		if to == nil || *to != nil {
			return l, nil, fmt.Errorf("the running edge offers a socket %q: %w", name, errHandover)
		}
		if *to, err = net.FileListener(files[i]); err != nil {
			return l, nil, err
		}
	}
	return l, t, nil
}

var errHandover = errors.New("not a handover of this version")

// maxListeners is how many sockets a handover may carry.
const maxListeners = 8

// receive reads one message and the descriptors that come with it.
func receive(conn *net.UnixConn) ([]byte, []*os.File, error) {
	line, rights := make([]byte, 4096), make([]byte, unix.CmsgSpace(4*maxListeners))
	n, rightsLen, _, _, err := conn.ReadMsgUnix(line, rights)
	if err != nil {
		return nil, nil, err
	}
	messages, err := unix.ParseSocketControlMessage(rights[:rightsLen])
	if err != nil {
		return nil, nil, err
	}
	var files []*os.File
	for i := range messages {
		fds, err := unix.ParseUnixRights(&messages[i])
		if err != nil {
			return nil, files, err
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			files = append(files, os.NewFile(uintptr(fd), "listener"))
		}
	}
	return line[:n], files, nil
}

// ready tells the old process that it may go. After that nothing is owed to it.
func (t *takeover) ready() error {
	_, err := io.WriteString(t.conn, handoverReady)
	return errors.Join(err, t.conn.Close())
}

// fail gives up; the old process goes on.
func (t *takeover) fail() error { return t.conn.Close() }

// named returns the listener of a name.
func (l *listeners) named(name string) *net.Listener {
	switch name {
	case "edge":
		return &l.edge
	case "tls":
		return &l.tls
	case "admin":
		return &l.admin
	}
	return nil
}

// openHandover listens for a process that wants to take over.
func (s *Server) openHandover() (err error) {
	name := filepath.Join(s.config.Dir, handoverSocket)
	// Whoever held this name has ended or is ending: the directory is ours.
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if s.handover, err = net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"}); err != nil {
		return err
	}
	s.handover.SetUnlinkOnClose(false) // by then the name may be the next process's
	return os.Chmod(name, 0o600)
}

// awaitHandover serves processes that want to take over, one after the other,
// until one has.
func (s *Server) awaitHandover() {
	for {
		conn, err := s.handover.AcceptUnix()
		if err != nil {
			return // closed
		}
		err = s.handOver(conn)
		_ = conn.Close()
		if err == nil {
			s.config.Logger.Info("handed over to another process")
			close(s.handed)
			return
		}
		s.config.Logger.Error("handover failed, going on", "error", err)
	}
}

// handOver serves one process. It returns nil when that is ready.
func (s *Server) handOver(conn *net.UnixConn) error {
	if err := conn.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		return err
	}
	request := make([]byte, len(handoverRequest))
	if _, err := io.ReadFull(conn, request); err != nil {
		return err
	}
	if string(request) != handoverRequest {
		return fmt.Errorf("asked for %q: %w", request, errHandover)
	}
	s.stopFollowing()
	if err := s.table.Release(); err != nil {
		return errors.Join(err, s.resume())
	}
	if err := s.offer(conn); err != nil {
		return errors.Join(err, s.resume())
	}
	if err := conn.SetDeadline(time.Now().Add(handoverTimeout)); err != nil {
		return errors.Join(err, s.resume())
	}
	answer := make([]byte, len(handoverReady))
	if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != handoverReady {
		return errors.Join(fmt.Errorf("the other process is not ready (%q): %w", answer, errors.Join(err, errHandover)), s.resume())
	}
	return nil
}

// resume takes the data directory back and follows the feed again.
func (s *Server) resume() error {
	if err := s.table.Resume(); err != nil {
		return fmt.Errorf("answering from memory without updates until a restart: %w", err)
	}
	// The other process may have taken changes that this one never saw.
	s.replica.refresh(everything)
	s.startFollowing()
	return nil
}

// offer sends the listening sockets.
func (s *Server) offer(conn *net.UnixConn) error {
	var offer handoverOffer
	var fds []int
	for _, name := range []string{"edge", "tls", "admin"} {
		l := *s.listen.named(name)
		if l == nil {
			continue
		}
		raw, err := l.(*net.TCPListener).SyscallConn()
		if err != nil {
			return err
		}
		// Not (*TCPListener).File: making that blocking would make ours so, too.
		var fd int
		if err := errors.Join(raw.Control(func(n uintptr) { fd, err = unix.FcntlInt(n, unix.F_DUPFD_CLOEXEC, 0) }), err); err != nil {
			return err
		}
		defer func() { _ = unix.Close(fd) }() // the message holds its own
		offer.Listeners, fds = append(offer.Listeners, name), append(fds, fd)
	}
	line, err := json.Marshal(offer)
	if err != nil {
		return err
	}
	_, _, err = conn.WriteMsgUnix(append(line, '\n'), unix.UnixRights(fds...), nil)
	return err
}
