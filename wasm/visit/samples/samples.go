// Package samples holds real user agents, each with the platforms that it
// stands for as a person who knows the agents judged them, for tests of
// whoever deals with platforms, and for the compiler of rules that must not tell
// crawlers apart. It must not know how they are recognised: it is what that is
// measured against.
//
// The agents were collected from uap-core's test cases, from the npm packages
// user-agents and top-user-agents, from what the operators of crawlers
// publish, and from public source code and server logs.
//
// agents.tsv has a line for each: a name, the most specific platform, all
// platforms separated by commas, the user agent; separated by tabs. Read reads
// whatever has that form; Compare says how well agents are recognised.
package samples

import (
	"bufio"
	_ "embed" // the agents
	"fmt"
	"io"
	"slices"
	"strings"
)

//go:embed agents.tsv
var agents string

// Agent is a user agent and what it stands for.
type Agent struct {
	Name      string   `json:"name"`
	Platform  string   `json:"platform"`  // id of the most specific platform
	Platforms []string `json:"platforms"` // ids of all of them, sorted
	UserAgent string   `json:"user_agent"`
}

// All returns the agents, whose names are unique, parsing them at each call.
func All() []Agent {
	all, err := Read(strings.NewReader(agents))
	if err != nil {
		panic(err) // a test reads the same lines
	}
	return all
}

// maxLine bounds a line: real ones stay under 1 KiB.
const maxLine = 64 << 10

// Read reads agents in the form of agents.tsv. Empty lines and those that begin
// with # are passed over. Errors name the line.
func Read(r io.Reader) ([]Agent, error) {
	var all []Agent
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, maxLine)
	line := 0
	for scanner.Scan() {
		line++
		text := strings.TrimSuffix(scanner.Text(), "\r")
		if text == "" || text[0] == '#' {
			continue
		}
		agent, err := parse(text)
		if err != nil {
			return nil, fmt.Errorf("samples: line %d: %w", line, err)
		}
		all = append(all, agent)
	}
	if err := scanner.Err(); err != nil {
		return nil, fmt.Errorf("samples: line %d: %w", line+1, err)
	}
	return all, nil
}

func parse(line string) (Agent, error) {
	fields := strings.SplitN(line, "\t", 4)
	if len(fields) < 4 {
		return Agent{}, fmt.Errorf("%d fields: want name, platform, all platforms and user agent, separated by tabs", len(fields))
	}
	platforms := strings.Split(fields[2], ",")
	slices.Sort(platforms)
	if !slices.Contains(platforms, fields[1]) {
		return Agent{}, fmt.Errorf("platform %q is not among all platforms, %s", fields[1], fields[2])
	}
	return Agent{Name: fields[0], Platform: fields[1], Platforms: platforms, UserAgent: fields[3]}, nil
}
