package link

import "math/bits"

// Platforms is a set of platform numbers, 256 bits: number n is bit n%64 of
// word n/64. Changing this breaks compatibility. Filters hold sets of the same
// underlying type, so the two convert without copying.
type Platforms [4]uint64

// Add puts number n into the set.
func (p *Platforms) Add(n uint8) { p[n>>6] |= 1 << (n & 63) }

// Has reports whether number n is in the set.
func (p Platforms) Has(n uint8) bool { return p[n>>6]&(1<<(n&63)) != 0 }

// IsEmpty reports whether the set has no member.
func (p Platforms) IsEmpty() bool { return p[0]|p[1]|p[2]|p[3] == 0 }

// Intersects reports whether the sets share a member.
func (p Platforms) Intersects(q Platforms) bool {
	return p[0]&q[0]|p[1]&q[1]|p[2]&q[2]|p[3]&q[3] != 0
}

// Numbers returns the members in ascending order, nil when there are none.
func (p Platforms) Numbers() []uint8 {
	var numbers []uint8
	for i, word := range p {
		for ; word != 0; word &= word - 1 {
			numbers = append(numbers, uint8(i<<6|bits.TrailingZeros64(word)))
		}
	}
	return numbers
}
