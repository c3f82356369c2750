package load

import (
	"bytes"
	"errors"
	"fmt"
)

// maxHead bounds an answer's status line and headers, in bytes.
const maxHead = 16 << 10

// answer reads one HTTP/1.1 answer to a GET, as much of it as measuring needs.
// The zero value is ready for the first bytes.
type answer struct {
	status   int
	location []byte // borrowed from the bytes of the head
	close    bool   // the server closes afterwards

	framing framing
	left    int // bytes of the body, or of the chunk with its line end, that are to come
	line    int // bytes of a chunk's size line or of a trailer line that were read
	chunk   int // the size that the line says
	chunks  chunkPhase
}

type framing uint8

const (
	headToCome framing = iota
	lengthKnown
	chunked
	untilClose
)

type chunkPhase uint8

const (
	chunkSize chunkPhase = iota
	chunkExtension
	chunkData
	trailer
)

var (
	errMalformed = errors.New("malformed answer")
	headEnd      = []byte("\r\n\r\n")

	carriageReturn = []byte("\r")
)

// head reads the status line and the headers if they are complete, and returns
// how many bytes they are; 0: more are needed.
func (a *answer) head(b []byte) (n int, err error) {
	end := bytes.Index(b, headEnd)
	if end < 0 {
		if len(b) >= maxHead {
			return 0, fmt.Errorf("%w: its head is longer than %d bytes", errMalformed, maxHead)
		}
		return 0, nil
	}
	if len(b) < 12 || string(b[:7]) != "HTTP/1." || b[8] != ' ' {
		return 0, fmt.Errorf("%w: it begins with %.20q", errMalformed, b)
	}
	for _, digit := range b[9:12] {
		if digit < '0' || digit > '9' {
			return 0, fmt.Errorf("%w: it begins with %.20q", errMalformed, b)
		}
		a.status = 10*a.status + int(digit-'0')
	}
	a.framing, a.close = untilClose, b[7] == '0'
	rest := b[:end+2]
	for rest = rest[bytes.IndexByte(rest, '\n')+1:]; len(rest) > 0; {
		at := bytes.IndexByte(rest, '\n')
		if err := a.header(bytes.TrimSuffix(rest[:at], carriageReturn)); err != nil {
			return 0, err
		}
		rest = rest[at+1:]
	}
	if a.status == 204 || a.status == 304 {
		a.framing, a.left = lengthKnown, 0
	}
	return end + len(headEnd), nil
}

// header takes over one header line. Few have a length that matters.
func (a *answer) header(line []byte) error {
	if len(line) < 9 {
		return nil
	}
	switch line[0] | 0x20 {
	case 'l':
		if value, is := valueOf(line, "location:"); is {
			a.location = value
		}
	case 'c':
		if value, is := valueOf(line, "content-length:"); is {
			n := 0
			for _, digit := range value {
				if digit < '0' || digit > '9' || n > 1<<40 {
					return fmt.Errorf("%w: Content-Length %.20q", errMalformed, value)
				}
				n = 10*n + int(digit-'0')
			}
			if a.framing == untilClose {
				a.framing, a.left = lengthKnown, n
			}
		} else if value, is := valueOf(line, "connection:"); is {
			a.close = bytes.EqualFold(value, []byte("close"))
		}
	case 't':
		if value, is := valueOf(line, "transfer-encoding:"); is && bytes.EqualFold(value, []byte("chunked")) {
			a.framing = chunked
		}
	}
	return nil
}

// valueOf returns what a header line says if it is of that name, which is in
// lower case and ends with a colon.
func valueOf(line []byte, name string) ([]byte, bool) {
	if len(line) < len(name) {
		return nil, false
	}
	for i := range len(name) {
		c := line[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != name[i] {
			return nil, false
		}
	}
	return bytes.TrimSpace(line[len(name):]), true
}

// body takes over bytes of the body and reports whether it is complete.
func (a *answer) body(b []byte) (done bool, err error) {
	switch a.framing {
	case lengthKnown:
		if len(b) > a.left {
			return false, fmt.Errorf("%w: %d bytes more than its Content-Length", errMalformed, len(b)-a.left)
		}
		a.left -= len(b)
		return a.left == 0, nil
	case chunked:
		return a.chunked(b)
	}
	return false, nil
}

// chunked takes over bytes of a chunked body.
func (a *answer) chunked(b []byte) (done bool, err error) {
	for i := 0; i < len(b); i++ {
		c := b[i]
		switch a.chunks {
		case chunkSize:
			if digit := hexDigit(c); digit >= 0 && a.line < 7 {
				a.chunk, a.line = a.chunk<<4|digit, a.line+1
				continue
			}
			if a.line == 0 || c != ';' && c != '\r' && c != ' ' {
				return false, fmt.Errorf("%w: bad chunk size", errMalformed)
			}
			a.chunks = chunkExtension
		case chunkExtension:
			if c != '\n' {
				continue
			}
			a.line, a.left, a.chunks = 0, a.chunk+2, chunkData
			if a.chunk == 0 {
				a.chunks = trailer
			}
			a.chunk = 0
		case chunkData:
			n := min(a.left, len(b)-i)
			a.left -= n
			i += n - 1
			if a.left == 0 {
				a.chunks = chunkSize
			}
		case trailer:
			switch {
			case c == '\n' && a.line == 0:
				if i+1 < len(b) {
					return false, fmt.Errorf("%w: bytes after its last chunk", errMalformed)
				}
				return true, nil
			case c == '\n':
				a.line = 0
			case c != '\r':
				a.line++
			}
		}
	}
	return false, nil
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// ended reports whether an answer is complete when the server closes.
func (a *answer) ended() bool { return a.framing == untilClose }
