package meter

import (
	"unicode/utf8"
)

// reader decodes a stretch of the module. Its first failure sticks: from then
// on everything reads as zero and done reports true.
type reader struct {
	bytes    []byte // the module up to the stretch's end
	pos      int
	section  string
	function int // index of the function whose body is read, or -1
	err      *Error
}

func (r *reader) failAt(offset int, format string, args ...any) {
	if r.err == nil {
		r.err = refuseIn(r.section, offset, format, args...)
		r.err.Function = r.function
	}
	r.pos = len(r.bytes)
}

func (r *reader) fail(format string, args ...any) { r.failAt(r.pos, format, args...) }

// done reports whether nothing is left to read.
func (r *reader) done() bool { return r.pos >= len(r.bytes) }

// left is the number of bytes not yet read.
func (r *reader) left() int { return len(r.bytes) - r.pos }

func (r *reader) byte() byte {
	if r.done() {
		r.fail("ends too early")
		return 0
	}
	b := r.bytes[r.pos]
	r.pos++
	return b
}

// take reads n bytes and returns them unchanged.
func (r *reader) take(n int) []byte {
	if n < 0 || n > r.left() {
		r.fail("%d bytes are announced, %d are left", n, r.left())
		return nil
	}
	b := r.bytes[r.pos : r.pos+n : r.pos+n]
	r.pos += n
	return b
}

// u32 reads an unsigned LEB128 number of 32 bits.
func (r *reader) u32() uint32 {
	if r.pos < len(r.bytes) && r.bytes[r.pos] < 0x80 { // nearly always
		r.pos++
		return uint32(r.bytes[r.pos-1])
	}
	start := r.pos
	v := uint64(0)
	for shift := 0; shift < 35; shift += 7 {
		b := r.byte()
		v |= uint64(b&0x7f) << shift
		if b < 0x80 {
			if v > 1<<32-1 {
				break
			}
			return uint32(v)
		}
	}
	r.failAt(start, "a number does not fit 32 bits")
	return 0
}

// signed reads a signed LEB128 number of the given width.
func (r *reader) signed(bits int) int64 {
	start := r.pos
	v := int64(0)
	for shift := 0; shift < bits; shift += 7 {
		b := r.byte()
		if r.err != nil {
			return 0
		}
		if last := bits - shift; last < 7 {
			// What lies beyond the width must repeat the sign.
			beyond := int8(b<<1) >> last
			if b >= 0x80 || beyond != 0 && beyond != -1 {
				break
			}
		}
		v |= int64(b&0x7f) << shift
		if b < 0x80 {
			if shift += 7; shift < 64 && b&0x40 != 0 {
				v |= -1 << shift
			}
			return v
		}
	}
	r.failAt(start, "a number does not fit %d signed bits", bits)
	return 0
}

// count reads the length of a vector of things called what, each of which
// takes at least one byte.
func (r *reader) count(what string, limit int) int {
	start := r.pos
	n := int(r.u32())
	if n > limit {
		r.failAt(start, "%d %s; the limit is %d", n, what, limit)
		return 0
	}
	if n > r.left() {
		r.failAt(start, "%d %s are announced in %d bytes", n, what, r.left())
		return 0
	}
	return n
}

// name reads a UTF-8 string.
func (r *reader) name(limit int) string {
	start := r.pos
	n := int(r.u32())
	if n > limit && n <= r.left() {
		r.failAt(start, "a name of %d bytes; the limit is %d", n, limit)
		return ""
	}
	b := r.take(n)
	if !utf8.Valid(b) {
		r.failAt(start, "a name is not UTF-8")
		return ""
	}
	return string(b)
}

// valueType reads the type of a number or reference.
func (r *reader) valueType() valueType {
	start := r.pos
	t := valueType(r.byte())
	switch t {
	case typeI32, typeI64, typeF32, typeF64, typeFuncref, typeExternref:
		return t
	case typeV128:
		r.failAt(start, "%s", noVectors)
	default:
		r.failAt(start, "%#02x is no value type", byte(t))
	}
	return typeI32
}

// referenceType reads the type of a reference.
func (r *reader) referenceType() valueType {
	start := r.pos
	t := valueType(r.byte())
	if t != typeFuncref && t != typeExternref {
		r.failAt(start, "%#02x is no reference type", byte(t))
	}
	return t
}

// limits reads a minimum and, if there is one, a maximum.
func (r *reader) limits() bounds {
	start := r.pos
	switch flag := r.byte(); flag {
	case 0:
		return bounds{minimum: r.u32()}
	case 1:
		b := bounds{minimum: r.u32(), bounded: true, maximum: r.u32()}
		if b.maximum < b.minimum {
			r.failAt(start, "the maximum %d is less than the minimum %d", b.maximum, b.minimum)
		}
		return b
	case 2, 3:
		r.failAt(start, "shared memories are not supported")
	default:
		r.failAt(start, "%#02x is no kind of limits that is supported", flag)
	}
	return bounds{}
}
