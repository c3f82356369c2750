// Package raftstore is replicated state: a Raft log (hashicorp/raft on
// raft-boltdb) and the Pebble database that its entries build up, with the
// applied index inside it, snapshots, restore and membership. A StateMachine
// turns entries into writes. The package must know nothing of what the entries
// mean: nothing of links.
//
// DESIGN.md beside this file says why it is built this way.
//
// # Folder
//
//	raft.db          the log, the node's votes, and the marks below (bbolt);
//	                 its lock is the lock of the whole folder
//	state/CURRENT    names the database in force
//	state/db-N/      a database (Pebble, without a write-ahead log)
//	state/send-N/    a checkpoint on its way to a follower; removed at start
//
// Everything below is on disk or between nodes: changing it breaks
// compatibility. Integers are little-endian.
//
// CURRENT is text: the line "raftstore state 1" and a line with the folder's
// name. It is replaced by rename.
//
// # Database
//
// The first byte of a key is 0x00 for the records of this package and 0x01 for
// the user's, followed by the name or the user's key.
//
//	0x00 "format"         u32 format, 1
//	0x00 "state"          u64 index of the last entry applied
//	                      u64 its term
//	                      u32 epoch, 0 before the identity entry
//	                      u8  length, then the cluster id
//	0x00 "settled"        u64 index, u64 term: everything up to there is
//	                      applied, or an entry of the Raft library that has no
//	                      effect. Written by snapshots only, and of no meaning
//	                      once "state" is further
//	0x00 "configuration"  u64 index of the newest committed configuration,
//	                      then it as raft.EncodeConfiguration has it
//	0x01 key              the user's value
//
// "state" is written in the batch of every entry, so that the state is either
// before or after an entry and says which.
//
// # Log entries
//
// The data of a command in the Raft log (raft.LogCommand):
//
//	u8  kind: 1 command, 2 identity
//	    command:  the bytes given to Apply
//	    identity: u32 epoch, u8 length, then the cluster id; the first one in a
//	              log counts, later ones do nothing
//
// # Marks
//
// In the stable store of raft.db, beside the library's own keys:
//
//	"raftstore/node"  the node's id
//	"raftstore/mark"  u8 format, 1
//	                  u64 floor: the state has surely reached this index
//	                  u64 installing: the newest snapshot whose installation
//	                  was begun, 0 = none
//
// # Snapshot stream
//
// What a leader sends to a follower: the files of a Pebble checkpoint.
// Checksums are CRC-32C.
//
//	8   "SUODISNP"
//	u32 format, 1
//	u32 number of files
//	u64 index of the state
//	u64 term of that index
//	u32 checksum of the 32 bytes before
//	    for each file, in the order of their names:
//	    u16 length of the name (1 … 255), then the name, without a separator
//	    u64 size, then the bytes
//	    u32 checksum of the file's part from its name's length on
//	8   "SUODIEND"
//	u32 checksum of the files' checksums, one after the other
package raftstore
