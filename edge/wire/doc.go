// Package wire accepts an edge's connections and spares what each of them and
// each visit would cost in vain. It must know nothing of HTTP, TLS or links:
// what it gives away is a net.Listener of net.Conns.
//
//   - A deadline that is moved back is not: the earlier one stays in force, and
//     when it passes it is moved to where it was wanted. A server moves three
//     for each visit, and hardly any ever passes.
//   - Keep-alive probes are set on the listener and inherited, where net sets
//     them anew for each connection with four system calls. A listener that
//     comes from another process by its descriptor is of net's own making: its
//     connections cost those calls.
//
// Measured and left out, because neither visits a second nor visits for each
// second of the processor changed by more than 2 % in runs in turns: accepting
// a connection with its first bytes only (TCP_DEFER_ACCEPT), and gathering what
// is written until the next reading or closing, so that a TLS handshake's
// ticket, the answer and the closing alert share a packet.
package wire
