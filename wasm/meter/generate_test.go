package meter_test

import "math/rand/v2"

// node is a piece of a random program, which works on two i32 locals: 0, the
// parameter, and 2.
type node struct {
	op    byte // an opcode of the binary format, or one of those below
	value int32
	local byte
	label int
	table []int
	body  []node
	other []node // of an if
	arms  bool   // there is an else
}

const (
	nodeAdd  = 0xf0 // local += value
	nodeMove = 0xf1 // local = the other local * value
	nodeCall = 0xf2 // local = function 1 of local
)

type generator struct {
	rand      *rand.Rand
	functions [][]node
}

// block makes a sequence inside so many labels, which is the function's count
// of control structures around it.
func (g *generator) block(depth, labels int) []node {
	var nodes []node
	for range 1 + g.rand.IntN(5) {
		nodes = append(nodes, g.node(depth, labels))
	}
	return nodes
}

func (g *generator) node(depth, labels int) node {
	n := node{local: byte(2 * g.rand.IntN(2)), value: int32(g.rand.IntN(7) - 3)}
	kinds := 5
	if depth > 0 {
		kinds = 10
	}
	switch k := g.rand.IntN(kinds); {
	case k < 2:
		n.op = nodeAdd
	case k == 2:
		n.op = nodeMove
	case k == 3:
		n.op = []byte{0x0d, 0x0d, 0x0d, 0x0c, 0x0e, 0x0f, nodeCall}[g.rand.IntN(7)]
		n.label = g.rand.IntN(labels + 1)
		for range g.rand.IntN(4) {
			n.table = append(n.table, g.rand.IntN(labels+1))
		}
	case k == 4:
		n.op = 0x01
		n.value = int32(g.rand.IntN(60)) // that many nops: large regions, too
	default:
		n.op = []byte{0x02, 0x03, 0x04}[g.rand.IntN(3)]
		n.body = g.block(depth-1, labels+1)
		if n.op == 0x04 && g.rand.IntN(2) == 0 {
			n.arms, n.other = true, g.block(depth-1, labels+1)
		}
	}
	return n
}

func encodeNodes(nodes []node) (b []byte) {
	for _, n := range nodes {
		switch n.op {
		case nodeAdd:
			b = join(b, []byte{0x20, n.local}, i32Const(int64(n.value)), []byte{0x6a, 0x21, n.local})
		case nodeMove:
			b = join(b, []byte{0x20, 2 - n.local}, i32Const(int64(n.value)), []byte{0x6c, 0x21, n.local})
		case nodeCall:
			b = append(b, 0x20, n.local, 0x10, 3, 0x21, n.local)
		case 0x0d:
			b = append(b, 0x20, n.local, 0x0d, byte(n.label))
		case 0x0c:
			b = append(b, 0x0c, byte(n.label))
		case 0x0f: // both functions' results are made from local 0
			b = append(b, 0x0c, byte(n.label))
		case 0x0e:
			b = append(b, 0x20, n.local, 0x0e, byte(len(n.table)))
			for _, l := range n.table {
				b = append(b, byte(l))
			}
			b = append(b, byte(n.label))
		case 0x01:
			b = append(b, repeat(int(n.value), 0x01)...)
		case 0x02, 0x03:
			b = join(b, []byte{n.op, 0x40}, encodeNodes(n.body), []byte{0x0b})
		case 0x04:
			b = join(b, []byte{0x20, n.local, 0x04, 0x40}, encodeNodes(n.body))
			if n.arms {
				b = join(b, []byte{0x05}, encodeNodes(n.other))
			}
			b = append(b, 0x0b)
		}
	}
	return b
}

// interpreter runs the programs and counts the instructions it executes.
type interpreter struct {
	functions    [][]node
	count, limit int
}

// falling is the label of a sequence that ends at its end.
const falling = -1

// call returns what is in local 0 at the end; false when it takes too long.
func (in *interpreter) call(function int, arg uint32) (uint32, bool) {
	locals := [3]uint32{0: arg}
	in.count += 4 // the block around it, what makes the result, and the end
	if in.count > in.limit {
		return 0, false
	}
	if in.run(in.functions[function], &locals); in.count > in.limit {
		return 0, false
	}
	return locals[0], true
}

// run returns the label that the sequence is left by.
func (in *interpreter) run(nodes []node, locals *[3]uint32) int {
	for i := range nodes {
		if label := in.step(&nodes[i], locals); label != falling {
			return label
		}
		if in.count > in.limit {
			return 1 << 20
		}
	}
	return falling
}

func (in *interpreter) step(n *node, locals *[3]uint32) int {
	local := &locals[n.local]
	switch n.op {
	case nodeAdd:
		in.count += 4
		*local += uint32(n.value)
	case nodeMove:
		in.count += 4
		*local = locals[2-n.local] * uint32(n.value)
	case nodeCall:
		in.count += 3
		*local, _ = in.call(1, *local)
	case 0x0d:
		in.count += 2
		if *local != 0 {
			return n.label
		}
	case 0x0c, 0x0f:
		in.count++
		return n.label
	case 0x0e:
		in.count += 2
		if int64(*local) < int64(len(n.table)) {
			return n.table[*local]
		}
		return n.label
	case 0x01:
		in.count += int(n.value)
	default:
		return in.structure(n, locals)
	}
	return falling
}

func (in *interpreter) structure(n *node, locals *[3]uint32) int {
	in.count++
	body := n.body
	if n.op == 0x04 {
		in.count++
		if locals[n.local] == 0 {
			body = n.other
		}
	}
	for {
		label := in.run(body, locals)
		switch {
		case in.count > in.limit:
			return 1 << 20
		case label == falling:
			in.count++ // the end
			return falling
		case label > 0:
			return label - 1
		case n.op != 0x03:
			return falling
		}
		in.count++ // the loop again
	}
}
