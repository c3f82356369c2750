package edge_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"suodi/control/feed/feedpb"
	"suodi/control/link"
	"suodi/edge"
)

// scrape reads the metrics.
func scrape(t *testing.T, server *edge.Server) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+server.AdminAddress()+"/metrics", nil)
	check(t, err)
	response, err := http.DefaultClient.Do(request)
	check(t, err)
	body, err := io.ReadAll(response.Body)
	check(t, err)
	check(t, response.Body.Close())
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%d: %s", response.StatusCode, body)
	}
	return string(body)
}

// TestFilterMetrics reads what filters said, wherever they stand, each version
// once, over times when they are out of force.
func TestFilterMetrics(t *testing.T) {
	server := openSite(t, func(*edge.Config) {})
	pass, deny := compile(t, "let", passAll), compile(t, "let", denyAll)
	let := binding("let", 4, pass)
	let.Canary = canary(5, deny, 1)
	chain := &feedpb.Chain{Bindings: []*feedpb.Binding{let}, Named: []*feedpb.Binding{let, binding("no", 7, deny)}}
	bindLink(t, server, "denies", link.Binding{Filter: "no"})
	for round, lines := range [][]string{
		{`suodi_edge_filter_verdicts_total{filter="no",verdict="deny",version="7"} 1`},
		{
			`suodi_edge_filter_verdicts_total{filter="no",verdict="deny",version="7"} 2`,
			`suodi_edge_filter_verdicts_total{filter="platform",verdict="failed",version="0"} 0`,
			`suodi_edge_filter_verdicts_total{filter="let",verdict="deny",version="5"}`,
			`suodi_edge_filter_erred_total{filter="let",version="4"} 0`,
			`suodi_edge_filter_tripped{filter="let",version="5"} 0`,
			`suodi_edge_filter_tripped{filter="no",version="7"} 0`,
		},
	} {
		bring(t, server, chain, pass, deny)
		if got := askOnce(t, server, "/denies").StatusCode; got != http.StatusForbidden {
			t.Errorf("a visit gets %d", got)
		}
		text := scrape(t, server)
		for _, line := range lines {
			if strings.Count(text, line) != 1 {
				t.Errorf("round %d: %d lines %s", round, strings.Count(text, line), line)
			}
		}
		bring(t, server, &feedpb.Chain{})
		if strings.Contains(scrape(t, server), `filter="no"`) {
			t.Errorf("round %d: a filter that is not in force is told", round)
		}
	}
}
