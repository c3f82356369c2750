package state

import (
	"google.golang.org/protobuf/proto"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/link"
	"suodi/control/state/statepb"
	"suodi/raftstore"
)

// Domain is a registered short domain.
type Domain struct {
	*statepb.Domain
	Revision link.Revision
}

// feedDomain returns a domain as edges hold it.
func feedDomain(d *statepb.Domain) ([]byte, error) {
	return proto.MarshalOptions{Deterministic: true}.Marshal(&feedpb.Domain{
		Name: d.GetName(), Default: d.GetDefault(), NotFoundUrl: d.GetNotFoundUrl(), BaseUrl: d.GetBaseUrl(),
		TimeZone: d.GetTimeZone(), Filters: d.GetFilters(),
	})
}

// putDomain registers or changes a domain. Exactly one domain is the default:
// the first, until another one says that it is.
func (a *applying) putDomain(op *statepb.PutDomain) (*statepb.Outcome, error) {
	d := op.GetDomain()
	old := &statepb.Domain{}
	revision, found, err := get(a.batch, key(prefixDomain, []byte(d.GetName())), old)
	if err != nil {
		return nil, err
	}
	if out := unmet(op.GetExpected(), found, revision); out != nil {
		return out, nil
	}
	domains, err := Domains(a.batch)
	if err != nil {
		return nil, err
	}
	if len(domains) == 0 || old.GetDefault() {
		d.Default = true
	}
	for _, other := range domains {
		if d.GetDefault() && other.GetDefault() && other.GetName() != d.GetName() {
			other.Default = false
			if err := a.writeDomain(other.Domain); err != nil {
				return nil, err
			}
		}
	}
	return a.done(), a.writeDomain(d)
}

func (a *applying) writeDomain(d *statepb.Domain) error {
	value, err := feedDomain(d)
	if err != nil {
		return err
	}
	a.tell(feed.BucketDomains, []byte(d.GetName()), value)
	return a.set(key(prefixDomain, []byte(d.GetName())), d)
}

// Domains returns the registered domains by name.
func Domains(r raftstore.Reader) ([]Domain, error) {
	var domains []Domain
	err := each(r, []byte{prefixDomain}, func(k, value []byte) error {
		d := &statepb.Domain{}
		revision, err := decode(k, value, d)
		domains = append(domains, Domain{Domain: d, Revision: revision})
		return err
	})
	return domains, err
}
