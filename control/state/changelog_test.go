package state_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"google.golang.org/protobuf/proto"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/link"
	"suodi/control/state"
	"suodi/control/state/statepb"
	"suodi/raftstore"
)

func unmarshal(t testing.TB, data []byte, m proto.Message) bool {
	t.Helper()
	check(t, proto.Unmarshal(data, m))
	return true
}

// random makes commands of every kind, many of them refused.
type random struct{ *rand.Rand }

func newRandom(seed uint64) random { return random{rand.New(rand.NewPCG(seed, 99))} }

func (r random) pick(words ...string) string { return words[r.IntN(len(words))] }

func (r random) command() *statepb.Command {
	command := &statepb.Command{Actor: r.pick("a", "b")}
	for range 1 + r.IntN(4) {
		command.Operations = append(command.Operations, r.operation())
	}
	if r.IntN(5) == 0 {
		command.Idempotency = &statepb.Idempotency{Key: []byte(r.pick("k1", "k2", "k3")), Request: []byte(r.pick("r1", "r2"))}
	}
	return command
}

func (r random) operation() *statepb.Operation {
	l := newLink(fmt.Sprintf("s%d", r.IntN(30)), "https://example.org/"+r.pick("1", "2", "3"))
	l.Domain = r.pick("go.example.com", "go.example.com", "b.example", "c.example")
	l.Tags = [][]string{nil, {"t"}}[r.IntN(2)]
	l.Allow = [][]string{nil, {"ios"}, {"added-1", "wechat"}}[r.IntN(3)]
	l.Filters = [][]*feedpb.FilterBinding{nil, {{Name: "x"}}, {{Name: "y", Params: []byte(`{"a":1}`)}, {Name: "x"}}}[r.IntN(3)]
	switch r.IntN(20) {
	case 0, 1, 2, 3:
		return createLink(l)
	case 4:
		return findOrCreate(l)
	case 5, 6:
		return updateLink(l, nil)
	case 7, 8:
		return &statepb.Operation{Operation: &statepb.Operation_DeleteLink{DeleteLink: &statepb.DeleteLink{
			Domain: l.GetDomain(), Slug: l.GetSlug(), Release: r.IntN(2) == 0,
		}}}
	case 9:
		return changeDomain(&statepb.Domain{
			Name: r.pick("go.example.com", "b.example", "c.example"), Default: r.IntN(3) == 0, NotFoundUrl: r.pick("", "https://example.org/404"),
		}, nil)
	case 10:
		return putPlatform(r.pick("ios", "wechat", "added-1", "added-2"), uint32(r.IntN(4)))
	case 11, 12:
		return stage(r.pick("platform", "x", "y"), "module "+r.pick("1", "2", "3"), r.IntN(2) == 0)
	case 13:
		return r.pickOperation(promote(r.pick("platform", "x", "y")), rollback(r.pick("platform", "x", "y")))
	case 14:
		return r.pickOperation(putChain(nil, "platform", "y", "x"), putChain(nil, "platform"), putChain(nil, "platform", "x", "x"))
	case 15:
		return promoteCanary(r.pick("platform", "x", "y"), &statepb.Trial{Share: uint32(r.IntN(3)) * 500})
	case 16:
		return stageCanary(r.pick("x", "y"), "module "+r.pick("1", "2", "3"), &statepb.Trial{Edges: []string{"e"}})
	case 17:
		return chunk([]byte("a module in chunks "+r.pick("1", "2")), 5, uint32(5*r.IntN(5)))
	case 18:
		return r.pickOperation(putSecret(1), changeDomain(&statepb.Domain{Name: "b.example", Filters: []*feedpb.FilterBinding{{Name: "y"}}}, nil))
	default:
		return r.pickOperation(putToken(r.pick("t", "u")), deleteToken(r.pick("t", "u")))
	}
}

func (r random) pickOperation(ops ...*statepb.Operation) *statepb.Operation {
	return ops[r.IntN(len(ops))]
}

// replica is what an edge makes of deltas.
type replica map[string]string

func (r replica) take(d *feedpb.Delta) {
	for _, e := range d.GetEntries() {
		k := fmt.Sprintf("%d %x", e.GetBucket(), e.GetKey())
		if e.Value == nil {
			delete(r, k)
		} else {
			r[k] = string(e.Value)
		}
	}
}

func snapshotOf(t testing.TB, r raftstore.Reader) replica {
	t.Helper()
	all := replica{}
	for n := range uint16(feed.Buckets) {
		check(t, state.Bucket(r, n, func(key, value []byte) bool {
			if n < link.Buckets {
				if link.Bucket(key) != n {
					t.Errorf("%q stands in bucket %d", key, n)
				}
				if _, err := link.CheckRecord(value); err != nil {
					t.Errorf("%q: %v", key, err)
				}
			}
			all[fmt.Sprintf("%d %x", n, key)] = string(value)
			return true
		}))
	}
	return all
}

// Whoever follows the deltas from nothing holds what a snapshot holds, at any
// moment.
func TestDeltasAmountToTheSnapshot(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprintf("seed %d", seed), func(t *testing.T) {
			c := newCluster(t)
			r := newRandom(seed)
			follower := replica{}
			var held link.Revision
			for step := range 600 {
				c.apply(r.command())
				if r.IntN(20) != 0 && step != 599 {
					continue
				}
				check(t, state.Deltas(c, held, func(d *feedpb.Delta) bool {
					if revision(d.GetPrevious()) != held || revision(d.GetRevision()).Compare(held) <= 0 {
						t.Fatalf("delta %s follows %s; held is %s", d.GetRevision(), d.GetPrevious(), held)
					}
					held = revision(d.GetRevision())
					follower.take(d)
					return true
				}))
				head, err := state.Head(c)
				check(t, err)
				if held != head {
					t.Fatalf("step %d: the deltas end at %s, the head is %s", step, held, head)
				}
				want := snapshotOf(t, c)
				if _, ok := want["4099 "]; !ok {
					t.Fatal("a snapshot without a chain")
				}
				if _, told := follower["4099 "]; !told && want["4099 "] == "" {
					delete(want, "4099 ") // a chain that was never anything but empty
				}
				if !maps.Equal(follower, want) {
					for k := range want {
						if follower[k] != want[k] {
							t.Errorf("%s is %q; the snapshot has %q", k, follower[k], want[k])
						}
					}
					t.Fatalf("step %d: followed %d entries, the snapshot has %d", step, len(follower), len(want))
				}
			}
			if len(follower) < 20 {
				t.Errorf("only %d entries in the end", len(follower))
			}
		})
	}
}

// since is the revision of an index; before the first change it is zero.
func since(index uint64) link.Revision {
	if index == 0 {
		return link.Revision{}
	}
	return revision(at(index))
}

func TestDeltas(t *testing.T) {
	c := seeded(t)
	after := func(index uint64, limit int) (got []uint64, err error) {
		err = state.Deltas(c, since(index), func(d *feedpb.Delta) bool {
			got = append(got, d.GetRevision().GetIndex())
			return len(got) < limit
		})
		return got, err
	}
	c.done(createLink(newLink("a", "https://example.org/"))) // 2
	c.done(putToken("t"))                                    // 3: not for edges
	c.done(deleteLink("a", false, nil))                      // 4
	c.done(deleteLink("a", true, nil))                       // 5: not for edges
	c.done(createLink(newLink("b", "https://example.org/"))) // 6
	for _, test := range []struct {
		name  string
		after uint64
		limit int
		want  string
		err   error
	}{
		{"all", 0, 100, "[1 2 4 6]", nil},
		{"some", 2, 100, "[4 6]", nil},
		{"the first", 2, 1, "[4]", nil},
		{"none", 6, 100, "[]", nil},
		{"of the future", 100, 100, "[]", nil},
		{"after what was no delta", 3, 100, "[]", feed.ErrCompacted},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := after(test.after, test.limit)
			if fmt.Sprint(got) != test.want || !errors.Is(err, test.err) {
				t.Errorf("deltas %v, error %v; want %s, %v", got, err, test.want, test.err)
			}
		})
	}
}

func TestChangelogIsTrimmed(t *testing.T) {
	c := seeded(t)
	const keep = 1 << 16
	c.done(createLink(newLink("a", "https://example.org/")))
	second := c.index
	c.index += keep - 10
	c.done(createLink(newLink("b", "https://example.org/")))
	if err := state.Deltas(c, revision(at(1)), func(*feedpb.Delta) bool { return true }); err != nil {
		t.Errorf("within what is kept: %v", err)
	}
	c.index += 1000
	c.done(createLink(newLink("c", "https://example.org/")))
	var got []uint64
	all := func(d *feedpb.Delta) bool {
		got = append(got, d.GetRevision().GetIndex())
		return true
	}
	for _, from := range []uint64{0, 1} {
		if err := state.Deltas(c, since(from), all); !errors.Is(err, feed.ErrCompacted) || len(got) != 0 {
			t.Errorf("after %d, which is trimmed: %v, deltas %v", from, err, got)
		}
	}
	if err := state.Deltas(c, revision(at(second)), all); err != nil || len(got) != 2 {
		t.Errorf("after the last one trimmed: %v, deltas %v", err, got)
	}
	if err := state.Deltas(c, link.Revision{Epoch: 2}, all); err != nil {
		t.Errorf("of a later epoch: %v", err)
	}
}

// However large what edges hear is, the changelog is bounded in bytes.
func TestChangelogIsBoundedInBytes(t *testing.T) {
	const limit = 64 << 20
	c := seeded(t)
	size := func() (bytes, deltas int) {
		for k, v := range c.values {
			if k[0] == 'C' {
				bytes += len(v)
				deltas++
			}
		}
		return bytes, deltas
	}
	module := func(b byte) string { return string(bytes.Repeat([]byte{b}, 3<<20)) }
	c.done(stage("x", module(1), true))
	most, flips := 0, 0
	for ; flips < 20; flips++ {
		c.done(stage("x", module(2), true)) // brings one module
		c.done(rollback("x"))               // and the other one
		now, _ := size()
		most = max(most, now)
		if now > limit {
			t.Fatalf("after %d flips: %d bytes", flips, now)
		}
	}
	now, deltas := size()
	if most < limit-8<<20 || deltas < 15 || deltas > 22 {
		t.Errorf("%d bytes and %d deltas are kept, %d bytes at most", now, deltas, most)
	}
	head, err := state.Head(c)
	check(t, err)
	if err := state.Deltas(c, revision(at(2)), func(*feedpb.Delta) bool { return true }); !errors.Is(err, feed.ErrCompacted) {
		t.Errorf("after what is trimmed: %v", err)
	}
	heard := 0
	check(t, state.Deltas(c, link.Revision{Epoch: 1, Index: head.Index - 10}, func(*feedpb.Delta) bool { heard++; return true }))
	if heard != 10 {
		t.Errorf("%d of the last 10 deltas are heard", heard)
	}

	// What is counted is what is there, also where a program before did not count.
	counted := c.values["b"]
	if want := binary.BigEndian.AppendUint64(nil, uint64(now)); !bytes.Equal(counted, want) {
		t.Errorf("counted are %x; want %x", counted, want)
	}
	c.Delete([]byte("b"))
	c.done(createLink(newLink("a", "https://example.org/")))
	now, _ = size()
	if want := binary.BigEndian.AppendUint64(nil, uint64(now)); !bytes.Equal(c.values["b"], want) {
		t.Errorf("counted anew are %x; want %x", c.values["b"], want)
	}
}
