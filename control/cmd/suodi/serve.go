package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"suodi/control"
	"suodi/control/auth"
)

func (c *cli) serveCommand() *cobra.Command {
	settings, file := serveSettings(), ""
	cmd := &cobra.Command{
		Use: "serve", Short: "Run a control node", Args: wants(), ValidArgsFunction: cobra.NoFileCompletions,
		Long: `Run a control node until SIGTERM or SIGINT, which lets requests in flight finish.

Every flag but --config is also a key of the configuration file, a YAML file
with lines like "api: 127.0.0.1:7070"; flags win. SUODI_TOKEN sets the admin
token; without it one is made at the first start and kept in the data folder,
in ` + tokenFile + ` (mode 0600).

When the node serves it prints one line: suodi: listening api=ADDRESS feed=ADDRESS`,
		Example: "  suodi serve --config /etc/suodi.yaml\n  suodi serve --data /var/lib/suodi --base-url https://go.example.com",
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file != "" {
				if err := readConfig(cmd, file, settings); err != nil {
					return err
				}
			}
			return c.serve(cmd.Context(), settings)
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "YAML `file` with the settings below")
	_ = cmd.MarkFlagFilename("config", "yaml", "yml") // fails only for a flag that is not there
	register(cmd, settings)
	return cmd
}

func (c *cli) serve(ctx context.Context, settings []*setting) error {
	value := func(key string) string { return find(settings, key).value }
	logger, err := newLogger(c.stderr, value("log-level"), value("log-format"))
	if err != nil {
		return err
	}
	token, err := c.adminToken()
	if err != nil {
		return err
	}
	goFilters, err := yesNo("go-filters", value("go-filters"))
	if err != nil {
		return err
	}
	tokenPath := filepath.Join(value("data"), tokenFile)
	_, err = os.Stat(tokenPath)
	first := errors.Is(err, os.ErrNotExist)
	bound := []*port{
		{flag: "--api", name: "the API", address: value("api")},
		{flag: "--feed", name: "the feed", address: value("feed")},
		{flag: "--raft", name: "Raft", address: value("raft")},
	}
	node, err := control.Open(ctx, control.Config{
		Dir: value("data"), NodeID: value("node-id"), API: value("api"), Feed: value("feed"), Raft: value("raft"),
		BaseURL: value("base-url"), Token: token, GoFilters: goFilters, Version: version(), Logger: logger,
	})
	if err != nil {
		if ctx.Err() != nil {
			return nil // told to stop while starting
		}
		return explainOpen(err, value("data"), bound)
	}
	if first {
		c.say("suodi: the admin token is in %s", tokenPath)
	}
	_, _ = fmt.Fprintf(c.stdout, "suodi: listening api=%s feed=%s\n", node.APIURL(), node.FeedAddress()) // the log has it too
	logger.Info("serving", "api", node.APIURL(), "feed", node.FeedAddress(), "data", value("data"))
	select {
	case <-ctx.Done():
		logger.Info("stopping")
	case err = <-node.Failed():
		err = fmt.Errorf("the node cannot serve on: %w", err)
	}
	return errors.Join(err, c.closeNode(node))
}

// yesNo reads a setting that is one or the other.
func yesNo(key, value string) (bool, error) {
	switch value {
	case "yes", "true":
		return true, nil
	case "no", "false":
		return false, nil
	}
	return false, fmt.Errorf("%s is %q: want yes or no", key, value)
}

// adminToken returns the admin token that the environment sets; "" when it sets
// none.
func (c *cli) adminToken() (string, error) {
	token := c.getenv("SUODI_TOKEN")
	if token == "" {
		return "", nil
	}
	if err := auth.CheckChosen(token); err != nil {
		return "", &usageError{fmt.Sprintf("SUODI_TOKEN cannot be the admin token: %s; choose another or unset it", err)}
	}
	return token, nil
}

// errAborted says that the program was told twice to stop.
var errAborted = errors.New("stopped at once")

// closeNode closes a node, or gives up waiting for it when told to stop at
// once.
func (c *cli) closeNode(node *control.Server) error {
	closed := make(chan error, 1)
	go func() { closed <- node.Close() }()
	select {
	case err := <-closed:
		return err
	case <-c.abort:
		return errAborted
	}
}
