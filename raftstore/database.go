package raftstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/hashicorp/raft"
)

// Keys of the state database; doc.go has their values. Changing any of these
// breaks compatibility.
const (
	metaPrefix = 0x00
	userPrefix = 0x01

	stateFormat = 1
	// pebbleFormat is pinned so that a newer library does not write what an
	// older node cannot open when it receives a snapshot.
	pebbleFormat = pebble.FormatTableFormatV6
)

var (
	keyFormat        = []byte("\x00format")
	keyState         = []byte("\x00state")
	keySettled       = []byte("\x00settled")
	keyConfiguration = []byte("\x00configuration")
)

// state is what the database says about itself. It changes in the batch of
// every entry.
type state struct {
	Index, Term uint64 // the last entry applied
	Epoch       uint32
	ClusterID   string // empty until the identity entry
}

func (s state) encode() []byte {
	b := make([]byte, 0, 21+len(s.ClusterID))
	b = binary.LittleEndian.AppendUint64(b, s.Index)
	b = binary.LittleEndian.AppendUint64(b, s.Term)
	b = binary.LittleEndian.AppendUint32(b, s.Epoch)
	b = append(b, byte(len(s.ClusterID)))
	return append(b, s.ClusterID...)
}

func decodeState(b []byte) (state, error) {
	if len(b) < 21 || len(b) != 21+int(b[20]) {
		return state{}, fmt.Errorf("%w: state record of %d bytes", ErrCorrupt, len(b))
	}
	return state{
		Index: binary.LittleEndian.Uint64(b), Term: binary.LittleEndian.Uint64(b[8:]),
		Epoch: binary.LittleEndian.Uint32(b[16:]), ClusterID: string(b[21:]),
	}, nil
}

// position is a place in the log.
type position struct{ Index, Term uint64 }

func (p position) encode() []byte {
	return binary.LittleEndian.AppendUint64(binary.LittleEndian.AppendUint64(nil, p.Index), p.Term)
}

func readState(r pebble.Reader) (state, error) {
	b, ok, err := get(r, keyState)
	if err != nil || !ok {
		return state{}, err
	}
	return decodeState(b)
}

// readPosition returns how far the database has come: everything up to there is
// applied, or has no effect on it.
func readPosition(r pebble.Reader) (position, error) {
	at, err := readState(r)
	if err != nil {
		return position{}, err
	}
	p := position{at.Index, at.Term}
	b, ok, err := get(r, keySettled)
	if err != nil || !ok {
		return p, err
	}
	if len(b) != 16 {
		return p, fmt.Errorf("%w: settled record of %d bytes", ErrCorrupt, len(b))
	}
	settled := position{binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])}
	if settled.Index > p.Index {
		p = settled
	}
	return p, nil
}

func encodeConfiguration(index uint64, c raft.Configuration) []byte {
	return append(binary.LittleEndian.AppendUint64(nil, index), raft.EncodeConfiguration(c)...)
}

func readConfiguration(r pebble.Reader) (c raft.Configuration, index uint64, err error) {
	b, ok, err := get(r, keyConfiguration)
	if err != nil || !ok {
		return c, 0, err
	}
	if len(b) < 8 {
		return c, 0, fmt.Errorf("%w: configuration record of %d bytes", ErrCorrupt, len(b))
	}
	defer func() { // the library's decoder panics
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: configuration record: %v", ErrCorrupt, p)
		}
	}()
	return raft.DecodeConfiguration(b[8:]), binary.LittleEndian.Uint64(b), nil
}

// database is one open Pebble folder. It is closed when its last reference is
// released: the store holds one, and every View and outgoing snapshot another.
type database struct {
	dir    string
	pebble *pebble.DB

	mu       sync.Mutex
	refs     int
	obsolete bool // remove the folder when closed
}

func (d *database) release() error {
	d.mu.Lock()
	d.refs--
	last, obsolete := d.refs == 0, d.obsolete
	d.mu.Unlock()
	if !last {
		return nil
	}
	err := d.pebble.Close()
	if obsolete {
		err = errors.Join(err, os.RemoveAll(d.dir))
	}
	if err != nil {
		return fmt.Errorf("close state %s: %w", d.dir, err)
	}
	return nil
}

// retain adds a reference; it fails when the last one is gone.
func (d *database) retain() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.refs == 0 {
		return false
	}
	d.refs++
	return true
}

func (d *database) retire() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.obsolete = true
}

// open opens the Pebble folder at dir. create says whether it must be new.
func (ds *databases) open(dir string, create bool) (*database, error) {
	cache := pebble.NewCache(ds.cacheSize)
	defer cache.Unref()
	options := &pebble.Options{
		Cache:                       cache,
		DisableWAL:                  true, // the Raft log is the write-ahead log
		ErrorIfNotExists:            !create,
		ErrorIfExists:               create,
		FormatMajorVersion:          pebbleFormat,
		FS:                          vfs.Default, // nil adds a watcher of slow disks, which a failed Open leaks
		Logger:                      ds.logger,
		EventListener:               &pebble.EventListener{BackgroundError: ds.logger.background},
		MemTableSize:                ds.memTableSize,
		MemTableStopWritesThreshold: 4,
		L0StopWritesThreshold:       1000, // stall in the memtables, not at a file count
	}
	for i := range options.Levels {
		options.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	db, err := pebble.Open(dir, options)
	if err != nil {
		return nil, fmt.Errorf("open state %s: %w", dir, err)
	}
	d := &database{dir: dir, pebble: db, refs: 1}
	if create {
		err = db.Set(keyFormat, binary.LittleEndian.AppendUint32(nil, stateFormat), pebble.NoSync)
		if err == nil {
			err = db.Flush()
		}
	} else {
		err = checkFormat(db)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open state %s: %w", dir, err), d.release())
	}
	return d, nil
}

func checkFormat(r pebble.Reader) error {
	b, ok, err := get(r, keyFormat)
	switch {
	case err != nil:
		return err
	case !ok || len(b) != 4:
		return fmt.Errorf("%w: no format record", ErrCorrupt)
	case binary.LittleEndian.Uint32(b) != stateFormat:
		return fmt.Errorf("state has format %d, this program knows %d", binary.LittleEndian.Uint32(b), stateFormat)
	}
	return nil
}

// databases owns the folder state/: which database is in force, and the
// folders beside it.
type databases struct {
	dir          string // …/state
	memTableSize uint64
	cacheSize    int64
	logger       pebbleLogger

	mu      sync.Mutex
	current *database // nil when closed
	next    int       // number of the next folder
	unnamed []string  // what load found that CURRENT does not name
}

const (
	currentName   = "CURRENT"
	currentHeader = "raftstore state 1\n"
)

// load opens the database that CURRENT names. It returns nil when there is
// none. What CURRENT does not name stays until tidy: only when the state fits
// the log is it known to be left over.
func (ds *databases) load() (*database, error) {
	if err := os.MkdirAll(ds.dir, 0o700); err != nil {
		return nil, err
	}
	name, err := ds.readCurrent()
	if err != nil {
		return nil, err
	}
	entries, err := os.ReadDir(ds.dir)
	if err != nil {
		return nil, err
	}
	found := false
	for _, e := range entries {
		n, isDatabase := strings.CutPrefix(e.Name(), "db-")
		var number int
		if isDatabase {
			if _, err := fmt.Sscanf(n, "%d", &number); err == nil {
				ds.next = max(ds.next, number+1)
			}
		}
		switch {
		case e.Name() == name:
			found = true
		case isDatabase, strings.HasPrefix(e.Name(), "send-"), strings.HasPrefix(e.Name(), currentName+"."):
			ds.unnamed = append(ds.unnamed, e.Name())
		}
	}
	if !found {
		return nil, nil
	}
	return ds.open(filepath.Join(ds.dir, name), false)
}

// tidy removes what load found that CURRENT does not name.
func (ds *databases) tidy() error {
	for _, name := range ds.unnamed {
		if err := os.RemoveAll(filepath.Join(ds.dir, name)); err != nil {
			return err
		}
	}
	ds.unnamed = nil
	return nil
}

func (ds *databases) readCurrent() (string, error) {
	path := filepath.Join(ds.dir, currentName)
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	name, ok := strings.CutPrefix(string(b), currentHeader)
	name, ended := strings.CutSuffix(name, "\n")
	if !ok || !ended || !strings.HasPrefix(name, "db-") || strings.ContainsAny(name, "/\\\n") {
		return "", fmt.Errorf("%w: %s does not name a database", ErrCorrupt, path)
	}
	return name, nil
}

// writeCurrent puts the folder in force, durably: this rename is the moment of
// the swap.
func (ds *databases) writeCurrent(name string) error {
	path := filepath.Join(ds.dir, currentName)
	temporary := path + ".new"
	f, err := os.OpenFile(temporary, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(currentHeader + name + "\n")
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		return err
	}
	return syncDir(ds.dir)
}

func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// folder returns the path of a folder that was never used before.
func (ds *databases) folder(kind string) string {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	n := ds.next
	ds.next++
	return filepath.Join(ds.dir, fmt.Sprintf("%s-%08d", kind, n))
}

// create makes an empty database and puts it in force on disk.
func (ds *databases) create() (*database, error) {
	d, err := ds.open(ds.folder("db"), true)
	if err != nil {
		return nil, err
	}
	if err := ds.writeCurrent(filepath.Base(d.dir)); err != nil {
		return nil, errors.Join(err, d.release())
	}
	return d, nil
}

// acquire returns the database in force with a reference for the caller, or
// nil when the store is closed.
func (ds *databases) acquire() *database {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	if ds.current == nil || !ds.current.retain() {
		return nil
	}
	return ds.current
}

// set puts d in force in memory and returns what was before, whose reference
// passes to the caller.
func (ds *databases) set(d *database) (old *database) {
	ds.mu.Lock()
	defer ds.mu.Unlock()
	old, ds.current = ds.current, d
	return old
}
