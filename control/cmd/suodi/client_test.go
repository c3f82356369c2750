package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// flaky is a proxy that spoils the first answers of what is behind it.
type flaky struct {
	to    http.Handler
	spoil func(w http.ResponseWriter)

	mu   sync.Mutex
	left int      // answers to spoil
	keys []string // idempotency keys seen
}

func (f *flaky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.keys = append(f.keys, r.Header.Get("Idempotency-Key"))
	if f.left > 0 {
		f.left--
		f.to.ServeHTTP(httptest.NewRecorder(), r) // it is done, but nobody hears of it
		f.spoil(w)
		return
	}
	f.to.ServeHTTP(w, r)
}

func hangUp(http.ResponseWriter) { panic(http.ErrAbortHandler) }

func unavailable(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(http.StatusServiceUnavailable)
	_, _ = io.WriteString(w, `{"status":503,"title":"Service Unavailable","detail":"not now"}`)
}

// startFlaky puts a flaky proxy before a control plane and returns a client of
// it.
func startFlaky(t *testing.T, left int, spoil func(http.ResponseWriter)) (*flaky, *client) {
	t.Helper()
	server := openControl(t, t.TempDir())
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	to, err := url.Parse(server.APIURL())
	if err != nil {
		t.Fatal(err)
	}
	f := &flaky{to: httputil.NewSingleHostReverseProxy(to), spoil: spoil, left: left}
	proxy := httptest.NewServer(f)
	t.Cleanup(proxy.Close)
	c := newClient(proxy.URL, server.Token())
	c.pause = time.Nanosecond
	return f, c
}

// TestRetry holds that a change whose answer is lost is made once and answered.
func TestRetry(t *testing.T) {
	for name, spoil := range map[string]func(http.ResponseWriter){"connection lost": hangUp, "unavailable": unavailable} {
		t.Run(name, func(t *testing.T) {
			f, c := startFlaky(t, tries-1, spoil)
			ctx := t.Context()
			var made linkReply
			got, err := c.do(ctx, call{method: http.MethodPost, path: "/v1/links", body: map[string]any{"url": "https://example.org/"}}, &made)
			if err != nil || got.status != http.StatusCreated || made.ShortURL == "" {
				t.Fatalf("got %+v %v", got, err)
			}
			for _, key := range f.keys {
				if key == "" || key != f.keys[0] {
					t.Fatalf("keys differ: %q", f.keys)
				}
			}
			if len(f.keys) != tries {
				t.Errorf("%d calls, want %d", len(f.keys), tries)
			}
			var list page
			if _, err := c.do(ctx, call{method: http.MethodGet, path: "/v1/links"}, &list); err != nil || len(list.Links) != 1 {
				t.Errorf("%d links, want 1 (%v)", len(list.Links), err)
			}
		})
	}
}

// TestRetryEnds holds that a call is given up, and one that cannot be repeated
// at once.
func TestRetryEnds(t *testing.T) {
	for _, c := range []struct {
		name  string
		spoil func(http.ResponseWriter)
		call  call
		want  int
		key   bool
		err   func(error) bool
	}{
		{"connection lost", hangUp, call{method: http.MethodDelete, path: "/v1/tokens/x"}, tries, true, isLost},
		{"unavailable", unavailable, call{method: http.MethodDelete, path: "/v1/tokens/x"}, tries, true, isUnavailable},
		{"reading", unavailable, call{method: http.MethodGet, path: "/v1/fleet"}, tries, false, isUnavailable},
		{"once, connection lost", hangUp, call{method: http.MethodPost, path: tokensPath, body: map[string]string{"name": "x"}, once: true}, 1, false, isLost},
		{"once, unavailable", unavailable, call{method: http.MethodPost, path: tokensPath, body: map[string]string{"name": "x"}, once: true}, 1, false, isUnavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, client := startFlaky(t, 100, c.spoil)
			if _, err := client.do(t.Context(), c.call, nil); !c.err(err) {
				t.Errorf("got %v", err)
			}
			f.mu.Lock()
			defer f.mu.Unlock()
			if len(f.keys) != c.want {
				t.Errorf("%d calls, want %d", len(f.keys), c.want)
			}
			if (f.keys[0] != "") != c.key {
				t.Errorf("idempotency key %q", f.keys[0])
			}
		})
	}
}

func isLost(err error) bool { return errors.Is(err, errLost) }

func isUnavailable(err error) bool {
	var p *problem
	return errors.As(err, &p) && p.Status == http.StatusServiceUnavailable
}

// TestInterrupted holds that nobody waits for an answer after Ctrl-C.
func TestInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}))
	defer silent.Close()
	_, err := newClient(silent.URL, "").do(ctx, call{method: http.MethodGet, path: "/v1/fleet"}, nil)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// TestBehind holds that a change which edges do not have in time is done, and
// that it is said.
func TestBehind(t *testing.T) {
	var asked []string
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.String())
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Suodi-Edges-Behind", "edge-2,edge-3")
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, `{"short_url":"http://s.example/x"}`)
	}))
	defer api.Close()
	var stdout, stderr bytes.Buffer
	for _, args := range [][]string{{"https://example.org/"}, {"https://example.org/", "--no-wait"}, {"https://example.org/", "--wait=false"}} {
		code := run(t.Context(), invocation{
			args: append([]string{"link", "create", "--addr", api.URL}, args...), stdout: &stdout, stderr: &stderr,
			getenv: func(string) string { return "" },
		})
		if code != exitDone {
			t.Fatalf("code %d: %s", code, &stderr)
		}
	}
	if want := []string{"/v1/links?wait=edges", "/v1/links", "/v1/links"}; !slices.Equal(asked, want) {
		t.Errorf("asked for %q, want %q", asked, want)
	}
	if !strings.HasPrefix(stdout.String(), "http://s.example/x\n") {
		t.Errorf("stdout %q", &stdout)
	}
	if want := "suodi: the change is kept, but these edges do not have it yet: edge-2,edge-3;"; !strings.HasPrefix(stderr.String(), want) {
		t.Errorf("stderr %q", &stderr)
	}
}
