package table

import (
	"crypto/rand"
	"encoding/binary"
	"math/bits"
)

// seed keys the hash, so that nobody can choose slugs that collide. Every
// layer of a state has the same one.
type seed [4]uint64

func newSeed() (s seed) {
	var b [8 * len(s)]byte
	_, _ = rand.Read(b[:]) // it never fails
	for i := range s {
		s[i] = binary.LittleEndian.Uint64(b[8*i:])
	}
	return s
}

// hash returns the hash of a key. It is the construction of wyhash
// (https://github.com/wangyi-fudan/wyhash), with all of its constants secret:
// those that everybody knows can be multiplied away. Changing this breaks
// compatibility.
func (s *seed) hash(key []byte) uint64 {
	le := binary.LittleEndian
	n := len(key)
	sum, a, b := s[0], uint64(0), uint64(0)
	switch {
	case n > 16:
		rest := key
		for ; len(rest) > 16; rest = rest[16:] {
			sum = mix(le.Uint64(rest)^s[1], le.Uint64(rest[8:])^sum)
		}
		a, b = le.Uint64(key[n-16:]), le.Uint64(key[n-8:])
	case n >= 8:
		a, b = le.Uint64(key), le.Uint64(key[n-8:])
	case n >= 4:
		a, b = uint64(le.Uint32(key)), uint64(le.Uint32(key[n-4:]))
	case n > 0:
		a, b = uint64(key[0])<<8|uint64(key[n/2]), uint64(key[n-1])
	}
	return mix(mix(a^s[1], b^sum)^s[2], uint64(n)^s[3])
}

func mix(a, b uint64) uint64 {
	high, low := bits.Mul64(a, b)
	return high ^ low
}

// A slot of an index is 0 when it is free, else the low 24 bits of the key's
// hash above where its entry is, in units of 8 bytes. Changing these breaks
// compatibility.
const (
	slotSize  = 8
	placeBits = 40
	placeMask = 1<<placeBits - 1
	entryUnit = 8
)

// home is the slot at which the search for a hash begins, of n. It takes the
// high bits of the hash; the fingerprint takes the low ones.
func home(hash, n uint64) uint64 {
	high, _ := bits.Mul64(hash, n)
	return high
}

// newSlot returns the slot of an entry at an offset.
func newSlot(hash, offset uint64) uint64 { return hash<<placeBits | offset/entryUnit }

// slotMatches reports whether a slot may be the one of a hash.
func slotMatches(slot, hash uint64) bool { return (slot^hash<<placeBits)>>placeBits == 0 }

// slotOffset is where a slot's entry is.
func slotOffset(slot uint64) uint64 { return slot & placeMask * entryUnit }
