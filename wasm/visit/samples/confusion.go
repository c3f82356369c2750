package samples

import (
	"cmp"
	"slices"
)

// Judge says which platforms a user agent stands for, by their ids: the most
// specific one, and all of them.
type Judge func(userAgent string) (platform string, platforms []string)

// Table compares what a judge says of agents with what they are.
type Table struct {
	Agents int `json:"agents"`
	Right  int `json:"right"` // of which the whole set is as it should be
	// Platforms has a row for each id that an agent is or was taken for, by id.
	Platforms []Row `json:"platforms"`
	// Confusions are the pairs of most specific platforms that differ, the most
	// frequent first.
	Confusions []Confusion `json:"confusions"`
	// Wrong are the agents whose sets differ, in their order.
	Wrong []Wrong `json:"wrong"`
}

// Row is how well one platform is told. Precision is Right of Found, Recall is
// Right of Expected, 1 where there is nothing to be wrong about.
type Row struct {
	Platform  string  `json:"platform"`
	Expected  int     `json:"expected"` // agents that are it
	Found     int     `json:"found"`    // agents that are taken for it
	Right     int     `json:"right"`    // both
	Precision float64 `json:"precision"`
	Recall    float64 `json:"recall"`
}

// Confusion is how many agents that are one platform are taken for another.
type Confusion struct {
	Expected string `json:"expected"`
	Got      string `json:"got"`
	Agents   int    `json:"agents"`
}

// Wrong is an agent that was taken for what it is not.
type Wrong struct {
	Agent Agent    `json:"agent"`
	Got   []string `json:"got"` // sorted
}

// Compare has a judge say what agents are.
func Compare(agents []Agent, judge Judge) Table {
	table := Table{Agents: len(agents), Platforms: []Row{}, Confusions: []Confusion{}, Wrong: []Wrong{}}
	rows := map[string]*Row{}
	row := func(id string) *Row {
		if rows[id] == nil {
			rows[id] = &Row{Platform: id}
		}
		return rows[id]
	}
	confused := map[Confusion]int{}
	for _, agent := range agents {
		platform, got := judge(agent.UserAgent)
		got = slices.Sorted(slices.Values(got))
		for _, id := range agent.Platforms {
			row(id).Expected++
			if slices.Contains(got, id) {
				row(id).Right++
			}
		}
		for _, id := range got {
			row(id).Found++
		}
		if platform != agent.Platform {
			confused[Confusion{Expected: agent.Platform, Got: platform}]++
		}
		if platform == agent.Platform && slices.Equal(got, agent.Platforms) {
			table.Right++
		} else {
			table.Wrong = append(table.Wrong, Wrong{Agent: agent, Got: got})
		}
	}
	for _, r := range rows {
		r.Precision, r.Recall = share(r.Right, r.Found), share(r.Right, r.Expected)
		table.Platforms = append(table.Platforms, *r)
	}
	slices.SortFunc(table.Platforms, func(a, b Row) int { return cmp.Compare(a.Platform, b.Platform) })
	for c, n := range confused {
		c.Agents = n
		table.Confusions = append(table.Confusions, c)
	}
	slices.SortFunc(table.Confusions, func(a, b Confusion) int {
		return cmp.Or(cmp.Compare(b.Agents, a.Agents), cmp.Compare(a.Expected, b.Expected), cmp.Compare(a.Got, b.Got))
	})
	return table
}

func share(part, whole int) float64 {
	if whole == 0 {
		return 1
	}
	return float64(part) / float64(whole)
}
