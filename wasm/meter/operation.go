package meter

// special reads an instruction of one byte with an index or the like.
func (f *function) special(at int, op byte) {
	switch op {
	case opLocalGet, opLocalSet, opLocalTee:
		f.local(at, op)
	case opGlobalGet, opGlobalSet:
		f.global(at, op)
	case opTableGet, opTableSet:
		t := f.m.index(&f.r, "table", len(f.m.tables))
		if f.r.err != nil {
			return
		}
		element := f.m.tables[t].element
		if op == opTableGet {
			f.pop(typeI32, at)
			f.push(element)
		} else {
			f.pop(element, at)
			f.pop(typeI32, at)
		}
	case opMemorySize, opMemoryGrow:
		f.zero()
		f.needMemory(at)
		if op == opMemoryGrow {
			f.pop(typeI32, at)
			f.measure(at, op)
		}
		f.push(typeI32)
	case opRefNull:
		f.push(f.r.referenceType())
	case opRefIsNull:
		if t := f.pop(typeAny, at); t != typeAny && !t.isReference() {
			f.r.failAt(at, "ref.is_null of %s", t)
		}
		f.push(typeI32)
	case opRefFunc:
		i := f.m.index(&f.r, "function", len(f.m.functions))
		if f.r.err != nil {
			return
		}
		if !f.m.declared[i] {
			f.r.failAt(at, "ref.func of function %d, which is neither exported nor an element", i)
			return
		}
		f.m.referred[i] = true
		f.push(typeFuncref)
	}
}

func (f *function) local(at int, op byte) {
	i := f.m.index(&f.r, "local", len(f.locals))
	if f.r.err != nil {
		return
	}
	kind := f.locals[i]
	if op != opLocalGet {
		f.pop(kind, at)
	}
	if op != opLocalSet {
		f.push(kind)
	}
}

func (f *function) global(at int, op byte) {
	i := f.m.index(&f.r, "global", len(f.m.globals))
	if f.r.err != nil {
		return
	}
	g := &f.m.globals[i]
	if op == opGlobalGet {
		f.push(g.kind)
		return
	}
	if !g.mutable {
		f.r.failAt(at, "global.set of the constant %d", i)
	}
	g.written = true
	f.pop(g.kind, at)
}

// zero reads the byte that stands where later versions name a memory.
func (f *function) zero() {
	if b := f.r.byte(); b != 0 {
		f.r.failAt(f.r.pos-1, "there is one memory only")
	}
}

// bulk reads an instruction on many bytes or elements, or on a segment. Those
// that take time in proportion to their last operand are charged by it.
func (f *function) bulk(at int, sub byte, in *instruction) {
	m := f.m
	switch sub {
	case opMemoryInit:
		f.segment(at)
		f.zero()
		f.needMemory(at)
	case opDataDrop:
		f.segment(at)
	case opMemoryCopy:
		f.zero()
		f.zero()
		f.needMemory(at)
	case opMemoryFill:
		f.zero()
		f.needMemory(at)
	case opElemDrop:
		m.index(&f.r, "element segment", len(m.elements))
	case opTableInit:
		segment := m.index(&f.r, "element segment", len(m.elements))
		into := m.index(&f.r, "table", len(m.tables))
		if f.r.err == nil && m.elements[segment] != m.tables[into].element {
			f.r.failAt(at, "elements of %s for a table of %s", m.elements[segment], m.tables[into].element)
		}
	case opTableCopy:
		into := m.index(&f.r, "table", len(m.tables))
		from := m.index(&f.r, "table", len(m.tables))
		if f.r.err == nil && m.tables[from].element != m.tables[into].element {
			f.r.failAt(at, "elements of %s for a table of %s", m.tables[from].element, m.tables[into].element)
		}
	case opTableSize, opTableGrow, opTableFill:
		f.table(at, sub)
	}
	if f.r.err != nil {
		return
	}
	f.popAll(in.in, at)
	f.pushAll(in.out)
	switch sub {
	case opMemoryInit, opMemoryCopy, opMemoryFill, opTableInit, opTableCopy, opTableGrow, opTableFill:
		f.measure(at, sub)
	}
}

// segment reads the index of a data segment; their number must have been
// announced, since they come after the code.
func (f *function) segment(at int) {
	if f.m.dataCount < 0 {
		f.r.failAt(at, "the data count section is missing")
		return
	}
	f.m.index(&f.r, "data segment", f.m.dataCount)
}

// table reads what works on one table.
func (f *function) table(at int, sub byte) {
	i := f.m.index(&f.r, "table", len(f.m.tables))
	if f.r.err != nil || sub == opTableSize {
		return
	}
	t := f.m.tables[i]
	f.pop(typeI32, at)
	f.pop(t.element, at)
	if sub == opTableFill {
		f.pop(typeI32, at)
		return
	}
	if t.bounds.most() > uint64(f.m.limits.TableElements) {
		f.r.failAt(at, "table.grow of table %d, which has no maximum of at most %d elements", i, f.m.limits.TableElements)
	}
	f.push(typeI32)
}
