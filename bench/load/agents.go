package load

import (
	"bufio"
	_ "embed" // for the default mix
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"strconv"
	"strings"
)

// Agents are the user agents that visit, each as often as its weight says.
type Agents struct {
	names []string
	// slots has an agent's number in as many places as it has weight.
	slots [agentSlots]uint16
}

const agentSlots = 4096

//go:embed agents.tsv
var defaultAgents string

// DefaultAgents returns a mix of user agents such as follows links that are
// shared in Chinese apps: two in five in WeChat, the rest in other apps, in
// browsers of telephones and desktops, and some crawlers.
func DefaultAgents() *Agents {
	agents, err := ReadAgents(strings.NewReader(defaultAgents))
	if err != nil {
		panic(err) // it is part of the program
	}
	return agents
}

// ReadAgents reads a line for each user agent: its weight, a tab and the agent.
// A line without a tab is an agent of weight 1. Empty lines and lines that
// begin with # do not count.
func ReadAgents(from io.Reader) (*Agents, error) {
	a := &Agents{}
	var weights []float64
	sum := 0.0
	lines := bufio.NewScanner(from)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		weight := 1.0
		given, name, found := strings.Cut(line, "\t")
		if found {
			var err error
			if weight, err = strconv.ParseFloat(given, 64); err != nil || !(weight > 0) || math.IsInf(weight, 0) {
				return nil, fmt.Errorf("line %d: weight %q: want a number over 0", n, given)
			}
		} else {
			name = line
		}
		if strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return nil, fmt.Errorf("line %d: the user agent has a control character", n)
		}
		a.names, weights = append(a.names, name), append(weights, weight)
		sum += weight
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	switch {
	case len(a.names) == 0:
		return nil, errors.New("there is no user agent")
	case len(a.names) > agentSlots:
		return nil, fmt.Errorf("%d user agents; the limit is %d", len(a.names), agentSlots)
	}
	// Each gets at least one slot.
	at, running := 0, 0.0
	for i, weight := range weights {
		running += weight
		end := max(at+1, int(running/sum*agentSlots))
		end = min(end, agentSlots-(len(weights)-1-i))
		for ; at < end; at++ {
			a.slots[at] = uint16(i)
		}
	}
	for ; at < agentSlots; at++ {
		a.slots[at] = uint16(len(weights) - 1)
	}
	return a, nil
}

// Names returns the user agents.
func (a *Agents) Names() []string { return a.names }

func (a *Agents) pick(random *rand.Rand) uint16 { return a.slots[random.Uint32()%agentSlots] }
