// Package feed is what the control plane and its edges say to each other, both
// ends of it: Server pushes every change to every edge, Follow is the edge's
// side. It must know neither how the control plane keeps its state (a Source
// is all it sees) nor what an edge does with what it hears (a Replica).
//
// # Buckets
//
// Everything an edge holds is a key and a value in a numbered bucket. Buckets
// 0 to 4095 hold link records, by link.Bucket of their flat key; the buckets
// after them hold the few things that are not links. Changing these numbers
// breaks compatibility.
//
//	0…4095  link.Key            link.Record
//	4096    domain's name       feedpb.Domain
//	4097    platform's number   feedpb.Platform
//	4098    SHA-256 of module   the module's bytes; only of the chain
//	4099    (empty)             feedpb.Chain
//	4099    "secret"            the fleet's secret, 32 random bytes; see DeriveKey
//
// # Conversation
//
// One gRPC stream an edge (feed.proto). The edge says Hello: who it is, which
// cluster and revision it holds, which record formats it reads. The server
// answers Welcome, to which the edge acknowledges what it holds, and then either the deltas that the edge has not seen or,
// when those are no longer kept, a snapshot: every bucket, then SnapshotEnd.
//
// A Delta names the revision it applies to; an edge refuses any other with a
// Nack, hangs up and says hello again. The server sends a batch of deltas and
// waits for its Ack before the next, so a slow edge holds up nobody but
// itself, and costs a cursor, not a queue. A Heartbeat each second carries the
// head revision and the cluster's time.
//
// A filter that an edge cannot load is reported in the Ack beside the error;
// the data counts as applied and the last good filter stays in force.
//
// Beside that, an edge that counts what its filters decide sends a Report when
// the counts changed, once a second at most, and one that can answers each Ask
// with an Answer of its id. Neither holds up a delta.
package feed
