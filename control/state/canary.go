package state

import (
	"suodi/control/feed"
	"suodi/control/state/statepb"
)

// FullShare is every visit, of a canary's share.
const FullShare = 10_000

// maxTrialEdges bounds the edges that a canary names.
const maxTrialEdges = 1000

// soundTrial reports whether a trial says on which visits it runs, in one way;
// none is sound.
func soundTrial(t *statepb.Trial) bool {
	if t == nil {
		return true
	}
	if len(t.GetEdges()) > 0 {
		return t.GetShare() == 0 && len(t.GetEdges()) <= maxTrialEdges
	}
	return t.GetShare() >= 1 && t.GetShare() <= FullShare
}

// startCanary puts a version on trial. Where none is in force it is measured
// against one that passes every visit.
func (m *moving) startCanary(version uint32, trial *statepb.Trial) error {
	if m.GetCurrent() == 0 {
		if err := m.place(); err != nil {
			return err
		}
	}
	m.Canary = m.newCanary(version, trial)
	if m.GetStaged() == version {
		m.Staged = 0
	}
	return m.note(&statepb.FilterEvent{
		What: statepb.Happened_HAPPENED_CANARY_STARTED, Version: version, Previous: m.GetCurrent(), Trial: trial,
	})
}

// changeTrial changes the visits that the canary gets. It is judged anew.
func (m *moving) changeTrial(trial *statepb.Trial) error {
	version := m.GetCanary().GetVersion()
	m.Canary = m.newCanary(version, trial)
	return m.note(&statepb.FilterEvent{
		What: statepb.Happened_HAPPENED_CANARY_CHANGED, Version: version, Previous: m.GetCurrent(), Trial: trial,
	})
}

func (m *moving) newCanary(version uint32, trial *statepb.Trial) *statepb.Canary {
	return &statepb.Canary{
		Version: version, Trial: trial, Started: m.started(), StartedAt: m.command.GetTime(), StartedBy: m.command.GetActor(),
	}
}

// endCanary takes the canary out of force because somebody said so.
func (m *moving) endCanary() error {
	version := m.GetCanary().GetVersion()
	m.Canary = nil
	return m.note(&statepb.FilterEvent{
		What: statepb.Happened_HAPPENED_CANARY_ENDED, Version: version, Previous: m.GetCurrent(),
	})
}

// haltCanary takes a canary out of force because it does harm: exactly the one
// that was judged.
func (a *applying) haltCanary(op *statepb.HaltCanary) (*statepb.Outcome, error) {
	m, out, err := a.filterToMove(op.GetName(), nil)
	if out != nil || err != nil {
		return out, err
	}
	canary := m.GetCanary()
	if canary == nil || feed.ToRevision(canary.GetStarted()) != feed.ToRevision(op.GetStarted()) {
		return refuse(statepb.Refusal_REFUSAL_CHANGED, op.GetName()), nil
	}
	m.Canary = nil
	err = m.note(&statepb.FilterEvent{
		What: statepb.Happened_HAPPENED_CANARY_HALTED, Version: canary.GetVersion(), Previous: m.GetCurrent(),
		Reason: op.GetReason(), Trial: canary.GetTrial(),
	})
	if err != nil {
		return nil, err
	}
	return m.done()
}
