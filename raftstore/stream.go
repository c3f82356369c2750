package raftstore

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// The snapshot stream; doc.go has the layout. Changing it breaks compatibility.
const (
	streamMagic  = "SUODISNP"
	streamFormat = 1

	streamHead     = 8 + 4 + 4 + 8 + 8 + 4
	streamFileHead = 2 + 8 // and the name
	streamFileTail = 4
	streamTail     = 8 + 4
	streamEnd      = "SUODIEND"

	maxStreamFiles = 1 << 20
	maxStreamName  = 255
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// streamFile is one file of a snapshot.
type streamFile struct {
	name string
	size int64
}

// listStream returns the files of a database folder, which must be closed, and
// the length of their stream.
func listStream(dir string) (files []streamFile, size int64, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, 0, err
	}
	size = streamHead + streamTail
	for _, e := range entries {
		if e.Name() == "LOCK" {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return nil, 0, err
		}
		if !info.Mode().IsRegular() {
			return nil, 0, fmt.Errorf("%s is no regular file", filepath.Join(dir, e.Name()))
		}
		files = append(files, streamFile{e.Name(), info.Size()})
		size += streamFileHead + int64(len(e.Name())) + info.Size() + streamFileTail
	}
	return files, size, nil
}

// writeStream writes the files of dir as one stream.
func writeStream(w io.Writer, dir string, files []streamFile, at position) error {
	head := append(make([]byte, 0, streamHead), streamMagic...)
	head = binary.LittleEndian.AppendUint32(head, streamFormat)
	head = binary.LittleEndian.AppendUint32(head, uint32(len(files)))
	head = append(head, at.encode()...)
	head = binary.LittleEndian.AppendUint32(head, crc32.Checksum(head, castagnoli))
	if _, err := w.Write(head); err != nil {
		return err
	}
	total := crc32.New(castagnoli)
	for _, file := range files {
		if err := writeStreamFile(w, total, dir, file); err != nil {
			return fmt.Errorf("send %s: %w", file.name, err)
		}
	}
	tail := binary.LittleEndian.AppendUint32([]byte(streamEnd), total.Sum32())
	_, err := w.Write(tail)
	return err
}

// writeStreamFile writes one file. total sums up the checksums of all files, so
// that one left out is noticed.
func writeStreamFile(w, total io.Writer, dir string, file streamFile) error {
	f, err := os.Open(filepath.Join(dir, file.name))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	sum := crc32.New(castagnoli)
	to := io.MultiWriter(w, sum)
	head := binary.LittleEndian.AppendUint16(nil, uint16(len(file.name)))
	head = append(head, file.name...)
	head = binary.LittleEndian.AppendUint64(head, uint64(file.size))
	if _, err := to.Write(head); err != nil {
		return err
	}
	if _, err := io.CopyN(to, f, file.size); err != nil {
		return err
	}
	tail := binary.LittleEndian.AppendUint32(nil, sum.Sum32())
	_, err = io.MultiWriter(w, total).Write(tail)
	return err
}

// readStream reads a whole stream into the empty folder dir, checks it and
// makes it durable.
func readStream(r io.Reader, dir string) (position, error) {
	var head [streamHead]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return position{}, fmt.Errorf("read head: %w", noEOF(err))
	}
	le := binary.LittleEndian
	switch body := head[:streamHead-4]; {
	case string(head[:8]) != streamMagic:
		return position{}, fmt.Errorf("%w: no snapshot stream", ErrCorrupt)
	case le.Uint32(head[8:]) != streamFormat:
		return position{}, fmt.Errorf("snapshot stream has format %d, this program knows %d", le.Uint32(head[8:]), streamFormat)
	case le.Uint32(head[streamHead-4:]) != crc32.Checksum(body, castagnoli):
		return position{}, fmt.Errorf("%w: checksum of the stream's head", ErrCorrupt)
	}
	count := le.Uint32(head[12:])
	if count > maxStreamFiles {
		return position{}, fmt.Errorf("%w: %d files", ErrCorrupt, count)
	}
	at := position{le.Uint64(head[16:]), le.Uint64(head[24:])}
	total := crc32.New(castagnoli)
	for range count {
		if err := readStreamFile(r, total, dir); err != nil {
			return at, err
		}
	}
	var tail [streamTail]byte
	if _, err := io.ReadFull(r, tail[:]); err != nil {
		return at, fmt.Errorf("read tail: %w", noEOF(err))
	}
	if !bytes.Equal(tail[:8], []byte(streamEnd)) || le.Uint32(tail[8:]) != total.Sum32() {
		return at, fmt.Errorf("%w: checksum of the stream", ErrCorrupt)
	}
	if n, err := io.ReadFull(r, tail[:1]); n != 0 || !errors.Is(err, io.EOF) {
		return at, errors.Join(fmt.Errorf("%w: bytes after the stream's end", ErrCorrupt), err)
	}
	return at, syncDir(dir)
}

func readStreamFile(r io.Reader, total io.Writer, dir string) error {
	sum := crc32.New(castagnoli)
	from := io.TeeReader(r, sum)
	name, size, err := readStreamFileHead(from)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(dir, name), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.CopyN(f, from, size)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(noEOF(err), f.Close()); err != nil {
		return fmt.Errorf("receive %s: %w", name, err)
	}
	var tail [streamFileTail]byte
	if _, err := io.ReadFull(io.TeeReader(r, total), tail[:]); err != nil {
		return fmt.Errorf("receive %s: %w", name, noEOF(err))
	}
	if binary.LittleEndian.Uint32(tail[:]) != sum.Sum32() {
		return fmt.Errorf("%w: checksum of %s", ErrCorrupt, name)
	}
	return nil
}

// readStreamFileHead reads a name and a size. The name must not lead out of the
// folder.
func readStreamFileHead(r io.Reader) (name string, size int64, err error) {
	var b [8]byte
	if _, err := io.ReadFull(r, b[:2]); err != nil {
		return "", 0, noEOF(err)
	}
	n := binary.LittleEndian.Uint16(b[:2])
	if n == 0 || n > maxStreamName {
		return "", 0, fmt.Errorf("%w: file name of %d bytes", ErrCorrupt, n)
	}
	raw := make([]byte, n)
	if _, err := io.ReadFull(r, raw); err != nil {
		return "", 0, noEOF(err)
	}
	name = string(raw)
	if name == "." || name == ".." || strings.ContainsAny(name, "/\\\x00") {
		return "", 0, fmt.Errorf("%w: file name %q", ErrCorrupt, name)
	}
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return "", 0, noEOF(err)
	}
	size = int64(binary.LittleEndian.Uint64(b[:]))
	if size < 0 {
		return "", 0, fmt.Errorf("%w: size of %s", ErrCorrupt, name)
	}
	return name, size, nil
}

// noEOF makes an end in the middle an error of its own.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}
