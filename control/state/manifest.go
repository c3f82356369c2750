package state

import (
	"encoding/json"
	"maps"
	"slices"

	"suodi/control/state/statepb"
	"suodi/wasm/abi"
)

// said is what the state itself reads in a version's manifest. It does not
// check it as package abi does, which may change with programs: nodes of two
// versions must apply a command alike.
type said struct {
	Fail   abi.FailMode `json:"fail"`
	Params map[string]struct {
		Secret bool `json:"secret"`
	} `json:"params"`
}

// manifestOf returns what a version's manifest says: nothing, if there is none
// or it is no JSON.
func manifestOf(v *statepb.FilterVersion) said {
	var s said
	if json.Unmarshal(v.GetManifest(), &s) != nil {
		return said{}
	}
	return s
}

// rememberSecrets notes which parameters a version declares secret. They stay
// so, for what bindings gave for them is still stored when a later version does
// not declare them so.
func (m *moving) rememberSecrets(version *statepb.FilterVersion) {
	params := manifestOf(version).Params
	for _, name := range slices.Sorted(maps.Keys(params)) {
		if params[name].Secret && !slices.Contains(m.GetSecrets(), name) {
			m.Secrets = append(m.Secrets, name)
		}
	}
	slices.Sort(m.Secrets)
}
