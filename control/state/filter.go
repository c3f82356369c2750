package state

import (
	"bytes"
	"crypto/sha256"
	"fmt"

	"google.golang.org/protobuf/proto"

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

// Chain is the order in which filters run.
type Chain struct {
	*statepb.Chain
	Revision link.Revision
}

// stageFilter stores a module as the filter's next version and stages it. The
// newest version's module again makes no new version.
func (a *applying) stageFilter(op *statepb.StageFilter) (*statepb.Outcome, error) {
	f := &statepb.Filter{}
	k := key(prefixFilter, []byte(op.GetName()))
	revision, found, err := get(a.batch, k, f)
	if err != nil {
		return nil, err
	}
	if out := unmet(op.GetExpected(), found, revision); out != nil {
		return out, nil
	}
	f.Name = op.GetName()
	hash := sha256.Sum256(op.GetModule())
	newest, err := a.version(f.GetName(), f.GetNewest())
	if err != nil {
		return nil, err
	}
	if newest == nil || !bytes.Equal(newest.GetHash(), hash[:]) || !bytes.Equal(newest.GetSource(), op.GetSource()) {
		f.Newest++
		version := &statepb.FilterVersion{
			Number: f.GetNewest(), Hash: hash[:], Source: op.GetSource(), Size: uint32(len(op.GetModule())),
			PushedAt: a.command.GetTime(), PushedBy: a.command.GetActor(),
		}
		value, err := proto.MarshalOptions{Deterministic: true}.Marshal(version)
		if err != nil {
			return nil, err
		}
		a.batch.Set(versionKey(f.GetName(), f.GetNewest()), value)
		a.batch.Set(key(prefixModule, hash[:]), op.GetModule())
	}
	f.Staged = f.GetNewest()
	if f.Staged == f.GetCurrent() {
		f.Staged = 0
	}
	if err := a.set(k, f); err != nil {
		return nil, err
	}
	if op.GetPromote() && f.GetStaged() != 0 {
		return a.promoteFilter(f.GetName(), nil)
	}
	out := a.done()
	out.Filter = f
	return out, nil
}

// version returns a version of a filter, nil when there is none.
func (a *applying) version(name string, number uint32) (*statepb.FilterVersion, error) {
	return getVersion(a.batch, name, number)
}

func getVersion(r raftstore.Reader, name string, number uint32) (*statepb.FilterVersion, error) {
	value, found, err := r.Get(versionKey(name, number))
	if err != nil || !found {
		return nil, err
	}
	v := &statepb.FilterVersion{}
	if err := proto.Unmarshal(value, v); err != nil {
		return nil, fmt.Errorf("version %d of filter %s: %w", number, name, err)
	}
	return v, nil
}

// promoteFilter puts the staged version in force. A filter that had none in
// force and that no chain binds is appended to the cluster's; one that was
// taken out of the chain stays out.
func (a *applying) promoteFilter(name string, expected *feedpb.Revision) (*statepb.Outcome, error) {
	f, k, out, err := a.filterToMove(name, expected)
	if out != nil || err != nil {
		return out, err
	}
	if f.GetStaged() == 0 {
		out := refuse(statepb.Refusal_REFUSAL_NO_VERSION, name)
		out.Filter = f
		return out, nil
	}
	if f.GetCurrent() == 0 {
		if err := a.bind(name); err != nil {
			return nil, err
		}
	} else {
		f.History = append(f.History, f.GetCurrent())
		f.History = f.History[max(0, len(f.History)-maxHistory):]
	}
	f.Current, f.Staged = f.GetStaged(), 0
	out = a.done()
	out.Filter = f
	return out, a.set(k, f)
}

// filterToMove returns a filter and its key, or why it cannot be moved.
func (a *applying) filterToMove(name string, expected *feedpb.Revision) (f *statepb.Filter, k []byte, refusal *statepb.Outcome, err error) {
	f, k = &statepb.Filter{}, key(prefixFilter, []byte(name))
	revision, found, err := get(a.batch, k, f)
	if err == nil && !found {
		return nil, nil, refuse(statepb.Refusal_REFUSAL_UNKNOWN_FILTER, name), nil
	}
	return f, k, unmet(expected, found, revision), err
}

// bind appends a filter to the chain unless it stands there.
func (a *applying) bind(name string) error {
	chain, err := GetChain(a.batch)
	if err != nil {
		return err
	}
	for _, place := range chain.GetPlaces() {
		if place.GetFilter() == name {
			return nil
		}
	}
	chain.Places = append(chain.Places, &statepb.Place{Filter: name})
	return a.set([]byte{prefixChain}, chain.Chain)
}

// rollbackFilter returns to the version that was in force before; before the
// first there was none.
func (a *applying) rollbackFilter(name string, expected *feedpb.Revision) (*statepb.Outcome, error) {
	f, k, out, err := a.filterToMove(name, expected)
	if out != nil || err != nil {
		return out, err
	}
	if f.GetCurrent() == 0 {
		return refuse(statepb.Refusal_REFUSAL_NO_VERSION, name), nil
	}
	last := len(f.GetHistory()) - 1
	if last < 0 && name == PlatformFilter {
		return refuse(statepb.Refusal_REFUSAL_KEPT, name), nil
	}
	if last < 0 {
		f.Current = 0
	} else {
		f.Current, f.History = f.GetHistory()[last], f.GetHistory()[:last]
	}
	out = a.done()
	out.Filter = f
	return out, a.set(k, f)
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
	return a.done(), a.set([]byte{prefixChain}, &statepb.Chain{Places: op.GetPlaces()})
}

// noteChain tells edges when the chain they run is no longer what it was
// before the command.
func (a *applying) noteChain(before *feedpb.Chain) error {
	after, err := feedChain(a.batch)
	if err != nil || proto.Equal(before, after) {
		return err
	}
	for _, b := range after.GetBindings() {
		if binds(before, b.GetHash()) {
			continue
		}
		module, err := Module(a.batch, b.GetHash())
		if err != nil {
			return err
		}
		a.tell(feed.BucketModules, b.GetHash(), module)
	}
	for _, b := range before.GetBindings() {
		if !binds(after, b.GetHash()) {
			a.tell(feed.BucketModules, b.GetHash(), nil)
		}
	}
	value, err := proto.MarshalOptions{Deterministic: true}.Marshal(after)
	if err != nil {
		return err
	}
	a.tell(feed.BucketChain, nil, value)
	return nil
}

func binds(chain *feedpb.Chain, hash []byte) bool {
	for _, b := range chain.GetBindings() {
		if bytes.Equal(b.GetHash(), hash) {
			return true
		}
	}
	return false
}

// feedChain returns the chain as edges run it: the versions in force of the
// filters that have one.
func feedChain(r raftstore.Reader) (*feedpb.Chain, error) {
	chain, err := GetChain(r)
	if err != nil {
		return nil, err
	}
	told := &feedpb.Chain{}
	for _, place := range chain.GetPlaces() {
		f := &statepb.Filter{}
		if _, _, err := get(r, key(prefixFilter, []byte(place.GetFilter())), f); err != nil {
			return nil, err
		}
		if f.GetCurrent() == 0 {
			continue
		}
		version, err := getVersion(r, f.GetName(), f.GetCurrent())
		if err != nil {
			return nil, err
		}
		told.Bindings = append(told.Bindings, &feedpb.Binding{
			Filter: f.GetName(), Hash: version.GetHash(), Params: place.GetParams(),
		})
	}
	return told, nil
}

func chainBucket(r raftstore.Reader, number uint16, yield func(key, value []byte) bool) error {
	chain, err := feedChain(r)
	if err != nil {
		return err
	}
	if number == feed.BucketChain {
		value, err := proto.MarshalOptions{Deterministic: true}.Marshal(chain)
		if err == nil {
			yield(nil, value)
		}
		return err
	}
	seen := map[string]bool{}
	for _, b := range chain.GetBindings() {
		if seen[string(b.GetHash())] {
			continue
		}
		seen[string(b.GetHash())] = true
		module, err := Module(r, b.GetHash())
		if err != nil {
			return err
		}
		if !yield(b.GetHash(), module) {
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

// Module returns a module by its hash.
func Module(r raftstore.Reader, hash []byte) ([]byte, error) {
	module, found, err := r.Get(key(prefixModule, hash))
	if err == nil && !found {
		err = fmt.Errorf("module %x is missing", hash)
	}
	return module, err
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

// Versions returns a filter's versions, oldest first.
func Versions(r raftstore.Reader, name string) ([]*statepb.FilterVersion, error) {
	var versions []*statepb.FilterVersion
	err := each(r, key(prefixVersion, []byte(name), []byte{0}), func(_, value []byte) error {
		v := &statepb.FilterVersion{}
		versions = append(versions, v)
		return proto.Unmarshal(value, v)
	})
	return versions, err
}
