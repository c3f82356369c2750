package state

import (
	"fmt"

	"suodi/control/state/statepb"
)

// What edges must be able to hold: every filter in force or on trial has its
// instances ready on each of them.
const (
	// MaxRunning is how many filters may be in force or on trial.
	MaxRunning = 128
	// MaxMemory is how much memory the instances of all of them may take on one
	// edge, with their modules, in bytes.
	MaxMemory = 1 << 30

	// edgeInstances is how many instances of a filter an edge of two cores has:
	// one for each of its 16 slots, and 4 to spare.
	edgeInstances = 20
	pageSize      = 64 << 10
)

// load is what filters ask of an edge.
type load struct {
	filters int
	memory  uint64 // bytes
}

// weight is how much memory a version takes on an edge, in bytes.
func weight(v *statepb.FilterVersion) uint64 {
	return edgeInstances*instance(v) + uint64(v.GetSize())
}

// instance is how much memory one instance of a version takes, in bytes. None
// does without a page for the visit.
func instance(v *statepb.FilterVersion) uint64 { return pageSize * uint64(max(v.GetMemory(), 1)) }

// overBudget refuses to put a version of the filter in force, or on trial beside
// the one that is, when edges could not hold what runs then. What takes no more
// than before is always allowed.
func (m *moving) overBudget(version *statepb.FilterVersion, trial bool) (*statepb.Outcome, error) {
	var others, before load
	filters, err := Filters(m.batch)
	if err != nil {
		return nil, err
	}
	for _, f := range filters {
		l, err := m.loadOf(f.Filter)
		if err != nil {
			return nil, err
		}
		if f.GetName() == m.GetName() {
			before = l
			continue
		}
		others.filters += l.filters
		others.memory += l.memory
	}
	after := load{filters: 1, memory: weight(version)}
	if trial && m.GetCurrent() != 0 && m.GetCurrent() != version.GetNumber() {
		current, err := GetVersion(m.batch, m.GetName(), m.GetCurrent())
		if err != nil {
			return nil, err
		}
		after.memory += weight(current)
	}
	switch filters, memory := others.filters+after.filters, others.memory+after.memory; {
	case filters > MaxRunning && after.filters > before.filters:
		return refuse(statepb.Refusal_REFUSAL_BUDGET, fmt.Sprintf("%d filters would be in force or on trial with %s; edges hold at most %d",
			filters, m.GetName(), MaxRunning)), nil
	case memory > MaxMemory && after.memory > before.memory:
		return refuse(statepb.Refusal_REFUSAL_BUDGET, fmt.Sprintf(
			"the filters in force or on trial would take %d MiB on an edge, %d MiB of them %s (%d instances of %d KiB); edges have %d MiB for them",
			memory>>20, after.memory>>20, m.GetName(), edgeInstances, instance(version)>>10, MaxMemory>>20)), nil
	}
	return nil, nil // within the budget
}

// loadOf is what a filter asks of an edge now.
func (a *applying) loadOf(f *statepb.Filter) (l load, err error) {
	for _, number := range [2]uint32{f.GetCurrent(), f.GetCanary().GetVersion()} {
		if number == 0 {
			continue
		}
		version, err := GetVersion(a.batch, f.GetName(), number)
		if err != nil {
			return l, err
		}
		l.filters = 1
		l.memory += weight(version)
	}
	return l, nil
}
