package load_test

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"suodi/bench/load"
	"suodi/bench/report"
)

// TestClosedLoop drives connections in every way and checks the book-keeping
// against what the server saw.
func TestClosedLoop(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, secure *tls.Config, config load.Config) {
		var served atomic.Int64
		s := newServer(t, secure, func(w http.ResponseWriter, r *http.Request) {
			served.Add(1)
			redirect(w, r)
		})
		config.Address, config.Host, config.Connections, config.Duration = s.address, "go.example", 4, 400*time.Millisecond
		round := put(t, config)
		if err := round.Err(); err != nil || round.Failed != 0 {
			t.Fatalf("%v, %d failed", err, round.Failed)
		}
		if round.Visits != uint64(served.Load()) {
			t.Errorf("%d visits; the server answered %d", round.Visits, served.Load())
		}
		h, err := round.Latency.Histogram()
		check(t, err)
		if h.Count() != int64(round.Visits) || round.Latency.P50 <= 0 || round.Latency.P99 < round.Latency.P50 {
			t.Errorf("latency %+v of %d", round.Latency, h.Count())
		}
		sum := uint64(0)
		for _, piece := range round.Series {
			sum += piece.Visits
		}
		if sum != round.Visits {
			t.Errorf("the intervals have %d visits of %d", sum, round.Visits)
		}
		if len(s.hosts) != 1 || s.hosts["go.example"] == 0 {
			t.Errorf("hosts %v", s.hosts)
		}
		if known := load.DefaultAgents().Names(); len(s.agents) < len(known)/2 {
			t.Errorf("%d of %d user agents came", len(s.agents), len(known))
		}
	})
}

// TestOpenLoopRate checks that as many visits begin as the rate says, no sooner
// than it says, however the server fares.
func TestOpenLoopRate(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, secure *tls.Config, config load.Config) {
		const rate = 200
		var early, served atomic.Int64
		s := newServer(t, secure, redirect)
		config.Address, config.Rate, config.Duration, config.Warmup = s.address, rate, time.Second, 100*time.Millisecond
		config.Connections, config.Timeout = 8, 20*time.Second // machines that run tests are busy
		begun := time.Now()
		s.handle(func(w http.ResponseWriter, r *http.Request) {
			if due := float64(served.Add(1)-1) / rate; time.Since(begun).Seconds() < due-.001 {
				early.Add(1)
			}
			redirect(w, r)
		})
		round := put(t, config)
		check(t, round.Err())
		if total := round.Visits + round.Failed; total < rate-1 || total > rate+1 {
			t.Errorf("%d visits in a second at %d a second", total, rate)
		}
		if round.Rate > rate+1 || round.Target != rate {
			t.Errorf("rate %v, target %v", round.Rate, round.Target)
		}
		if n := early.Load(); n > 0 {
			t.Errorf("%d of %d visits began before their time", n, served.Load())
		}
	})
}

// TestOmission stalls the server. An open loop must charge it with every visit
// that should have begun meanwhile; a closed loop sees one a connection.
func TestOmission(t *testing.T) {
	t.Parallel()
	const stall = 400 * time.Millisecond
	run := func(rate float64) *report.Round {
		begun := time.Now()
		var gate sync.RWMutex // held while the server stalls
		var once sync.Once
		s := newServer(t, nil, func(w http.ResponseWriter, r *http.Request) {
			if time.Since(begun) > 300*time.Millisecond {
				once.Do(func() {
					gate.Lock()
					time.AfterFunc(stall, gate.Unlock)
				})
			}
			gate.RLock()
			defer gate.RUnlock()
			redirect(w, r)
		})
		round := put(t, load.Config{Address: s.address, Rate: rate, Duration: 2 * time.Second, Connections: 4})
		check(t, round.Err())
		return round
	}
	// A fifth of the visits falls into the stall; they wait half of it on average.
	open := run(500)
	if total := open.Visits; total < 999 || total > 1001 {
		t.Errorf("open loop: %d visits at 500 a second in 2 s", total)
	}
	if stalled := float64(stall.Microseconds()); open.Latency.P99 < .85*stalled || open.Latency.P90 < .3*stalled {
		t.Errorf("open loop: p90 %v, p99 %v µs; the server stalled for %v", open.Latency.P90, open.Latency.P99, stall)
	}
	if closed := run(0); closed.Latency.P99 > float64(stall.Microseconds())/2 {
		t.Errorf("closed loop: p99 %v µs", closed.Latency.P99)
	}
}

// TestServerDies takes the server away in the middle.
func TestServerDies(t *testing.T) {
	t.Parallel()
	modes(t, func(t *testing.T, secure *tls.Config, config load.Config) {
		for _, rate := range []float64{0, 300} {
			var served atomic.Int64
			s := newServer(t, secure, redirect)
			s.handle(func(w http.ResponseWriter, r *http.Request) {
				if served.Add(1) == 50 {
					go func() { _ = s.http.Close() }()
				}
				redirect(w, r)
			})
			config.Address, config.Rate, config.Duration, config.Timeout = s.address, rate, 30*time.Second, 500*time.Millisecond
			config.Connections = 4
			begun := time.Now()
			round := put(t, config)
			err := round.Err()
			if err == nil || !strings.Contains(err.Error(), "nobody has answered for 500ms") || round.Failed == 0 || round.Visits == 0 {
				t.Errorf("rate %v: %d visits, %d failed: %v", rate, round.Visits, round.Failed, err)
			}
			if took := time.Since(begun); took > 20*time.Second {
				t.Errorf("rate %v: noticed after %v", rate, took)
			}
		}
	})
}

// TestBadAnswers checks what counts as failed, and that it is loud.
func TestBadAnswers(t *testing.T) {
	t.Parallel()
	raw := func(answer string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			conn, buffered, err := w.(http.Hijacker).Hijack()
			if err != nil {
				return
			}
			_, _ = buffered.WriteString(answer)
			_ = buffered.Flush()
			_ = conn.Close()
		}
	}
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		class   string // "": all is well
		says    string
	}{
		{"not found", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, "unexpected status", "is answered 404"},
		{"wrong place", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "https://evil.example/")
			w.WriteHeader(302)
		}, "unexpected Location", `leads to "https://evil.example/", want "` + elsewhere},
		{"no place", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(302) }, "unexpected Location", `leads to ""`},
		{"hangs up", raw(""), "closed without an answer", "closed"},
		{"half a head", raw("HTTP/1.1 302 Found\r\nLoc"), "closed without an answer", "closed"},
		{"half a body", raw("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf"), "unexpected status", "200"},
		{"nonsense", raw("SSH-2.0-OpenSSH_9.2\r\n\r\n"), "malformed answer", "SSH-2.0"},
		{"until it closes", raw("HTTP/1.0 302 Found\r\nLocation: " + elsewhere + "\r\n\r\na body"), "unexpected Location", ""},
		{"stalls", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "timed out", "no answer"},
	} {
		for _, config := range []load.Config{{}, {TLS: &load.TLS{}, Fresh: true}} {
			name, config := c.name+" in a loop", config
			var secure *tls.Config
			if config.TLS != nil {
				name = c.name + " with TLS"
				secure = &tls.Config{Certificates: []tls.Certificate{certificate(t)}}
			}
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				s := newServer(t, secure, c.handler)
				config.Address, config.Connections, config.Duration, config.Timeout = s.address, 2, 200*time.Millisecond, 300*time.Millisecond
				round := put(t, config)
				err := round.Err()
				if err == nil || !strings.Contains(err.Error(), "nothing was measured") || round.Visits != 0 {
					t.Fatalf("%d visits; %v", round.Visits, err)
				}
				if len(round.Errors) != 1 || round.Errors[0].Class != c.class || config.TLS == nil && !strings.Contains(round.Errors[0].Example, c.says) {
					t.Errorf("errors %+v", round.Errors)
				}
				if c.class == "timed out" && round.Latency.Max < 200_000 {
					t.Errorf("visits that timed out count %v µs", round.Latency.Max)
				}
			})
		}
	}
}

// TestNobodyThere visits an address where nothing listens.
func TestNobodyThere(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	address := l.Addr().String()
	check(t, l.Close())
	for _, secure := range []*load.TLS{nil, {}} {
		round := put(t, load.Config{Address: address, TLS: secure, Connections: 2, Duration: 10 * time.Second, Timeout: 200 * time.Millisecond})
		err = round.Err()
		if err == nil || !strings.Contains(err.Error(), "could not connect") || !strings.Contains(err.Error(), "refused") {
			t.Errorf("TLS %v: %v", secure != nil, err)
		}
		if round.Seconds > 5 {
			t.Errorf("TLS %v: it took %v s", secure != nil, round.Seconds)
		}
	}
}

// TestBodies reads bodies of every framing, in pieces, on kept connections.
func TestBodies(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]http.HandlerFunc{
		"length":  func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, strings.Repeat("a", 200)) },
		"chunked": func(w http.ResponseWriter, _ *http.Request) { pieces(w, 1, 100, 40_000, 3) },
		"one":     func(w http.ResponseWriter, _ *http.Request) { pieces(w, 1) },
		"large": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100000")
			pieces(w, 50_000, 50_000)
		},
		"closes": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Connection", "close")
			_, _ = io.WriteString(w, "body")
		},
	} {
		for _, secure := range []*load.TLS{nil, {}} {
			t.Run(fmt.Sprintf("%s, TLS %t", name, secure != nil), func(t *testing.T) {
				t.Parallel()
				var config *tls.Config
				if secure != nil {
					config = &tls.Config{Certificates: []tls.Certificate{certificate(t)}}
				}
				s := newServer(t, config, handler)
				round := put(t, load.Config{
					Address: s.address, TLS: secure, Connections: 2, Duration: 200 * time.Millisecond, Statuses: []int{200},
				})
				if err := round.Err(); err != nil || round.Failed > 0 || round.Visits < 2 {
					t.Errorf("%d visits, %d failed: %v %+v", round.Visits, round.Failed, err, round.Errors)
				}
			})
		}
	}
}

// pieces writes a body in pieces, each sent at once.
func pieces(w http.ResponseWriter, sizes ...int) {
	for _, n := range sizes {
		_, _ = io.WriteString(w, strings.Repeat("x", n))
		w.(http.Flusher).Flush()
	}
}

// TestResumption checks that the share of resumed sessions is as asked for.
func TestResumption(t *testing.T) {
	t.Parallel()
	s := newServer(t, &tls.Config{Certificates: []tls.Certificate{certificate(t)}, NextProtos: []string{"http/1.1"}}, redirect)
	for _, share := range []float64{0, .5, 1} {
		round := put(t, load.Config{
			Address: s.address, Host: "go.example", TLS: &load.TLS{Resume: share}, Fresh: true, Connections: 2, Duration: 500 * time.Millisecond,
		})
		check(t, round.Err())
		if got := *round.Resumed; math.Abs(got-share) > .15 {
			t.Errorf("share %v: %v of %d resumed", share, got, round.Visits)
		}
	}
}

// TestInterrupted stops a run.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	for _, secure := range []*load.TLS{nil, {}} {
		var config *tls.Config
		if secure != nil {
			config = &tls.Config{Certificates: []tls.Certificate{certificate(t)}}
		}
		ctx, cancel := context.WithCancel(t.Context())
		var once sync.Once
		s := newServer(t, config, func(w http.ResponseWriter, r *http.Request) {
			once.Do(cancel)
			redirect(w, r)
		})
		round, err := load.Run(ctx, load.Config{Address: s.address, TLS: secure, Links: made(t, 10, ""), Duration: time.Minute})
		check(t, err)
		if err := round.Err(); err == nil || !strings.Contains(err.Error(), "interrupted") && !strings.Contains(err.Error(), "nothing was measured") {
			t.Errorf("TLS %t: %v", secure != nil, err)
		}
	}
}

// TestConfig checks what is refused.
func TestConfig(t *testing.T) {
	t.Parallel()
	for says, change := range map[string]func(*load.Config){
		"want host:port":    func(c *load.Config) { c.Address = "nowhere" },
		"links: none":       func(c *load.Config) { c.Links = nil },
		"connections: want": func(c *load.Config) { c.Connections = -1 },
		"workers: want":     func(c *load.Config) { c.Workers = 65 },
		"rate: want":        func(c *load.Config) { c.Rate = math.NaN() },
		"duration: want":    func(c *load.Config) { c.Duration = time.Millisecond },
		"warm-up: want":     func(c *load.Config) { c.Warmup = -1 },
		"resume: want":      func(c *load.Config) { c.TLS, c.Fresh = &load.TLS{Resume: 2}, true },
		"nothing to resume": func(c *load.Config) { c.TLS = &load.TLS{Resume: 1} },
		"want a name":       func(c *load.Config) { c.Host = "a b" },
	} {
		config := load.Config{Address: "127.0.0.1:1", Links: made(t, 1, "")}
		change(&config)
		if _, err := load.Run(t.Context(), config); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("want %q, got %v", says, err)
		}
	}
}
