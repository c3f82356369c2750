package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"suodi/control"
	"suodi/control/link"
)

const (
	// readyTimeout is how long the edge may take until it serves.
	readyTimeout = 30 * time.Second
	// readyPause is the time between two questions whether something is ready.
	readyPause = 50 * time.Millisecond
)

// dev is a control plane in this process and an edge beside it.
type dev struct {
	*cli
	data     string
	logLevel string
	token    string // the admin token; empty: the node chooses it
	ports    devPorts
	edgePath string // of the edge's program

	node *control.Server
	edge *edge
}

// devPorts are the addresses of everything, in the order they are checked.
type devPorts struct{ api, edge, feed, raft, admin *port }

func (p devPorts) all() []*port { return []*port{p.api, p.edge, p.feed, p.raft, p.admin} }

func (c *cli) devCommand() *cobra.Command {
	var data, api, edge, level string
	cmd := &cobra.Command{
		Use: "dev", Short: "Run everything on this machine: a control plane and an edge", Args: wants(), ValidArgsFunction: cobra.NoFileCompletions,
		Long: `Run a control plane and an edge on this machine, for trying things out and for
development. Ctrl-C stops both in good order, a second one at once.

The feed takes port 7071, Raft 7072 and the edge's admin address 8081; when
--api or --edge is given they are chosen freely. SUODI_TOKEN sets the admin
token; without it one is made at the first start and kept in the data folder.`,
		Example: "  suodi dev\n  suodi dev --data /tmp/try --api 127.0.0.1:0 --edge 127.0.0.1:0",
		RunE: func(cmd *cobra.Command, _ []string) error {
			d := &dev{cli: c, data: data, logLevel: level}
			free := cmd.Flags().Changed("api") || cmd.Flags().Changed("edge")
			d.ports = choosePorts(api, edge, free)
			return d.run(cmd.Context())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&data, "data", defaultData, "`folder` that holds everything")
	flags.StringVar(&api, "api", "127.0.0.1:7070", "`address` of the admin API")
	flags.StringVar(&edge, "edge", "127.0.0.1:8080", "`address` that visitors open")
	flags.StringVar(&level, "log-level", "warn", "least `level` that is logged: debug, info, warn or error")
	complete(cmd, "log-level", cobra.FixedCompletions(logLevels, cobra.ShellCompDirectiveNoFileComp))
	for _, name := range []string{"api", "edge"} {
		complete(cmd, name, cobra.NoFileCompletions)
	}
	_ = cmd.MarkFlagDirname("data") // fails only for a flag that is not there
	return cmd
}

func choosePorts(api, edge string, free bool) devPorts {
	other := func(name, number string) *port {
		if free {
			number = "0"
		}
		return &port{flag: "--api or --edge (the others are then chosen freely)", name: name, address: "127.0.0.1:" + number}
	}
	return devPorts{
		api:  &port{flag: "--api", name: "the API", address: api},
		edge: &port{flag: "--edge", name: "the edge", address: edge},
		feed: other("the feed", "7071"), raft: other("Raft", "7072"), admin: other("the edge's admin", "8081"),
	}
}

// run starts both, waits until they are ready, says so and keeps them running
// until ctx ends.
func (d *dev) run(ctx context.Context) (err error) {
	if d.token, err = d.adminToken(); err != nil {
		return err
	}
	if d.edgePath, err = findEdge(); err != nil {
		return err
	}
	if err := reserve(d.ports.all()); err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, d.stop())
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			err = nil // told to stop while starting
		}
	}()
	if err := d.start(ctx); err != nil {
		return err
	}
	if err := d.greet(); err != nil {
		return err
	}
	if err := d.supervise(ctx); err != nil {
		return err
	}
	d.say("stopping")
	return nil
}

// findEdge returns where the edge's program is: beside this one.
func findEdge() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("cannot tell where this program is, and so not where suodi-edge is: %w", err)
	}
	path := filepath.Join(filepath.Dir(self), "suodi-edge")
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", fmt.Errorf("the edge's program is not beside this one: there is no %s; `make build` builds both into bin", path)
	case err != nil:
		return "", fmt.Errorf("the edge's program: %w", err)
	case !info.Mode().IsRegular() || info.Mode().Perm()&0o111 == 0:
		return "", fmt.Errorf("%s is no program; `make build` builds it", path)
	}
	return path, nil
}

// baseURL is how short links begin.
func (d *dev) baseURL() string { return "http://" + reachable(d.ports.edge.address) }

func (d *dev) start(ctx context.Context) error {
	out := &lines{out: d.stderr, style: d.styleOf(d.stderr)}
	logger, err := newLogger(out.named("control"), d.logLevel, "text")
	if err != nil {
		return err
	}
	d.node, err = control.Open(ctx, control.Config{
		Dir: d.data, API: d.ports.api.address, Feed: d.ports.feed.address, Raft: d.ports.raft.address,
		BaseURL: d.baseURL(), Token: d.token, GoFilters: true, Version: version(), Logger: logger,
	})
	if err != nil {
		return explainOpen(err, d.data, d.ports.all())
	}
	if err := d.followEdge(ctx); err != nil {
		return err
	}
	d.edge = &edge{
		path: d.edgePath, say: d.say, output: out.named("edge"),
		args: []string{
			"--listen", d.ports.edge.address, "--admin", d.ports.admin.address, "--data", filepath.Join(d.data, "edge"),
			"--upstream", d.node.FeedAddress(), "--id", "edge-1", "--log-level", d.logLevel, "--go-filters",
		},
	}
	if err := d.edge.start(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, readyTimeout, fmt.Errorf("it was not ready within %s", readyTimeout))
	defer cancel()
	if err := d.edge.waitReady(ctx); err != nil {
		return err
	}
	if err := awaitReady(ctx, d.node.APIURL()+"/readyz", nil); err != nil {
		return fmt.Errorf("the control plane does not become ready: %w", err)
	}
	return nil
}

// followEdge keeps the default domain's short URLs where the edge is, when it
// listens on another port than last time.
func (d *dev) followEdge(ctx context.Context) error {
	s := &session{client: newClient(d.node.APIURL(), d.node.Token())}
	var got domainsReply
	if _, err := s.do(ctx, listDomains, &got); err != nil {
		return s.explain(err)
	}
	base, err := url.Parse(d.baseURL())
	if err != nil {
		return err
	}
	host, err := link.ParseDomain(base.Hostname())
	if err != nil {
		return err
	}
	for _, domain := range got.Domains {
		if !domain.Default || domain.Name != string(host) || domain.BaseURL == d.baseURL() {
			continue
		}
		_, err := s.do(ctx, call{
			method: http.MethodPut, path: "/v1/domains/" + url.PathEscape(domain.Name),
			header: http.Header{"If-Match": {`"` + domain.Revision + `"`}},
			body: map[string]any{
				"base_url": d.baseURL(), "default": true, "not_found_url": domain.NotFoundURL,
			},
		}, nil)
		if err != nil {
			return s.explain(err)
		}
		d.say("short links of %s begin with %s now; it was %s", domain.Name, d.baseURL(), domain.BaseURL)
	}
	return nil
}

// awaitReady asks a daemon until it answers 200. It gives up when ctx ends or
// gone is closed.
func awaitReady(ctx context.Context, address string, gone <-chan struct{}) error {
	said := "no answer"
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
		if err != nil {
			return err
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			text, _ := io.ReadAll(io.LimitReader(response.Body, 500)) // for people
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
			said = fmt.Sprintf("%d %s", response.StatusCode, printable(string(text)))
		}
		select {
		case <-time.After(readyPause):
		case <-gone:
			return errGone
		case <-ctx.Done():
			return fmt.Errorf("%s said: %s (%w)", address, said, context.Cause(ctx))
		}
	}
}

// supervise keeps the edge running until ctx ends or the control plane fails.
func (d *dev) supervise(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	supervised := make(chan struct{})
	go func() {
		defer close(supervised)
		d.edge.keep(ctx)
	}()
	var err error
	select {
	case err = <-d.node.Failed():
		err = fmt.Errorf("the control plane cannot serve on: %w", err)
	case <-ctx.Done():
	}
	cancel()
	<-supervised
	return err
}

// stop ends the edge, then the control plane.
func (d *dev) stop() error {
	if d.edge != nil {
		if err := d.edge.stop(d.abort); err != nil {
			return err
		}
	}
	if d.node == nil {
		return nil
	}
	return d.closeNode(d.node)
}
