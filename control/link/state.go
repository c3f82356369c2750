package link

import (
	"fmt"
	"slices"
	"strconv"
)

// Kind is what a link does. Its numbers are part of the record format.
type Kind uint8

// The kinds. Links of the last two cannot be made yet.
const (
	KindRedirect Kind = 1 // sends the visitor to a destination
	KindLive     Kind = 2 // reserved: a code whose destination changes from scan to scan
	KindCalendar Kind = 3 // reserved: a calendar entry
)

// kindNames and stateNames are indexed by number; "" is the zero value.
var (
	kindNames  = []string{"", "redirect", "live", "calendar"}
	stateNames = []string{"", "active", "paused", "archived"}
)

// String returns the kind's name in the API.
func (k Kind) String() string { return nameOf(kindNames, uint8(k), "kind") }

// MarshalText returns the kind's name, "" for the zero value.
func (k Kind) MarshalText() ([]byte, error) { return marshalName(kindNames, uint8(k), "kind") }

// UnmarshalText reads a kind's name.
func (k *Kind) UnmarshalText(text []byte) error {
	n, err := numberOf(kindNames, string(text), "kind", "use redirect")
	if err == nil {
		*k = Kind(n)
	}
	return err
}

// State is whether a link answers. Its numbers are part of the record format;
// 4 and 5 are reserved for banned and trashed.
type State uint8

// The states.
const (
	StateActive   State = 1 // redirects
	StatePaused   State = 2 // 404, says that it is paused
	StateArchived State = 3 // 410, or the fallback URL
)

func (s State) known() bool { return s >= StateActive && s <= StateArchived }

// String returns the state's name in the API.
func (s State) String() string { return nameOf(stateNames, uint8(s), "state") }

// MarshalText returns the state's name, "" for the zero value.
func (s State) MarshalText() ([]byte, error) { return marshalName(stateNames, uint8(s), "state") }

// UnmarshalText reads a state's name.
func (s *State) UnmarshalText(text []byte) error {
	n, err := numberOf(stateNames, string(text), "state", "use "+orList(stateNames[1:]))
	if err == nil {
		*s = State(n)
	}
	return err
}

func nameOf(names []string, n uint8, what string) string {
	if int(n) < len(names) {
		return names[n]
	}
	return what + "(" + strconv.Itoa(int(n)) + ")"
}

func marshalName(names []string, n uint8, what string) ([]byte, error) {
	if int(n) >= len(names) {
		return nil, fmt.Errorf("%s %d has no name", what, n)
	}
	return []byte(names[n]), nil
}

func numberOf(names []string, name, what, hint string) (uint8, error) {
	n := slices.Index(names, name)
	if n < 0 {
		return 0, refuse(what, name, "is unknown", hint)
	}
	return uint8(n), nil
}

// knownStatus reports whether a redirect may answer with status.
func knownStatus(status int) bool {
	return status == 301 || status == 302 || status == 307 || status == 308
}
