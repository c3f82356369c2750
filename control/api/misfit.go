package api

import (
	"fmt"
	"strings"

	"suodi/control/state"
	"suodi/raftstore"
)

// misfits says which bindings of a filter give what does not suit the versions
// that run there: one that requires another parameter may have been put in force
// since. "" when all of them do.
func misfits(r raftstore.Reader, f state.Filter, chain state.Chain) (string, error) {
	t, err := readTaker(r, f.Filter)
	if err != nil || len(t.runs) == 0 {
		return "", err
	}
	runs, _, err := t.takes()
	if err != nil {
		return "", err
	}
	var why error // of one of them
	suits := func(given []byte) bool {
		for _, params := range runs {
			if _, err := complete(params, given); err != nil {
				why = err
				return false
			}
		}
		return true
	}
	var who []string
	if place := chain.Place(f.GetName()); place != nil && !suits(place.GetParams()) {
		who = append(who, "the chain")
	}
	domains, err := state.Domains(r)
	if err != nil {
		return "", err
	}
	for _, d := range domains {
		for _, b := range d.GetFilters() {
			if b.GetName() == f.GetName() && !suits(b.GetParams()) {
				who = append(who, "domain "+d.GetName())
			}
		}
	}
	links := 0
	err = state.BoundLinks(r, f.GetName(), func(given []byte) {
		if !suits(given) {
			links++
		}
	})
	switch {
	case links == state.MaxBound:
		who = append(who, fmt.Sprintf("%d links or more", links))
	case links == 1:
		who = append(who, "1 link")
	case links > 0:
		who = append(who, fmt.Sprintf("%d links", links))
	}
	if err != nil || len(who) == 0 {
		return "", err
	}
	return fmt.Sprintf("bound with params that do not suit the version that runs there: %s (%s); change them there", strings.Join(who, ", "), why), nil
}
