package state

import (
	"bytes"
	"crypto/sha256"
	"slices"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/link"
	"suodi/control/state/statepb"
	"suodi/raftstore"
)

// PlatformFilter is the filter that enforces links' allow and guard sets. It
// stands first in the chain and cannot be taken out of force.
const PlatformFilter = "platform"

// maxHistory is how many versions back a filter can be rolled.
const maxHistory = 100

// Filter is a filter's place in its life.
type Filter struct {
	*statepb.Filter
	Revision link.Revision
}

// moving is a filter that an operation moves from one state of its life to
// another.
type moving struct {
	*applying
	*statepb.Filter
	key    []byte
	placed *statepb.Placing
}

// stageFilter stores a module as the filter's next version and stages it. The
// newest version's module again makes no new version.
func (a *applying) stageFilter(op *statepb.StageFilter) (*statepb.Outcome, error) {
	m := &moving{applying: a, Filter: &statepb.Filter{}, key: key(prefixFilter, []byte(op.GetName())), placed: op.GetPlacing()}
	revision, found, err := get(a.batch, m.key, m.Filter)
	if err != nil {
		return nil, err
	}
	if out := unmet(op.GetExpected(), found, revision); out != nil {
		return out, nil
	}
	m.Name = op.GetName()
	if out, err := a.misplaced(op.GetPlacing()); out != nil || err != nil {
		return out, err
	}
	if !soundTrial(op.GetCanary()) {
		return refuse(statepb.Refusal_REFUSAL_MALFORMED, "canary"), nil
	}
	version, out, err := a.newVersion(op)
	if out != nil || err != nil {
		return out, err
	}
	newest, err := getVersion(a.batch, m.GetName(), m.GetNewest())
	if err != nil {
		return nil, err
	}
	fresh := newest == nil || !bytes.Equal(newest.GetHash(), version.GetHash()) || !bytes.Equal(newest.GetSourceHash(), version.GetSourceHash())
	if !fresh {
		version = newest
	}
	if op.GetPromote() {
		if out, err := m.overBudget(version, op.GetCanary() != nil); out != nil || err != nil {
			return out, err
		}
	}
	if fresh {
		m.Newest++
		version.Number = m.GetNewest()
		m.rememberSecrets(version)
		if err := a.putVersion(op, version); err != nil {
			return nil, err
		}
		if err := m.note(&statepb.FilterEvent{What: statepb.Happened_HAPPENED_PUSHED, Version: m.GetNewest()}); err != nil {
			return nil, err
		}
	}
	m.Staged = m.GetNewest()
	if m.GetStaged() == m.GetCurrent() || m.GetStaged() == m.GetCanary().GetVersion() {
		m.Staged = 0
	}
	if op.GetPromote() {
		if err := m.promotePushed(op.GetCanary()); err != nil {
			return nil, err
		}
	}
	return m.done()
}

// promotePushed puts the newest version in force, or on trial, whatever else
// is on trial.
func (m *moving) promotePushed(trial *statepb.Trial) error {
	running := m.GetCanary()
	switch {
	case m.GetNewest() == running.GetVersion() && trial != nil:
		return m.changeTrial(trial)
	case running != nil && m.GetNewest() != running.GetVersion():
		if err := m.endCanary(); err != nil {
			return err
		}
	}
	switch {
	case m.GetNewest() == m.GetCurrent():
		return nil
	case trial != nil:
		return m.startCanary(m.GetNewest(), trial)
	default:
		return m.putInForce(m.GetNewest())
	}
}

// promoteFilter puts the canary in force where one runs, else the version
// staged; or on trial.
func (a *applying) promoteFilter(op *statepb.PromoteFilter) (*statepb.Outcome, error) {
	m, out, err := a.filterToMove(op.GetName(), op.GetExpected())
	if out != nil || err != nil {
		return out, err
	}
	m.placed = op.GetPlacing()
	if out, err := a.misplaced(op.GetPlacing()); out != nil || err != nil {
		return out, err
	}
	trial := op.GetCanary()
	if !soundTrial(trial) {
		return refuse(statepb.Refusal_REFUSAL_MALFORMED, "canary"), nil
	}
	if m.GetStaged() != 0 && m.GetCanary() == nil {
		version, err := GetVersion(a.batch, m.GetName(), m.GetStaged())
		if err != nil {
			return nil, err
		}
		if out, err := m.overBudget(version, trial != nil); out != nil || err != nil {
			return out, err
		}
	}
	switch {
	case m.GetCanary() != nil && trial != nil:
		err = m.changeTrial(trial)
	case m.GetCanary() != nil:
		err = m.putInForce(m.GetCanary().GetVersion())
	case m.GetStaged() == 0:
		out := refuse(statepb.Refusal_REFUSAL_NO_VERSION, op.GetName())
		out.Filter = m.Filter
		return out, nil
	case trial != nil:
		err = m.startCanary(m.GetStaged(), trial)
	default:
		err = m.putInForce(m.GetStaged())
	}
	if err != nil {
		return nil, err
	}
	return m.done()
}

// filterToMove returns a filter, or why it cannot be moved.
func (a *applying) filterToMove(name string, expected *feedpb.Revision) (m *moving, refusal *statepb.Outcome, err error) {
	m = &moving{applying: a, Filter: &statepb.Filter{}, key: key(prefixFilter, []byte(name))}
	revision, found, err := get(a.batch, m.key, m.Filter)
	if err == nil && !found {
		return nil, refuse(statepb.Refusal_REFUSAL_UNKNOWN_FILTER, name), nil
	}
	return m, unmet(expected, found, revision), err
}

// putInForce puts a version in force everywhere, and ends the canary.
func (m *moving) putInForce(version uint32) error {
	previous := m.GetCurrent()
	if previous != 0 {
		m.History = append(m.History, previous)
		m.History = m.History[max(0, len(m.History)-maxHistory):]
	}
	if err := m.place(); err != nil {
		return err
	}
	m.Current, m.Canary = version, nil
	if m.GetStaged() == version {
		m.Staged = 0
	}
	return m.note(&statepb.FilterEvent{What: statepb.Happened_HAPPENED_PROMOTED, Version: version, Previous: previous})
}

// rollbackFilter ends the canary; where none runs it returns to the version
// that was in force before; before the first there was none.
func (a *applying) rollbackFilter(name string, expected *feedpb.Revision) (*statepb.Outcome, error) {
	m, out, err := a.filterToMove(name, expected)
	if out != nil || err != nil {
		return out, err
	}
	if m.GetCanary() != nil {
		if err := m.endCanary(); err != nil {
			return nil, err
		}
		return m.done()
	}
	previous := m.GetCurrent()
	last := len(m.GetHistory()) - 1
	switch {
	case previous == 0:
		return refuse(statepb.Refusal_REFUSAL_NO_VERSION, name), nil
	case last < 0 && name == PlatformFilter:
		return refuse(statepb.Refusal_REFUSAL_KEPT, name), nil
	case last < 0:
		m.Current = 0
	default:
		m.Current, m.History = m.GetHistory()[last], m.GetHistory()[:last]
	}
	if m.GetStaged() == m.GetCurrent() {
		m.Staged = 0
	}
	err = m.note(&statepb.FilterEvent{What: statepb.Happened_HAPPENED_ROLLED_BACK, Version: m.GetCurrent(), Previous: previous})
	if err != nil {
		return nil, err
	}
	return m.done()
}

// done stores the filter, lets go of versions that nothing leads to any more,
// and returns the outcome.
func (m *moving) done() (*statepb.Outcome, error) {
	if err := m.set(m.key, m.Filter); err != nil {
		return nil, err
	}
	if err := m.forgetVersions(); err != nil {
		return nil, err
	}
	out := m.applying.done()
	out.Filter = m.Filter
	return out, nil
}

// leadsTo reports whether a version may yet be put in force.
func (m *moving) leadsTo(version uint32) bool {
	switch version {
	case m.GetCurrent(), m.GetStaged(), m.GetCanary().GetVersion():
		return true
	}
	return version+keepNewest > m.GetNewest() || slices.Contains(m.GetHistory(), version)
}

// GetFilter returns a filter; found is false when there is none.
func GetFilter(r raftstore.Reader, name string) (f Filter, found bool, err error) {
	f.Filter = &statepb.Filter{}
	f.Revision, found, err = get(r, key(prefixFilter, []byte(name)), f.Filter)
	return f, found, err
}

// Filters returns the filters by name.
func Filters(r raftstore.Reader) ([]Filter, error) {
	var filters []Filter
	err := each(r, []byte{prefixFilter}, func(k, value []byte) error {
		f := &statepb.Filter{}
		revision, err := decode(k, value, f)
		filters = append(filters, Filter{Filter: f, Revision: revision})
		return err
	})
	return filters, err
}

// started is what names a canary for good.
func (a *applying) started() *feedpb.Revision { return feed.FromRevision(a.revision) }

// hashOf returns the SHA-256 of bytes, nil for none.
func hashOf(b []byte) []byte {
	if len(b) == 0 {
		return nil
	}
	sum := sha256.Sum256(b)
	return sum[:]
}
