package meter

import (
	"suodi/wasm/abi"
)

// decode reads the module and checks everything in it but the functions' code.
func decode(bytes []byte, limits Limits) (*module, error) {
	if len(bytes) > limits.Module {
		return nil, refuse(0, "the module has %d bytes; the limit is %d", len(bytes), limits.Module)
	}
	if len(bytes) < len(magic) || string(bytes[:len(magic)]) != magic {
		return nil, refuse(0, "this is no WebAssembly module of version 1")
	}
	m := &module{bytes: bytes, limits: limits, start: -1, dataCount: -1}
	outer := &reader{bytes: bytes, pos: len(magic), section: sectionModule, function: -1}
	last, custom := 0, 0
	for !outer.done() {
		offset := outer.pos
		id := outer.byte()
		if int(id) >= len(sectionNames) {
			return nil, refuse(offset, "section at offset %#x: %d is no section that is supported", offset, id)
		}
		outer.section = sectionNames[id]
		content := outer.take(int(outer.u32()))
		if outer.err != nil {
			return nil, outer.err
		}
		r := &reader{bytes: bytes[:outer.pos], pos: outer.pos - len(content), section: sectionNames[id], function: -1}
		if id == secCustom {
			if custom += len(content); custom > limits.Custom {
				r.failAt(offset, "custom sections of more than %d bytes in all", limits.Custom)
			}
			m.custom(r)
		} else {
			if order[id] <= last {
				r.failAt(offset, "stands twice or in the wrong place")
			}
			last = order[id]
			m.sections[id], m.present[id] = content, true
			m.section(r, id)
		}
		if !r.done() {
			r.fail("%d bytes too many", r.left())
		}
		if r.err != nil {
			return nil, r.err
		}
		outer.section = sectionModule
	}
	if own := len(m.functions) - m.importedFunctions; own != len(m.bodies) {
		return nil, refuse(len(bytes), "%d functions are declared, %d have code", own, len(m.bodies))
	}
	if m.dataCount >= 0 && m.dataCount != m.segments {
		return nil, refuse(len(bytes), "%d data segments are announced, %d are there", m.dataCount, m.segments)
	}
	return m, nil
}

func (m *module) section(r *reader, id byte) {
	switch id {
	case secType:
		m.readTypes(r)
	case secImport:
		m.readImports(r)
	case secFunction:
		for range r.count("functions", m.limits.Functions) {
			m.addFunction(r)
		}
	case secTable:
		for range r.count("tables", m.limits.Tables) {
			m.addTable(r)
		}
	case secMemory:
		for range r.count("memories", 1) {
			m.addMemory(r)
		}
	case secGlobal:
		for range r.count("globals", m.limits.Globals) {
			g := m.readGlobalType(r)
			g.init = m.expression(r, g.kind)
			m.globals = append(m.globals, g)
		}
	case secExport:
		m.readExports(r)
	case secStart:
		m.readStart(r)
	case secElement:
		m.readElements(r)
	case secDataCount:
		m.dataCount = int(r.u32())
	case secCode:
		m.readCode(r)
	case secData:
		m.readData(r)
	}
}

func (m *module) readTypes(r *reader) {
	for range r.count("types", m.limits.Types) {
		if form := r.byte(); form != 0x60 {
			r.failAt(r.pos-1, "%#02x is no function type", form)
		}
		params := r.valueTypes("parameters", m.limits.Params)
		m.types = append(m.types, signature{params, r.valueTypes("results", m.limits.Results)})
	}
}

func (r *reader) valueTypes(what string, limit int) string {
	n := r.count(what, limit)
	start := r.pos
	for range n {
		r.valueType()
	}
	if r.err != nil {
		return ""
	}
	return string(r.bytes[start:r.pos])
}

func (m *module) readImports(r *reader) {
	for range r.count("imports", m.limits.Imports) {
		start := r.pos
		e := external{module: r.name(m.limits.Name), name: r.name(m.limits.Name), kind: r.byte(), offset: start}
		switch e.kind {
		case kindFunction:
			e.index = m.addFunction(r)
			m.importedFunctions++
		case kindTable:
			m.addTable(r)
			m.importedTables++
		case kindMemory:
			m.addMemory(r)
			m.importedMemories++
		case kindGlobal:
			m.globals = append(m.globals, m.readGlobalType(r))
			m.importedGlobals++
		default:
			r.failAt(e.offset, "imports something of the unknown kind %d", e.kind)
		}
		m.imports = append(m.imports, e)
		if r.err != nil {
			return
		}
	}
}

func (m *module) addFunction(r *reader) uint32 {
	kind := m.index(r, "type", len(m.types))
	m.functions = append(m.functions, kind)
	m.declared = append(m.declared, false)
	m.referred = append(m.referred, false)
	return kind
}

func (m *module) addTable(r *reader) {
	start := r.pos
	t := table{element: r.referenceType(), bounds: r.limits()}
	if r.err != nil {
		return
	}
	m.tables = append(m.tables, t)
	if len(m.tables) > m.limits.Tables {
		r.failAt(start, "more than %d tables", m.limits.Tables)
	}
	total := uint64(0)
	for _, t := range m.tables {
		total += uint64(t.bounds.minimum)
	}
	if total > uint64(m.limits.TableElements) {
		r.failAt(start, "tables of %d elements in all; the limit is %d", total, m.limits.TableElements)
	}
}

func (m *module) addMemory(r *reader) {
	start := r.pos
	b := r.limits()
	if b.minimum > maxPages || b.bounded && b.maximum > maxPages {
		r.failAt(start, "a memory cannot have more than %d pages", maxPages)
	}
	if len(m.memories) > 0 {
		r.failAt(start, "more than one memory")
	}
	m.memories = append(m.memories, b)
}

// maxPages is 4 GiB, the end of 32-bit addresses.
const maxPages = 1 << 16

func (m *module) readGlobalType(r *reader) global {
	g := global{kind: r.valueType()}
	switch flag := r.byte(); flag {
	case 0:
	case 1:
		g.mutable = true
	default:
		r.failAt(r.pos-1, "%#02x says neither constant nor variable", flag)
	}
	return g
}

func (m *module) readExports(r *reader) {
	names := map[string]bool{}
	for range r.count("exports", m.limits.Exports) {
		start := r.pos
		e := external{name: r.name(m.limits.Name), kind: r.byte(), offset: start}
		switch e.kind {
		case kindFunction:
			e.index = m.functionIndex(r)
		case kindTable:
			e.index = m.index(r, "table", len(m.tables))
		case kindMemory:
			e.index = m.index(r, "memory", len(m.memories))
		case kindGlobal:
			e.index = m.index(r, "global", len(m.globals))
		default:
			r.failAt(e.offset, "exports something of the unknown kind %d", e.kind)
		}
		if names[e.name] {
			r.failAt(e.offset, "exports %q twice", e.name)
		}
		names[e.name] = true
		m.exports = append(m.exports, e)
	}
}

// functionIndex reads the index of a function and declares it for ref.func.
func (m *module) functionIndex(r *reader) uint32 {
	f := m.index(r, "function", len(m.functions))
	if r.err == nil {
		m.declared[f] = true
	}
	return f
}

// index reads an index of one of n things.
func (m *module) index(r *reader, what string, n int) uint32 {
	start := r.pos
	i := r.u32()
	if r.err == nil && uint64(i) >= uint64(n) {
		r.failAt(start, "there is no %s %d", what, i)
	}
	if r.err != nil {
		return 0
	}
	return i
}

func (m *module) readStart(r *reader) {
	start := r.pos
	f := m.index(r, "function", len(m.functions))
	if r.err != nil {
		return
	}
	if m.signatureOf(f) != (signature{}) {
		r.failAt(start, "the start function %d takes parameters or has results", f)
	}
	m.start = int(f)
}

func (m *module) readCode(r *reader) {
	n := r.count("functions", m.limits.Functions)
	if own := len(m.functions) - m.importedFunctions; r.err == nil && n != own {
		r.fail("%d functions have code, %d are declared", n, own)
	}
	for i := range n {
		start := r.pos
		size := int(r.u32())
		if size > m.limits.Body {
			r.function = m.importedFunctions + i
			r.failAt(start, "%d bytes of code; the limit is %d", size, m.limits.Body)
		}
		r.take(size)
		if r.err != nil {
			return
		}
		m.bodies = append(m.bodies, body{start: r.pos - size, end: r.pos})
	}
}

func (m *module) readData(r *reader) {
	total := 0
	m.segments = r.count("data segments", m.limits.DataSegments)
	for range m.segments {
		start := r.pos
		flag := r.u32()
		switch flag {
		case 0, 2:
			if flag == 2 {
				m.index(r, "memory", len(m.memories))
			} else if len(m.memories) == 0 {
				r.failAt(start, "there is no memory for the data")
			}
			m.expression(r, typeI32)
		case 1:
		default:
			r.failAt(start, "%d is no kind of data segment", flag)
		}
		total += len(r.take(int(r.u32())))
		if total > m.limits.Data {
			r.failAt(start, "more than %d bytes of data in all", m.limits.Data)
		}
		if r.err != nil {
			return
		}
	}
}

// custom reads a custom section: the manifest and the names are kept.
func (m *module) custom(r *reader) {
	start := r.pos
	name := r.name(m.limits.Name)
	if r.err != nil {
		return
	}
	content := r.take(r.left())
	switch name {
	case abi.ManifestSection:
		if m.manifest != nil {
			r.failAt(start, "a second manifest")
		}
		if len(content) > m.limits.Manifest {
			r.failAt(start, "a manifest of %d bytes; the limit is %d", len(content), m.limits.Manifest)
		}
		m.manifest, m.manifestAt = content, start
	case nameSection:
		if m.names == nil {
			m.names = content
		}
	}
}
