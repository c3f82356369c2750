package edge

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"suodi/wasm"
)

// keep remembers the filters that were last in force, over restarts too: the
// feed's copy on disk holds what should be in force, which this program may not
// be able to run.
type keep struct {
	file string // holds the list as JSON
	last []goodFilter
}

// goodFilter is a version of a filter that was in force.
type goodFilter struct {
	Filter  string `json:"filter"`
	Version uint32 `json:"version"`
	Hash    string `json:"hash"`
	Module  []byte `json:"module"`
}

// openKeep reads the file. One that cannot be used is as good as none.
func openKeep(dir string) (*keep, error) {
	k := &keep{file: filepath.Join(dir, "filters.json")}
	data, err := os.ReadFile(k.file)
	if errors.Is(err, os.ErrNotExist) {
		return k, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &k.last)
	}
	for _, f := range k.last {
		if err == nil && wasm.HashOf(f.Module).String() != f.Hash {
			err = fmt.Errorf("filter %s is not what its hash says", f.Filter)
		}
	}
	if err != nil {
		k.last = nil
		return k, fmt.Errorf("%s: %w", k.file, err)
	}
	return k, nil
}

// good returns the version of a filter that was last in force, nil for none.
func (k *keep) good(filter string) *goodFilter {
	for i := range k.last {
		if k.last[i].Filter == filter {
			return &k.last[i]
		}
	}
	return nil
}

// save replaces the file, all at once, when there is something new.
func (k *keep) save(filters []goodFilter) error {
	same := func(a, b goodFilter) bool { return a.Filter == b.Filter && a.Version == b.Version && a.Hash == b.Hash }
	if slices.EqualFunc(filters, k.last, same) {
		return nil
	}
	data, err := json.Marshal(filters)
	if err != nil {
		return err
	}
	if err := replaceFile(k.file, data); err != nil {
		return err
	}
	k.last = filters
	return nil
}

// replaceFile replaces a file, all at once and for good.
func replaceFile(name string, data []byte) error {
	part := name + ".part"
	file, err := os.OpenFile(part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	if err = errors.Join(err, file.Sync(), file.Close()); err == nil {
		err = os.Rename(part, name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(part))
	}
	dir, err := os.Open(filepath.Dir(name))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
