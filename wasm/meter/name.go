package meter

// nameSection is the custom section with the names that traps are reported by.
const nameSection = "name"

// usableNames returns what is worth keeping of the name section: the names of
// the module and of its functions, which stay right since no index changes. It
// returns nil when they are not as they should be; they are no reason to refuse.
func (m *module) usableNames() []byte {
	const moduleName, functionNames = 0, 1
	var kept []byte
	r := &reader{bytes: m.names, section: nameSection, function: -1}
	last := -1
	for !r.done() {
		start := r.pos
		id := r.byte()
		content := r.take(int(r.u32()))
		if r.err != nil || int(id) <= last {
			return nil
		}
		last = int(id)
		if id > functionNames {
			continue
		}
		sub := &reader{bytes: content, section: nameSection, function: -1}
		if id == moduleName {
			sub.name(m.limits.Custom)
		} else {
			m.checkFunctionNames(sub)
		}
		if sub.err != nil || !sub.done() {
			return nil
		}
		kept = append(kept, m.names[start:r.pos]...)
	}
	return kept
}

func (m *module) checkFunctionNames(r *reader) {
	next := uint32(0)
	for range r.count("names", len(m.functions)) {
		i := m.index(r, "function", len(m.functions))
		if i < next {
			r.fail("functions are named out of order")
		}
		next = i + 1
		r.name(m.limits.Custom)
		if r.err != nil {
			return
		}
	}
}
