package bench

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"suodi/bench/load"
	"suodi/bench/peer"
)

// FillConfig says which links are made for measuring; zero means the default.
type FillConfig struct {
	API   string // address of the control plane; required
	Token string // for the API; required
	Links uint64 // load.AppendSlug's, of the default domain; default 10,000

	Progress func(done, total int) // nil: nobody hears
}

// fillBatch is how many links are made at a time.
const fillBatch = 2000

// Fill makes links through the API, tagged bench; those that are there already
// stay. Each guards peer.Guard, so that its sets are looked at.
func Fill(ctx context.Context, config FillConfig) (made uint64, err error) {
	if config.Links == 0 {
		config.Links = 10_000
	}
	if config.Links > load.MaxMade {
		return 0, fmt.Errorf("links: want at most %d, not %d", uint64(load.MaxMade), config.Links)
	}
	client, err := NewClient(config.API, config.Token)
	if err != nil {
		return 0, err
	}
	for from := uint64(0); from < config.Links; from += fillBatch {
		to := min(from+fillBatch, config.Links)
		n, err := fill(ctx, client, from, to)
		made += n
		if err != nil {
			return made, fmt.Errorf("links %d to %d: %w", from, to-1, err)
		}
		if config.Progress != nil {
			config.Progress(int(to), int(config.Links))
		}
	}
	return made, nil
}

// fill makes some of the links.
func fill(ctx context.Context, client *Client, from, to uint64) (made uint64, err error) {
	rows := make([]map[string]any, 0, to-from)
	for n := from; n < to; n++ {
		slug := string(load.AppendSlug(nil, n))
		rows = append(rows, map[string]any{"url": peer.Location + slug, "slug": slug, "guard": []string{peer.Guard}, "tags": []string{"bench"}})
	}
	var answer struct {
		Results []struct {
			Status  int
			Problem struct{ Title, Detail string }
		}
	}
	if _, err := client.Do(ctx, http.MethodPost, "/v1/links/batch?wait=edges", map[string]any{"links": rows}, &answer); err != nil {
		return 0, err
	}
	if len(answer.Results) != len(rows) {
		return 0, errors.New("the answer does not have a result for each")
	}
	for _, result := range answer.Results {
		switch result.Status {
		case http.StatusCreated:
			made++
		case http.StatusConflict: // it is there already
		default:
			return made, &Refused{Status: result.Status, Detail: result.Problem.Title + ": " + result.Problem.Detail}
		}
	}
	return made, nil
}
