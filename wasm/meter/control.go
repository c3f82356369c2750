package meter

// control reads an instruction that directs control, or select and drop.
func (f *function) control(at int, op byte, in *instruction) {
	switch op {
	case opBlock, opLoop, opIf:
		f.open(at, op, in)
		return
	case opElse:
		f.spend(int64(in.cost))
		f.otherwise(at)
		return
	case opEnd:
		f.spend(int64(in.cost))
		f.close(at)
		return
	}
	f.spend(int64(in.cost))
	switch op {
	case opUnreachable:
		f.stop()
	case opBr:
		if target := f.target(at); target != nil {
			f.popAll(target.label(), at)
			f.stop()
		}
	case opBrIf:
		f.branches++
		if target := f.target(at); target != nil {
			f.pop(typeI32, at)
			f.popAll(target.label(), at)
			f.pushAll(target.label())
		}
	case opBrTable:
		f.branchTable(at)
	case opReturn:
		f.popAll(f.frames[0].results, at)
		f.stop()
	case opCall:
		callee := f.m.index(&f.r, "function", len(f.m.functions))
		if f.r.err != nil {
			return
		}
		if int(callee) < f.m.importedFunctions {
			f.spend(hostUnits)
		}
		f.call(f.m.signatureOf(callee), at)
	case opCallIndirect:
		f.callIndirect(at)
	case opDrop:
		f.pop(typeAny, at)
	case opSelect, opSelectTyped:
		f.selection(at, op)
	}
}

// hostUnits is charged for a call of an imported function beside the call's
// own cost. What such a function does in proportion to its arguments is for the
// host to bound.
const hostUnits = 256

func (f *function) call(kind signature, at int) {
	f.popAll(kind.params, at)
	f.pushAll(kind.results)
}

func (f *function) callIndirect(at int) {
	kind := f.m.index(&f.r, "type", len(f.m.types))
	from := f.m.index(&f.r, "table", len(f.m.tables))
	if f.r.err != nil {
		return
	}
	if f.m.tables[from].element != typeFuncref {
		f.r.failAt(at, "call_indirect from a table of %s", f.m.tables[from].element)
		return
	}
	if f.m.importedFunctions > 0 {
		f.spend(hostUnits)
	}
	f.pop(typeI32, at)
	f.call(f.m.types[kind], at)
}

func (f *function) selection(at int, op byte) {
	if op == opSelectTyped {
		if n := f.r.u32(); n != 1 {
			f.r.failAt(at, "select of %d types", n)
			return
		}
		kind := f.r.valueType()
		f.pop(typeI32, at)
		f.pop(kind, at)
		f.pop(kind, at)
		f.push(kind)
		return
	}
	f.pop(typeI32, at)
	first := f.pop(typeAny, at)
	second := f.pop(first, at)
	if first.isReference() || second.isReference() {
		f.r.failAt(at, "select of references without their type")
	}
	f.push(second)
}

// blockType reads the type of a control structure.
func (f *function) blockType() signature {
	start := f.r.pos
	if f.r.done() {
		f.r.fail("ends too early")
		return signature{}
	}
	if b := f.r.bytes[start]; b&0xc0 == 0x40 { // one byte of a negative number
		if b == 0x40 {
			f.r.pos++
			return signature{}
		}
		return signature{results: string([]byte{byte(f.r.valueType())})}
	}
	i := f.r.signed(33)
	if f.r.err != nil {
		return signature{}
	}
	if i < 0 || i >= int64(len(f.m.types)) {
		f.r.failAt(start, "there is no type %d", i)
		return signature{}
	}
	return f.m.types[i]
}

// open enters a block, a loop or an if.
func (f *function) open(at int, op byte, in *instruction) {
	kind := f.blockType()
	if op == opIf {
		f.pop(typeI32, at)
	}
	f.popAll(kind.params, at)
	if len(f.frames) > f.m.limits.Nesting {
		f.r.failAt(at, "control structures nested more than %d deep", f.m.limits.Nesting)
	}
	if f.r.err != nil {
		return
	}
	f.frames = append(f.frames, frame{
		op: op, params: kind.params, results: kind.results, height: len(f.stack), region: f.region, dead: f.dead,
	})
	f.pushAll(kind.params)
	f.branches++
	f.passed += len(kind.params) + len(kind.results)
	if op == opLoop {
		f.loops++
		f.widest = max(f.widest, len(kind.params))
		f.depth++
		f.deepest = max(f.deepest, f.depth)
		if f.depth > f.m.limits.LoopNesting {
			f.r.failAt(at, "loops nested more than %d deep", f.m.limits.LoopNesting)
			return
		}
	}
	if op == opBlock {
		f.spend(int64(in.cost))
		return
	}
	if op == opIf {
		f.spend(int64(in.cost))
	}
	f.begin(f.region, op == opLoop)
	if op == opLoop {
		f.spend(int64(in.cost)) // at each turn
	}
}

// otherwise turns from an if's first arm to its second.
func (f *function) otherwise(at int) {
	top := &f.frames[len(f.frames)-1]
	if top.op != opIf {
		f.r.failAt(at, "else without if")
		return
	}
	f.leave(at)
	if f.r.err != nil {
		return
	}
	top.op, top.unreachable = opElse, false
	top.endLive = top.endLive || !f.dead
	f.dead = top.dead
	f.pushAll(top.params)
	f.begin(top.region, false)
}

// leave checks what stands on the stack where a control structure ends.
func (f *function) leave(at int) {
	top := &f.frames[len(f.frames)-1]
	f.popAll(top.results, at)
	if f.r.err == nil && len(f.stack) != top.height {
		f.r.failAt(at, "%d values too many on the stack", len(f.stack)-top.height)
	}
}

// close ends a control structure, or the function.
func (f *function) close(at int) {
	f.leave(at)
	if f.r.err != nil {
		return
	}
	top := f.frames[len(f.frames)-1]
	bare := top.op == opIf // without else
	if bare && top.params != top.results {
		f.r.failAt(at, "an if without else cannot turn its parameters into other results")
		return
	}
	f.frames = f.frames[:len(f.frames)-1]
	if len(f.frames) == 0 {
		return
	}
	if top.op == opLoop {
		f.depth--
	}
	f.pushAll(top.results)
	f.dead = f.dead && !top.targeted && !top.endLive && (!bare || top.dead)
	f.region = top.region
	if top.targeted {
		f.begin(top.region, false)
	}
}

// stop marks what follows, up to the structure's end, as never reached.
func (f *function) stop() {
	top := &f.frames[len(f.frames)-1]
	if f.r.err != nil {
		return
	}
	f.stack = f.stack[:top.height]
	top.unreachable = true
	f.dead = true
}

// target reads a label and returns its frame; nil after a failure.
func (f *function) target(at int) *frame {
	depth := f.r.u32()
	if f.r.err == nil && uint64(depth) >= uint64(len(f.frames)) {
		f.r.failAt(at, "a branch out of %d structures, %d are around it", depth, len(f.frames)-1)
	}
	if f.r.err != nil {
		return nil
	}
	t := &f.frames[len(f.frames)-1-int(depth)]
	if !f.dead && t.op != opLoop {
		t.targeted = true
	}
	f.passed += len(t.label())
	return t
}

func (f *function) branchTable(at int) {
	n := f.r.count("branches", f.m.limits.Body)
	f.pop(typeI32, at)
	arity := -1
	f.branches += n / 8
	for i := 0; i <= n; i++ { // the last is the default
		t := f.target(at)
		if t == nil {
			return
		}
		label := t.label()
		if arity < 0 {
			arity = len(label)
		}
		if len(label) != arity {
			f.r.failAt(at, "br_table: branches take %d values and %d", arity, len(label))
			return
		}
		f.checkTop(label, at)
		if f.r.err != nil {
			return
		}
	}
	f.stop()
}

// checkTop checks the operands on top without taking them.
func (f *function) checkTop(types string, at int) {
	top := &f.frames[len(f.frames)-1]
	for i := range len(types) {
		want := valueType(types[len(types)-1-i])
		if place := len(f.stack) - 1 - i; place >= top.height {
			if got := f.stack[place]; got != want && got != typeAny {
				f.r.failAt(at, "%s is on the stack where %s is wanted", got, want)
			}
		} else if !top.unreachable {
			f.r.failAt(at, "%s is missing on the stack", want)
		}
	}
}
