package visit

import (
	"encoding/binary"
	"math/bits"
)

// Hash returns the visit hash: SipHash-1-3 (Aumasson and Bernstein, "SipHash: a
// fast short-input PRF", 2012; the rounds that Rust and Python use for their
// tables) under a key that a fleet shares, of
//
//	offset size field
//	     0   16 address's prefix: IPv6 with the last 80 bits 0, or
//	            ::ffff:a.b.c.0
//	    16    4 link's length, little-endian
//	    20    4 user agent's length, little-endian
//	    24      link, as a key of the table, then 0 up to a multiple of 8
//	            user agent, its first MaxCached bytes, then 0 likewise
//
// So it is the same on every edge and for everybody in a /48 or a /24 with the
// same user agent, and without the key nobody can tell whom a share meets. It
// decides splits and canaries: changing a line above deals everyone anew.
func Hash(key [16]byte, link []byte, address [16]byte, userAgent []byte) uint64 {
	h := newSip(key)
	low := binary.LittleEndian.Uint64(address[8:])
	high := binary.LittleEndian.Uint64(address[:8])
	if high == 0 && uint32(low) == 0xffff_0000 {
		low &= 0x00ff_ffff_ffff_ffff
	} else {
		high, low = high&0x0000_ffff_ffff_ffff, 0
	}
	userAgent = userAgent[:min(len(userAgent), MaxCached)]
	h.block(high)
	h.block(low)
	h.block(uint64(uint32(len(link))) | uint64(len(userAgent))<<32)
	length := 24 + h.write(link) + h.write(userAgent)
	return h.sum(length)
}

// sip is the state of SipHash-1-3.
type sip struct{ v0, v1, v2, v3 uint64 }

func newSip(key [16]byte) sip {
	k0, k1 := binary.LittleEndian.Uint64(key[:8]), binary.LittleEndian.Uint64(key[8:])
	return sip{
		v0: k0 ^ 0x736f6d6570736575,
		v1: k1 ^ 0x646f72616e646f6d,
		v2: k0 ^ 0x6c7967656e657261,
		v3: k1 ^ 0x7465646279746573,
	}
}

// round is inlined, so that the state stays in registers.
func round(v0, v1, v2, v3 uint64) (uint64, uint64, uint64, uint64) {
	v0 += v1
	v2 += v3
	v1 = bits.RotateLeft64(v1, 13) ^ v0
	v3 = bits.RotateLeft64(v3, 16) ^ v2
	v0 = bits.RotateLeft64(v0, 32) + v3
	v2 += v1
	v1 = bits.RotateLeft64(v1, 17) ^ v2
	v3 = bits.RotateLeft64(v3, 21) ^ v0
	return v0, v1, bits.RotateLeft64(v2, 32), v3
}

func (h *sip) block(m uint64) {
	h.v0, h.v1, h.v2, h.v3 = round(h.v0, h.v1, h.v2, h.v3^m)
	h.v0 ^= m
}

// write takes in text and zeros up to a multiple of 8, and returns how much that
// is.
func (h *sip) write(text []byte) (length int) {
	length = (len(text) + 7) &^ 7
	v0, v1, v2, v3 := h.v0, h.v1, h.v2, h.v3
	for ; len(text) >= 8; text = text[8:] {
		m := binary.LittleEndian.Uint64(text)
		v0, v1, v2, v3 = round(v0, v1, v2, v3^m)
		v0 ^= m
	}
	if len(text) > 0 {
		m := uint64(0)
		for i, b := range text {
			m |= uint64(b) << (8 * uint(i) & 63)
		}
		v0, v1, v2, v3 = round(v0, v1, v2, v3^m)
		v0 ^= m
	}
	h.v0, h.v1, h.v2, h.v3 = v0, v1, v2, v3
	return length
}

// sum ends the hash of length bytes, a multiple of 8.
func (h *sip) sum(length int) uint64 {
	h.block(uint64(length) << 56)
	h.v2 ^= 0xff
	v0, v1, v2, v3 := round(h.v0, h.v1, h.v2, h.v3)
	v0, v1, v2, v3 = round(v0, v1, v2, v3)
	v0, v1, v2, v3 = round(v0, v1, v2, v3)
	return v0 ^ v1 ^ v2 ^ v3
}
