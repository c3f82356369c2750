package main

import (
	"net/http"
	"strconv"

	"github.com/spf13/cobra"
)

// platformReply is a platform as the API gives it.
type platformReply struct {
	ID      string `json:"id"`
	Number  int    `json:"number"`
	Zh      string `json:"zh"`
	En      string `json:"en"`
	Kind    string `json:"kind"`
	Retired bool   `json:"retired"`
}

type platformsReply struct {
	Platforms []platformReply `json:"platforms"`
}

var listPlatforms = call{method: http.MethodGet, path: "/v1/platforms"}

func (c *cli) platformCommand() *cobra.Command {
	cmd := c.remote(group("platform", "Show what links can allow and guard", "Show the platform catalog: what links can allow and guard."))
	cmd.AddCommand(&cobra.Command{
		Use: "list", Short: "List the platforms", Args: wants(), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var p platformsReply
			got, err := c.do(cmd.Context(), listPlatforms, &p)
			if err != nil {
				return err
			}
			if c.json {
				return c.printReply(got)
			}
			var rows [][]string
			for _, one := range p.Platforms {
				retired := ""
				if one.Retired {
					retired = "retired"
				}
				rows = append(rows, []string{one.ID, one.Zh, one.En, one.Kind, strconv.Itoa(one.Number), retired})
			}
			return c.newTable("ID", "中文", "ENGLISH", "KIND", "NUMBER", "").write(rows)
		},
	})
	cmd.AddCommand(c.confusionCommand())
	return cmd
}
