// Package load puts visits on an address and measures what comes back. It is a
// visitor like any other and must not know who answers.
//
// An open loop begins visits at a constant rate whatever becomes of them, as
// the public does, and counts each visit's time from when it should have begun:
// a server that stalls for a second is charged with every visit of that second
// (no coordinated omission; Gil Tene, "How NOT to Measure Latency"). A closed
// loop begins a visit on a connection when the one before is answered: it finds
// out how much can be answered, not how long the public waits.
//
// On Linux plain connections are driven by one epoll loop a worker, which
// costs about half of what the leanest server spends on the same visit, so that
// one core can keep another busy. Elsewhere, and with TLS, a goroutine drives
// each connection; a TLS client does more work than the server, which is why a
// round says what the generator had to do, and a comparison what the server
// did.
package load
