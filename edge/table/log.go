package table

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"

	"suodi/control/link"
)

// The log's format, specified in the package documentation. Changing any of
// these breaks compatibility.
const (
	logMagic   = "SUODILOG"
	logFormat  = 2 // 1 held messages of the feed
	logHeader  = 256
	logCRC     = logHeader - 4
	frameSize  = 8
	changeSize = 40
	maxPayload = 64 << 20 // a larger length is damage, not data

	offLogFormat     = 8
	offLogEpoch      = 12
	offLogGeneration = 16
	offLogIndex      = 24
	offLogCluster    = 32
)

// The kinds of changes.
const (
	changeDelta  = 1
	changeBucket = 2
)

// change is what a message of the feed does to the table.
type change struct {
	kind     uint8
	bucket   uint16 // that is replaced by the entries, when kind is changeBucket
	previous link.Revision
	revision link.Revision // of the table, or of the bucket
	links    uint64        // of the table afterwards
	entries  []entry
}

// logFile holds the changes since a base, or since the log before it.
type logFile struct {
	file       *os.File
	path       string
	generation uint64
	size       int64
	buffer     []byte // of one frame, reused
	step       func(string) error
	broken     error // why nothing more can be written
}

// logStart is what a log's header says: what its changes change.
type logStart struct {
	generation uint64
	cluster    string
	revision   link.Revision
}

// createLog makes a log in the place of another.
func createLog(path string, start logStart, step func(string) error) (l *logFile, err error) {
	if err := step("create log"); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if _, err := f.Write(appendLogHeader(nil, start)); err != nil {
		return nil, errors.Join(err, f.Close(), os.Remove(path))
	}
	return &logFile{file: f, path: path, generation: start.generation, size: logHeader, step: step}, nil
}

func appendLogHeader(b []byte, start logStart) []byte {
	le := binary.LittleEndian
	h := make([]byte, logHeader)
	copy(h, logMagic)
	le.PutUint32(h[offLogFormat:], logFormat)
	le.PutUint32(h[offLogEpoch:], start.revision.Epoch)
	le.PutUint64(h[offLogGeneration:], start.generation)
	le.PutUint64(h[offLogIndex:], start.revision.Index)
	le.PutUint16(h[offLogCluster:], uint16(len(start.cluster)))
	copy(h[offLogCluster+2:logCRC], start.cluster)
	le.PutUint32(h[logCRC:], crc32.Checksum(h[:logCRC], castagnoli))
	return append(b, h...)
}

func readLogHeader(h []byte) (start logStart, err error) {
	le := binary.LittleEndian
	switch {
	case string(h[:len(logMagic)]) != logMagic:
		return start, damage("no log")
	case le.Uint32(h[logCRC:]) != crc32.Checksum(h[:logCRC], castagnoli):
		return start, damage("header fails its checksum")
	case le.Uint32(h[offLogFormat:]) != logFormat:
		return start, fmt.Errorf("format %d, this program reads %d", le.Uint32(h[offLogFormat:]), logFormat)
	}
	cluster := int(le.Uint16(h[offLogCluster:]))
	if cluster > maxCluster {
		return start, damage("cluster id of %d bytes", cluster)
	}
	start.generation = le.Uint64(h[offLogGeneration:])
	start.cluster = string(h[offLogCluster+2 : offLogCluster+2+cluster])
	start.revision = link.Revision{Epoch: le.Uint32(h[offLogEpoch:]), Index: le.Uint64(h[offLogIndex:])}
	return start, nil
}

// openLog opens a log and reads its header.
func openLog(path string, step func(string) error) (l *logFile, start logStart, err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, start, err
	}
	var h [logHeader]byte
	if _, err = f.ReadAt(h[:], 0); err != nil {
		err = damage("header: %v", err)
	} else {
		start, err = readLogHeader(h[:])
	}
	if err != nil {
		return nil, start, errors.Join(err, f.Close())
	}
	return &logFile{file: f, path: path, generation: start.generation, size: logHeader, step: step}, start, nil
}

// replay calls take with every whole change until it refuses one. What follows
// is no part of the log any more: cut removes it. ends says what it was, nil
// at the end of the file.
func (l *logFile) replay(take func(*change) error) (ends error) {
	r := bufio.NewReaderSize(io.NewSectionReader(l.file, logHeader, 1<<62), 1<<20)
	var c change
	var buffer []byte
	for {
		payload, err := readFrame(r, &buffer)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = c.decode(payload)
		}
		if err == nil {
			err = take(&c)
		}
		if err != nil {
			return err
		}
		l.size += int64(frameSize + len(payload))
	}
}

// cut makes the log end with what was replayed, and writes on from there.
func (l *logFile) cut() error {
	if err := l.file.Truncate(l.size); err != nil {
		return err
	}
	_, err := l.file.Seek(l.size, io.SeekStart)
	return err
}

// readFrame returns the next payload, in the buffer; io.EOF at the end.
func readFrame(r io.Reader, buffer *[]byte) ([]byte, error) {
	var head [frameSize]byte
	if n, err := io.ReadFull(r, head[:]); err != nil {
		if n == 0 && errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		return nil, damage("torn frame head")
	}
	n := int(binary.LittleEndian.Uint32(head[:]))
	if n > maxPayload {
		return nil, damage("frame of %d bytes", n)
	}
	if cap(*buffer) < n {
		*buffer = make([]byte, n+n/2)
	}
	payload := (*buffer)[:n]
	if _, err := io.ReadFull(r, payload); err != nil {
		return nil, damage("torn frame")
	}
	if crc32.Checksum(payload, castagnoli) != binary.LittleEndian.Uint32(head[4:]) {
		return nil, damage("frame fails its checksum")
	}
	return payload, nil
}

// append writes a change at the end. After a failure nothing more can be
// written: what came behind a torn frame would never be read.
func (l *logFile) append(c *change) error {
	if l.broken != nil {
		return l.broken
	}
	l.buffer = append(l.buffer[:0], make([]byte, frameSize)...)
	l.buffer = c.appendTo(l.buffer)
	payload := l.buffer[frameSize:]
	if len(payload) > maxPayload {
		l.broken = fmt.Errorf("change of %d bytes; a frame holds at most %d", len(payload), maxPayload)
		return l.broken
	}
	binary.LittleEndian.PutUint32(l.buffer, uint32(len(payload)))
	binary.LittleEndian.PutUint32(l.buffer[4:], crc32.Checksum(payload, castagnoli))
	if l.broken = l.step("write log"); l.broken != nil {
		return l.broken
	}
	n, err := l.file.Write(l.buffer)
	l.size += int64(n)
	l.broken = err
	if cap(l.buffer) > 1<<20 {
		l.buffer = nil
	}
	return err
}

func (l *logFile) close() error {
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}

func (c *change) appendTo(b []byte) []byte {
	le := binary.LittleEndian
	b = append(b, c.kind, 0)
	b = le.AppendUint16(b, c.bucket)
	b = le.AppendUint32(b, c.previous.Epoch)
	b = le.AppendUint64(b, c.previous.Index)
	b = le.AppendUint64(b, c.revision.Index)
	b = le.AppendUint32(b, c.revision.Epoch)
	b = le.AppendUint32(b, uint32(len(c.entries)))
	b = le.AppendUint64(b, c.links)
	for _, e := range c.entries {
		b = appendEntry(b, e)
	}
	return b
}

// decode reads a change, which is then a part of b.
func (c *change) decode(b []byte) error {
	le := binary.LittleEndian
	if len(b) < changeSize {
		return damage("change of %d bytes", len(b))
	}
	*c = change{
		kind: b[0], bucket: le.Uint16(b[2:]),
		previous: link.Revision{Epoch: le.Uint32(b[4:]), Index: le.Uint64(b[8:])},
		revision: link.Revision{Epoch: le.Uint32(b[24:]), Index: le.Uint64(b[16:])},
		links:    le.Uint64(b[32:]),
		entries:  c.entries[:0],
	}
	count, rest := le.Uint32(b[28:]), b[changeSize:]
	for range count {
		e, left, ok := readEntry(rest)
		if !ok {
			return damage("change is cut off")
		}
		c.entries = append(c.entries, e)
		rest = left
	}
	if len(rest) > 0 || c.kind != changeDelta && c.kind != changeBucket {
		return damage("change of an unknown kind")
	}
	return nil
}
