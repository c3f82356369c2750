// Package state is the control plane's replicated state: commands and what
// applying them does, and the queries that the API and the feed ask. It must
// know nothing of HTTP, of clocks or of how entries are replicated. Applying is
// pure: the same entries give the same keys on every node.
//
// # Keys
//
// Numbers in keys are big-endian. Values are messages of state.proto behind
// the revision of their last change (epoch u32, index u64), where "rev" stands.
// Changing a line breaks compatibility.
//
//	L bucket(2) flat-key      rev Link          the links, by bucket for the feed
//	N ^id(8)                  flat-key          the links not in the trash, newest first
//	F fingerprint(32) flat-key                  the links that are equal but for their slugs
//	D name                    rev Domain
//	P number(1)               rev feed.Platform the catalog
//	Q id                      number(1)         numbers by platform id
//	A name                    rev Filter
//	V name 00 number(4)       FilterVersion
//	M sha256(32)              a module's or a source's bytes
//	U sha256(32)              Upload, of what comes in chunks and what no version names yet
//	u sha256(32) offset(4)    its chunks until all have come
//	E name 00 number(8)       FilterEvent
//	B name 00 flat-key        the links that bind a filter
//	S                         the fleet's secret, 32 bytes
//	H                         rev Chain
//	T sha256(32)              Token, by the hash of its text
//	K sha256(32)              Kept, results by idempotency key
//	k time(8) sha256(32)      the same keys by age
//	C epoch(4) index(8)       feed.Delta        the changelog that edges follow
//	c                         rev               of the last delta
package state
