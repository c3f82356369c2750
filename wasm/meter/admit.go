package meter

import (
	"suodi/wasm/abi"
)

// Module is a module that was admitted.
type Module struct {
	// Metered is the module to be run in place of the original.
	Metered []byte
	// Class says what the filter may keep between visits, by its code: what the
	// manifest says only chooses shared over restored.
	Class abi.Class
	// Manifest is what the filter says of itself; zero without one.
	Manifest    abi.Manifest
	HasManifest bool
	// Initialize says that the host must call the export "_initialize" once
	// after instantiating and before anything else.
	Initialize bool
	// Start says that instantiating runs code.
	Start bool
	// Fuel is what each call of the filter may spend, InitialFuel what
	// instantiating, initialising and calls of other exports may, together.
	Fuel, InitialFuel int64
	// MemoryPages and MaxMemoryPages are the memory's size in pages of 64 KiB,
	// at first and at most; they differ in class go alone.
	MemoryPages, MaxMemoryPages uint32
	// Functions counts functions with code, Instructions what is in them and
	// Checks the places where fuel is charged.
	Functions, Instructions, Checks int
}

// Admit checks a filter's module and meters it. It refuses with an *Error. The
// module's bytes are not changed and not kept.
func Admit(bytes []byte, options Options) (*Module, error) {
	options = options.WithDefaults()
	m, err := decode(bytes, options.Limits)
	if err != nil {
		return nil, err
	}
	out := &Module{}
	if m.manifest != nil {
		if out.Manifest, err = abi.ParseManifest(m.manifest); err != nil {
			return nil, refuseIn(sectionNames[secCustom], m.manifestAt, "%s", err)
		}
		out.HasManifest = true
	}
	if err := m.checkImports(); err != nil {
		return nil, err
	}
	if err := m.checkExports(); err != nil {
		return nil, err
	}
	plans, err := m.validate()
	if err != nil {
		return nil, err
	}
	if out.Class, err = m.class(out.Manifest.Class); err != nil {
		return nil, err
	}
	memory, err := m.memoryFor(out.Class)
	if err != nil {
		return nil, err
	}
	out.Fuel, out.InitialFuel = options.Fuel, options.InitialFuel
	if out.Class == abi.Go {
		out.Fuel, out.InitialFuel = options.GoFuel, options.GoInitialFuel
	}
	out.Metered = m.rewrite(plans, scheme{
		initial: out.InitialFuel, fuel: out.Fuel, reset: out.Class == abi.Restored, memory: &memory,
	})
	out.describe(m, memory, plans)
	return out, nil
}

func (out *Module) describe(m *module, memory bounds, plans []plan) {
	out.MemoryPages, out.MaxMemoryPages = memory.minimum, memory.maximum
	out.Functions, out.Instructions, out.Start = len(m.bodies), m.instructions, m.start >= 0
	for _, p := range plans {
		out.Checks += len(p.cuts)
	}
	for _, e := range m.exports {
		out.Initialize = out.Initialize || e.name == exportInitialize
	}
}

// checkExports demands what wasm/abi specifies.
func (m *module) checkExports() error {
	wanted := map[string]*signature{
		abi.ExportVersion: {"", i32}, abi.ExportVisit: {"", i32}, abi.ExportFilter: {i32, i64},
		abi.ExportRule: {i32, i32}, // may be missing
	}
	memory := false
	for _, e := range m.exports {
		switch e.name {
		case FuelGlobal:
			return refuseIn(sectionNames[secExport], e.offset, "the export %q is the host's", e.name)
		case abi.ExportMemory:
			if e.kind != kindMemory {
				return refuseIn(sectionNames[secExport], e.offset, "exports a %s as %q", kindNames[e.kind], e.name)
			}
			memory = true
		case exportInitialize:
			if e.kind != kindFunction || m.signatureOf(e.index) != (signature{}) {
				return refuseIn(sectionNames[secExport], e.offset, "%q is no function without parameters and results", e.name)
			}
		}
		want := wanted[e.name]
		if want == nil {
			continue
		}
		if e.kind != kindFunction {
			return refuseIn(sectionNames[secExport], e.offset, "exports a %s as %q", kindNames[e.kind], e.name)
		}
		if got := m.signatureOf(e.index); got != *want {
			return refuseIn(sectionNames[secExport], e.offset, "%s is %s; the ABI wants %s", e.name, got, *want)
		}
		delete(wanted, e.name)
	}
	if !memory {
		return refuse(len(m.bytes), "does not export its memory as %q", abi.ExportMemory)
	}
	for _, name := range []string{abi.ExportVersion, abi.ExportVisit, abi.ExportFilter} {
		if wanted[name] != nil {
			return refuse(len(m.bytes), "does not export the function %q", name)
		}
	}
	return nil
}

// memoryFor returns the bounds that the metered module's memory gets. Outside
// class go it keeps its first size, so that the host may keep views of it.
func (m *module) memoryFor(class abi.Class) (bounds, error) {
	declared, limit := m.memories[0], uint32(m.limits.MemoryPages)
	if class == abi.Go {
		limit = uint32(m.limits.GoMemoryPages)
	}
	if declared.minimum > limit {
		return bounds{}, refuseIn(sectionNames[secMemory], len(m.bytes),
			"a memory of %d pages; the limit is %d (of 64 KiB, in class %s)", declared.minimum, limit, class)
	}
	b := bounds{minimum: declared.minimum, bounded: true, maximum: declared.minimum}
	if class == abi.Go {
		b.maximum = limit
		if declared.bounded {
			b.maximum = min(limit, declared.maximum)
		}
	}
	return b, nil
}
