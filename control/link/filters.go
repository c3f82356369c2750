package link

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
)

// The limits of a link's filter bindings. MaxParams is what a filter can be
// handed; changing it or MaxFilters breaks compatibility.
const (
	MaxFilters    = 8
	MaxFilterName = 63      // bytes
	MaxParams     = 1 << 10 // bytes, of one binding
)

// Binding says that a filter runs on the visits of a link or a domain, behind
// the cluster's chain.
type Binding struct {
	Filter string          `json:"name" doc:"Name of the filter."`
	Params json.RawMessage `json:"params,omitempty" doc:"Parameters of the filter, as its manifest declares them; a secret one shows as ***."`
}

// NormalizeFilters brings bindings into the form that is stored, never nil, in
// the order given, which is the one they run in. Whether the filters exist and
// take these params is for others to say.
func NormalizeFilters(bindings []Binding) ([]Binding, Problems) {
	var p Problems
	if len(bindings) > MaxFilters {
		p.add("filters", "", fmt.Sprintf("has %d entries", len(bindings)), fmt.Sprintf("use at most %d", MaxFilters))
		return bindings, p
	}
	clean := make([]Binding, 0, len(bindings))
	seen := map[string]bool{}
	for i, b := range bindings {
		field := fmt.Sprintf("filters[%d]", i)
		b.Filter = strings.TrimSpace(b.Filter)
		switch {
		case !validFilterName([]byte(b.Filter)):
			p.add(field+".name", b.Filter, "is no filter name", "use lower-case letters, digits, - and _, a letter first, at most 63")
		case seen[b.Filter]:
			p.add(field+".name", b.Filter, "is bound twice", "bind a filter once")
		}
		seen[b.Filter] = true
		var err *FieldError
		if b.Params, err = cleanParams(field+".params", b.Params); err != nil {
			p = append(p, err)
		}
		clean = append(clean, b)
	}
	return clean, p
}

// cleanParams returns a JSON object without white space, nil for an empty one.
func cleanParams(field string, params []byte) ([]byte, *FieldError) {
	if params = bytes.TrimSpace(params); len(params) == 0 || string(params) == "null" {
		return nil, nil
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, params); err != nil || params[0] != '{' {
		return params, refuse(field, "", "is no JSON object", `give an object of names and values, as in {"limit": 3}`)
	}
	switch {
	case compact.Len() > MaxParams:
		return params, refuse(field, "", fmt.Sprintf("takes %d bytes", compact.Len()), fmt.Sprintf("use at most %d", MaxParams))
	case compact.String() == "{}":
		return nil, nil
	}
	return compact.Bytes(), nil
}

// validFilterName reports whether a filter may have this name, as package abi
// says it too.
func validFilterName(name []byte) bool {
	if len(name) == 0 || len(name) > MaxFilterName {
		return false
	}
	for i, c := range name {
		if (c < 'a' || c > 'z') && (i == 0 || (c < '0' || c > '9') && c != '-' && c != '_') {
			return false
		}
	}
	return true
}

// Filters are the filter bindings of a record, read in place:
//
//	for f := record.Filters(); f.Next(); {
//		run(f.Name(), f.Params())
//	}
//
// Walking them does not allocate. Names and params are parts of the record.
type Filters struct {
	rest         []byte
	name, params []byte
}

// Next goes to the first or next binding; false says that there is none.
func (f *Filters) Next() bool {
	if len(f.rest) == 0 {
		return false
	}
	f.name, f.params, f.rest, _ = cutBinding(f.rest)
	return true
}

// Name returns the filter's name.
func (f *Filters) Name() []byte { return f.name }

// Params returns what the binding gives the filter, nil for nothing.
func (f *Filters) Params() []byte { return f.params }

// Filters returns the link's filter bindings in the order they run.
func (r Record) Filters() Filters {
	if r[offFlags]&flagFilters == 0 {
		return Filters{}
	}
	return Filters{rest: r.section(sectionFilters)}
}

// HasFilters reports whether the link binds filters.
func (r Record) HasFilters() bool { return r[offFlags]&flagFilters != 0 }

func appendFilters(b []byte, bindings []Binding) ([]byte, error) {
	if len(bindings) == 0 {
		return b, nil
	}
	head := len(b)
	b = appendSectionHead(b, sectionFilters, flagMust, 0)
	for _, f := range bindings {
		if !validFilterName([]byte(f.Filter)) || len(f.Params) > MaxParams {
			return b, fmt.Errorf("%w: filter binding %q with %d bytes of params", ErrMalformedRecord, f.Filter, len(f.Params))
		}
		b = append(append(b, byte(len(f.Filter))), f.Filter...)
		b = append(binary.LittleEndian.AppendUint16(b, uint16(len(f.Params))), f.Params...)
	}
	binary.LittleEndian.PutUint16(b[head+2:], uint16(len(b)-head-sectionHead))
	return b, nil
}

// cutBinding returns the first binding of a section's body and what follows it.
func cutBinding(b []byte) (name, params, rest []byte, ok bool) {
	if len(b) == 0 || len(b) < 1+int(b[0])+2 {
		return nil, nil, nil, false
	}
	n := 1 + int(b[0])
	name = b[1:n:n]
	size := int(binary.LittleEndian.Uint16(b[n:]))
	b = b[n+2:]
	if len(b) < size {
		return nil, nil, nil, false
	}
	if size > 0 {
		params = b[:size:size]
	}
	return name, params, b[size:], true
}

// checkFilters checks the body of a section of bindings. It does not allocate
// unless it fails.
func checkFilters(body []byte) error {
	n := 0
	for ; len(body) > 0; n++ {
		name, params, rest, ok := cutBinding(body)
		switch {
		case !ok:
			return malformed("a filter binding is cut off")
		case !validFilterName(name):
			return malformed("a filter binding has no proper name")
		case len(params) > MaxParams:
			return malformed("a filter binding has too many params")
		}
		body = rest
	}
	if n == 0 || n > MaxFilters {
		return malformed("it has no or too many filter bindings")
	}
	return nil
}
