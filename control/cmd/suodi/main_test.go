package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"suodi/control"
)

// quickRace keeps programs built with the race detector from sleeping for a
// second whenever they end.
const quickRace = "atexit_sleep_ms=10"

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"suodi": main, "suodi-edge": fakeEdge})
}

// fakeEdge stands in for the edge's program. FAKE_EDGE makes it fail at once,
// or ignore SIGTERM.
func fakeEdge() {
	flags := flag.NewFlagSet("suodi-edge", flag.ExitOnError)
	listen := flags.String("listen", "", "")
	admin := flags.String("admin", "", "")
	for _, name := range []string{"data", "upstream", "id", "log-level"} {
		flags.Func(name, "", func(text string) error {
			fmt.Fprintf(os.Stderr, "%s is %s\n", name, text)
			return nil
		})
	}
	flags.Bool("go-filters", false, "")
	_ = flags.Parse(os.Args[1:]) // exits on an error
	if os.Getenv("FAKE_EDGE") == "fail" {
		fmt.Fprintln(os.Stderr, "the disk is on fire")
		os.Exit(7)
	}
	l, err := net.Listen("tcp", *admin)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGTERM)
	http.HandleFunc("/readyz", func(http.ResponseWriter, *http.Request) {})
	http.HandleFunc("/die", func(http.ResponseWriter, *http.Request) { os.Exit(3) })
	http.HandleFunc("/hold", func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	go func() { _ = http.Serve(l, nil) }()
	fmt.Printf("suodi-edge: listening edge=%s admin=%s\n", *listen, l.Addr())
	for range signals {
		fmt.Fprintln(os.Stderr, "asked to stop")
		if os.Getenv("FAKE_EDGE") != "stubborn" {
			return
		}
	}
}

// openControl starts a control plane in this process.
func openControl(t testing.TB, dir string) *control.Server {
	t.Helper()
	server, err := control.Open(context.Background(), control.Config{
		Dir: dir, API: "127.0.0.1:0", Feed: "127.0.0.1:0", Raft: "127.0.0.1:0", BaseURL: "http://s.example",
	})
	if err != nil {
		t.Fatal(err)
	}
	return server
}

// TestScript runs the program against a control plane of each script's own.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			server := openControl(t, filepath.Join(env.Cd, ".control"))
			env.Defer(func() {
				if err := server.Close(); err != nil {
					t.Error(err)
				}
			})
			program, err := exec.LookPath("suodi")
			if err != nil {
				return err
			}
			wasm, err := filepath.Abs("../../../wasm")
			if err != nil {
				return err
			}
			for name, value := range map[string]string{
				"WASM":       wasm, // for modules that are there
				"SUODI_ADDR": server.APIURL(), "SUODI_TOKEN": server.Token(), "CONTROL_DATA": filepath.Join(env.Cd, ".control"),
				"PROGRAM": program, "TZ": "UTC", "GORACE": quickRace, "DOWN": unusedAddress(t), "STRANGER": stranger(env),
			} {
				env.Setenv(name, value)
			}
			env.Values[serverKey{}] = server
			env.Values[apiKey{}] = newClient(server.APIURL(), server.Token())
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"links": makeLinks, "edge": connectEdge, "await": await},
	})
}

type (
	apiKey    struct{}
	serverKey struct{}
)

// makeLinks makes a number of links: links N.
func makeLinks(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	rows := make([]map[string]any, n)
	for i := range rows {
		rows[i] = map[string]any{"url": "https://example.org/" + strconv.Itoa(i), "slug": fmt.Sprintf("link-%04d", i), "tags": []string{"many"}}
	}
	_, err = ts.Value(apiKey{}).(*client).do(context.Background(),
		call{method: http.MethodPost, path: "/v1/links/batch", body: map[string]any{"links": rows}}, nil)
	ts.Check(err)
}

// unusedAddress returns an address that nothing listens on.
func unusedAddress(t testing.TB) string {
	t.Helper()
	p := &port{address: "127.0.0.1:0"}
	if err := reserve([]*port{p}); err != nil {
		t.Fatal(err)
	}
	return p.address
}

// stranger starts a web server that is no control plane.
func stranger(env *testscript.Env) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		env.T().Fatal(err)
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintln(w, "<h1>It works!</h1>")
	})}
	go func() { _ = server.Serve(l) }()
	env.Defer(func() { _ = server.Close() })
	return l.Addr().String()
}
