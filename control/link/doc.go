// Package link is the language that the control plane and the edge share: what
// a link is, how its domain, slug and destination are written, and the flat
// record an edge reads. It must know nothing of Raft, HTTP servers, filters or
// storage, and imports only the standard library, golang.org/x/net/idna and
// golang.org/x/text.
//
// Text becomes a [Domain], [Slug], [Key], [Revision] or [Destination] through
// the Parse function of its name, which returns the canonical form or a
// [FieldError] that says what is wrong and the way out. Parsing a canonical
// form returns it unchanged. [Link.Normalize] does all of it for a whole link.
//
// # Key
//
// The flat key of a link is
//
//	domain  lower-case ASCII, never empty, without 0x00
//	0x00
//	slug    NFC UTF-8, 1–128 bytes, without 0x00
//
// and its bucket the low 12 bits of the key's CRC-32C (Castagnoli). Changing
// either breaks compatibility.
//
// # Record, format 1
//
// A record is one link as an edge reads it, in place and without allocation.
// It does not hold its key. Numbers are little-endian. Changing a line below
// breaks compatibility; something new is a new section.
//
//	offset size field
//	     0    1 format         1 (RecordFormat)
//	     1    1 kind           1 redirect
//	     2    1 state          1 active, 2 paused, 3 archived
//	     3    1 flags          bit 0: the link has an allow or a guard set, bit 1: it binds filters; the others are for later
//	     4    2 status         u16: 301, 302, 307 or 308
//	     6    2 length         u16, bytes in the whole record
//	     8    8 index          u64, Raft index of the last change
//	    16    8 not after      i64, unix seconds of expiry, 0 = never
//	    24    4 epoch          u32, epoch of the last change
//	    28      sections
//
// Sections follow each other without gaps up to the record's length, in
// ascending order of type, each type at most once:
//
//	offset size field
//	     0    1 type           not 0
//	     1    1 flags          bit 0: must understand; the others are for later
//	     2    2 length         u16, bytes of the body
//	     4      body
//
//	type must body
//	   1 yes  destination      URL in ASCII; every redirect has one
//	   2 yes  allow set        32 bytes: four u64, platform n is bit n%64 of word n/64
//	   3 yes  guard set        the same
//	   4 no   fallback         URL in ASCII, for when the link is expired or archived
//	   5 yes  filters          1 to 8 bindings in the order they run, each: u8 length of the name
//	                           (1 to 63), the name, u16 length of the params (0 to 1,024), the params:
//	                           a JSON object in the form that package abi calls canonical, or nothing
//
// An empty set, an empty URL and no filters have no section, so that equal links have equal
// bytes. The fallback may be skipped: an edge that did not know it would answer
// 410 instead of redirecting, which misleads nobody.
//
// What an edge does not know it must not guess. An unknown format, kind, state
// or status, a flag it has no meaning for (in the head or of any section), and an
// unknown section marked must understand are all [ErrMustUnderstand]: the edge serves 503 for that link and
// reports it. Everything else that is not as written here is
// [ErrMalformedRecord].
//
// A record is at most 65,535 bytes. What would not fit belongs in a
// content-addressed blob that the record names.
package link
