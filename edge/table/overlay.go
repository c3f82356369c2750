package table

import (
	"encoding/binary"
	"sync/atomic"
)

// overlay holds changes of links in memory: an index over entries that are
// only ever appended, so that readers need no lock. One writer at a time. The
// garbage collector sees a few large pieces without pointers.
type overlay struct {
	seed   *seed
	index  atomic.Pointer[[]atomic.Uint64] // nil while empty
	chunks atomic.Pointer[[][]byte]        // each of chunkSize

	// The rest is the writer's.
	end     uint64 // where the next entry goes
	garbage int64  // bytes of entries that others replaced

	entries atomic.Int64 // keys, also those that are gone
	size    atomic.Int64 // bytes of index and chunks
}

// An entry of an overlay, padded to entryUnit:
//
//	0  2 key length
//	2  2 value length
//	4  1 what is known of the key, a knowledge
//	5  3 zero
//	8    key, value
const (
	chunkBits    = 20
	chunkSize    = 1 << chunkBits
	overlayHead  = 8
	firstOverlay = 64 // slots of the smallest index
)

func newOverlay(s *seed) *overlay { return &overlay{seed: s, end: entryUnit} }

// find returns what the overlay knows of a key; the value is not copied.
func (o *overlay) find(hash uint64, key []byte) ([]byte, knowledge) {
	index := o.index.Load()
	if index == nil {
		return nil, absent
	}
	slots := *index
	mask := uint64(len(slots) - 1)
	for at := hash >> 24 & mask; ; at = (at + 1) & mask {
		slot := slots[at].Load()
		if slot == 0 {
			return nil, absent
		}
		if slotMatches(slot, hash) {
			if k, value, known := o.entry(slotOffset(slot)); string(k) == string(key) {
				return value, known
			}
		}
	}
}

// entry reads the entry at an offset.
func (o *overlay) entry(offset uint64) (key, value []byte, known knowledge) {
	chunk := (*o.chunks.Load())[offset>>chunkBits]
	b := chunk[offset&(chunkSize-1):]
	k := overlayHead + int(binary.LittleEndian.Uint16(b))
	v := k + int(binary.LittleEndian.Uint16(b[2:]))
	return b[overlayHead:k:k], b[k:v:v], knowledge(b[4])
}

// put says what is known of a key from now on.
func (o *overlay) put(hash uint64, key, value []byte, known knowledge) {
	if index := o.index.Load(); index == nil || 4*(o.entries.Load()+1) > 3*int64(len(*index)) {
		o.grow()
	}
	slot := newSlot(hash, o.append(key, value, known))
	slots := *o.index.Load()
	mask := uint64(len(slots) - 1)
	for at := hash >> 24 & mask; ; at = (at + 1) & mask {
		old := slots[at].Load()
		if old == 0 {
			o.entries.Add(1)
			slots[at].Store(slot)
			return
		}
		if slotMatches(old, hash) {
			if k, v, _ := o.entry(slotOffset(old)); string(k) == string(key) {
				o.garbage += int64(overlaySize(len(k), len(v)))
				slots[at].Store(slot)
				return
			}
		}
	}
}

func overlaySize(key, value int) uint64 {
	return uint64(overlayHead+key+value+entryUnit-1) &^ (entryUnit - 1)
}

// append writes an entry that nobody sees yet and returns where.
func (o *overlay) append(key, value []byte, known knowledge) (offset uint64) {
	size := overlaySize(len(key), len(value))
	if o.end>>chunkBits != (o.end+size-1)>>chunkBits { // an entry lies in one chunk
		o.end = (o.end + chunkSize - 1) &^ (chunkSize - 1)
	}
	var chunks [][]byte
	if c := o.chunks.Load(); c != nil {
		chunks = *c
	}
	if int(o.end>>chunkBits) == len(chunks) {
		// Readers may hold the old list: it is added to behind its end only.
		chunks = append(chunks, make([]byte, chunkSize))
		o.chunks.Store(&chunks)
		o.size.Add(chunkSize)
	}
	b := chunks[o.end>>chunkBits][o.end&(chunkSize-1):]
	binary.LittleEndian.PutUint16(b, uint16(len(key)))
	binary.LittleEndian.PutUint16(b[2:], uint16(len(value)))
	b[4] = byte(known)
	copy(b[overlayHead:], key)
	copy(b[overlayHead+len(key):], value)
	offset = o.end
	o.end += size
	return offset
}

// grow makes an index of twice the size.
func (o *overlay) grow() {
	size := firstOverlay
	if index := o.index.Load(); index != nil {
		size = 2 * len(*index)
	}
	slots := make([]atomic.Uint64, size)
	mask := uint64(size - 1)
	o.each(func(offset uint64, key, _ []byte, _ knowledge) {
		hash := o.seed.hash(key)
		at := hash >> 24 & mask
		for slots[at].Load() != 0 {
			at = (at + 1) & mask
		}
		slots[at].Store(newSlot(hash, offset))
	})
	o.index.Store(&slots)
	o.size.Add(int64(size * slotSize / 2))
	if size == firstOverlay {
		o.size.Add(int64(size * slotSize / 2))
	}
}

// each calls yield with every entry, in no order.
func (o *overlay) each(yield func(offset uint64, key, value []byte, known knowledge)) {
	index := o.index.Load()
	if index == nil {
		return
	}
	for i := range *index {
		if slot := (*index)[i].Load(); slot != 0 {
			key, value, known := o.entry(slotOffset(slot))
			yield(slotOffset(slot), key, value, known)
		}
	}
}

// compact returns an overlay without garbage.
func (o *overlay) compact() *overlay {
	c := newOverlay(o.seed)
	o.each(func(_ uint64, key, value []byte, known knowledge) {
		c.put(c.seed.hash(key), key, value, known)
	})
	return c
}
