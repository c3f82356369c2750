// Package table is an edge's copy of what the feed tells it: the links, found
// by key without a lock, and the few other buckets. It keeps them on disk, so
// that an edge starts and serves without the control plane. It must know
// nothing of HTTP or of what the values of other buckets than links mean.
// DESIGN.md beside it tells why it is as it is, and how fast.
//
// # Layers
//
// A base is an immutable file of links, mapped, with an index in private
// memory. An overlay holds the changes since in memory, and a log has them on
// disk. When there are many, a goroutine folds them into a new base while
// other changes go to an overlay and a log of their own. A look-up asks the
// overlays, then the base; it takes no lock and never waits. A snapshot of the
// feed is built into a base beside the one in force and takes its place when
// it is whole.
//
// The base before the one in force is kept, with every change since. When a
// file turns out to be damaged, which every read checks, it is put aside, and
// that base and those changes take its place. Where they do not reach as far,
// Held tells from where the feed has to go on.
//
// When the disk is full or fails, the table goes on in memory, says so
// (Table.Saving), and tries again. A snapshot it then refuses, and keeps what
// it has.
//
// # Files
//
// A generation numbers bases and logs, from 1; a new one is above all that the
// directory has seen.
//
//	base-%016x.tbl      a base, by its generation
//	changes-%016x.log   the changes since that base; or, when the fold that was
//	                    to make it was not finished, since the log before
//	damaged.tbl         the last base that was put aside, for people
//	fold.tmp            a base being folded
//	snapshot.tmp        a base being brought by the feed
//	table.lock          locked by the process that uses the directory
//
// Numbers are little-endian, CRCs CRC-32C (Castagnoli), what is not mentioned
// is zero. Changing a line below breaks compatibility.
//
// # Base, format 1
//
//	offset size field
//	     0    8 magic        "SUODIBAS"
//	     8    4 format       u32, 1
//	    12    4 checks       u32, link.RecordChecks of the program that wrote it
//	    16    8 generation   u64
//	    24    4 epoch        u32 of the revision
//	    32    8 index        u64 of the revision
//	    40    8 links        u64, entries
//	    48    8 slots        u64 of the index, more than links
//	    56    8 entries end  u64, offset where the next section begins
//	    64    8 others end   u64, likewise
//	    72    8 buckets end  u64, likewise
//	    80    8 index end    u64, the file's size
//	    88   32 seed         4 × u64, secret
//	   120    4 others crc   u32
//	   124    4 buckets crc  u32
//	   128    4 index crc    u32
//	   132    4 salt         u32
//	   136    2 cluster size u16, at most 128
//	   138      cluster id
//	  4092    4 header crc   u32, of the 4,092 bytes before
//	  4096      entries, others, buckets, index
//
// Entries are the links, those of a bucket together, each at a multiple of 8:
//
//	0    4 crc          u32, of the rest without padding, beginning with the salt
//	4    2 key length   u16, low 15 bits; the highest one says that the
//	                    record failed link.CheckRecord
//	6    2 value length u16
//	8      key, value   link.Key, link.Record
//	       padding      up to a multiple of 8
//
// Others are the entries of buckets that hold no links, one after the other:
//
//	 0    2 bucket       u16
//	 2    2 flags        u16, 0
//	 4    4 key length   u32
//	 8    4 value length u32
//	12      key, value
//
// Buckets are the buckets in order, up to the last that came, those of no links
// without entries:
//
//	 0    8 start        u64, offset of the first entry, 0 when there is none
//	 8    8 end          u64, offset behind the last one
//	16    4 epoch        u32 of the revision it came with
//	24    8 index        u64 of the revision it came with
//
// The index is slots of 8 bytes: 0 when free, else the low 24 bits of the
// key's hash above the offset of its entry in units of 8 bytes, 40 bits. The
// search for a hash begins at the slot hash × slots ÷ 2^64 and goes on, round
// the end, to the first free slot. The hash is seed.hash of the key.
//
// # Log, format 2
//
// (Format 1 was a log of the feed's messages, table.log.)
//
//	offset size field
//	     0    8 magic        "SUODILOG"
//	     8    4 format       u32, 2
//	    12    4 epoch        u32 of the revision its changes begin at
//	    16    8 generation   u64
//	    24    8 index        u64 of the revision its changes begin at
//	    32    2 cluster size u16, at most 128
//	    34      cluster id
//	   252    4 header crc   u32, of the 252 bytes before
//	   256      frames
//
// A frame is a length (u32) and a CRC (u32) of a payload, and the payload, a
// change:
//
//	 0    1 kind         1: a delta; 2: a bucket is replaced
//	 2    2 bucket       u16, that is replaced
//	 4    4 epoch        u32 of the revision before
//	 8    8 index        u64 of the revision before
//	16    8 index        u64 of the revision of the delta, or of the bucket
//	24    4 epoch        u32, likewise
//	28    4 entries      u32
//	32    8 links        u64 of the table afterwards
//	40      entries      as a base's others; bit 0 of the flags: the key is gone
//
// A change that does not follow the one before, or is torn or damaged, ends
// what the logs tell. A change is written before it is taken, so a killed edge
// comes back with all that it acknowledged.
package table
