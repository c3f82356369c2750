package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"
)

const (
	// callTimeout bounds one try of a call; it is longer than the API waits
	// for edges.
	callTimeout = 30 * time.Second
	tries       = 4 // of a call at most
	firstPause  = 150 * time.Millisecond
	// maxReply bounds what is read of an answer, in bytes: 1,000 links with all
	// their fields at the limit stay below it.
	maxReply = 64 << 20
)

// client speaks to a control plane's API.
type client struct {
	base  string // scheme and host, nothing after it
	token string // empty: none is sent
	http  *http.Client
	pause time.Duration // before the second try; pauses triple
}

func newClient(base, token string) *client {
	return &client{base: base, token: token, pause: firstPause, http: &http.Client{
		Timeout: callTimeout,
		// A token follows no redirect; the API makes none.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// call is one request to the API.
type call struct {
	method string
	path   string // escaped, from the slash on
	query  url.Values
	body   any         // sent as JSON; nil: none
	source []byte      // sent instead of a body, as kind
	kind   string      // media type of source
	header http.Header // further ones; may be nil
	// progress is told how much of source is sent, in bytes, from another
	// goroutine; nil: nobody is
	progress func(sent int)
	// accept is the media type of an answer that is no JSON; empty: it is
	accept string
	// once: the API cannot tell a repetition from a second call, so none is
	// made
	once bool
}

// reply is what the API answered.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// behind returns the edges that do not have a change yet.
func (r *reply) behind() string { return r.header.Get("Suodi-Edges-Behind") }

// problem is what the API answers when it refuses (RFC 9457).
type problem struct {
	Title  string  `json:"title,omitempty"`
	Status int     `json:"status,omitempty"`
	Detail string  `json:"detail,omitempty"`
	Errors []fault `json:"errors,omitempty"`
}

// fault is one mistake among a problem's.
type fault struct {
	Location string `json:"location,omitempty"`
	Message  string `json:"message,omitempty"`
	Value    any    `json:"value,omitempty"`
}

func (p *problem) Error() string {
	if p.Detail != "" {
		return p.Detail
	}
	return p.Title
}

// hasFault reports whether something is wrong at a place of the request.
func (p *problem) hasFault(location string) bool {
	for _, f := range p.Errors {
		if f.Location == location {
			return true
		}
	}
	return false
}

// Errors of a call that never reached the API, or not the API.
var (
	errNotRunning = errors.New("nothing answers")
	errLost       = errors.New("the connection was lost")
	errStranger   = errors.New("the answer is not a control plane's")
)

// do sends a call and reads the answer into result, unless that is nil. An
// error is a *problem, or one of the above, or the context's. Connections that
// are lost and 503 are tried again; an idempotency key makes that safe.
func (c *client) do(ctx context.Context, call call, result any) (*reply, error) {
	body, kind := call.source, call.kind
	if call.body != nil {
		var err error
		if body, err = json.Marshal(call.body); err != nil {
			return nil, fmt.Errorf("encode request: %w", err)
		}
		kind = "application/json"
	}
	header := call.header.Clone()
	if header == nil {
		header = http.Header{}
	}
	if kind != "" {
		header.Set("Content-Type", kind)
	}
	if call.method != http.MethodGet && !call.once {
		header.Set("Idempotency-Key", rand.Text())
	}
	pause := c.pause
	for try := 1; ; try++ {
		got, err := c.send(ctx, call, header, body)
		again := errors.Is(err, errLost) || err == nil && got.status == http.StatusServiceUnavailable ||
			try > 1 && errors.Is(err, errNotRunning) // it may be starting again
		if again && try < tries && !call.once {
			select {
			case <-time.After(pause):
			case <-ctx.Done():
				return nil, ctx.Err()
			}
			pause *= 3
			continue
		}
		if err != nil {
			return nil, err
		}
		return got, got.read(result, call.accept)
	}
}

func (c *client) send(ctx context.Context, call call, header http.Header, body []byte) (*reply, error) {
	address := c.base + call.path
	if len(call.query) > 0 {
		address += "?" + call.query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, call.method, address, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	if call.progress != nil && len(body) > 0 {
		request.Body = io.NopCloser(&watched{Reader: bytes.NewReader(body), tell: call.progress})
	}
	request.Header = header.Clone()
	request.Header.Set("Accept", firstOf(call.accept, "application/json")+", application/problem+json")
	request.Header.Set("User-Agent", "suodi/"+version())
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	// We decide what is tried again, not the transport.
	request.GetBody = nil
	response, err := c.http.Do(request)
	if err == nil {
		defer func() { _ = response.Body.Close() }() // all of it is read by then
		got := &reply{status: response.StatusCode, header: response.Header}
		if got.body, err = io.ReadAll(io.LimitReader(response.Body, maxReply)); err == nil {
			return got, nil
		}
	}
	var timeout interface{ Timeout() bool }
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, syscall.ECONNREFUSED):
		return nil, fmt.Errorf("%w: %w", errNotRunning, err)
	case errors.As(err, &timeout) && timeout.Timeout() && call.method != http.MethodGet:
		return nil, fmt.Errorf("%w: no answer within %s", errLost, callTimeout)
	case errors.As(err, &timeout) && timeout.Timeout():
		return nil, fmt.Errorf("no answer within %s: %w", callTimeout, err)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return nil, fmt.Errorf("%w: %w", errLost, err)
	}
	return nil, err
}

// read takes a good answer's body into result, unless it is of another accepted
// type, and returns any other as a problem.
func (r *reply) read(result any, accept string) error {
	kind, _, _ := mime.ParseMediaType(r.header.Get("Content-Type"))
	switch {
	case r.status >= 400:
		p := &problem{}
		if !strings.HasSuffix(kind, "json") || json.Unmarshal(r.body, p) != nil || p.Status == 0 {
			return fmt.Errorf("%w: %d %s, %s", errStranger, r.status, http.StatusText(r.status), kind)
		}
		return p
	case accept != "" && kind == accept && r.status >= 200 && r.status <= 299:
		return nil
	case r.status < 200 || r.status > 299 || len(r.body) > 0 && !strings.HasSuffix(kind, "json"):
		return fmt.Errorf("%w: %d %s, %s", errStranger, r.status, http.StatusText(r.status), kind)
	case result == nil || len(r.body) == 0:
		return nil
	}
	if err := json.Unmarshal(r.body, result); err != nil {
		return fmt.Errorf("%w: %w", errStranger, err)
	}
	return nil
}
