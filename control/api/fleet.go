package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"suodi/control/link"
)

// edgeBody is a connected edge as the API gives it.
type edgeBody struct {
	ID          string        `json:"id"`
	Version     string        `json:"version" doc:"Of the edge's program."`
	ConnectedAt time.Time     `json:"connected_at"`
	Revision    link.Revision `json:"revision" doc:"Last revision it acknowledged."`
}

type fleetOutput struct {
	Body struct {
		Edges []edgeBody `json:"edges" doc:"The edges connected to this node, by id."`
	}
}

func (s *service) fleet(api huma.API) {
	huma.Register(api, operation("list-fleet", http.MethodGet, "/v1/fleet", "List the connected edges", "fleet"),
		func(context.Context, *struct{}) (*fleetOutput, error) {
			out := &fleetOutput{}
			out.Body.Edges = []edgeBody{}
			for _, e := range s.backend.Edges() {
				out.Body.Edges = append(out.Body.Edges, edgeBody{
					ID: e.ID, Version: e.Version, ConnectedAt: e.ConnectedAt.UTC(), Revision: e.Revision,
				})
			}
			return out, nil
		})
}
