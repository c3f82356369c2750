package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"suodi/bench"
	"suodi/bench/peer"
)

func (in invocation) fill() *cobra.Command {
	var config bench.FillConfig
	cmd := &cobra.Command{
		Use:   "fill",
		Short: "Make links to visit, through the API",
		Long: `Makes links of the default domain, tagged bench, for ` + "`suodi-bench run --links N`" + `.
Links that are there already stay. The N links are the same at every time and
place, and every Location is

  ` + peer.Location + `SLUG`,
		Args: noArguments,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if config.Token, err = in.token(config.Token); err != nil {
				return err
			}
			bar := newBar(in.stderr, "links")
			config.Progress = bar.show
			made, err := bench.Fill(cmd.Context(), config)
			bar.clear()
			if err != nil {
				return wayOut(err)
			}
			_, err = fmt.Fprintf(in.stdout, "%d links made, %d were there\n", made, config.Links-made)
			return err
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&config.API, "api", "http://127.0.0.1:7070", "`URL` of the control plane")
	flags.StringVar(&config.Token, "token", "", "API token; left out: SUODI_TOKEN, else what ./"+tokenFile+" holds")
	flags.Uint64Var(&config.Links, "links", 10_000, "how many")
	return cmd
}
