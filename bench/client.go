package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// maxReply bounds what is read of an answer, in bytes.
const maxReply = 16 << 20

// callTimeout bounds one call; it is longer than the API waits for edges.
const callTimeout = 30 * time.Second

// Client speaks to a control plane's API. The zero value is not usable.
type Client struct {
	base  string
	token string
	http  *http.Client
}

// NewClient returns a client of the API at an address like
// http://127.0.0.1:7070.
func NewClient(base, token string) (*Client, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || strings.Trim(u.Path, "/") != "" {
		return nil, fmt.Errorf("api %q: want http://host:port", base)
	}
	return &Client{base: u.Scheme + "://" + u.Host, token: token, http: &http.Client{Timeout: callTimeout}}, nil
}

// Refused is what the API answered instead of doing what was asked.
type Refused struct {
	Status int
	Detail string
}

func (e *Refused) Error() string { return fmt.Sprintf("%d %s", e.Status, e.Detail) }

// Errors that say which part of the set-up is missing.
var (
	ErrNoControl = errors.New("no control plane answers")
	ErrNoEdge    = errors.New("no edge answers")
	ErrToken     = errors.New("the control plane does not take the token")
)

// Do sends a request with a JSON body, unless that is nil, and reads the answer
// into result, unless that is nil. What the API refuses is a *Refused; a wrong
// token is also ErrToken, and silence ErrNoControl.
func (c *Client) Do(ctx context.Context, method, path string, body, result any) (status int, err error) {
	var sent []byte
	if body != nil {
		if sent, err = json.Marshal(body); err != nil {
			return 0, fmt.Errorf("encode request: %w", err)
		}
	}
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(sent))
	if err != nil {
		return 0, fmt.Errorf("make request: %w", err)
	}
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	request.Header.Set("Authorization", "Bearer "+c.token)
	response, err := c.http.Do(request)
	if errors.Is(err, syscall.ECONNREFUSED) {
		return 0, fmt.Errorf("%w at %s: %w", ErrNoControl, c.base, err)
	}
	if err != nil {
		return 0, err
	}
	defer func() { _ = response.Body.Close() }() // all of it was read
	data, err := io.ReadAll(io.LimitReader(response.Body, maxReply))
	if err != nil {
		return 0, fmt.Errorf("%s %s: %w", method, path, err)
	}
	if response.StatusCode >= http.StatusBadRequest {
		return response.StatusCode, refusal(response.StatusCode, data)
	}
	if result != nil {
		if err := json.Unmarshal(data, result); err != nil {
			return 0, fmt.Errorf("%w at %s: %s %s answers no JSON: %w", ErrNoControl, c.base, method, path, err)
		}
	}
	return response.StatusCode, nil
}

// refusal reads a problem document (RFC 9457).
func refusal(status int, data []byte) error {
	var problem struct{ Title, Detail string }
	refused := &Refused{Status: status, Detail: http.StatusText(status)}
	if json.Unmarshal(data, &problem) == nil && problem.Title+problem.Detail != "" {
		refused.Detail = problem.Title + ": " + problem.Detail
	}
	if status == http.StatusUnauthorized {
		return fmt.Errorf("%w: %w", ErrToken, refused)
	}
	return refused
}
