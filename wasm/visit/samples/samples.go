// Package samples holds real user agents, each with the platforms that it
// stands for as a person who knows the agents judged them, for tests of
// whoever deals with platforms. It must not know how they are recognised: it
// is what that is measured against.
//
// The agents were collected from uap-core's test cases, from the npm packages
// user-agents and top-user-agents, from what the operators of crawlers
// publish, and from public source code and server logs.
//
// agents.tsv has a line for each: a name, the most specific platform, all
// platforms sorted and separated by commas, the user agent; separated by tabs.
package samples

import (
	_ "embed" // the agents
	"fmt"
	"strings"
)

//go:embed agents.tsv
var agents string

// Agent is a user agent and what it stands for.
type Agent struct {
	Name      string   // unique
	Platform  string   // id of the most specific platform
	Platforms []string // ids of all of them, sorted
	UserAgent string
}

// All returns the agents, parsing them at each call.
func All() []Agent {
	var all []Agent
	for line := range strings.Lines(agents) {
		fields := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(fields) != 4 {
			panic(fmt.Sprintf("samples: line %d has %d fields", len(all)+1, len(fields)))
		}
		all = append(all, Agent{
			Name:      fields[0],
			Platform:  fields[1],
			Platforms: strings.Split(fields[2], ","),
			UserAgent: fields[3],
		})
	}
	return all
}
