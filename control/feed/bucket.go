package feed

import (
	"crypto/sha256"
	"encoding/binary"

	"suodi/control/feed/feedpb"
	"suodi/control/link"
)

// The buckets that hold no links. Changing them breaks compatibility.
const (
	BucketDomains   = link.Buckets
	BucketPlatforms = link.Buckets + 1
	BucketModules   = link.Buckets + 2
	BucketChain     = link.Buckets + 3 // after the modules it names: a snapshot cut short names none that did not come

	Buckets = link.Buckets + 4 // how many there are in all
)

// SecretKey is the key in BucketChain of the fleet's secret: what DeriveKey
// makes keys of. Changing it breaks compatibility.
const SecretKey = "secret"

// recordFormats are the link record formats this program reads and writes,
// best first.
var recordFormats = []uint32{link.RecordFormat}

// maxMessage bounds one message either way: a module of 4 MiB and its frame.
const maxMessage = 8 << 20

// maxEdgeMessage bounds one message of an edge; a sample of visits is the
// largest.
const maxEdgeMessage = 4 << 20

// EntryHash returns the hash of one key and value of a bucket. A bucket's hash
// is the sum of its entries' hashes, so the order of entries does not matter.
func EntryHash(key, value []byte) uint64 {
	h := sha256.New()
	var size [4]byte
	binary.LittleEndian.PutUint32(size[:], uint32(len(key)))
	h.Write(size[:])
	h.Write(key)
	h.Write(value)
	var sum [sha256.Size]byte
	return binary.LittleEndian.Uint64(h.Sum(sum[:0]))
}

// ToRevision and FromRevision translate between the language of links and
// that of messages; no revision is the zero one.
func ToRevision(r *feedpb.Revision) link.Revision {
	return link.Revision{Epoch: r.GetEpoch(), Index: r.GetIndex()}
}

// FromRevision is the inverse of ToRevision.
func FromRevision(r link.Revision) *feedpb.Revision {
	return &feedpb.Revision{Epoch: r.Epoch, Index: r.Index}
}
