package state

import (
	"bytes"
	"fmt"

	"google.golang.org/protobuf/proto"

	"suodi/control/state/statepb"
	"suodi/raftstore"
)

// keepNewest is how many of a filter's newest versions are kept even when
// nothing leads to them: one that was halted is still to be looked at.
const keepNewest = 16

// newVersion makes a version of what is pushed; nothing is stored yet. A non-nil outcome refuses it.
func (a *applying) newVersion(op *statepb.StageFilter) (*statepb.FilterVersion, *statepb.Outcome, error) {
	version := &statepb.FilterVersion{
		Manifest: op.GetManifest(), PushedAt: a.command.GetTime(), PushedBy: a.command.GetActor(),
		Hash: op.GetModuleHash(), SourceHash: op.GetSourceHash(), Memory: op.GetMemory(),
	}
	module, source := op.GetModule(), op.GetSource()
	for _, part := range []struct {
		bytes *[]byte // what came with the operation, or is there by its hash
		hash  *[]byte
	}{{&module, &version.Hash}, {&source, &version.SourceHash}} {
		switch {
		case len(*part.bytes) > 0:
			*part.hash = hashOf(*part.bytes)
		case len(*part.hash) > 0:
			var found bool
			var err error
			if *part.bytes, found, err = a.batch.Get(key(prefixModule, *part.hash)); err != nil || !found {
				return nil, refuse(statepb.Refusal_REFUSAL_UNKNOWN_MODULE, op.GetName()), err
			}
		}
	}
	if len(module) == 0 {
		return nil, refuse(statepb.Refusal_REFUSAL_UNKNOWN_MODULE, op.GetName()), nil
	}
	version.Size = uint32(len(module))
	return version, nil, nil
}

// putVersion stores a version, with its module and source if they came with the
// operation; what it names is no longer an upload that may be forgotten.
func (a *applying) putVersion(op *statepb.StageFilter, version *statepb.FilterVersion) error {
	if len(op.GetModule()) > 0 {
		a.batch.Set(key(prefixModule, version.GetHash()), op.GetModule())
	}
	if len(op.GetSource()) > 0 {
		a.batch.Set(key(prefixModule, version.GetSourceHash()), op.GetSource())
	}
	value, err := proto.MarshalOptions{Deterministic: true}.Marshal(version)
	if err != nil {
		return err
	}
	a.batch.Set(versionKey(op.GetName(), version.GetNumber()), value)
	a.batch.Delete(key(prefixUpload, version.GetHash()))
	if len(version.GetSourceHash()) > 0 {
		a.batch.Delete(key(prefixUpload, version.GetSourceHash()))
	}
	return nil
}

// forgetVersions removes the versions that nothing leads to, and of their
// modules and sources those that no other version has.
func (m *moving) forgetVersions() error {
	versions, err := Versions(m.batch, m.GetName())
	if err != nil {
		return err
	}
	var left [][]byte
	for _, v := range versions {
		if m.leadsTo(v.GetNumber()) {
			continue
		}
		m.batch.Delete(versionKey(m.GetName(), v.GetNumber()))
		left = append(left, v.GetHash())
		if len(v.GetSourceHash()) > 0 {
			left = append(left, v.GetSourceHash())
		}
	}
	return m.forgetModules(left)
}

// forgetModules removes those modules and sources that no version has and that
// no upload is about to give one.
func (a *applying) forgetModules(hashes [][]byte) error {
	if len(hashes) == 0 {
		return nil
	}
	var used [][]byte
	err := each(a.batch, []byte{prefixVersion}, func(_, value []byte) error {
		v := &statepb.FilterVersion{}
		err := proto.Unmarshal(value, v)
		used = append(used, v.GetHash(), v.GetSourceHash())
		return err
	})
	if err != nil {
		return err
	}
	for _, hash := range hashes {
		_, uploading, err := a.batch.Get(key(prefixUpload, hash))
		if err != nil {
			return err
		}
		if !uploading && !has(used, hash) {
			a.batch.Delete(key(prefixModule, hash))
		}
	}
	return nil
}

func getVersion(r raftstore.Reader, name string, number uint32) (*statepb.FilterVersion, error) {
	value, found, err := r.Get(versionKey(name, number))
	if err != nil || !found {
		return nil, err
	}
	v := &statepb.FilterVersion{}
	if err := proto.Unmarshal(value, v); err != nil {
		return nil, fmt.Errorf("version %d of filter %s: %w", number, name, err)
	}
	return v, nil
}

// GetVersion returns a version of a filter, which must be there.
func GetVersion(r raftstore.Reader, name string, number uint32) (*statepb.FilterVersion, error) {
	v, err := getVersion(r, name, number)
	if err == nil && v == nil {
		err = fmt.Errorf("version %d of filter %s is missing", number, name)
	}
	return v, err
}

// Versions returns the versions of a filter that are kept, oldest first.
func Versions(r raftstore.Reader, name string) ([]*statepb.FilterVersion, error) {
	var versions []*statepb.FilterVersion
	err := each(r, key(prefixVersion, []byte(name), []byte{0}), func(_, value []byte) error {
		v := &statepb.FilterVersion{}
		versions = append(versions, v)
		return proto.Unmarshal(value, v)
	})
	return versions, err
}

// Module returns a module, or a source, by its hash.
func Module(r raftstore.Reader, hash []byte) ([]byte, error) {
	if bytes.Equal(hash, PassHash()) {
		return PassModule(), nil
	}
	module, found, err := r.Get(key(prefixModule, hash))
	if err == nil && !found {
		err = fmt.Errorf("module %x is missing", hash)
	}
	return module, err
}
