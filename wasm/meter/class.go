package meter

import (
	"fmt"

	"suodi/wasm/abi"
)

// class decides what the module may keep between visits. asked is the
// manifest's word.
//
//   - Imports from WASI make it go.
//   - Without any effect that outlives a call it is pure, whatever it says.
//   - With effects it is shared if it asks for it and restored otherwise; one
//     that promises to be pure is refused, for its author is mistaken about it.
//
// What the host cannot undo after a visit is refused in class restored, and
// growing the memory in all but go.
func (m *module) class(asked abi.Class) (abi.Class, error) {
	var class abi.Class
	switch {
	case m.importedFunctions > 0:
		class = abi.Go
		if asked != "" && asked != abi.Go {
			return "", refuseIn(sectionNames[secImport], m.imports[0].offset,
				"the manifest promises class %s, but a module that imports %s.%s is of class go", asked, m.imports[0].module, m.imports[0].name)
		}
		return class, nil
	case m.effects == 0:
		return abi.Pure, nil
	case asked == abi.Pure:
		at, _ := m.has(m.effects)
		return "", at.refuse("the manifest promises class pure, but %s has an effect that outlives the call", at.name)
	case asked == abi.Shared:
		class = abi.Shared
	default:
		class = abi.Restored
		if at, ok := m.has(effectTable | effectTableGrow | effectDrop); ok {
			return "", at.refuse("%s is only allowed in classes shared and go: its effect would outlast the visit", at.name)
		}
	}
	if at, ok := m.has(effectMemoryGrow); ok {
		return "", at.refuse("%s is only allowed in class go; link with a fixed memory", at.name)
	}
	return class, nil
}

func (s site) refuse(format string, args ...any) *Error {
	return &Error{Section: sectionNames[secCode], Function: s.function, Offset: s.offset, Message: fmt.Sprintf(format, args...)}
}
