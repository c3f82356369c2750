package wire

import (
	"errors"
	"net"
	"os"
	"time"
)

// Conn is a TCP connection whose deadlines cost little to move back.
type Conn struct {
	*net.TCPConn
	read, write deadline
}

// Read reads what is there, or waits for something.
func (c *Conn) Read(p []byte) (int, error) {
	for {
		n, err := c.TCPConn.Read(p)
		if n == 0 && errors.Is(err, os.ErrDeadlineExceeded) && c.read.early(c.TCPConn.SetReadDeadline) {
			continue
		}
		return n, err
	}
}

// Write writes all of p.
func (c *Conn) Write(p []byte) (written int, err error) {
	for {
		n, err := c.TCPConn.Write(p[written:])
		written += n
		if errors.Is(err, os.ErrDeadlineExceeded) && c.write.early(c.TCPConn.SetWriteDeadline) {
			continue
		}
		return written, err
	}
}

// SetDeadline sets both deadlines.
func (c *Conn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}

// SetReadDeadline says when reading fails.
func (c *Conn) SetReadDeadline(t time.Time) error {
	return c.read.set(t, c.TCPConn.SetReadDeadline)
}

// SetWriteDeadline says when writing fails.
func (c *Conn) SetWriteDeadline(t time.Time) error {
	return c.write.set(t, c.TCPConn.SetWriteDeadline)
}
