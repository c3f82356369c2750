package table

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// The names in the directory; %016x is a generation.
const (
	lockName     = "table.lock"
	foldName     = "fold.tmp"
	snapshotName = "snapshot.tmp"
	damagedName  = "damaged.tbl"
	basePrefix   = "base-"
	baseSuffix   = ".tbl"
	logPrefix    = "changes-"
	logSuffix    = ".log"
)

// directory is where the table's files are. It is locked.
type directory struct {
	path string
	lock *os.File
}

func openDirectory(path string) (*directory, error) {
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("table directory: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(path, lockName), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("table lock: %w", err)
	}
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(
			fmt.Errorf("another process uses %s: stop it or choose another directory: %w", path, err), lock.Close())
	}
	return &directory{path: path, lock: lock}, nil
}

func (d *directory) close() error { return d.lock.Close() }

func (d *directory) file(name string) string { return filepath.Join(d.path, name) }

func (d *directory) base(generation uint64) string {
	return d.file(fmt.Sprintf("%s%016x%s", basePrefix, generation, baseSuffix))
}

func (d *directory) log(generation uint64) string {
	return d.file(fmt.Sprintf("%s%016x%s", logPrefix, generation, logSuffix))
}

// list returns the generations of bases and logs, ascending.
func (d *directory) list() (bases, logs []uint64, err error) {
	entries, err := os.ReadDir(d.path)
	if err != nil {
		return nil, nil, fmt.Errorf("table directory: %w", err)
	}
	for _, e := range entries {
		if g, ok := generationOf(e.Name(), basePrefix, baseSuffix); ok {
			bases = append(bases, g)
		}
		if g, ok := generationOf(e.Name(), logPrefix, logSuffix); ok {
			logs = append(logs, g)
		}
	}
	slices.Sort(bases)
	slices.Sort(logs)
	return bases, logs, nil
}

func generationOf(name, prefix, suffix string) (uint64, bool) {
	middle, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return 0, false
	}
	if middle, ok = strings.CutSuffix(middle, suffix); !ok || len(middle) != 16 {
		return 0, false
	}
	g, err := strconv.ParseUint(middle, 16, 64)
	return g, err == nil
}

// prune removes what neither the base of a generation nor the one before it,
// to fall back to, needs.
func (d *directory) prune(generation, previous uint64) error {
	bases, logs, err := d.list()
	if err != nil {
		return err
	}
	var errs []error
	for _, g := range bases {
		if g != generation && g != previous {
			errs = append(errs, os.Remove(d.base(g)))
		}
	}
	for _, g := range logs {
		if g < previous {
			errs = append(errs, os.Remove(d.log(g)))
		}
	}
	return errors.Join(errs...)
}

// quarantine puts a damaged base aside, for people to look at; one is kept.
func (d *directory) quarantine(generation uint64) error {
	return os.Rename(d.base(generation), d.file(damagedName))
}

func (d *directory) sync() error {
	dir, err := os.Open(d.path)
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
