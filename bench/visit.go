package bench

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// maxPage bounds what is read of an answer's body, in bytes.
const maxPage = 1 << 20

// Visit is one request to an edge.
type Visit struct {
	Host, Target string // as they are sent
	UserAgent    string
	Language     string // Accept-Language; empty: none is sent
}

// Answer is what a visit got. Redirects are not followed.
type Answer struct {
	Status   int
	Location string
	Header   http.Header
	Body     string
}

// Visitor is one connection to an edge, opened when it is first needed. Its
// methods must not be called concurrently.
type Visitor struct {
	address string
	timeout time.Duration
	conn    net.Conn
	reader  *bufio.Reader
}

// NewVisitor returns a visitor of the edge at an address like
// http://127.0.0.1:8080, for visits that may take the timeout each.
func NewVisitor(edge string, timeout time.Duration) (*Visitor, error) {
	u, err := url.Parse(edge)
	if err != nil || u.Scheme != "http" || u.Host == "" || strings.Trim(u.Path, "/") != "" {
		return nil, fmt.Errorf("edge %q: want http://host:port", edge)
	}
	address := u.Host
	if u.Port() == "" {
		address = net.JoinHostPort(u.Hostname(), "80")
	}
	return &Visitor{address: address, timeout: timeout}, nil
}

// Visit sends a visit and reads the answer. ErrNoEdge says that nothing
// listens. A connection that the edge closed in between is opened again.
func (v *Visitor) Visit(visit Visit) (*Answer, error) {
	fresh := v.conn == nil
	answer, err := v.try(visit)
	if err != nil && !fresh && !errors.Is(err, ErrNoEdge) {
		answer, err = v.try(visit)
	}
	return answer, err
}

func (v *Visitor) try(visit Visit) (*Answer, error) {
	answer, err := v.send(visit)
	if err != nil {
		_ = v.Close() // a broken connection has nothing more to say
	}
	return answer, err
}

func (v *Visitor) send(visit Visit) (*Answer, error) {
	if err := v.open(); err != nil {
		return nil, err
	}
	if err := v.conn.SetDeadline(time.Now().Add(v.timeout)); err != nil {
		return nil, err
	}
	language := ""
	if visit.Language != "" {
		language = "Accept-Language: " + visit.Language + "\r\n"
	}
	_, err := fmt.Fprintf(v.conn, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: %s\r\n%s\r\n", visit.Target, visit.Host, visit.UserAgent, language)
	if err != nil {
		return nil, err
	}
	response, err := http.ReadResponse(v.reader, nil)
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxPage+1))
	if err = errors.Join(err, response.Body.Close()); err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	if len(body) > maxPage {
		return nil, fmt.Errorf("read answer: its body is longer than %d bytes", maxPage)
	}
	if response.Close {
		err = v.Close()
	}
	return &Answer{
		Status: response.StatusCode, Location: response.Header.Get("Location"), Header: response.Header, Body: string(body),
	}, err
}

func (v *Visitor) open() error {
	if v.conn != nil {
		return nil
	}
	conn, err := net.DialTimeout("tcp", v.address, v.timeout)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("%w at %s: %w", ErrNoEdge, v.address, err)
	}
	if err != nil {
		return err
	}
	v.conn, v.reader = conn, bufio.NewReader(conn)
	return nil
}

// Close hangs up. A later visit opens another connection.
func (v *Visitor) Close() error {
	if v.conn == nil {
		return nil
	}
	err := v.conn.Close()
	v.conn, v.reader = nil, nil
	return err
}
