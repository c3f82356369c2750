package state

import (
	"errors"

	"suodi/control/feed/feedpb"
	"suodi/control/link"
	"suodi/control/state/statepb"
	"suodi/raftstore"
)

// MaxBound is how many links that bind a filter are counted.
const MaxBound = 1000

// Binders are who binds a filter by name.
type Binders struct {
	Links   int // MaxBound stands for as many or more
	Domains []string
}

func boundKey(filter string, flat []byte) []byte {
	return key(prefixBound, []byte(filter), []byte{0}, flat)
}

// noteBound keeps the index of links by the filters they bind: those of the
// link as it was give way to those of the link as it is; nil is none.
func (a *applying) noteBound(flat []byte, was, is *statepb.Link) {
	for _, b := range was.GetFilters() {
		a.batch.Delete(boundKey(b.GetName(), flat))
	}
	for _, b := range is.GetFilters() {
		a.batch.Set(boundKey(b.GetName(), flat), nil)
	}
}

// Bound returns who binds a filter by name.
func Bound(r raftstore.Reader, filter string) (Binders, error) {
	var b Binders
	err := each(r, boundKey(filter, nil), func([]byte, []byte) error {
		if b.Links++; b.Links == MaxBound {
			return errStop
		}
		return nil
	})
	if err != nil && !errors.Is(err, errStop) {
		return b, err
	}
	domains, err := Domains(r)
	for _, d := range domains {
		for _, f := range d.GetFilters() {
			if f.GetName() == filter {
				b.Domains = append(b.Domains, d.GetName())
			}
		}
	}
	return b, err
}

// BoundLinks calls yield with what each link that binds a filter by name gives
// it, MaxBound links at most.
func BoundLinks(r raftstore.Reader, filter string, yield func(params []byte)) error {
	prefix, n := boundKey(filter, nil), 0
	err := each(r, prefix, func(k, _ []byte) error {
		l := &statepb.Link{}
		if _, _, err := get(r, linkKey(k[len(prefix):]), l); err != nil {
			return err
		}
		for _, b := range l.GetFilters() {
			if b.GetName() == filter {
				yield(b.GetParams())
			}
		}
		if n++; n == MaxBound {
			return errStop
		}
		return nil
	})
	if errors.Is(err, errStop) {
		return nil
	}
	return err
}

// FromBindings and ToBindings translate between bindings in the language of
// links and as they are stored.
func FromBindings(bindings []link.Binding) []*feedpb.FilterBinding {
	var stored []*feedpb.FilterBinding
	for _, b := range bindings {
		stored = append(stored, &feedpb.FilterBinding{Name: b.Filter, Params: b.Params})
	}
	return stored
}

// ToBindings is the inverse of FromBindings; never nil.
func ToBindings(stored []*feedpb.FilterBinding) []link.Binding {
	bindings := make([]link.Binding, 0, len(stored))
	for _, b := range stored {
		bindings = append(bindings, link.Binding{Filter: b.GetName(), Params: b.GetParams()})
	}
	return bindings
}
