package abi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
)

// Class says what a filter may keep between visits.
type Class string

// The classes a manifest may name.
const (
	Pure     Class = "pure"     // writes nothing
	Restored Class = "restored" // its memory and globals are put back after each visit
	Shared   Class = "shared"   // keeps state from visit to visit
	Go       Class = "go"       // a standard Go reactor
)

// FailMode says what happens to a visit when its filter breaks.
type FailMode string

// The fail modes.
const (
	FailOpen   FailMode = "open"   // as if the filter had passed (the default)
	FailClosed FailMode = "closed" // the visit is refused
)

// Text is a text for people in the languages that pages speak.
type Text struct {
	Zh string `json:"zh,omitempty" yaml:"zh,omitempty"`
	En string `json:"en,omitempty" yaml:"en,omitempty"`
}

// Reason is what a code of a deny or guide means.
type Reason struct {
	Text
	Page Page `json:"page,omitempty"`
}

// Page says which page a deny or guide shows.
type Page string

// The pages.
const (
	PageStandard Page = ""          // the one of the action
	PageNotFound Page = "not-found" // for a deny: as if there were no such link
)

// Param describes one parameter that a binding may give a filter.
type Param struct {
	Type     string `json:"type"` // string, int or bool
	Required bool   `json:"required,omitempty"`
	Secret   bool   `json:"secret,omitempty"`  // never returned by the API; has no default
	Default  any    `json:"default,omitempty"` // of the type; what a binding without it gives
	Doc      string `json:"doc,omitempty"`
}

// Manifest is what a filter says of itself.
type Manifest struct {
	Name   string            `json:"name"`
	ABI    int               `json:"abi"`
	Needs  []string          `json:"needs"`
	Class  Class             `json:"class,omitempty"`
	Fail   FailMode          `json:"fail,omitempty"`
	Params map[string]Param  `json:"params,omitempty"`
	Codes  map[string]Reason `json:"codes,omitempty"` // key: the code in decimal
	Rules  []string          `json:"rules,omitempty"` // what suodi_rule's numbers stand for, from 1
}

// namePattern is how filters and parameters may be called.
var namePattern = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,62}$`)

// ValidName reports whether a filter or parameter may have this name: lower
// case letters, digits, "-" and "_", a letter first, at most 63 bytes.
func ValidName(name string) bool { return namePattern.MatchString(name) }

// ParseManifest decodes and checks the custom section's bytes.
func ParseManifest(data []byte) (Manifest, error) {
	var m Manifest
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	decoder.UseNumber() // a default that is an integer stays one
	if err := decoder.Decode(&m); err != nil {
		return Manifest{}, fmt.Errorf("manifest: %w", err)
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return Manifest{}, errors.New("manifest: more than one JSON value")
	}
	return m, m.validate()
}

func (m Manifest) validate() error {
	if !ValidName(m.Name) {
		return fmt.Errorf("manifest: name %q: want lower case letters, digits, - and _, a letter first, at most 63", m.Name)
	}
	if m.ABI != Version {
		return fmt.Errorf("manifest: abi %d: this host speaks %d", m.ABI, Version)
	}
	if _, err := FactsNamed(m.Needs); err != nil {
		return fmt.Errorf("manifest: needs: %w", err)
	}
	switch m.Class {
	case "", Pure, Restored, Shared, Go:
	default:
		return fmt.Errorf("manifest: class %q: want pure, restored, shared or go", m.Class)
	}
	switch m.Fail {
	case "", FailOpen, FailClosed:
	default:
		return fmt.Errorf("manifest: fail %q: want open or closed", m.Fail)
	}
	for name, p := range m.Params {
		if !ValidName(name) {
			return fmt.Errorf("manifest: parameter name %q: want lower case letters, digits, - and _", name)
		}
		if p.Type != "string" && p.Type != "int" && p.Type != "bool" {
			return fmt.Errorf("manifest: parameter %q: type %q: want string, int or bool", name, p.Type)
		}
		if p.Default != nil && p.Secret {
			return fmt.Errorf("manifest: parameter %q: a secret has no default: the manifest tells it to everybody", name)
		}
		if p.Default != nil {
			if _, err := p.value(p.Default); err != nil {
				return fmt.Errorf("manifest: parameter %q: default: %w", name, err)
			}
		}
	}
	for code, reason := range m.Codes {
		if reason.Page != PageStandard && reason.Page != PageNotFound {
			return fmt.Errorf("manifest: code %q: page %q: want not-found or none", code, reason.Page)
		}
		if n, err := strconv.ParseUint(code, 10, 32); err != nil || n > MaxCode || strconv.FormatUint(n, 10) != code {
			return fmt.Errorf("manifest: code %q: want a number from 0 to %d", code, MaxCode)
		}
	}
	return nil
}

// Facts returns the facts the filter needs.
func (m Manifest) Facts() Facts {
	facts, err := FactsNamed(m.Needs)
	if err != nil {
		return AllFacts
	}
	return facts
}
