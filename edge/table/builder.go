package table

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"

	"golang.org/x/sys/unix"

	"suodi/control/feed"
	"suodi/control/link"
)

const (
	writeSize = 64 << 10 // bytes a write: longer ones would hold up visits
	flushSize = 8 << 20  // bytes after which the system is to begin writing
	fullness  = 4        // an index has one free slot in so many
)

// builder writes a base file, bucket after bucket. Beside the file it needs
// little but the index, which goes on into the base.
type builder struct {
	meta
	file    *os.File
	pace    *pace
	step    func(string) error // a test's; see Config.step
	written uint64             // bytes of the file
	started uint64             // bytes that the system was told to write
	buffer  []byte             // what comes next
	open    int                // bucket being written, -1 = none
	seen    [feed.Buckets]bool
	layout  layout
	others  *others
}

// newBuilder makes a file at path, in the place of another. The number is one
// that no other file was made with.
func newBuilder(path string, seed seed, number uint64, p *pace, step func(string) error) (*builder, error) {
	if err := step("create base"); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	b := &builder{file: f, pace: p, step: step, open: -1, others: &others{}}
	b.seed, b.salt, b.checks = seed, newSalt(seed, number), link.RecordChecks
	b.buffer = append(make([]byte, 0, writeSize+maxEntry), make([]byte, headerSize)...)
	return b, nil
}

// newSalt returns what the CRC of each entry of a file begins with, so that an
// entry of another file, which a disk may give back, is none.
func newSalt(s seed, number uint64) uint32 {
	return uint32(s.hash(binary.LittleEndian.AppendUint64(nil, number)))
}

// begin begins a bucket. They may come in any order, each once.
func (b *builder) begin(number uint16, revision link.Revision) error {
	if b.seen[number] {
		return fmt.Errorf("bucket %d came twice", number)
	}
	b.end()
	b.seen[number], b.open = true, int(number)
	at := b.at()
	b.extents[number] = extent{start: at, end: at, revision: revision}
	return nil
}

// end ends the bucket that is being written, if any.
func (b *builder) end() {
	if b.open >= 0 {
		b.extents[b.open].end = b.at()
	}
	b.open = -1
}

// at is where the next byte goes.
func (b *builder) at() uint64 { return b.written + uint64(len(b.buffer)) }

// add writes a link of the bucket. Keys and values are within their limits.
func (b *builder) add(key, value []byte, known knowledge) error {
	le := binary.LittleEndian
	lengths := uint32(len(key)) | uint32(len(value))<<16
	if known == unusable {
		lengths |= flagUnusable
	}
	start := len(b.buffer)
	e := le.AppendUint32(b.buffer, 0)
	e = le.AppendUint32(e, lengths)
	e = append(append(e, key...), value...)
	le.PutUint32(e[start:], crc32.Update(b.salt, castagnoli, e[start+4:]))
	b.buffer = b.pad(e, entryUnit)
	b.links++
	if len(b.buffer) >= writeSize {
		if err := b.flush(); err != nil {
			return err
		}
	}
	return b.pace.wait()
}

// pad adds zeros up to a multiple of unit bytes of the file.
func (b *builder) pad(to []byte, unit uint64) []byte {
	end := b.written + uint64(len(to))
	return append(to, make([]byte, (unit-end%unit)%unit)...)
}

func (b *builder) flush() error {
	err := b.write(b.buffer)
	b.buffer = b.buffer[:0]
	return err
}

func (b *builder) write(p []byte) error {
	for len(p) > 0 {
		if err := b.step("write base"); err != nil {
			return err
		}
		n, err := b.file.WriteAt(p[:min(len(p), writeSize)], int64(b.written))
		b.written += uint64(n)
		if err != nil {
			return err
		}
		p = p[n:]
		if err := b.pace.waitNow(); err != nil {
			return err
		}
	}
	if b.written-b.started >= flushSize {
		startWriting(b.file, int64(b.started), int64(b.written-b.started))
		b.started = b.written
	}
	return nil
}

// finish completes the file and syncs it. The base has the file from then on;
// when finish fails the file is gone.
func (b *builder) finish(generation uint64, cluster string, revision link.Revision) (built *base, err error) {
	made := &base{file: b.file, path: b.file.Name(), others: b.others}
	made.refs.Store(1)
	defer func() {
		if err != nil {
			err = errors.Join(err, made.close(), os.Remove(made.path))
		}
	}()
	if len(cluster) > maxCluster {
		return nil, fmt.Errorf("cluster id of %d bytes; want at most %d", len(cluster), maxCluster)
	}
	b.end()
	b.generation, b.cluster, b.revision = generation, cluster, revision
	b.layout.entriesEnd = b.at()
	b.addOthers()
	b.addBuckets()
	if err := b.flush(); err != nil {
		return nil, err
	}
	made.meta = b.meta
	if made.data, err = unix.Mmap(int(b.file.Fd()), 0, int(b.layout.entriesEnd), unix.PROT_READ, unix.MAP_SHARED); err != nil {
		return nil, fmt.Errorf("map: %w", err)
	}
	if err := b.addIndex(made); err != nil {
		return nil, err
	}
	if err := b.writeHeader(made.slots); err != nil {
		return nil, err
	}
	if err := b.step("sync base"); err != nil {
		return nil, err
	}
	if err := b.file.Sync(); err != nil {
		return nil, err
	}
	made.size = int64(b.written)
	return made, nil
}

// discard gives up a file that was not finished.
func (b *builder) discard() error {
	return errors.Join(b.file.Close(), os.Remove(b.file.Name()))
}

func (b *builder) addOthers() {
	start := len(b.buffer)
	for i, values := range b.others {
		for key, value := range values {
			b.buffer = appendEntry(b.buffer, entry{bucket: uint16(link.Buckets + i), key: []byte(key), value: value})
		}
	}
	b.layout.othersCRC = crc32.Checksum(b.buffer[start:], castagnoli)
	b.layout.othersEnd = b.at()
}

func (b *builder) addBuckets() {
	le := binary.LittleEndian
	start := len(b.buffer)
	last := len(b.extents)
	for last > 0 && !b.seen[last-1] {
		last--
	}
	for _, x := range b.extents[:last] {
		if x.start == x.end {
			x.start, x.end = 0, 0
		}
		b.buffer = le.AppendUint64(b.buffer, x.start)
		b.buffer = le.AppendUint64(b.buffer, x.end)
		b.buffer = le.AppendUint64(b.buffer, uint64(x.revision.Epoch))
		b.buffer = le.AppendUint64(b.buffer, x.revision.Index)
	}
	b.layout.bucketsCRC = crc32.Checksum(b.buffer[start:], castagnoli)
	b.layout.bucketsEnd = b.at()
}

// addIndex reads back what was written, makes the index and writes it.
func (b *builder) addIndex(made *base) (err error) {
	made.slots = b.links + b.links/(fullness-1) + 1
	if made.index, err = anonymous(int(made.slots * slotSize)); err != nil {
		return fmt.Errorf("memory for an index of %d slots: %w", made.slots, err)
	}
	for n := range link.Buckets {
		x := b.extents[n]
		err := made.scan(x.start, x.end, b.pace, func(offset uint64, key, _ []byte, _ knowledge) error {
			return made.enter(b.seed.hash(key), offset, key)
		})
		if err != nil {
			return err
		}
	}
	if err := made.populate(b.pace); err != nil {
		return err
	}
	for at := 0; at < len(made.index); at += flushSize {
		part := made.index[at:min(at+flushSize, len(made.index))]
		for i := 0; i < len(part); i += writeSize {
			b.layout.indexCRC = crc32.Update(b.layout.indexCRC, castagnoli, part[i:min(i+writeSize, len(part))])
			if err := b.pace.waitNow(); err != nil {
				return err
			}
		}
		if err := b.write(part); err != nil {
			return err
		}
	}
	b.layout.indexEnd = b.written
	return nil
}

// enter puts an entry in the index.
func (b *base) enter(hash, offset uint64, key []byte) error {
	if offset/entryUnit > placeMask {
		return fmt.Errorf("a base holds at most %d bytes", uint64(placeMask)*entryUnit)
	}
	at := home(hash, b.slots)
	for {
		slot := binary.LittleEndian.Uint64(b.index[slotSize*at:])
		if slot == 0 {
			binary.LittleEndian.PutUint64(b.index[slotSize*at:], newSlot(hash, offset))
			return nil
		}
		if slotMatches(slot, hash) {
			if _, known := b.read(slotOffset(slot), key); known != absent {
				return fmt.Errorf("link %q came twice", key)
			}
		}
		if at++; at == b.slots {
			at = 0
		}
	}
}

func (b *builder) writeHeader(slots uint64) error {
	le := binary.LittleEndian
	h := make([]byte, headerSize)
	copy(h, baseMagic)
	le.PutUint32(h[offFormat:], baseFormat)
	le.PutUint32(h[offChecks:], b.checks)
	le.PutUint64(h[offGeneration:], b.generation)
	le.PutUint32(h[offEpoch:], b.revision.Epoch)
	le.PutUint64(h[offIndex:], b.revision.Index)
	le.PutUint64(h[offLinks:], b.links)
	le.PutUint64(h[offSlots:], slots)
	le.PutUint64(h[offEntriesEnd:], b.layout.entriesEnd)
	le.PutUint64(h[offOthersEnd:], b.layout.othersEnd)
	le.PutUint64(h[offBucketsEnd:], b.layout.bucketsEnd)
	le.PutUint64(h[offIndexEnd:], b.layout.indexEnd)
	for i, word := range b.seed {
		le.PutUint64(h[offSeed+8*i:], word)
	}
	le.PutUint32(h[offOthersCRC:], b.layout.othersCRC)
	le.PutUint32(h[offBucketsCRC:], b.layout.bucketsCRC)
	le.PutUint32(h[offIndexCRC:], b.layout.indexCRC)
	le.PutUint32(h[offSalt:], b.salt)
	le.PutUint16(h[offCluster:], uint16(len(b.cluster)))
	copy(h[offCluster+2:], b.cluster)
	le.PutUint32(h[headerCRC:], crc32.Checksum(h[:headerCRC], castagnoli))
	if err := b.step("write header"); err != nil {
		return err
	}
	_, err := b.file.WriteAt(h, 0)
	return err
}
