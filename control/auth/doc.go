// Package auth makes and recognises API tokens. It must know nothing of HTTP
// or of where tokens are stored.
//
// A token made here reads
//
//	suodi_<26 letters and digits: 130 random bits><6: their CRC-32>
//
// in Crockford's base 32 in lower case. The prefix lets secret scanners find
// it, the checksum tells a mistyped token from a revoked one. Only its SHA-256
// is ever stored. Operators may also choose a token's text themselves; it then
// has no checksum to look at.
package auth
