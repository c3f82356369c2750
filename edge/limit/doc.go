// Package limit keeps single addresses and floods from taking an edge for
// themselves: how often an address may ask, and how many connections may be
// open. It must know nothing of HTTP or links: it says yes or no.
//
// # Addresses
//
// An IPv4 address counts by itself, an IPv6 address by its first 64 bits,
// because whoever has one has all of them.
//
// # Memory and time
//
// Rates are kept in a table of fixed size. When more addresses ask at a time
// than it holds, those that are furthest from their limit are forgotten, which
// gives them a fresh one: a flood from everywhere is not what a limit by address
// can stop, and nobody is refused because of others. Asking takes no lock and
// allocates nothing.
package limit
