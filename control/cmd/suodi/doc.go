// Suodi is the control plane's program: the control node's daemon (serve), an
// all-in-one for trying things out (dev) and the admin command line, which
// speaks to a control plane through its HTTP API and in no other way.
//
// Data goes to standard output, everything said to people to standard error.
// An error reads
//
//	suodi: what went wrong; the way out
//
// or, with --json, is a problem document (RFC 9457). Exit codes: 0 it is done,
// 1 it failed, 2 the command line is wrong.
package main
