// Package table is an edge's copy of what the feed tells it: the links, found
// by key without a lock, and the few other buckets. It keeps them on disk, so
// that an edge starts and serves without the control plane. It must know
// nothing of HTTP or of what the values of other buckets than links mean.
//
// # In memory
//
// Every bucket is an immutable map behind an atomic pointer. A change copies
// the buckets it touches, which are small, and swaps the pointers; a look-up
// takes no lock and never waits.
//
// # On disk, format 1
//
// One file, table.log, in the table's directory. Numbers are little-endian.
// Changing a line below breaks compatibility.
//
//	offset size field
//	     0    8 magic    "SUODITBL"
//	     8    4 format   u32, 1
//	    12      frames
//
// and each frame is
//
//	offset size field
//	     0    4 length   u32, bytes of the payload
//	     4    4 crc      u32, CRC-32C (Castagnoli) of the payload
//	     8      payload  feedpb.ControlMessage
//
// The frames are messages of the feed as they were taken: a Welcome for the
// cluster's id, Buckets and a SnapshotEnd, then Deltas. Opening the table
// replays them; the first frame that is torn or damaged ends the file, and
// what was lost with it is asked of the feed again. When the deltas outgrow
// the buckets before them, the whole table is written anew to table.tmp,
// synced and renamed over table.log. A message is written before it is taken,
// so a killed edge comes back with all that it acknowledged.
//
// When the disk is full or fails, the table goes on in memory, says so
// (Table.Saving), and tries to write itself anew with a later message.
package table
