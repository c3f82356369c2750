package table

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
	"google.golang.org/protobuf/proto"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
)

// The file's format. Changing any of these breaks compatibility.
const (
	magic      = "SUODITBL"
	format     = 1
	headSize   = len(magic) + 4
	frameSize  = 8
	maxPayload = 64 << 20 // a larger length is damage, not data
)

const (
	fileName = "table.log"
	tempName = "table.tmp"
	lockName = "table.lock"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// file is the table on disk.
type file struct {
	dir    string
	lock   *os.File
	log    *os.File
	base   int64 // bytes up to the last rewriting
	size   int64
	buffer []byte // of one frame, reused
}

// openFile opens or makes the file and locks the directory.
func openFile(dir string) (opened *file, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("table directory: %w", err)
	}
	f := &file{dir: dir}
	if f.lock, err = os.OpenFile(filepath.Join(dir, lockName), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return nil, fmt.Errorf("table lock: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.close())
		}
	}()
	if err := unix.Flock(int(f.lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, fmt.Errorf("another process uses %s: stop it or choose another directory: %w", dir, err)
	}
	if f.log, err = os.OpenFile(filepath.Join(dir, fileName), os.O_CREATE|os.O_RDWR, 0o600); err != nil {
		return nil, fmt.Errorf("table file: %w", err)
	}
	return f, nil
}

// replay calls take with every whole message of the file and cuts off what
// follows the last of them; ends says what that was, if anything.
func (f *file) replay(take func(*feedpb.ControlMessage) error) (ends string, err error) {
	info, err := f.log.Stat()
	if err != nil {
		return "", fmt.Errorf("table file: %w", err)
	}
	if info.Size() < int64(headSize) { // new, or torn while it was made
		return "", f.start()
	}
	r := bufio.NewReaderSize(f.log, 1<<20)
	head := make([]byte, headSize)
	if _, err := io.ReadFull(r, head); err != nil {
		return "", fmt.Errorf("read table file: %w", err)
	}
	if string(head[:len(magic)]) != magic {
		return "", fmt.Errorf("%s is no table file; move it away to start with an empty table", f.log.Name())
	}
	if got := binary.LittleEndian.Uint32(head[len(magic):]); got != format {
		return "", fmt.Errorf("%s has format %d, this program reads %d; move it away to start with an empty table", f.log.Name(), got, format)
	}
	f.size = int64(headSize)
	for {
		message, n, err := readFrame(r)
		if err == nil && message != nil {
			err = take(message)
		}
		if err != nil {
			ends = err.Error()
		}
		if message == nil || err != nil {
			break
		}
		f.size += n
		if _, ok := message.GetMessage().(*feedpb.ControlMessage_SnapshotEnd); ok {
			f.base = f.size
		}
	}
	if err := f.log.Truncate(f.size); err != nil {
		return "", fmt.Errorf("cut table file: %w", err)
	}
	if _, err := f.log.Seek(f.size, io.SeekStart); err != nil {
		return "", fmt.Errorf("table file: %w", err)
	}
	return ends, nil
}

// start writes the head of an empty file.
func (f *file) start() error {
	if err := f.log.Truncate(0); err != nil {
		return fmt.Errorf("table file: %w", err)
	}
	if _, err := f.log.WriteAt(appendHead(nil), 0); err != nil {
		return fmt.Errorf("table file: %w", err)
	}
	f.size, f.base = int64(headSize), int64(headSize)
	_, err := f.log.Seek(f.size, io.SeekStart)
	return err
}

func appendHead(b []byte) []byte {
	return binary.LittleEndian.AppendUint32(append(b, magic...), format)
}

// readFrame returns the next message and its size on disk; nil at the end. An
// error says that the frame is torn or damaged.
func readFrame(r io.Reader) (*feedpb.ControlMessage, int64, error) {
	var head [frameSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, 0, nil
		}
		return nil, 0, fmt.Errorf("torn frame head: %w", err)
	}
	n := binary.LittleEndian.Uint32(head[:])
	if n > maxPayload {
		return nil, 0, fmt.Errorf("frame of %d bytes", n)
	}
	payload := make([]byte, n)
	if _, err := io.ReadFull(r, payload); err != nil {
		return nil, 0, fmt.Errorf("torn frame: %w", err)
	}
	if crc32.Checksum(payload, castagnoli) != binary.LittleEndian.Uint32(head[4:]) {
		return nil, 0, errors.New("frame fails its checksum")
	}
	message := &feedpb.ControlMessage{}
	if err := proto.Unmarshal(payload, message); err != nil {
		return nil, 0, fmt.Errorf("frame: %w", err)
	}
	return message, int64(frameSize) + int64(n), nil
}

// appendFrame appends a message as a frame.
func appendFrame(b []byte, message *feedpb.ControlMessage) ([]byte, error) {
	start := len(b)
	b = append(b, make([]byte, frameSize)...)
	b, err := proto.MarshalOptions{}.MarshalAppend(b, message)
	if err != nil {
		return b[:start], err
	}
	payload := b[start+frameSize:]
	if len(payload) > maxPayload {
		return b[:start], fmt.Errorf("message of %d bytes; a frame holds at most %d", len(payload), maxPayload)
	}
	binary.LittleEndian.PutUint32(b[start:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(b[start+4:], crc32.Checksum(payload, castagnoli))
	return b, nil
}

// append writes a message at the end.
func (f *file) append(message *feedpb.ControlMessage) (err error) {
	if f.buffer, err = appendFrame(f.buffer[:0], message); err != nil {
		return err
	}
	n, err := f.log.Write(f.buffer)
	f.size += int64(n)
	if cap(f.buffer) > 1<<20 {
		f.buffer = nil
	}
	return err
}

// rewrite replaces the file by what write gives it.
func (f *file) rewrite(write func(put func(*feedpb.ControlMessage) error) error) (err error) {
	temp, err := os.OpenFile(filepath.Join(f.dir, tempName), os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	replaced := false
	defer func() {
		if err != nil && !replaced {
			err = errors.Join(err, temp.Close(), os.Remove(temp.Name()))
		}
	}()
	w := bufio.NewWriterSize(temp, 1<<20)
	if _, err := w.Write(appendHead(nil)); err != nil {
		return err
	}
	size := int64(headSize)
	err = write(func(message *feedpb.ControlMessage) (err error) {
		if f.buffer, err = appendFrame(f.buffer[:0], message); err != nil {
			return err
		}
		size += int64(len(f.buffer))
		_, err = w.Write(f.buffer)
		return err
	})
	if err = errors.Join(err, w.Flush()); err != nil {
		return err
	}
	if err := temp.Sync(); err != nil {
		return err
	}
	if err := os.Rename(temp.Name(), filepath.Join(f.dir, fileName)); err != nil {
		return err
	}
	replaced = true
	_ = f.log.Close() // what it held is in the new one
	f.log, f.size, f.base = temp, size, size
	return syncDir(f.dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (f *file) close() error {
	var errs []error
	if f.log != nil {
		errs = append(errs, f.log.Close())
	}
	return errors.Join(append(errs, f.lock.Close())...)
}

// save writes a message that is about to be taken. A disk that fails stops the
// saving, not the taking: the table is then written anew later.
func (t *Table) save(message *feedpb.ControlMessage) {
	if t.failed != nil {
		return
	}
	if err := t.file.append(message); err != nil {
		t.saveFailed(err)
	}
}

func (t *Table) saveFailed(err error) {
	if t.failed == nil {
		t.config.Logger.Error("table cannot be saved, going on in memory", "error", err)
	}
	t.failed = err
	t.retryAt = time.Now().Add(t.config.RetryEvery)
}

// rewriteIfDue writes the whole table anew when its deltas have outgrown it,
// or when an earlier message could not be saved.
func (t *Table) rewriteIfDue() {
	deltas := t.file.size - t.file.base
	switch {
	case t.failed != nil && time.Now().Before(t.retryAt):
		return
	case t.failed == nil && deltas < max(t.config.RewriteBytes, t.file.base):
		return
	}
	if err := t.file.rewrite(t.writeAll); err != nil {
		t.saveFailed(err)
		return
	}
	if t.failed != nil {
		t.config.Logger.Info("table is saved again")
		t.failed = nil
	}
}

// writeAll puts the table as it is in memory.
func (t *Table) writeAll(put func(*feedpb.ControlMessage) error) error {
	err := put(&feedpb.ControlMessage{Message: &feedpb.ControlMessage_Welcome{
		Welcome: &feedpb.Welcome{ClusterId: t.cluster},
	}})
	if err != nil {
		return err
	}
	for number := range t.buckets {
		b := t.buckets[number].Load()
		if len(b.values) == 0 {
			continue
		}
		m := &feedpb.Bucket{Number: uint32(number), Revision: feed.FromRevision(b.revision), Last: true}
		for key, v := range b.values {
			m.Entries = append(m.Entries, &feedpb.Entry{Key: []byte(key), Value: v.bytes})
		}
		if err := put(&feedpb.ControlMessage{Message: &feedpb.ControlMessage_Bucket{Bucket: m}}); err != nil {
			return err
		}
	}
	return put(&feedpb.ControlMessage{Message: &feedpb.ControlMessage_SnapshotEnd{
		SnapshotEnd: &feedpb.SnapshotEnd{Revision: feed.FromRevision(t.revision)},
	}})
}
