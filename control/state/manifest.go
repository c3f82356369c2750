package state

import (
	"encoding/json"

	"suodi/control/state/statepb"
	"suodi/wasm/abi"
)

// said is what the state itself reads in a version's manifest. It does not
// check it as package abi does, which may change with programs: nodes of two
// versions must apply a command alike.
type said struct {
	Fail abi.FailMode `json:"fail"`
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
