package table

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"

	"suodi/control/feed"
	"suodi/control/link"
)

// The base file's format, specified in the package documentation. Changing any
// of these breaks compatibility.
const (
	baseMagic  = "SUODIBAS"
	baseFormat = 1
	headerSize = 4096
	headerCRC  = headerSize - 4
	maxCluster = 128

	offFormat     = 8
	offChecks     = 12
	offGeneration = 16
	offEpoch      = 24
	offIndex      = 32
	offLinks      = 40
	offSlots      = 48
	offEntriesEnd = 56
	offOthersEnd  = 64
	offBucketsEnd = 72
	offIndexEnd   = 80
	offSeed       = 88
	offOthersCRC  = 120
	offBucketsCRC = 124
	offIndexCRC   = 128
	offSalt       = 132
	offCluster    = 136

	bucketSize   = 32
	entryHead    = 8
	flagUnusable = 1 << 15 // in an entry's key length
	maxKey       = flagUnusable - 1
	maxValue     = link.MaxRecord
	maxEntry     = entryHead + maxKey + maxValue + entryUnit
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errDamaged says that a file is not what was written.
var errDamaged = errors.New("damaged")

func damage(format string, args ...any) error {
	return fmt.Errorf("%w: %s", errDamaged, fmt.Sprintf(format, args...))
}

// meta is what a base says of itself.
type meta struct {
	checks     uint32 // link.RecordChecks of the program that wrote it
	generation uint64
	cluster    string
	revision   link.Revision
	links      uint64
	seed       seed
	salt       uint32 // what the CRC of an entry begins with
	extents    [feed.Buckets]extent
}

// extent is where a bucket's entries are, and the revision it came with.
type extent struct {
	start, end uint64 // offsets in the file
	revision   link.Revision
}

// base is an immutable file of links. Whoever holds a reference may read it;
// the last to drop one closes it.
type base struct {
	meta
	file   *os.File
	path   string
	data   []byte // header and entries, mapped: reading may fault
	index  []byte // private memory, checked when it was read
	slots  uint64
	size   int64 // of the file, bytes
	others *others

	refs    atomic.Int64
	damaged atomic.Pointer[error] // the first damage that was met
}

// openBase opens a base file. An error that is errDamaged means the file; any
// other the system.
func openBase(path string) (opened *base, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	b := &base{file: f, path: path, others: &others{}}
	b.refs.Store(1)
	defer func() {
		if err != nil {
			err = errors.Join(err, b.close())
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	b.size = info.Size()
	var header [headerSize]byte
	if _, err := f.ReadAt(header[:], 0); err != nil {
		return nil, damage("header: %v", err)
	}
	l, err := b.readHeader(header[:])
	if err != nil {
		return nil, err
	}
	if err := b.readOthers(l); err != nil {
		return nil, err
	}
	if err := b.readBuckets(l); err != nil {
		return nil, err
	}
	if err := b.readIndex(l); err != nil {
		return nil, err
	}
	if b.data, err = unix.Mmap(int(f.Fd()), 0, int(l.entriesEnd), unix.PROT_READ, unix.MAP_SHARED); err != nil {
		return nil, fmt.Errorf("map: %w", err)
	}
	return b, nil
}

// layout is where the sections of a base end, and their CRCs.
type layout struct {
	entriesEnd, othersEnd, bucketsEnd, indexEnd uint64
	othersCRC, bucketsCRC, indexCRC             uint32
}

func (b *base) readHeader(h []byte) (l layout, err error) {
	le := binary.LittleEndian
	switch {
	case string(h[:len(baseMagic)]) != baseMagic:
		return l, damage("no base file")
	case le.Uint32(h[headerCRC:]) != crc32.Checksum(h[:headerCRC], castagnoli):
		return l, damage("header fails its checksum")
	case le.Uint32(h[offFormat:]) != baseFormat:
		return l, fmt.Errorf("format %d, this program reads %d", le.Uint32(h[offFormat:]), baseFormat)
	}
	b.checks, b.generation = le.Uint32(h[offChecks:]), le.Uint64(h[offGeneration:])
	b.revision = link.Revision{Epoch: le.Uint32(h[offEpoch:]), Index: le.Uint64(h[offIndex:])}
	b.links, b.slots = le.Uint64(h[offLinks:]), le.Uint64(h[offSlots:])
	for i := range b.seed {
		b.seed[i] = le.Uint64(h[offSeed+8*i:])
	}
	b.salt = le.Uint32(h[offSalt:])
	cluster := int(le.Uint16(h[offCluster:]))
	if cluster > maxCluster {
		return l, damage("cluster id of %d bytes", cluster)
	}
	b.cluster = string(h[offCluster+2 : offCluster+2+cluster])
	l = layout{
		entriesEnd: le.Uint64(h[offEntriesEnd:]), othersEnd: le.Uint64(h[offOthersEnd:]),
		bucketsEnd: le.Uint64(h[offBucketsEnd:]), indexEnd: le.Uint64(h[offIndexEnd:]),
		othersCRC: le.Uint32(h[offOthersCRC:]), bucketsCRC: le.Uint32(h[offBucketsCRC:]), indexCRC: le.Uint32(h[offIndexCRC:]),
	}
	if l.entriesEnd < headerSize || l.othersEnd < l.entriesEnd || l.bucketsEnd < l.othersEnd || l.indexEnd < l.bucketsEnd ||
		l.indexEnd != uint64(b.size) || (l.bucketsEnd-l.othersEnd)%bucketSize != 0 ||
		b.slots > placeMask || l.indexEnd-l.bucketsEnd != b.slots*slotSize {
		return l, damage("sections do not fit the file of %d bytes", b.size)
	}
	return l, nil
}

// section reads a part of the file into memory.
func (b *base) section(to []byte, start uint64, crc uint32, name string) error {
	if _, err := b.file.ReadAt(to, int64(start)); err != nil {
		return damage("%s: %v", name, err)
	}
	if crc32.Checksum(to, castagnoli) != crc {
		return damage("%s fails its checksum", name)
	}
	return nil
}

func (b *base) readOthers(l layout) error {
	section := make([]byte, l.othersEnd-l.entriesEnd)
	if err := b.section(section, l.entriesEnd, l.othersCRC, "others"); err != nil {
		return err
	}
	rest := section
	for len(rest) > 0 {
		var e entry
		var ok bool
		if e, rest, ok = readEntry(rest); !ok {
			return damage("others are cut off")
		}
		b.others.put(e)
	}
	return nil
}

func (b *base) readBuckets(l layout) error {
	section := make([]byte, l.bucketsEnd-l.othersEnd)
	if err := b.section(section, l.othersEnd, l.bucketsCRC, "buckets"); err != nil {
		return err
	}
	le := binary.LittleEndian
	for n := range min(len(section)/bucketSize, len(b.extents)) {
		at := section[n*bucketSize:]
		x := extent{start: le.Uint64(at), end: le.Uint64(at[8:])}
		x.revision = link.Revision{Epoch: le.Uint32(at[16:]), Index: le.Uint64(at[24:])}
		if x.start != x.end && (x.start < headerSize || x.end < x.start || x.end > l.entriesEnd || x.start%entryUnit != 0) {
			return damage("bucket %d lies outside", n)
		}
		b.extents[n] = x
	}
	return nil
}

func (b *base) readIndex(l layout) (err error) {
	if b.slots == 0 {
		return nil
	}
	if b.index, err = anonymous(int(b.slots * slotSize)); err != nil {
		return fmt.Errorf("memory for an index of %d slots: %w", b.slots, err)
	}
	return b.section(b.index, l.bucketsEnd, l.indexCRC, "index")
}

// find returns what the base knows of a key; the value is a part of the
// mapping. Reading it may fault: the caller recovers.
func (b *base) find(hash uint64, key []byte) ([]byte, knowledge) {
	at := home(hash, b.slots)
	for range b.slots { // a sound index has a free slot
		slot := binary.LittleEndian.Uint64(b.index[slotSize*at:])
		if slot == 0 {
			return nil, absent
		}
		if slotMatches(slot, hash) {
			if value, known := b.read(slotOffset(slot), key); known != absent {
				return value, known
			}
		}
		if at++; at == b.slots {
			at = 0
		}
	}
	return nil, absent
}

// read reads the entry at an offset if it is the key's. It is checked before
// anything in it is believed, also that it is another key's.
func (b *base) read(offset uint64, key []byte) ([]byte, knowledge) {
	if offset > uint64(len(b.data)) {
		return nil, damaged
	}
	rest := b.data[offset:]
	if len(rest) < entryHead {
		return nil, damaged
	}
	lengths := binary.LittleEndian.Uint32(rest[4:])
	valueAt := entryHead + int(lengths&maxKey)
	end := valueAt + int(lengths>>16)
	if end > len(rest) || crc32.Update(b.salt, castagnoli, rest[4:end]) != binary.LittleEndian.Uint32(rest) {
		return nil, damaged
	}
	if string(rest[entryHead:valueAt]) != string(key) {
		return nil, absent
	}
	value := rest[valueAt:end:end]
	if lengths&flagUnusable != 0 || b.checks != link.RecordChecks {
		return value, b.judge(value, lengths&flagUnusable != 0)
	}
	return value, usable
}

// judge decides about a record that this program may not be able to serve.
func (b *base) judge(value []byte, flagged bool) knowledge {
	if b.checks == link.RecordChecks && flagged {
		return unusable
	}
	return knowledgeOf(value)
}

// isDamaged notes the first damage; it reports whether this is it.
func (b *base) isDamaged(reason error) bool { return b.damaged.CompareAndSwap(nil, &reason) }

// maps reports whether an address is in the mapped file.
func (b *base) maps(address uintptr) bool {
	start := uintptr(unsafe.Pointer(unsafe.SliceData(b.data)))
	return address >= start && address-start < uintptr(len(b.data))
}

// hold takes a reference unless the base is closed.
func (b *base) hold() bool {
	for {
		n := b.refs.Load()
		if n == 0 {
			return false
		}
		if b.refs.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// drop gives a reference back.
func (b *base) drop() error {
	if b.refs.Add(-1) > 0 {
		return nil
	}
	return b.close()
}

func (b *base) close() error {
	var errs []error
	for _, memory := range []*[]byte{&b.data, &b.index} {
		if *memory != nil {
			errs = append(errs, unix.Munmap(*memory))
			*memory = nil
		}
	}
	return errors.Join(append(errs, b.file.Close())...)
}
