package meter

import "slices"

// frame is a control structure that is being read.
type frame struct {
	op              byte // opBlock, opLoop, opIf, opElse; opEnd for the function itself
	params, results string
	height          int  // of the operand stack below
	unreachable     bool // the rest of it, to the validator

	// For metering, which follows liveness into nested structures:
	region   int32 // the one around it
	dead     bool  // it is never reached
	endLive  bool  // its end is reached from an if's first arm
	targeted bool  // its end is reached by a branch
}

// label is what a branch to the frame takes along.
func (f *frame) label() string {
	if f.op == opLoop {
		return f.params
	}
	return f.results
}

// function validates the code of one function, by the algorithm in the
// specification's appendix, and splits it into regions on the way.
type function struct {
	m      *module
	r      reader
	locals []valueType
	stack  []valueType
	frames []frame
	most   int // greatest height of the stack

	regions   []region
	cuts      []cut
	region    int32
	dead      bool
	scratched bool

	// What the compiler's time depends on, see work:
	branches int // control structures and branches, by how many blocks they make
	loops    int
	widest   int // most parameters of a loop
	deepest  int // of loops in each other
	depth    int // of loops in each other at this place
	passed   int // values that control structures and branches take along
}

// validate checks every function's code and plans its metering.
func (m *module) validate() ([]plan, error) {
	plans := make([]plan, len(m.bodies))
	f := function{m: m}
	for i, b := range m.bodies {
		index := m.importedFunctions + i
		f.r = reader{bytes: m.bytes[:b.end], pos: b.start, section: sectionNames[secCode], function: index}
		plans[i] = f.body(m.signatureOf(uint32(index)))
		if f.r.err != nil {
			return nil, f.r.err
		}
	}
	return plans, nil
}

// entryUnits is charged at each function's entry beside its frame. It bounds
// how deep the stack gets, for what a call puts there besides.
const entryUnits = 16

func (f *function) body(kind signature) plan {
	f.locals, f.stack, f.frames, f.most = f.locals[:0], f.stack[:0], f.frames[:0], 0
	f.regions, f.cuts, f.dead, f.scratched = f.regions[:0], f.cuts[:0], false, false
	f.branches, f.loops, f.widest, f.deepest, f.depth, f.passed = 0, 0, 0, 0, 0, 0
	for _, t := range []byte(kind.params) {
		f.locals = append(f.locals, valueType(t))
	}
	f.declareLocals()
	p := plan{code: f.r.pos, end: len(f.r.bytes), scratch: len(f.locals)}
	f.frames = append(f.frames, frame{op: opEnd, results: kind.results})
	f.begin(0, false)
	count := 0
	for f.r.err == nil && len(f.frames) > 0 {
		f.instruction()
		count++
	}
	if !f.r.done() {
		f.r.fail("%d bytes follow the function's end", f.r.left())
	}
	f.m.instructions += count
	f.account()
	// The compiler gives a value that outlives a call a place of its own in the
	// frame, so that long functions have large frames; an eighth of their
	// instructions keeps those in proportion.
	f.regions[0].cost += entryUnits + int64(len(f.locals)+f.most+count/8)
	p.cuts, p.scratched = fold(f.regions, f.cuts), f.scratched
	return p
}

// account adds the function to the compiler's work, in units of some 2 ns, as
// fitted to hostile functions of many shapes. Wazero's compiler takes time in
// proportion to the square of a function's basic blocks, to find dominators;
// and, to eliminate what loops carry along, to loops times their depth times
// the square of locals. Without a limit 30 KB of nested loops take minutes.
func (f *function) account() {
	blocks := f.branches + len(f.regions)
	carried := len(f.locals) + f.widest
	f.m.work += 8*blocks*blocks + f.loops*carried*carried*(f.deepest+2) + 100*f.passed
	if f.m.work > f.m.limits.Work {
		f.r.fail("too complex to compile in good time: use smaller functions with fewer locals and loops")
	}
}

func (f *function) declareLocals() {
	for range f.r.count("groups of locals", f.m.limits.Body) {
		start := f.r.pos
		n := int(f.r.u32())
		kind := f.r.valueType()
		if n > f.m.limits.Locals-len(f.locals) {
			f.r.failAt(start, "more than %d parameters and locals", f.m.limits.Locals)
			return
		}
		for range n {
			f.locals = append(f.locals, kind)
		}
	}
	if len(f.locals) > f.m.limits.Locals {
		f.r.fail("more than %d parameters and locals", f.m.limits.Locals)
	}
}

// instruction reads one instruction, checks it and accounts for it.
func (f *function) instruction() {
	at := f.r.pos
	op := f.r.byte()
	in := &instructions[op]
	if in.name == "" {
		f.prefixed(at, op)
		return
	}
	switch in.immediate {
	case immediateSpecial:
		if op < opLocalGet {
			f.control(at, op, in)
			return
		}
		f.effect(at, in)
		f.spend(int64(in.cost))
		f.special(at, op)
		return
	case immediateMemory:
		f.effect(at, in)
		f.memoryArgument(at, in)
	case immediateI32:
		f.r.signed(32)
	case immediateI64:
		f.r.signed(64)
	case immediateF32:
		f.r.take(4)
	case immediateF64:
		f.r.take(8)
	case immediateNone:
	}
	f.spend(int64(in.cost))
	f.popAll(in.in, at)
	f.pushAll(in.out)
}

// prefixed reads the rest of an instruction whose opcode has more than one byte.
func (f *function) prefixed(at int, op byte) {
	if op != opPrefix {
		if what := notSupported(op); what != "" {
			f.r.failAt(at, "%s", what)
		}
		f.r.failAt(at, "there is no instruction %#02x", op)
		return
	}
	sub := f.r.u32()
	if f.r.err != nil {
		return
	}
	if sub >= uint32(len(prefixed)) {
		f.r.failAt(at, "there is no instruction 0xfc %d", sub)
		return
	}
	in := &prefixed[sub]
	f.effect(at, in)
	f.spend(int64(in.cost))
	if in.immediate == immediateSpecial {
		f.bulk(at, byte(sub), in)
		return
	}
	f.popAll(in.in, at)
	f.pushAll(in.out)
}

// effect notes the first place of each effect. Code that is never reached is
// taken as if it were: what a module contains is easier to explain than what it
// can reach.
func (f *function) effect(at int, in *instruction) {
	if in.effect&^f.m.effects == 0 {
		return
	}
	f.m.effects |= in.effect
	for i := range effects {
		if in.effect == 1<<i {
			f.m.sites[i] = site{function: f.r.function, offset: at, name: in.name}
		}
	}
}

func (f *function) memoryArgument(at int, in *instruction) {
	if align := f.r.u32(); align > in.align {
		f.r.failAt(at, "%s: the alignment 2^%d is more than natural", in.name, align)
	}
	f.r.u32()
	f.needMemory(at)
}

func (f *function) needMemory(at int) {
	if len(f.m.memories) == 0 {
		f.r.failAt(at, "there is no memory")
	}
}

func (f *function) push(t valueType) {
	f.stack = append(f.stack, t)
	f.most = max(f.most, len(f.stack))
}

func (f *function) pushAll(types string) {
	for i := range len(types) {
		f.push(valueType(types[i]))
	}
}

// pop takes an operand of the wanted type, or of any, and returns its type.
func (f *function) pop(want valueType, at int) valueType {
	top := &f.frames[len(f.frames)-1]
	if len(f.stack) == top.height {
		if !top.unreachable {
			f.r.failAt(at, "%s is missing on the stack", want)
		}
		return want
	}
	got := f.stack[len(f.stack)-1]
	f.stack = f.stack[:len(f.stack)-1]
	if got != want && got != typeAny && want != typeAny {
		f.r.failAt(at, "%s is on the stack where %s is wanted", got, want)
	}
	if got == typeAny {
		return want
	}
	return got
}

func (f *function) popAll(types string, at int) {
	for _, t := range slices.Backward([]byte(types)) {
		f.pop(valueType(t), at)
		if f.r.err != nil {
			return
		}
	}
}
