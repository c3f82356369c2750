package qr

import (
	"cmp"
	"math"
	"slices"
)

func (f finder) at() point { return point{f.x, f.y} }

// triple is three finder patterns that may be a code's.
type triple struct {
	topLeft, topRight, bottomLeft finder
	doubt                         float64 // the smaller the likelier
}

// maxTriples bounds how many triples of one bitmap are looked at.
const maxTriples = 60

// triples returns the likely triples, likeliest first.
func triples(finders []finder) []triple {
	var all []triple
	for i := range finders {
		for j := range i {
			if a, b := finders[i].size, finders[j].size; a > 2*b || b > 2*a {
				continue
			}
			for k := range j {
				if t, ok := newTriple(finders[i], finders[j], finders[k]); ok {
					all = append(all, t)
				}
			}
		}
	}
	slices.SortStableFunc(all, func(a, b triple) int { return cmp.Compare(a.doubt, b.doubt) })
	return all[:min(len(all), maxTriples)]
}

// newTriple arranges three finders: the top left one is opposite to the longest
// side, the others follow clockwise.
func newTriple(a, b, c finder) (triple, bool) {
	small, large := min(a.size, b.size, c.size), max(a.size, b.size, c.size)
	if large > 2*small {
		return triple{}, false
	}
	ab, bc, ca := a.at().minus(b.at()).length(), b.at().minus(c.at()).length(), c.at().minus(a.at()).length()
	switch max(ab, bc, ca) {
	case ab:
		a, c = c, a
	case ca:
		a, b = b, a
	}
	t := triple{topLeft: a, topRight: b, bottomLeft: c}
	right, down := b.at().minus(a.at()), c.at().minus(a.at())
	turn := right.cross(down)
	if turn < 0 {
		t.topRight, t.bottomLeft = c, b
		right, down, turn = down, right, -turn
	}
	w, h := right.length(), down.length()
	sine := turn / (w * h)
	modules := t.modules()
	if sine < 0.5 || w > 2.5*h || h > 2.5*w || modules < 0.7*(minSide-7) || modules > 1.3*(maxSide-7) {
		return triple{}, false
	}
	// Of codes side by side the nearest finders belong together. Those of one
	// code are seen by as many rows each; what few rows saw is likely noise.
	const sure = 6
	few, many := min(a.hits, b.hits, c.hits), max(a.hits, b.hits, c.hits)
	t.doubt = (1 - sine) + math.Abs(math.Log(w/h)) + math.Log(large/small) + 0.003*modules +
		0.15*float64(max(0, sure-few)) + 0.3*math.Log(float64(many)/float64(few))
	return t, true
}

// modules estimates how many modules are between the finders.
func (t triple) modules() float64 {
	far := func(a, b finder) float64 {
		d := b.at().minus(a.at())
		// Sizes are measured along rows and columns; on the slant a module is
		// shorter than that by the larger part of the direction.
		slant := max(math.Abs(d.x), math.Abs(d.y)) / d.length()
		return d.length() / ((a.size + b.size) / 2 * slant)
	}
	return (far(t.topLeft, t.topRight) + far(t.topLeft, t.bottomLeft)) / 2
}

// sides returns the numbers of modules the code may have, likeliest first. The
// more there are, the less exact is the estimate.
func (t triple) sides() []int {
	estimate := t.modules() + 7
	near := int(math.Round((estimate-17)/4))*4 + 17
	sides := []int{near}
	for off := 4; off <= 4+int(estimate/40)*4; off += 4 {
		sides = append(sides, near-off, near+off)
	}
	return slices.DeleteFunc(sides, func(side int) bool { return side < minSide || side > maxSide })
}
