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
//	    20      link, as a key of the table
//	            user agent, its first MaxCached bytes
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
	h.block(high)
	h.block(low)
	// The blocks that follow begin within the link's length, so that every text
	// stays whole: word holds the bytes, n of them, that fill no block yet.
	word, n := h.write(uint64(uint32(len(link))), 4, link)
	userAgent = userAgent[:min(len(userAgent), MaxCached)]
	word, _ = h.write(word, n, userAgent)
	return h.sum(word, 20+len(link)+len(userAgent))
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

// write takes in text behind n bytes of word that fill no block yet, and
// returns those that then fill none.
func (h *sip) write(word uint64, n int, text []byte) (uint64, int) {
	shift := 8 * uint(n)
	v0, v1, v2, v3 := h.v0, h.v1, h.v2, h.v3
	for ; len(text) >= 8; text = text[8:] {
		next := binary.LittleEndian.Uint64(text)
		m := word | next<<shift
		word = next >> (64 - shift)
		v0, v1, v2, v3 = round(v0, v1, v2, v3^m)
		v0 ^= m
	}
	h.v0, h.v1, h.v2, h.v3 = v0, v1, v2, v3
	for _, b := range text {
		word |= uint64(b) << (8 * uint(n))
		if n++; n == 8 {
			h.block(word)
			word, n = 0, 0
		}
	}
	return word, n
}

// sum ends the hash of length bytes.
func (h *sip) sum(word uint64, length int) uint64 {
	h.block(word | uint64(length)<<56)
	h.v2 ^= 0xff
	v0, v1, v2, v3 := round(h.v0, h.v1, h.v2, h.v3)
	v0, v1, v2, v3 = round(v0, v1, v2, v3)
	v0, v1, v2, v3 = round(v0, v1, v2, v3)
	return v0 ^ v1 ^ v2 ^ v3
}
