// Package edge is the redirect node: it answers visits from its own copy of the
// links and runs the platform filters on each. It must know neither how the
// control plane works nor how rules are compiled: what it needs to know comes
// through the feed.
//
// serve in visit.go is the life of one visit; replica in replica.go turns what
// the feed says into what visits read.
package edge
