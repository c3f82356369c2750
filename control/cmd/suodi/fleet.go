package main

import (
	"net/http"
	"time"

	"github.com/spf13/cobra"
)

// fleetReply is the fleet as the API gives it.
type fleetReply struct {
	Edges []struct {
		ID          string    `json:"id"`
		Version     string    `json:"version"`
		ConnectedAt time.Time `json:"connected_at"`
		Revision    string    `json:"revision"`
	} `json:"edges"`
}

var getFleet = call{method: http.MethodGet, path: "/v1/fleet"}

func (c *cli) fleetCommand() *cobra.Command {
	return c.remote(&cobra.Command{
		Use: "fleet", Short: "List the connected edges", Args: wants(), ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var fleet fleetReply
			got, err := c.do(cmd.Context(), getFleet, &fleet)
			if err != nil {
				return err
			}
			if c.json {
				return c.printReply(got)
			}
			if len(fleet.Edges) == 0 {
				c.say("no edge is connected; `suodi dev` starts one, else suodi-edge --upstream with the feed's address")
				return nil
			}
			var rows [][]string
			for _, e := range fleet.Edges {
				rows = append(rows, []string{e.ID, e.Version, localTime(e.ConnectedAt), e.Revision})
			}
			return c.newTable("EDGE", "VERSION", "CONNECTED", "REVISION").write(rows)
		},
	})
}
