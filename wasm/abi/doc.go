// Package abi is the byte layout that the host and a filter share: the visit
// a filter reads, the verdict it returns and the manifest it carries. It must
// know nothing of WebAssembly runtimes, links or HTTP, and imports only the
// standard library, so that guests can use it too.
//
// # Module
//
// A filter is one WebAssembly module that exports
//
//	memory                        its only memory
//	suodi_abi()   -> i32          1
//	suodi_visit() -> i32          address of a buffer of BufferSize bytes
//	suodi_filter(len i32) -> i64  the verdict; len is the visit's length
//
// and imports nothing. Its custom section "suodi.manifest" holds a Manifest
// as JSON; without one a filter gets every fact and its codes show as numbers.
//
// # Visit, version 1
//
// One little-endian record. Changing a line below breaks compatibility with
// every filter ever compiled; a new fact takes reserved space and a new bit.
//
//	offset size field
//	     0    4 version        u32, 1
//	     4    4 length         u32, bytes in use: head, strings and params
//	     8    4 facts          u32, bit set of the facts that are present
//	    12    2 platform       u16, number of the most specific platform
//	    14    2 os             u16, platform number of the operating system
//	    16    2 os major       u16, 0 = unknown
//	    18    2 browser major  u16, 0 = unknown
//	    20    1 device         u8, 0 unknown, 1 mobile, 2 tablet, 3 desktop
//	    21    1 bot            u8, 0 or 1
//	    22    1 weekday        u8, 1 Monday … 7 Sunday, in the domain's zone
//	    23    1 hour           u8, 0 … 23, in the domain's zone
//	    24    4 date           u32, year*10000 + month*100 + day, same zone
//	    28    2 country        two ASCII letters, "ZZ" = unknown
//	    30    2 app            u16, number of the most specific platform that is
//	                           no crawler: an app, webview or browser
//	    32    8 time           i64, seconds since 1970-01-01 UTC
//	    40    8 hash           u64, the visit hash
//	    48   16 ip             IPv6 address, or IPv4 as ::ffff:a.b.c.d
//	    64   32 platforms      256 bits; platform n is bit n%8 of byte n/8
//	    96   32 link allow     256 bits, the same
//	   128   32 link guard     256 bits, the same
//	   160    4 browser        offset u16, length u16, from the record's start
//	   164    4 region         the same
//	   168    4 language       the same
//	   172    4 host           the same
//	   176    4 slug           the same
//	   180    4 path           the same
//	   184    4 query          the same, without the question mark
//	   188    4 referrer       the same
//	   192    4 user agent     the same
//	   196    4 requested with the same
//	   200    4 params         the same; at most MaxParams bytes of JSON
//	   204   52 reserved       0
//	   256      string area
//
// A string whose fact is absent has offset 0 and length 0. Strings are bytes
// as the client sent them; they may be invalid UTF-8.
//
// # Verdict
//
// An i64: bits 0–6 the action (0 pass, 1 allow, 2 deny, 3 guide, 4 route), bit
// 7 whether a condition could not be decided on the way (counted, no more),
// bits 8–31 the code (for deny and guide the number of a reason in the
// manifest, 0 = none; for route bits 8–30 the URL's length and bit 31 whether it
// is a template), bits 32–63 for route the URL's address in the filter's memory,
// else 0.
//
// # Template
//
// A route's template is a URL with placeholders in braces, which the host
// replaces by facts that the filter needs and by parameters: {slug}, {country},
// {params.name} (AppendURL; Placeholders lists the facts), 32 of them at most. One
// that is not there, or that the filter does not need, is empty. They stand behind the host, never in it or before it, and whatever
// is not an unreserved character of RFC 3986 is percent-encoded, so that they
// change neither scheme nor host nor begin a parameter. Three keep more:
//
//	{slug}  in the path, its slashes
//	{path}  the request's path without its first slash; in the path as it was
//	{query} directly behind "?" or "&" as it was: all parameters
//
// # Rule
//
// A filter may also export
//
//	suodi_rule(len i32) -> i32
//
// which says of the visit in the buffer what suodi_filter would decide it by:
// the number of a rule, 1 for the first that the manifest lists, or 0 where
// none matches. It is asked when somebody wants to know why, never on a visit.
//
// # Params
//
// What a binding gives a filter is one JSON object in canonical form
// (CanonicalParams): names in order, no white space, values of strings, integers
// and booleans. No string holds a quotation mark, a backslash or a control
// character, so that a guest finds a value by looking for its name.
package abi
