// Package filters holds the filters that every edge and control node carries:
// their sources and, beside them, the compiled modules. Edges link it, so it
// must not import package rules or cel-go; the command in gen does, and makes
// the modules.
package filters

import _ "embed"

//go:generate go run ./gen

// Platform is the module of the filter that enforces the allow and guard sets
// of links. It stands first in every chain and works with any catalog. It must
// not be written to.
//
//go:embed platform.wasm
var Platform []byte

// PlatformSource is the rule set that Platform is compiled from.
//
//go:embed platform.yaml
var PlatformSource string
