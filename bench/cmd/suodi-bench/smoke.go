package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"suodi/bench"
)

// tokenFile is where a control plane that was started here keeps its token.
const tokenFile = "data/admin-token"

func (in invocation) smoke() *cobra.Command {
	var config bench.SmokeConfig
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "smoke",
		Short: "Have every sample user agent visit a few links and check what it gets",
		Long: `Makes a few links, tagged smoke: one without sets, one that allows ios, one that
guards wechat and qq, and one with both. Has every sample user agent visit each
over TCP, prints a table of what each platform received, and removes the links.
It fails when an agent gets something else than the links' sets imply.`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			if config.Token, err = in.token(config.Token); err != nil {
				return err
			}
			bar := newBar(in.stderr, "visits")
			config.Progress = bar.show
			report, err := bench.Smoke(cmd.Context(), config)
			bar.clear()
			if report == nil {
				return wayOut(err)
			}
			if asJSON {
				encoder := json.NewEncoder(in.stdout)
				encoder.SetIndent("", "  ")
				err = errors.Join(err, encoder.Encode(report))
			} else {
				err = errors.Join(err, report.WriteTable(in.stdout))
			}
			return errors.Join(report.Err(), err)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&config.API, "api", "http://127.0.0.1:7070", "`URL` of the control plane")
	flags.StringVar(&config.Edge, "edge", "http://127.0.0.1:8080", "`URL` of the edge")
	flags.StringVar(&config.Token, "token", "", "API token; left out: SUODI_TOKEN, else what ./"+tokenFile+" holds")
	flags.BoolVar(&asJSON, "json", false, "write the report as JSON")
	return cmd
}

// token returns the API token: what the flag says, else the environment, else
// the file that `suodi dev` keeps in this directory.
func (in invocation) token(flag string) (string, error) {
	if flag != "" {
		return flag, nil
	}
	if token := in.getenv("SUODI_TOKEN"); token != "" {
		return token, nil
	}
	data, err := os.ReadFile(tokenFile)
	if errors.Is(err, fs.ErrNotExist) {
		return "", fmt.Errorf("no API token: give --token or SUODI_TOKEN, or run where ./%s is", tokenFile)
	}
	if err != nil {
		return "", fmt.Errorf("API token: %w", err)
	}
	return strings.TrimSpace(string(data)), nil
}

// wayOut adds what to do about an error.
func wayOut(err error) error {
	switch {
	case errors.Is(err, bench.ErrNoControl):
		return fmt.Errorf("%w; start one with `suodi dev`, or say with --api where it is", err)
	case errors.Is(err, bench.ErrNoEdge):
		return fmt.Errorf("%w; start one with `suodi dev` or `suodi-edge`, or say with --edge where it is", err)
	case errors.Is(err, bench.ErrToken):
		return fmt.Errorf("%w; give the right one with --token or SUODI_TOKEN", err)
	}
	return err
}
