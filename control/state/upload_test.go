package state_test

import (
	"bytes"
	"crypto/sha256"
	"slices"
	"testing"
	"time"

	"suodi/control/state"
	"suodi/control/state/statepb"
)

// chunk is the part of something that begins at offset.
func chunk(whole []byte, size int, offset uint32) *statepb.Operation {
	hash := sha256.Sum256(whole)
	data := whole[min(int(offset), len(whole)):]
	return putChunkOf(&statepb.PutChunk{Hash: hash[:], Size: uint32(len(whole)), Offset: offset, Data: data[:min(size, len(data))]})
}

func putChunkOf(c *statepb.PutChunk) *statepb.Operation {
	return &statepb.Operation{Operation: &statepb.Operation_PutChunk{PutChunk: c}}
}

func stageUploaded(whole []byte) *statepb.Operation {
	hash := sha256.Sum256(whole)
	return &statepb.Operation{Operation: &statepb.Operation_StageFilter{StageFilter: &statepb.StageFilter{
		Name: "x", ModuleHash: hash[:], Manifest: []byte(`{"name":"x"}`),
	}}}
}

func (c *cluster) count(prefix byte) (n int) {
	for k := range c.values {
		if k[0] == prefix {
			n++
		}
	}
	return n
}

func TestUpload(t *testing.T) {
	c := newCluster(t)
	whole := bytes.Repeat([]byte("module "), 100)
	c.refused(stageUploaded(whole), statepb.Refusal_REFUSAL_UNKNOWN_MODULE)
	c.refused(chunk(whole, 300, 300), statepb.Refusal_REFUSAL_UNKNOWN_MODULE) // the first one is missing
	c.done(chunk(whole, 300, 0))
	c.done(chunk(whole, 300, 0)) // again
	c.refused(chunk(whole, 300, 600), statepb.Refusal_REFUSAL_UNKNOWN_MODULE)
	c.done(chunk(whole, 300, 300))
	c.refused(stageUploaded(whole), statepb.Refusal_REFUSAL_UNKNOWN_MODULE)
	c.done(chunk(whole, 300, 600))
	if c.count('u') != 0 || c.count('M') != 1 {
		t.Errorf("%d chunks and %d modules are kept", c.count('u'), c.count('M'))
	}
	c.done(chunk(whole, 300, 0)) // somebody uploads the same
	c.done(stageUploaded(whole))
	versions, err := state.Versions(c, "x")
	check(t, err)
	module, err := state.Module(c, versions[0].GetHash())
	check(t, err)
	if !bytes.Equal(module, whole) || versions[0].GetSize() != 700 || string(versions[0].GetManifest()) != `{"name":"x"}` || c.count('U') != 0 {
		t.Errorf("version %v, %d uploads are kept", versions[0], c.count('U'))
	}
}

func TestUploadRefuses(t *testing.T) {
	c := newCluster(t)
	hash := make([]byte, 32)
	for name, bad := range map[string]*statepb.PutChunk{
		"no hash":            {Size: 1, Data: []byte("a")},
		"nothing":            {Hash: hash, Size: 1},
		"more than its size": {Hash: hash, Size: 1, Data: []byte("ab")},
		"beyond its size":    {Hash: hash, Size: 1, Offset: 1, Data: []byte("a")},
		"wrapped around":     {Hash: hash, Size: 1, Offset: 0xffffffff, Data: []byte("ab")},
		"too large":          {Hash: hash, Size: state.MaxUpload + 1, Data: []byte("a")},
		"too much at a time": {Hash: hash, Size: state.MaxUpload, Data: make([]byte, state.MaxChunk+1)},
	} {
		t.Run(name, func(*testing.T) { c.refused(putChunkOf(bad), statepb.Refusal_REFUSAL_MALFORMED) })
	}
	// What is not what its hash says is thrown away at once.
	c.done(putChunkOf(&statepb.PutChunk{Hash: hash, Size: 4, Data: []byte("ab")}))
	c.refused(putChunkOf(&statepb.PutChunk{Hash: hash, Size: 5, Offset: 2, Data: []byte("cd")}), statepb.Refusal_REFUSAL_MALFORMED)
	out := c.do(putChunkOf(&statepb.PutChunk{Hash: hash, Size: 4, Offset: 2, Data: []byte("cd")}))[0]
	if out.GetRefusal() != statepb.Refusal_REFUSAL_MALFORMED || len(c.values) != 0 {
		t.Errorf("%s, and %d keys are left", out.GetRefusal(), len(c.values))
	}
}

// An upload that nobody goes on with goes away, and what nobody names in time.
func TestUploadsExpire(t *testing.T) {
	c := newCluster(t)
	half, unnamed, named := []byte("half of it comes"), []byte("all of it comes"), []byte("it is named")
	c.done(chunk(half, 4, 0), chunk(unnamed, 99, 0), chunk(named, 99, 0), stageUploaded(named))
	c.now = c.now.Add(time.Hour)
	c.done(chunk([]byte("x"), 1, 0))
	if c.count('U') != 3 || c.count('M') != 3 {
		t.Errorf("after an hour: %d uploads, %d modules", c.count('U'), c.count('M'))
	}
	c.now = c.now.Add(time.Second)
	c.done(chunk([]byte("y"), 1, 0))
	var kept []string
	for k, v := range c.values {
		if k[0] == 'M' {
			kept = append(kept, string(v))
		}
	}
	slices.Sort(kept)
	if !slices.Equal(kept, []string{"it is named", "x", "y"}) || c.count('u') != 0 || c.count('U') != 2 {
		t.Errorf("kept are %q, %d chunks, %d uploads", kept, c.count('u'), c.count('U'))
	}
}

func TestUploadsAreBounded(t *testing.T) {
	c := newCluster(t)
	for i := range 64 {
		c.done(chunk([]byte{byte(i), 1}, 1, 0))
	}
	c.refused(chunk([]byte{64, 1}, 1, 0), statepb.Refusal_REFUSAL_FULL)
	c.done(chunk([]byte{3, 1}, 1, 1)) // one that has begun goes on
}

// Uploads that nobody named give way to those that come, the oldest first.
func TestUploadsGiveWay(t *testing.T) {
	c := newCluster(t)
	whole := func(i int) []byte { return []byte{byte(i), 1} }
	c.done(chunk(whole(100), 2, 0), stageUploaded(whole(100)))
	c.done(chunk(whole(100), 2, 0)) // again, and a version names it
	c.done(chunk(whole(101), 1, 0)) // half of it
	for i := range 62 {
		c.now = c.now.Add(time.Second)
		c.done(chunk(whole(i), 2, 0))
	}
	has := func(i int) bool {
		hash := sha256.Sum256(whole(i))
		_, found, err := c.Get(append([]byte("M"), hash[:]...))
		check(t, err)
		return found
	}
	c.done(chunk(whole(62), 2, 0))
	if !has(100) || !has(0) || c.count('U') != 64 {
		t.Errorf("the one a version names is kept: %t; the oldest other: %t; %d uploads", has(100), has(0), c.count('U'))
	}
	c.done(chunk(whole(63), 1, 0))
	c.done(chunk(whole(63), 1, 1))
	if has(0) || !has(1) || !has(62) || !has(63) || c.count('U') != 64 {
		t.Errorf("kept of the others: %t %t %t %t; %d uploads", has(0), has(1), has(62), has(63), c.count('U'))
	}
	c.refused(chunk(whole(64), 1, 1), statepb.Refusal_REFUSAL_UNKNOWN_MODULE) // nothing gives way to what cannot go on
	c.done(chunk(whole(101), 1, 1))
}
