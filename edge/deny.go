package edge

import "slices"

// denyModule is a filter that denies every visit. It stands in for one that
// fails closed and cannot be loaded:
//
//	(module
//	  (memory (export "memory") 1 1)
//	  (func (export "suodi_abi") (result i32) (i32.const 1))
//	  (func (export "suodi_visit") (result i32) (i32.const 1024))
//	  (func (export "suodi_filter") (param i32) (result i64) (i64.const 2)))
var denyModule = slices.Concat(
	[]byte("\x00asm\x01\x00\x00\x00"),
	section(1, "\x02\x60\x00\x01\x7f\x60\x01\x7f\x01\x7e"),
	section(3, "\x03\x00\x00\x01"),
	section(5, "\x01\x01\x01\x01"),
	section(7, "\x04\x06memory\x02\x00\x09suodi_abi\x00\x00\x0bsuodi_visit\x00\x01\x0csuodi_filter\x00\x02"),
	section(10, "\x03\x04\x00\x41\x01\x0b\x05\x00\x41\x80\x08\x0b\x04\x00\x42\x02\x0b"),
	section(0, "\x0esuodi.manifest"+`{"name":"deny","abi":1,"needs":[],"class":"pure","fail":"closed"}`),
)

// section returns a section of a module, shorter than 128 bytes.
func section(id byte, body string) []byte {
	return append([]byte{id, byte(len(body))}, body...)
}
