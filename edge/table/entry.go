package table

import "encoding/binary"

// The form of an entry of any bucket, in logs and among a base's others.
// Changing this breaks compatibility.
//
//	0  2 bucket
//	2  2 flags, bit 0: the key is gone
//	4  4 key length
//	8  4 value length
//	12   key, value
const (
	entrySize = 12
	flagGone  = 1
)

func appendEntry(b []byte, e entry) []byte {
	le := binary.LittleEndian
	flags := uint16(0)
	if e.gone {
		flags = flagGone
	}
	b = le.AppendUint16(b, e.bucket)
	b = le.AppendUint16(b, flags)
	b = le.AppendUint32(b, uint32(len(e.key)))
	b = le.AppendUint32(b, uint32(len(e.value)))
	return append(append(b, e.key...), e.value...)
}

// readEntry reads the entry at the beginning of b, which it is a part of.
func readEntry(b []byte) (e entry, rest []byte, ok bool) {
	le := binary.LittleEndian
	if len(b) < entrySize {
		return e, b, false
	}
	key, value := uint64(le.Uint32(b[4:])), uint64(le.Uint32(b[8:]))
	if key+value > uint64(len(b)-entrySize) {
		return e, b, false
	}
	end := entrySize + key + value
	e = entry{
		bucket: le.Uint16(b), gone: le.Uint16(b[2:])&flagGone != 0,
		key: b[entrySize : entrySize+key : entrySize+key], value: b[entrySize+key : end : end],
	}
	return e, b[end:], true
}
