package table

import (
	"encoding/binary"
	"hash/crc32"
	"io"

	"suodi/control/link"
)

// scan calls yield with every entry of a part of the file, in order, read
// anew and checked; key and value are valid during the call. It does not fault.
func (b *base) scan(start, end uint64, p *pace, yield func(offset uint64, key, value []byte, known knowledge) error) error {
	return scan(b.file, b.salt, start, end, p, yield)
}

const scanSize = 256 << 10

func scan(f io.ReaderAt, salt uint32, start, end uint64, p *pace, yield func(offset uint64, key, value []byte, known knowledge) error) error {
	le := binary.LittleEndian
	buffer := make([]byte, min(scanSize, end-start))
	for at := start; at < end; {
		window := buffer[:min(uint64(len(buffer)), end-at)]
		if _, err := f.ReadAt(window, int64(at)); err != nil {
			return damage("entries at %d: %v", at, err)
		}
		used := 0
		for len(window)-used >= entryHead {
			e := window[used:]
			lengths := le.Uint32(e[4:])
			valueAt := entryHead + int(lengths&maxKey)
			stop := valueAt + int(lengths>>16)
			padded := (stop + entryUnit - 1) &^ (entryUnit - 1)
			if padded > len(e) {
				break
			}
			if crc32.Update(salt, castagnoli, e[4:stop]) != le.Uint32(e) {
				return damage("entry at %d fails its checksum", at+uint64(used))
			}
			known := usable
			if lengths&flagUnusable != 0 {
				known = unusable
			}
			if err := yield(at+uint64(used), e[entryHead:valueAt:valueAt], e[valueAt:stop:stop], known); err != nil {
				return err
			}
			used += padded
			if err := p.wait(); err != nil {
				return err
			}
		}
		if used == 0 {
			return damage("entry at %d is cut off", at)
		}
		at += uint64(used)
	}
	return nil
}

// verify reads the whole file and checks that every entry is found.
func (b *base) verify(p *pace) error {
	var links uint64
	for n := range link.Buckets {
		x := b.extents[n]
		err := b.scan(x.start, x.end, p, func(offset uint64, key, _ []byte, _ knowledge) error {
			links++
			if !b.indexes(b.seed.hash(key), offset) {
				return damage("the index misses the entry at %d", offset)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if links != b.links {
		return damage("%d entries, the header says %d", links, b.links)
	}
	return b.populate(p)
}

// populate makes the mapping ready for look-ups, after the file was read.
func (b *base) populate(p *pace) error {
	const piece = 4 << 20
	for at := 0; at < len(b.data); at += piece {
		populate(b.data[at:min(at+piece, len(b.data))])
		if err := p.waitNow(); err != nil {
			return err
		}
	}
	return nil
}

// indexes reports whether the index leads a hash to an offset.
func (b *base) indexes(hash, offset uint64) bool {
	want := newSlot(hash, offset)
	at := home(hash, b.slots)
	for range b.slots {
		switch slot := binary.LittleEndian.Uint64(b.index[slotSize*at:]); slot {
		case want:
			return true
		case 0:
			return false
		}
		if at++; at == b.slots {
			at = 0
		}
	}
	return false
}
