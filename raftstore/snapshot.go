package raftstore

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"
)

// snapshotVersion is the library's version of snapshot metadata.
const snapshotVersion = raft.SnapshotVersionMax

// snapshots is the Raft library's snapshot store. It stores nothing: the state
// database is the one snapshot there is. List says how far it has come, Open
// makes a checkpoint of it to be sent, and a sink receives one.
type snapshots struct {
	store *Store

	mu       sync.Mutex
	received *received // checked and waiting for Restore; nil mostly
}

var _ raft.SnapshotStore = (*snapshots)(nil)

// received is a database that came from a leader and has passed every check.
type received struct {
	db *database
	at position
}

func (in *received) name() string { return filepath.Base(in.db.dir) }

func (in *received) discard() error {
	in.db.retire()
	return in.db.release()
}

func snapshotID(p position) string { return fmt.Sprintf("state-%d-%d", p.Term, p.Index) }

func metaOf(r pebble.Reader) (*raft.SnapshotMeta, error) {
	at, err := readPosition(r)
	if err != nil {
		return nil, err
	}
	c, index, err := readConfiguration(r)
	if err != nil {
		return nil, err
	}
	return &raft.SnapshotMeta{
		Version: snapshotVersion, ID: snapshotID(at), Index: at.Index, Term: at.Term,
		Configuration: c, ConfigurationIndex: index,
	}, nil
}

// List implements raft.SnapshotStore. When the library asks at start, all that
// the database holds is durable, for it has no log of its own.
func (ss *snapshots) List() ([]*raft.SnapshotMeta, error) {
	db := ss.store.databases.acquire()
	if db == nil {
		return nil, ErrClosed
	}
	defer func() { _ = db.release() }()
	meta, err := metaOf(db.pebble)
	if err != nil || meta.Index == 0 {
		return nil, err
	}
	return []*raft.SnapshotMeta{meta}, nil
}

// Open implements raft.SnapshotStore. The id of a snapshot just received opens
// nothing, Restore has it already; any other id opens the newest state, whose
// index may be higher than when it was listed.
func (ss *snapshots) Open(id string) (*raft.SnapshotMeta, io.ReadCloser, error) {
	ss.mu.Lock()
	in := ss.received
	ss.mu.Unlock()
	if in != nil && snapshotID(in.at) == id {
		meta, err := metaOf(in.db.pebble)
		return meta, io.NopCloser(eof{}), err
	}
	if err := ss.store.Err(); err != nil {
		return nil, nil, err
	}
	return ss.send()
}

type eof struct{}

func (eof) Read([]byte) (int, error) { return 0, io.EOF }

// send makes a checkpoint and streams it. The checkpoint's files are links to
// those of the database, so it costs no second copy.
func (ss *snapshots) send() (*raft.SnapshotMeta, io.ReadCloser, error) {
	db := ss.store.databases.acquire()
	if db == nil {
		return nil, nil, ErrClosed
	}
	defer func() { _ = db.release() }()
	dir := ss.store.databases.folder("send")
	meta, files, err := checkpoint(db, dir)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("checkpoint: %w", err), os.RemoveAll(dir))
	}
	ss.store.metrics.sent.Inc()
	r, w := io.Pipe()
	out := &outgoing{PipeReader: r, done: make(chan struct{}), dir: dir}
	go func() { // ends when the stream is read or closed
		defer close(out.done)
		_ = w.CloseWithError(writeStream(w, dir, files, position{meta.Index, meta.Term}))
	}()
	return meta, out, nil
}

// outgoing is a checkpoint being read. Close removes it.
type outgoing struct {
	*io.PipeReader
	done chan struct{} // closed when the writer has ended
	dir  string
}

func (o *outgoing) Close() error {
	_ = o.PipeReader.Close() // never fails
	<-o.done
	return os.RemoveAll(o.dir)
}

// checkpoint makes a copy of the database at dir and reads from it how far it
// has come, since entries are applied meanwhile.
func checkpoint(db *database, dir string) (*raft.SnapshotMeta, []streamFile, error) {
	if err := db.pebble.Flush(); err != nil {
		return nil, nil, err
	}
	if err := db.pebble.Checkpoint(dir); err != nil {
		return nil, nil, err
	}
	copied, err := pebble.Open(dir, &pebble.Options{
		ReadOnly: true, ErrorIfNotExists: true, FormatMajorVersion: pebbleFormat,
		FS: vfs.Default, Logger: discardPebble{},
	})
	if err != nil {
		return nil, nil, err
	}
	meta, err := metaOf(copied)
	if err = errors.Join(err, copied.Close()); err != nil {
		return nil, nil, err
	}
	files, size, err := listStream(dir)
	if err != nil {
		return nil, nil, err
	}
	meta.Size = size
	return meta, files, nil
}

// Create implements raft.SnapshotStore. Whether the sink is for a marker of our
// own or for a leader's stream shows when it is used.
func (ss *snapshots) Create(_ raft.SnapshotVersion, index, term uint64, _ raft.Configuration,
	_ uint64, _ raft.Transport,
) (raft.SnapshotSink, error) {
	if err := ss.store.Err(); err != nil {
		return nil, err
	}
	return &sink{snapshots: ss, at: position{index, term}}, nil
}

// sink is used by one goroutine.
type sink struct {
	snapshots *snapshots
	at        position
	local     bool // Persist has done all there is to do
	closed    bool

	to     *io.PipeWriter // nil until the first Write
	result chan error     // of receiving; one value
	in     *received      // set before result
}

// ID implements raft.SnapshotSink.
func (k *sink) ID() string { return snapshotID(k.at) }

// Write implements io.Writer.
func (k *sink) Write(b []byte) (int, error) {
	if k.to == nil {
		r, w := io.Pipe()
		k.to, k.result = w, make(chan error, 1)
		go func() { // ends when Close or Cancel closes the pipe
			in, err := k.snapshots.receive(r)
			k.in = in
			_ = r.CloseWithError(err)
			k.result <- err
		}()
	}
	return k.to.Write(b)
}

// Close implements io.Closer: it returns nil only for a snapshot that can be
// installed.
func (k *sink) Close() error {
	if k.local || k.closed {
		return nil
	}
	k.closed = true
	if k.to == nil {
		return errors.New("empty snapshot")
	}
	_ = k.to.Close() // never fails
	if err := <-k.result; err != nil {
		return fmt.Errorf("receive snapshot: %w", err)
	}
	if k.in.at != k.at {
		return errors.Join(fmt.Errorf("%w: snapshot at index %d term %d holds a state at index %d term %d",
			ErrCorrupt, k.at.Index, k.at.Term, k.in.at.Index, k.in.at.Term), k.in.discard())
	}
	return k.snapshots.setReceived(k.in)
}

// Cancel implements raft.SnapshotSink.
func (k *sink) Cancel() error {
	if k.to == nil || k.closed {
		return nil
	}
	k.closed = true
	_ = k.to.CloseWithError(errors.New("cancelled"))
	if err := <-k.result; err != nil {
		return nil // that it failed is what was asked for
	}
	return k.in.discard()
}

// receive reads a stream into a folder of its own and does everything that can
// fail: it is complete, durable, opens, and belongs to this cluster.
func (ss *snapshots) receive(r io.Reader) (*received, error) {
	dir := ss.store.databases.folder("db")
	in, err := ss.receiveInto(r, dir)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return in, nil
}

func (ss *snapshots) receiveInto(r io.Reader, dir string) (*received, error) {
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	at, err := readStream(r, dir)
	if err != nil {
		return nil, err
	}
	db, err := ss.store.databases.open(dir, false)
	if err != nil {
		return nil, err
	}
	if err := ss.check(db, at); err != nil {
		return nil, errors.Join(err, db.release())
	}
	return &received{db, at}, nil
}

func (ss *snapshots) check(db *database, want position) error {
	at, err := readPosition(db.pebble)
	if err != nil {
		return err
	}
	if at != want {
		return fmt.Errorf("%w: the stream says index %d, its state index %d", ErrCorrupt, want.Index, at.Index)
	}
	if _, _, err := readConfiguration(db.pebble); err != nil {
		return err
	}
	theirs, err := readState(db.pebble)
	if err != nil {
		return err
	}
	if theirs.ClusterID == "" {
		return nil
	}
	if ours := ss.store.ClusterID(); ours != "" && ours != theirs.ClusterID {
		return fmt.Errorf("%w: snapshot of %s, this node belongs to %s", ErrWrongCluster, theirs.ClusterID, ours)
	}
	return ss.store.checkCluster(theirs.ClusterID)
}

// setReceived keeps in for Restore, which follows.
func (ss *snapshots) setReceived(in *received) error {
	ss.mu.Lock()
	old := ss.received
	ss.received = in
	ss.mu.Unlock()
	if old != nil { // its Restore never came
		return old.discard()
	}
	return nil
}

func (ss *snapshots) takeReceived() *received {
	ss.mu.Lock()
	defer ss.mu.Unlock()
	in := ss.received
	ss.received = nil
	return in
}

// discardPebble silences the read-only opening of a checkpoint.
type discardPebble struct{}

func (discardPebble) Infof(string, ...any)  {}
func (discardPebble) Errorf(string, ...any) {}
func (discardPebble) Fatalf(format string, args ...any) {
	panic("raftstore: checkpoint: " + fmt.Sprintf(format, args...))
}
