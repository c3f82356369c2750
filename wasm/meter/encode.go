package meter

import "encoding/binary"

// appendU32 writes an unsigned LEB128 number, as short as it gets.
func appendU32(b []byte, v uint32) []byte { return binary.AppendUvarint(b, uint64(v)) }

// appendI64 writes a signed LEB128 number, as short as it gets.
func appendI64(b []byte, v int64) []byte {
	for {
		low := byte(v & 0x7f)
		v >>= 7
		if v == 0 && low&0x40 == 0 || v == -1 && low&0x40 != 0 {
			return append(b, low)
		}
		b = append(b, low|0x80)
	}
}

func appendName(b []byte, name string) []byte {
	return append(appendU32(b, uint32(len(name))), name...)
}

func appendSection(b []byte, id byte, content []byte) []byte {
	return append(appendU32(append(b, id), uint32(len(content))), content...)
}

func appendBounds(b []byte, l bounds) []byte {
	if !l.bounded {
		return appendU32(append(b, 0), l.minimum)
	}
	return appendU32(appendU32(append(b, 1), l.minimum), l.maximum)
}

// appendCheck traps when the fuel is below zero. Like all that is inserted it
// takes nothing from the operand stack and leaves nothing on it, so it is valid
// anywhere, also in code that is never reached.
func appendCheck(b []byte, fuel uint32) []byte {
	b = appendU32(append(b, opGlobalGet), fuel)
	return append(b, opI64Const, 0, opI64LtS, opIf, 0x40, opUnreachable, opEnd)
}

// appendCharge takes a fixed cost from the fuel.
func appendCharge(b []byte, fuel uint32, cost int64) []byte {
	b = appendU32(append(b, opGlobalGet), fuel)
	b = appendI64(append(b, opI64Const), cost)
	b = appendU32(append(b, opI64Sub, opGlobalSet), fuel)
	return appendCheck(b, fuel)
}

// appendMeasured takes a cost in proportion to the operand on top, which stays
// there: bytes ÷ 8, one for each element of a table, 4,096 for each page the
// memory grows by. It needs a local of type i32. The operand is below 2^32, so
// that the fuel cannot wrap.
func appendMeasured(b []byte, fuel, scratch uint32, operation byte) []byte {
	b = appendU32(append(b, opLocalTee), scratch)
	b = appendU32(append(b, opGlobalGet), fuel)
	b = appendU32(append(b, opLocalGet), scratch)
	b = append(b, opI64ExtendU)
	switch operation {
	case opMemoryInit, opMemoryCopy, opMemoryFill:
		b = append(b, opI64Const, 3, opI64ShrU)
	case opMemoryGrow:
		b = append(appendI64(append(b, opI64Const), pageUnits), opI64Mul)
	}
	b = appendU32(append(b, opI64Sub, opGlobalSet), fuel)
	return appendCheck(b, fuel)
}

// pageUnits is charged for each page that a memory grows by.
const pageUnits = 4096
