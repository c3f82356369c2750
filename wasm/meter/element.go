package meter

// readElements reads the element section. A segment's first number says in
// three bits whether it is passive or declarative, whether it names its table
// or is declarative, and whether its elements are expressions.
func (m *module) readElements(r *reader) {
	total := 0
	for range r.count("element segments", m.limits.Segments) {
		start := r.pos
		flag := r.u32()
		if flag > 7 {
			r.failAt(start, "%d is no kind of element segment", flag)
			return
		}
		into := table{element: typeFuncref}
		active := flag&1 == 0
		if active {
			index := uint32(0)
			if flag&2 != 0 {
				index = r.u32()
			}
			if r.err != nil {
				return
			}
			if uint64(index) >= uint64(len(m.tables)) {
				r.failAt(start, "there is no table %d", index)
				return
			}
			into = m.tables[index]
			m.expression(r, typeI32)
		}
		kind := m.elementKind(r, flag)
		if active && r.err == nil && into.element != kind {
			r.failAt(start, "elements of %s for a table of %s", kind, into.element)
		}
		n := r.count("elements", m.limits.Elements-total)
		total += n
		for range n {
			if flag&4 != 0 {
				m.expression(r, kind)
			} else {
				m.functionIndex(r)
			}
		}
		m.elements = append(m.elements, kind)
		if r.err != nil {
			return
		}
	}
}

func (m *module) elementKind(r *reader, flag uint32) valueType {
	switch {
	case flag&3 == 0:
		return typeFuncref
	case flag&4 != 0:
		return r.referenceType()
	default:
		if b := r.byte(); b != 0 {
			r.failAt(r.pos-1, "%#02x is no kind of elements", b)
		}
		return typeFuncref
	}
}

// expression reads a constant expression of the wanted type and returns its
// bytes.
func (m *module) expression(r *reader, want valueType) []byte {
	start := r.pos
	var got valueType
	switch op := r.byte(); op {
	case opI32Const:
		r.signed(32)
		got = typeI32
	case opI64Const:
		r.signed(64)
		got = typeI64
	case opF32Const:
		r.take(4)
		got = typeF32
	case opF64Const:
		r.take(8)
		got = typeF64
	case opRefNull:
		got = r.referenceType()
	case opRefFunc:
		m.functionIndex(r)
		got = typeFuncref
	case opGlobalGet:
		g := m.index(r, "imported global", m.importedGlobals)
		if r.err == nil {
			if m.globals[g].mutable {
				r.failAt(start, "the constant depends on the variable global %d", g)
			}
			got = m.globals[g].kind
		}
	case 0xfd:
		r.failAt(start, "%s", noVectors)
	default:
		r.failAt(start, "a constant expression begins with %#02x", op)
	}
	if end := r.byte(); r.err == nil && end != opEnd {
		r.failAt(r.pos-1, "a constant expression has more than one instruction")
	}
	if r.err != nil {
		return nil
	}
	if got != want {
		r.failAt(start, "a constant of type %s where %s is wanted", got, want)
		return nil
	}
	return r.bytes[start:r.pos:r.pos]
}
