package rules_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"
)

// assertPure walks through the module's binary form: no import, table, global,
// element or start section, and in the code only instructions that read.
func assertPure(t testing.TB, wasm []byte) {
	t.Helper()
	if err := pure(wasm); err != nil {
		t.Errorf("not pure: %v", err)
	}
}

// bodies is the section that holds the code; the others allowed are types,
// functions, memory, exports, data and custom ones.
const bodies = 10

func pure(wasm []byte) error {
	r := bytes.NewReader(wasm[8:])
	for r.Len() > 0 {
		id, err := r.ReadByte()
		if err != nil {
			return err
		}
		content, err := take(r)
		if err != nil {
			return err
		}
		switch id {
		case 0, 1, 3, 5, 7, 11:
		case bodies:
			if err := pureBodies(content); err != nil {
				return err
			}
		default:
			return fmt.Errorf("section %d", id)
		}
	}
	return nil
}

// take reads a length and as many bytes.
func take(r *bytes.Reader) ([]byte, error) {
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return nil, err
	}
	b := make([]byte, n)
	_, err = r.Read(b)
	return b, err
}

func pureBodies(section []byte) error {
	r := bytes.NewReader(section)
	n, err := binary.ReadUvarint(r)
	if err != nil {
		return err
	}
	for range n {
		body, err := take(r)
		if err != nil {
			return err
		}
		b := bytes.NewReader(body)
		runs, err := binary.ReadUvarint(b)
		if err != nil {
			return err
		}
		for range 2 * runs { // count and type, each one LEB128
			if _, err := binary.ReadUvarint(b); err != nil {
				return err
			}
		}
		for b.Len() > 0 {
			if err := pureInstruction(b); err != nil {
				return err
			}
		}
	}
	return nil
}

// pureInstruction reads one instruction and its immediates. LEB128 numbers are
// as long signed as unsigned.
func pureInstruction(b *bytes.Reader) error {
	op, err := b.ReadByte()
	if err != nil {
		return err
	}
	immediates := 0
	switch {
	case op == 0x02, op == 0x03, op == 0x04: // block, loop, if
		immediates = 1
	case op == 0x05, op == 0x0b, op == 0x0f, op == 0x1a, op == 0x1b: // else, end, return, drop, select
	case op == 0x0c, op == 0x0d, op == 0x10: // br, br_if, call
		immediates = 1
	case op >= 0x20 && op <= 0x22: // locals
		immediates = 1
	case op >= 0x28 && op <= 0x35: // loads
		immediates = 2
	case op == 0x41, op == 0x42: // constants
		immediates = 1
	case op >= 0x45 && op <= 0x5a, op >= 0x67 && op <= 0x8a, op == 0xa7, op == 0xad: // integer arithmetic
	default:
		return fmt.Errorf("instruction %#02x", op)
	}
	for range immediates {
		if _, err := skipLEB(b); err != nil {
			return err
		}
	}
	return nil
}

func skipLEB(b *bytes.Reader) (int, error) {
	for n := 1; ; n++ {
		c, err := b.ReadByte()
		if err != nil || c < 0x80 {
			return n, err
		}
	}
}

func TestPureFindsWrites(t *testing.T) {
	header := []byte("\x00asm\x01\x00\x00\x00")
	for name, sections := range map[string]string{
		"store":      "\x0a\x0b\x01\x09\x00\x41\x00\x41\x00\x36\x00\x00\x0b",
		"global.set": "\x0a\x08\x01\x06\x00\x41\x00\x24\x00\x0b",
		"memory op":  "\x0a\x0d\x01\x0b\x00\x41\x00\x41\x00\x41\x00\xfc\x0b\x00\x0b",
		"import":     "\x02\x01\x00",
	} {
		t.Run(name, func(t *testing.T) {
			if pure(append(header[:8:8], sections...)) == nil {
				t.Error("taken for pure")
			}
		})
	}
}
