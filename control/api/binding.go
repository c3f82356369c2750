package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"suodi/control/link"
	"suodi/control/state"
	"suodi/control/state/statepb"
	"suodi/raftstore"
	"suodi/wasm/abi"
)

// hidden is what a secret parameter shows as. Given back it means the value
// that is stored.
const hidden = `"***"`

// taker is a filter as those who bind it see it.
type taker struct {
	name    string
	secrets []string // parameters that were secret in any version
	// runs are the versions in force and on trial, in this order; next is the one
	// staged, or the newest where there is no other. One that is nil is none.
	runs []*statepb.FilterVersion
	next *statepb.FilterVersion
}

// readTakers reads the filters that may be bound.
func readTakers(r raftstore.Reader) (map[string]taker, error) {
	filters, err := state.Filters(r)
	if err != nil {
		return nil, err
	}
	takers := make(map[string]taker, len(filters))
	for _, f := range filters {
		if takers[f.GetName()], err = readTaker(r, f.Filter); err != nil {
			return nil, err
		}
	}
	return takers, nil
}

func readTaker(r raftstore.Reader, f *statepb.Filter) (t taker, err error) {
	t = taker{name: f.GetName(), secrets: f.GetSecrets()}
	for _, number := range [2]uint32{f.GetCurrent(), f.GetCanary().GetVersion()} {
		if number == 0 {
			continue
		}
		version, err := state.GetVersion(r, f.GetName(), number)
		if err != nil {
			return t, err
		}
		t.runs = append(t.runs, version)
	}
	next := f.GetStaged()
	if next == 0 && len(t.runs) == 0 {
		next = f.GetNewest()
	}
	if next != 0 {
		t.next, err = state.GetVersion(r, f.GetName(), next)
	}
	return t, err
}

// declared returns the parameters that a manifest declares. Those of the names
// given are secret, whatever it says.
func declared(manifest []byte, secrets []string) (map[string]abi.Param, error) {
	if len(manifest) == 0 {
		return nil, nil // a module without a manifest takes none
	}
	m, err := abi.ParseManifest(manifest)
	for _, name := range secrets {
		if p, ok := m.Params[name]; ok {
			p.Secret = true
			m.Params[name] = p
		}
	}
	return m.Params, err
}

// takes returns the parameters of the versions that run, in the order of runs,
// and all that may be given: those and the ones of next that none of them has.
// Of all nothing is required, and nothing has a default.
func (t taker) takes() (runs []map[string]abi.Param, all map[string]abi.Param, err error) {
	versions := t.runs
	if t.next != nil {
		versions = append(slices.Clip(versions), t.next)
	}
	all = map[string]abi.Param{}
	for i, v := range versions {
		params, err := declared(v.GetManifest(), t.secrets)
		if err != nil {
			return nil, nil, err
		}
		if i < max(len(t.runs), 1) {
			runs = append(runs, params)
		}
		for name, p := range params {
			if _, ok := all[name]; !ok {
				p.Required, p.Default = false, nil
				all[name] = p
			}
		}
	}
	return runs, all, nil
}

// canonical returns given params as the filter is handed them, or what is wrong
// with them. They must suit every version in force or on trial; where there is
// none, the one that promote would put in force. What only the version staged
// takes may be given ahead, for those that run do not look at it; it gives
// nothing itself before it is promoted. had are the params that are stored,
// which hold what is given as hidden.
func (t taker) canonical(field string, given, had []byte) ([]byte, *link.FieldError) {
	runs, all, err := t.takes()
	if err != nil {
		return nil, &link.FieldError{Field: field, Reason: "cannot be checked: " + err.Error(), Hint: "push the filter again"}
	}
	whole, wrong := unhide(field, all, given, had)
	if wrong != nil {
		return nil, wrong
	}
	if whole, err = abi.CanonicalParams(all, whole); err != nil {
		return nil, paramProblem(field, t.name, err)
	}
	for _, params := range runs {
		if whole, err = complete(params, whole); err != nil {
			return nil, paramProblem(field, t.name, err)
		}
	}
	return whole, nil
}

// paramProblem is what is wrong with one parameter, or with all of them.
func paramProblem(field, filter string, err error) *link.FieldError {
	hint := "GET /v1/filters/" + filter + " tells the parameters it takes"
	var one *abi.ParamError
	if errors.As(err, &one) {
		return &link.FieldError{Field: field + "." + one.Name, Reason: one.Reason, Hint: hint}
	}
	return &link.FieldError{Field: field, Reason: err.Error(), Hint: hint}
}

// unhide puts the stored values where a secret is given back as it was shown.
func unhide(field string, params map[string]abi.Param, given, had []byte) ([]byte, *link.FieldError) {
	values, stored := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	if !bytes.Contains(given, []byte(hidden)) || json.Unmarshal(given, &values) != nil {
		return given, nil // what is no object is refused later
	}
	if len(had) > 0 && json.Unmarshal(had, &stored) != nil {
		stored = nil
	}
	for name, value := range values {
		if param, ok := params[name]; string(value) != hidden || ok && !param.Secret {
			continue
		}
		old, ok := stored[name]
		if !ok {
			return nil, &link.FieldError{Field: field + "." + name, Value: "***", Reason: "is what a secret shows as, and none is stored", Hint: "give its value"}
		}
		values[name] = old
	}
	return object(values), nil
}

// object writes an object with its names in order and its values as they are.
func object(values map[string]json.RawMessage) []byte {
	if len(values) == 0 {
		return nil
	}
	b := []byte{'{'}
	for i, name := range slices.Sorted(maps.Keys(values)) {
		if i > 0 {
			b = append(b, ',')
		}
		quoted, err := json.Marshal(name)
		if err != nil { // a string always has a JSON form
			panic(err)
		}
		b = append(append(append(b, quoted...), ':'), values[name]...)
	}
	return append(b, '}')
}

// show returns stored params without what is secret, or was in any version.
func (t taker) show(params []byte) json.RawMessage {
	if len(params) == 0 {
		return nil
	}
	_, all, err := t.takes()
	if err != nil {
		return json.RawMessage(`{}`)
	}
	shown, err := abi.HideSecrets(all, params)
	if err != nil {
		return json.RawMessage(`{}`)
	}
	return shown
}

// bind checks filter bindings, whose form is checked already, and gives their
// params the form that filters are handed. What was bound just so before, had,
// may have become bad since: a version may take other parameters.
func (d *directory) bind(bindings, had []link.Binding) (problems link.Problems) {
	for i := range bindings {
		b := &bindings[i]
		field := fmt.Sprintf("filters[%d]", i)
		var old []byte
		if at := slices.IndexFunc(had, func(h link.Binding) bool { return h.Filter == b.Filter }); at >= 0 {
			if old = had[at].Params; bytes.Equal(old, b.Params) {
				continue
			}
		}
		t, ok := d.takers[b.Filter]
		switch {
		case b.Filter == state.PlatformFilter:
			problems = append(problems, &link.FieldError{
				Field: field + ".name", Value: b.Filter, Reason: "runs on every visit already", Hint: "leave it out",
			})
			continue
		case !ok:
			hint := "GET /v1/filters lists those there are"
			if near := link.Nearest(b.Filter, slices.Collect(maps.Keys(d.takers))); near != "" {
				hint = "did you mean " + near + "? " + hint
			}
			problems = append(problems, &link.FieldError{Field: field + ".name", Value: b.Filter, Reason: "is no filter", Hint: hint})
			continue
		}
		params, wrong := t.canonical(field+".params", b.Params, old)
		if wrong != nil {
			problems = append(problems, wrong)
			continue
		}
		b.Params = params
	}
	return problems
}

// showBindings returns bindings without secrets.
func (d *directory) showBindings(bindings []link.Binding) []link.Binding {
	shown := make([]link.Binding, len(bindings))
	for i, b := range bindings {
		shown[i] = link.Binding{Filter: b.Filter, Params: d.takers[b.Filter].show(b.Params)}
	}
	return shown
}
