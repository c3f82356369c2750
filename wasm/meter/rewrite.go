package meter

import (
	"suodi/wasm/abi"
)

// FuelGlobal is the name under which a metered module exports the fuel that is
// left, a variable global of type i64, for tools that want to show what a call
// used. A module's own exports may not have this name.
const FuelGlobal = "suodi_meter_fuel"

// exportInitialize is what WASI reactors want called before anything else.
const exportInitialize = "_initialize"

// scheme says how a module is metered.
type scheme struct {
	initial int64   // fuel when the module is instantiated
	fuel    int64   // fuel for each call of the filter
	reset   bool    // each call of the filter begins with the globals as initialised
	memory  *bounds // of the memory instead of its own; nil keeps them
}

// rewriter makes the metered module. Whatever it adds it adds behind what is
// there, so that no index changes.
type rewriter struct {
	*module
	scheme
	plans []plan
	out   []byte

	fuelAt  uint32            // the fuel's global; shadows follow it
	shadows []uint32          // globals that are reset, in the order of their shadows
	added   []uint32          // types of the functions that are appended
	bodies  [][]byte          // and their code
	moved   map[string]uint32 // exports that lead to appended functions
	startAt int               // the start function, or -1
}

func (m *module) rewrite(plans []plan, s scheme) []byte {
	w := &rewriter{
		module: m, scheme: s, plans: plans, fuelAt: uint32(len(m.globals)), moved: map[string]uint32{}, startAt: m.start,
		out: make([]byte, 0, len(m.bytes)+len(m.bytes)/4+1024),
	}
	if s.reset {
		for i, g := range m.globals {
			if g.written && g.init != nil {
				w.shadows = append(w.shadows, uint32(i))
			}
		}
	}
	w.wrap()
	w.sections()
	return w.out
}

// wrap makes the functions that are appended: one around the filter and, when
// globals are reset, one around each way of initialising, which takes down the
// globals' values.
func (w *rewriter) wrap() {
	for _, e := range w.exports {
		if e.kind != kindFunction {
			continue
		}
		switch e.name {
		case abi.ExportFilter:
			code := appendI64([]byte{opI64Const}, w.fuel)
			code = appendU32(append(code, opGlobalSet), w.fuelAt)
			for i, g := range w.shadows {
				code = appendMove(code, w.fuelAt+1+uint32(i), g)
			}
			code = append(code, opLocalGet, 0)
			w.moved[e.name] = w.append(e.index, code, nil)
		case exportInitialize:
			if len(w.shadows) > 0 {
				w.moved[e.name] = w.append(e.index, nil, w.capture())
			}
		}
	}
	if w.start >= 0 && len(w.shadows) > 0 {
		w.startAt = int(w.append(uint32(w.start), nil, w.capture()))
	}
}

// append appends a function of another one's type, which does something before
// and something after calling that one, and returns its index.
func (w *rewriter) append(around uint32, before, after []byte) uint32 {
	code := append([]byte{0}, before...) // no locals
	code = appendU32(append(code, opCall), around)
	code = append(append(code, after...), opEnd)
	w.added = append(w.added, w.functions[around])
	w.bodies = append(w.bodies, code)
	return uint32(len(w.functions) + len(w.added) - 1)
}

func (w *rewriter) capture() (code []byte) {
	for i, g := range w.shadows {
		code = appendMove(code, g, w.fuelAt+1+uint32(i))
	}
	return code
}

func appendMove(b []byte, from, to uint32) []byte {
	b = appendU32(append(b, opGlobalGet), from)
	return appendU32(append(b, opGlobalSet), to)
}

func (w *rewriter) sections() {
	w.out = append(w.out, magic...)
	w.copySection(secType)
	w.copySection(secImport)
	w.extend(secFunction, len(w.added), func(b []byte) []byte {
		for _, t := range w.added {
			b = appendU32(b, t)
		}
		return b
	})
	w.copySection(secTable)
	w.memorySection()
	w.extend(secGlobal, 1+len(w.shadows), w.appendGlobals)
	w.exportSection()
	if w.startAt >= 0 {
		w.out = appendSection(w.out, secStart, appendU32(nil, uint32(w.startAt)))
	}
	w.elementSection()
	w.copySection(secDataCount)
	w.codeSection()
	w.copySection(secData)
	if w.manifest != nil {
		w.out = appendSection(w.out, secCustom, append(appendName(nil, abi.ManifestSection), w.manifest...))
	}
	if names := w.usableNames(); names != nil {
		w.out = appendSection(w.out, secCustom, append(appendName(nil, nameSection), names...))
	}
}

func (w *rewriter) copySection(id byte) {
	if w.present[id] {
		w.out = appendSection(w.out, id, w.module.sections[id])
	}
}

// extend copies a section that is a vector, with n more items.
func (w *rewriter) extend(id byte, n int, items func([]byte) []byte) {
	if !w.present[id] && n == 0 {
		return
	}
	count, rest := uint32(0), []byte(nil)
	if w.present[id] {
		r := reader{bytes: w.module.sections[id]}
		count = r.u32()
		rest = r.bytes[r.pos:]
	}
	content := append(appendU32(make([]byte, 0, len(rest)+16), count+uint32(n)), rest...)
	w.out = appendSection(w.out, id, items(content))
}

func (w *rewriter) memorySection() {
	if w.memory == nil || len(w.memories) == w.importedMemories {
		w.copySection(secMemory)
		return
	}
	w.out = appendSection(w.out, secMemory, appendBounds([]byte{1}, *w.memory))
}

func (w *rewriter) appendGlobals(b []byte) []byte {
	b = append(b, byte(typeI64), 1, opI64Const)
	b = append(appendI64(b, w.initial), opEnd)
	for _, g := range w.shadows {
		b = append(append(b, byte(w.globals[g].kind), 1), w.globals[g].init...)
	}
	return b
}

func (w *rewriter) exportSection() {
	b := appendU32(nil, uint32(len(w.exports)+1))
	for _, e := range w.exports {
		index := e.index
		if to, ok := w.moved[e.name]; ok && e.kind == kindFunction {
			index = to
		}
		b = appendU32(append(appendName(b, e.name), e.kind), index)
	}
	b = appendU32(append(appendName(b, FuelGlobal), kindGlobal), w.fuelAt)
	w.out = appendSection(w.out, secExport, b)
}

// elementSection declares the functions that ref.func names and whose export,
// which declared them, now leads elsewhere.
func (w *rewriter) elementSection() {
	var orphans []byte
	n := uint32(0)
	for _, e := range w.exports {
		if _, ok := w.moved[e.name]; ok && e.kind == kindFunction && w.referred[e.index] {
			orphans = appendU32(orphans, e.index)
			n++
		}
	}
	if n == 0 {
		w.copySection(secElement)
		return
	}
	w.extend(secElement, 1, func(b []byte) []byte {
		return append(appendU32(append(b, 3, 0), n), orphans...)
	})
}

func (w *rewriter) codeSection() {
	if !w.present[secCode] && len(w.bodies) == 0 {
		return
	}
	content := make([]byte, 0, len(w.module.sections[secCode])*5/4+256)
	content = appendU32(content, uint32(len(w.plans)+len(w.bodies)))
	var code []byte
	for i, p := range w.plans {
		code = w.appendCode(code[:0], w.module.bodies[i], p)
		content = append(appendU32(content, uint32(len(code))), code...)
	}
	for _, added := range w.bodies {
		content = append(appendU32(content, uint32(len(added))), added...)
	}
	w.out = appendSection(w.out, secCode, content)
}

// appendCode appends one function's locals and instructions, with its charges.
func (w *rewriter) appendCode(b []byte, f body, p plan) []byte {
	groups := w.bytes[f.start:p.code]
	if p.scratched {
		r := reader{bytes: groups}
		n := r.u32()
		b = append(appendU32(b, n+1), groups[r.pos:]...)
		b = append(b, 1, byte(typeI32))
	} else {
		b = append(b, groups...)
	}
	at := p.code
	for _, c := range p.cuts {
		b = append(b, w.bytes[at:c.at]...)
		at = c.at
		if c.operation == 0 {
			b = appendCharge(b, w.fuelAt, c.cost)
		} else {
			b = appendMeasured(b, w.fuelAt, uint32(p.scratch), c.operation)
		}
	}
	return append(b, w.bytes[at:p.end]...)
}
