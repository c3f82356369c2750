package state

import (
	"bytes"
	"slices"

	"google.golang.org/protobuf/proto"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/link"
	"suodi/control/state/statepb"
	"suodi/raftstore"
	"suodi/wasm/abi"
)

// Chain is the order in which filters run.
type Chain struct {
	*statepb.Chain
	Revision link.Revision
}

// Place returns a filter's place, nil when it has none.
func (c Chain) Place(filter string) *statepb.Place {
	for _, place := range c.GetPlaces() {
		if place.GetFilter() == filter {
			return place
		}
	}
	return nil
}

// misplaced refuses a placing that was made for a chain which has changed since.
func (a *applying) misplaced(placing *statepb.Placing) (*statepb.Outcome, error) {
	if placing.GetChain() == nil {
		return nil, nil // made for any
	}
	chain, err := GetChain(a.batch)
	if err != nil || feed.ToRevision(placing.GetChain()) == chain.Revision {
		return nil, err
	}
	out := refuse(statepb.Refusal_REFUSAL_CHANGED, "chain")
	out.Revision = feed.FromRevision(chain.Revision)
	return out, nil
}

// place sees to the filter's place in the chain as a version is put in force.
// One that had none in force and that nobody binds is appended, unless somebody
// said that it runs by name only, or took it out.
func (m *moving) place() error {
	chain, err := GetChain(m.batch)
	if err != nil {
		return err
	}
	place := chain.Place(m.GetName())
	if place == nil {
		m.Named = (m.GetNamed() || m.placed.GetNamed()) && !m.placed.GetAppend()
	}
	switch {
	case place == nil && m.placed.GetAppend():
		place = &statepb.Place{Filter: m.GetName()}
		chain.Places = append(chain.Places, place)
	case place == nil && (m.GetCurrent() != 0 || m.GetNamed() || m.placed.GetLacking()):
		return nil
	case place == nil:
		bound, err := Bound(m.batch, m.GetName())
		if err != nil || bound.Links > 0 || len(bound.Domains) > 0 {
			return err
		}
		place = &statepb.Place{Filter: m.GetName()}
		chain.Places = append(chain.Places, place)
	case m.placed.GetChain() == nil || bytes.Equal(place.GetParams(), m.placed.GetParams()):
		return nil
	}
	if m.placed.GetChain() != nil {
		place.Params = m.placed.GetParams()
	}
	return m.set([]byte{prefixChain}, chain.Chain)
}

// putChain says which filters run and in which order.
func (a *applying) putChain(op *statepb.PutChain) (*statepb.Outcome, error) {
	chain, err := GetChain(a.batch)
	if err != nil {
		return nil, err
	}
	if out := unmet(op.GetExpected(), true, chain.Revision); out != nil {
		return out, nil
	}
	if len(op.GetPlaces()) == 0 || op.GetPlaces()[0].GetFilter() != PlatformFilter {
		return refuse(statepb.Refusal_REFUSAL_KEPT, PlatformFilter), nil
	}
	for _, place := range op.GetPlaces() {
		if _, found, err := a.batch.Get(key(prefixFilter, []byte(place.GetFilter()))); err != nil || !found {
			return refuse(statepb.Refusal_REFUSAL_UNKNOWN_FILTER, place.GetFilter()), err
		}
	}
	next := Chain{Chain: &statepb.Chain{Places: op.GetPlaces()}}
	for _, places := range [2][]*statepb.Place{chain.GetPlaces(), op.GetPlaces()} {
		for _, place := range places {
			if err := a.rememberNamed(place.GetFilter(), next.Place(place.GetFilter()) == nil); err != nil {
				return nil, err
			}
		}
	}
	return a.done(), a.set([]byte{prefixChain}, next.Chain)
}

// rememberNamed notes whether a filter runs by name only, as somebody said.
func (a *applying) rememberNamed(name string, named bool) error {
	f, _, err := GetFilter(a.batch, name)
	if err != nil || f.GetNamed() == named {
		return err
	}
	f.Named = named
	return a.set(key(prefixFilter, []byte(name)), f.Filter)
}

// noteChain tells edges when the filters they run are no longer what they were
// before the command.
func (a *applying) noteChain(before *feedpb.Chain) error {
	after, err := feedChain(a.batch)
	if err != nil || proto.Equal(before, after) {
		return err
	}
	old, fresh := modulesOf(before), modulesOf(after)
	for _, hash := range fresh {
		if has(old, hash) {
			continue
		}
		module, err := Module(a.batch, hash)
		if err != nil {
			return err
		}
		a.tell(feed.BucketModules, hash, module)
	}
	for _, hash := range old {
		if !has(fresh, hash) {
			a.tell(feed.BucketModules, hash, nil)
		}
	}
	value, err := proto.MarshalOptions{Deterministic: true}.Marshal(after)
	if err != nil {
		return err
	}
	a.tell(feed.BucketChain, nil, value)
	return nil
}

func has(hashes [][]byte, hash []byte) bool {
	return slices.ContainsFunc(hashes, func(h []byte) bool { return bytes.Equal(h, hash) })
}

// modulesOf lists the modules of a chain, each once, in the order met.
func modulesOf(chain *feedpb.Chain) (hashes [][]byte) {
	add := func(hash []byte) {
		if !has(hashes, hash) {
			hashes = append(hashes, hash)
		}
	}
	for _, bindings := range [][]*feedpb.Binding{chain.GetBindings(), chain.GetNamed()} {
		for _, b := range bindings {
			add(b.GetHash())
			if b.GetCanary() != nil {
				add(b.GetCanary().GetHash())
			}
		}
	}
	return hashes
}

// feedChain returns the chain as edges run it: the versions in force of the
// filters that have one, in order, and all of them by name. A filter that
// nobody binds now is there too: somebody may bind it in the next command, and
// then no visit must find it missing.
func feedChain(r raftstore.Reader) (*feedpb.Chain, error) {
	chain, err := GetChain(r)
	if err != nil {
		return nil, err
	}
	told := &feedpb.Chain{}
	for _, place := range chain.GetPlaces() {
		f, _, err := GetFilter(r, place.GetFilter())
		if err != nil {
			return nil, err
		}
		b, err := feedBinding(r, f.Filter)
		if err != nil {
			return nil, err
		}
		if b != nil {
			b.Params = place.GetParams()
			told.Bindings = append(told.Bindings, b)
		}
	}
	filters, err := Filters(r)
	if err != nil {
		return nil, err
	}
	for _, f := range filters {
		if f.GetName() == PlatformFilter { // runs for every visit, never by name
			continue
		}
		b, err := feedBinding(r, f.Filter)
		if err != nil {
			return nil, err
		}
		if b != nil {
			told.Named = append(told.Named, b)
		}
	}
	return told, nil
}

// feedBinding returns a filter as edges run it, without params; nil when it
// has nothing in force and nothing on trial.
func feedBinding(r raftstore.Reader, f *statepb.Filter) (*feedpb.Binding, error) {
	if f.GetCurrent() == 0 && f.GetCanary() == nil {
		return nil, nil // which is no error
	}
	b := &feedpb.Binding{Filter: f.GetName(), Version: f.GetCurrent(), Hash: PassHash()}
	if f.GetCurrent() != 0 {
		version, err := GetVersion(r, f.GetName(), f.GetCurrent())
		if err != nil {
			return nil, err
		}
		b.Hash = version.GetHash()
		b.FailClosed = manifestOf(version).Fail == abi.FailClosed
	}
	if canary := f.GetCanary(); canary != nil {
		version, err := GetVersion(r, f.GetName(), canary.GetVersion())
		if err != nil {
			return nil, err
		}
		b.Canary = &feedpb.BindingCanary{
			Version: canary.GetVersion(), Hash: version.GetHash(),
			Share: canary.GetTrial().GetShare(), Edges: canary.GetTrial().GetEdges(),
		}
	}
	return b, nil
}

func chainBucket(r raftstore.Reader, number uint16, yield func(key, value []byte) bool) error {
	chain, err := feedChain(r)
	if err != nil {
		return err
	}
	if number == feed.BucketChain {
		value, err := proto.MarshalOptions{Deterministic: true}.Marshal(chain)
		if err != nil || !yield(nil, value) {
			return err
		}
		secret, err := Secret(r)
		if err == nil && secret != nil {
			yield([]byte(feed.SecretKey), secret)
		}
		return err
	}
	for _, hash := range modulesOf(chain) {
		module, err := Module(r, hash)
		if err != nil {
			return err
		}
		if !yield(hash, module) {
			return nil
		}
	}
	return nil
}

// GetChain returns the order of filters.
func GetChain(r raftstore.Reader) (Chain, error) {
	chain := Chain{Chain: &statepb.Chain{}}
	var err error
	chain.Revision, _, err = get(r, []byte{prefixChain}, chain.Chain)
	return chain, err
}
