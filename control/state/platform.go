package state

import (
	"google.golang.org/protobuf/proto"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/link"
	"suodi/control/state/statepb"
	"suodi/raftstore"
	"suodi/wasm/visit"
)

// lastNumber is the largest platform number. Those from visit.FirstAssigned on
// belong to entries that admins add, the ones before to the catalog we ship,
// whose numbers are written in it. A number is never given twice: entries are
// retired, not removed.
const lastNumber = 255

// Platform is an entry of the catalog.
type Platform struct {
	*feedpb.Platform
	Revision link.Revision
}

// putPlatform adds or changes an entry of the catalog.
func (a *applying) putPlatform(op *statepb.PutPlatform) (*statepb.Outcome, error) {
	p := op.GetPlatform()
	idKey := key(prefixPlatformID, []byte(p.GetId()))
	value, found, err := a.batch.Get(idKey)
	if err != nil {
		return nil, err
	}
	var revision link.Revision
	if found {
		old := &feedpb.Platform{}
		if revision, _, err = get(a.batch, key(prefixPlatform, value), old); err != nil {
			return nil, err
		}
		p.Number = old.GetNumber()
	}
	if out := unmet(op.GetExpected(), found, revision); out != nil {
		return out, nil
	}
	if checked := op.GetCatalog(); checked != nil {
		platforms, err := Platforms(a.batch)
		if err != nil {
			return nil, err
		}
		if newest := NewestPlatform(platforms); newest != feed.ToRevision(checked) {
			out := refuse(statepb.Refusal_REFUSAL_CHANGED, p.GetId())
			out.Revision = feed.FromRevision(newest)
			return out, nil
		}
	}
	if !found {
		number, err := a.newNumber(p.GetNumber())
		if err != nil {
			return nil, err
		}
		if number == 0 {
			return refuse(statepb.Refusal_REFUSAL_FULL, p.GetId()), nil
		}
		p.Number = number
		a.batch.Set(idKey, []byte{byte(number)})
	}
	told, err := proto.MarshalOptions{Deterministic: true}.Marshal(p)
	if err != nil {
		return nil, err
	}
	a.tell(feed.BucketPlatforms, []byte{byte(p.GetNumber())}, told)
	out := a.done()
	out.Platform = p
	return out, a.set(key(prefixPlatform, []byte{byte(p.GetNumber())}), p)
}

// newNumber returns the wanted number when it is free, or, when none is wanted,
// the lowest one that no entry ever had; 0 when there is none.
func (a *applying) newNumber(wanted uint32) (uint32, error) {
	first, last := uint32(visit.FirstAssigned), uint32(lastNumber)
	if wanted != 0 {
		first, last = wanted, wanted
	}
	for n := first; n <= min(last, lastNumber); n++ {
		_, taken, err := a.batch.Get(key(prefixPlatform, []byte{byte(n)}))
		if err != nil || !taken {
			return n, err
		}
	}
	return 0, nil
}

// NewestPlatform returns the revision of the catalog's last change.
func NewestPlatform(platforms []Platform) (newest link.Revision) {
	for _, p := range platforms {
		if p.Revision.Compare(newest) > 0 {
			newest = p.Revision
		}
	}
	return newest
}

// Platforms returns the catalog by number.
func Platforms(r raftstore.Reader) ([]Platform, error) {
	var platforms []Platform
	err := each(r, []byte{prefixPlatform}, func(k, value []byte) error {
		p := &feedpb.Platform{}
		revision, err := decode(k, value, p)
		platforms = append(platforms, Platform{Platform: p, Revision: revision})
		return err
	})
	return platforms, err
}
