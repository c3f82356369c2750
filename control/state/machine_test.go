package state_test

import (
	"bytes"
	"iter"
	"maps"
	"net"
	"slices"
	"sort"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/link"
	"suodi/control/state"
	"suodi/control/state/statepb"
	"suodi/raftstore"
)

// memory is a raftstore.Batch, and Reader, of nothing but memory.
type memory struct {
	keys   []string // sorted
	values map[string][]byte
}

func newMemory() *memory { return &memory{values: map[string][]byte{}} }

func (m *memory) Get(key []byte) ([]byte, bool, error) {
	value, ok := m.values[string(key)]
	return bytes.Clone(value), ok, nil
}

func (m *memory) between(from, to []byte) []string {
	first := sort.SearchStrings(m.keys, string(from))
	last := len(m.keys)
	if to != nil {
		last = max(first, sort.SearchStrings(m.keys, string(to)))
	}
	return slices.Clone(m.keys[first:last])
}

func (m *memory) Scan(from, to []byte) iter.Seq2[raftstore.Item, error] {
	return func(yield func(raftstore.Item, error) bool) {
		for _, k := range m.between(from, to) {
			key, value := []byte(k), bytes.Clone(m.values[k])
			if !yield(raftstore.Item{Key: key, Value: value}, nil) {
				return
			}
			clear(key) // both are valid until the next step only
			clear(value)
		}
	}
}

func (m *memory) ScanReverse(from, to []byte) iter.Seq2[raftstore.Item, error] {
	return func(yield func(raftstore.Item, error) bool) {
		for _, k := range slices.Backward(m.between(from, to)) {
			if !yield(raftstore.Item{Key: []byte(k), Value: bytes.Clone(m.values[k])}, nil) {
				return
			}
		}
	}
}

func (m *memory) Set(key, value []byte) {
	if _, ok := m.values[string(key)]; !ok {
		m.keys = slices.Insert(m.keys, sort.SearchStrings(m.keys, string(key)), string(key))
	}
	m.values[string(key)] = append([]byte{}, value...)
}

func (m *memory) Delete(key []byte) {
	if _, ok := m.values[string(key)]; ok {
		i := sort.SearchStrings(m.keys, string(key))
		m.keys = slices.Delete(m.keys, i, i+1)
		delete(m.values, string(key))
	}
}

func (m *memory) DeleteRange(from, to []byte) {
	for _, k := range m.between(from, to) {
		m.Delete([]byte(k))
	}
}

// cluster applies commands to a memory, an index each.
type cluster struct {
	*memory
	t     testing.TB
	index uint64
	now   time.Time
}

func newCluster(t testing.TB) *cluster {
	return &cluster{memory: newMemory(), t: t, now: time.Unix(1_800_000_000, 0)}
}

// seeded is a cluster with a domain, two platforms and the platform filter.
func seeded(t testing.TB) *cluster {
	t.Helper()
	c := newCluster(t)
	c.done(putDomain("go.example.com"), putPlatform("ios", 1), putPlatform("wechat", 2), stagePlatform("v1"))
	return c
}

func (c *cluster) apply(command *statepb.Command) *statepb.Result {
	c.t.Helper()
	c.index++
	command.Time = c.now.UnixNano()
	data, err := proto.Marshal(command)
	check(c.t, err)
	result, err := state.Machine{}.Apply(raftstore.Entry{Index: c.index, Term: 1, Epoch: 1, Data: data}, c.memory, c.memory)
	check(c.t, err)
	return result.(*statepb.Result)
}

// do applies operations as one command and returns their outcomes.
func (c *cluster) do(ops ...*statepb.Operation) []*statepb.Outcome {
	c.t.Helper()
	outcomes := c.apply(&statepb.Command{Actor: "tester", Operations: ops}).GetOutcomes()
	if len(outcomes) != len(ops) {
		c.t.Fatalf("%d outcomes of %d operations", len(outcomes), len(ops))
	}
	return outcomes
}

// done applies operations that must not be refused and returns the last outcome.
func (c *cluster) done(ops ...*statepb.Operation) *statepb.Outcome {
	c.t.Helper()
	outcomes := c.do(ops...)
	for i, out := range outcomes {
		if out.GetRefusal() != 0 {
			c.t.Fatalf("operation %d: %s %s", i, out.GetRefusal(), out.GetDetail())
		}
	}
	return outcomes[len(outcomes)-1]
}

// refused applies an operation that must be refused, and change nothing.
func (c *cluster) refused(op *statepb.Operation, want statepb.Refusal) *statepb.Outcome {
	c.t.Helper()
	before := maps.Clone(c.values)
	out := c.do(op)[0]
	if out.GetRefusal() != want {
		c.t.Errorf("%s %q; want %s", out.GetRefusal(), out.GetDetail(), want)
	}
	if !maps.EqualFunc(before, c.values, bytes.Equal) {
		c.t.Errorf("an operation refused with %s left something behind", want)
	}
	return out
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func at(index uint64) *feedpb.Revision { return &feedpb.Revision{Epoch: 1, Index: index} }

func revision(r *feedpb.Revision) link.Revision { return feed.ToRevision(r) }

func createLink(l *statepb.Link) *statepb.Operation {
	return &statepb.Operation{Operation: &statepb.Operation_CreateLink{CreateLink: &statepb.CreateLink{Link: l}}}
}

func findOrCreate(l *statepb.Link) *statepb.Operation {
	return &statepb.Operation{Operation: &statepb.Operation_CreateLink{CreateLink: &statepb.CreateLink{Link: l, FindOrCreate: true}}}
}

func updateLink(l *statepb.Link, expected *feedpb.Revision) *statepb.Operation {
	return &statepb.Operation{Operation: &statepb.Operation_UpdateLink{UpdateLink: &statepb.UpdateLink{Link: l, Expected: expected}}}
}

func deleteLink(slug string, release bool, expected *feedpb.Revision) *statepb.Operation {
	return &statepb.Operation{Operation: &statepb.Operation_DeleteLink{DeleteLink: &statepb.DeleteLink{
		Domain: "go.example.com", Slug: slug, Release: release, Expected: expected,
	}}}
}

func putDomain(name string) *statepb.Operation { return changeDomain(&statepb.Domain{Name: name}, nil) }

func changeDomain(d *statepb.Domain, expected *feedpb.Revision) *statepb.Operation {
	return &statepb.Operation{Operation: &statepb.Operation_PutDomain{PutDomain: &statepb.PutDomain{Domain: d, Expected: expected}}}
}

func putPlatform(id string, number uint32) *statepb.Operation {
	return changePlatform(&feedpb.Platform{Id: id, Number: number, Kind: "app"}, nil)
}

func changePlatform(p *feedpb.Platform, expected *feedpb.Revision) *statepb.Operation {
	return &statepb.Operation{Operation: &statepb.Operation_PutPlatform{PutPlatform: &statepb.PutPlatform{Platform: p, Expected: expected}}}
}

func stage(name, module string, promote bool) *statepb.Operation {
	return &statepb.Operation{Operation: &statepb.Operation_StageFilter{StageFilter: &statepb.StageFilter{
		Name: name, Module: []byte(module), Source: []byte("source of " + module), Promote: promote,
	}}}
}

func stagePlatform(module string) *statepb.Operation {
	return stage(state.PlatformFilter, "platform "+module, true)
}

func promote(name string) *statepb.Operation {
	return &statepb.Operation{Operation: &statepb.Operation_PromoteFilter{PromoteFilter: &statepb.PromoteFilter{Name: name}}}
}

func rollback(name string) *statepb.Operation {
	return &statepb.Operation{Operation: &statepb.Operation_RollbackFilter{RollbackFilter: &statepb.RollbackFilter{Name: name}}}
}

func putChain(expected *feedpb.Revision, names ...string) *statepb.Operation {
	var places []*statepb.Place
	for _, name := range names {
		places = append(places, &statepb.Place{Filter: name})
	}
	return &statepb.Operation{Operation: &statepb.Operation_PutChain{PutChain: &statepb.PutChain{Places: places, Expected: expected}}}
}

func putToken(id string) *statepb.Operation {
	return &statepb.Operation{Operation: &statepb.Operation_PutToken{PutToken: &statepb.PutToken{
		Token: &statepb.Token{Id: id, Name: "token " + id, Hash: bytes.Repeat([]byte(id), 32)},
	}}}
}

func deleteToken(id string) *statepb.Operation {
	return &statepb.Operation{Operation: &statepb.Operation_DeleteToken{DeleteToken: &statepb.DeleteToken{Id: id}}}
}

func newLink(slug, url string) *statepb.Link {
	return &statepb.Link{
		Domain: "go.example.com", Slug: slug, Url: url, Status: 302,
		Kind: uint32(link.KindRedirect), State: uint32(link.StateActive),
	}
}

// The same entries give the same bytes: in two memories, and in the store that
// production uses.
func TestApplyIsPure(t *testing.T) {
	store := openStore(t)
	c := newCluster(t)
	random := newRandom(7)
	var entries []raftstore.Entry
	for range 400 {
		command := random.command()
		command.Time = c.now.UnixNano()
		data, err := proto.Marshal(command)
		check(t, err)
		result, index, err := store.Apply(t.Context(), data)
		check(t, err)
		entry := raftstore.Entry{Index: index, Epoch: store.Epoch(), Data: data}
		mine, err := state.Machine{}.Apply(entry, c.memory, c.memory)
		check(t, err)
		entries = append(entries, entry)
		if !proto.Equal(mine.(*statepb.Result), result.(*statepb.Result)) {
			t.Fatalf("entry %d: the store says %v, the memory %v", index, result, mine)
		}
	}
	again := newMemory()
	for _, entry := range entries {
		_, err := state.Machine{}.Apply(entry, again, again)
		check(t, err)
	}
	view, err := store.View()
	check(t, err)
	defer func() { check(t, view.Close()) }()
	for name, other := range map[string]raftstore.Reader{"a second memory": again, "the store": view} {
		n := 0
		for item, err := range other.Scan(nil, nil) {
			check(t, err)
			n++
			if want, ok := c.values[string(item.Key)]; !ok || !bytes.Equal(want, item.Value) {
				t.Errorf("%s holds %q under %q; want %q", name, item.Value, item.Key, want)
			}
		}
		if n != len(c.values) || n < 100 {
			t.Errorf("%s holds %d keys; want %d", name, n, len(c.values))
		}
	}
}

func openStore(t testing.TB) *raftstore.Store {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	address := l.Addr().String()
	check(t, l.Close())
	store, err := raftstore.Open(t.Context(), raftstore.Config{
		Dir: t.TempDir(), NodeID: "n1", Bind: address, StateMachine: state.Machine{},
		Bootstrap: []raftstore.Peer{{ID: "n1", Address: address}},
	})
	check(t, err)
	t.Cleanup(func() { check(t, store.Close()) })
	return store
}

func TestApplyRefusesWhatIsNoCommand(t *testing.T) {
	m := newMemory()
	if _, err := (state.Machine{}).Apply(raftstore.Entry{Index: 1, Data: []byte("\xff\xff")}, m, m); err == nil {
		t.Error("garbage was applied")
	}
	seeded(t).refused(&statepb.Operation{}, statepb.Refusal_REFUSAL_MALFORMED)
}

func TestIdempotency(t *testing.T) {
	c := seeded(t)
	command := func(key, request, slug string) *statepb.Command {
		return &statepb.Command{
			Actor: "tester", Operations: []*statepb.Operation{createLink(newLink(slug, "https://example.org/"+slug))},
			Idempotency: &statepb.Idempotency{Key: bytes.Repeat([]byte(key), 32)[:32], Request: []byte(request)},
		}
	}
	first := c.apply(command("k", "request", "a"))
	if first.GetReplayed() || first.GetOutcomes()[0].GetRefusal() != 0 {
		t.Fatalf("first: %v", first)
	}
	before := maps.Clone(c.values)
	again := c.apply(command("k", "request", "b")) // the slug was generated anew
	if !again.GetReplayed() || again.GetOutcomes()[0].GetLink().GetSlug() != "a" ||
		!proto.Equal(again.GetOutcomes()[0], first.GetOutcomes()[0]) {
		t.Errorf("repeated: %v; want %v", again, first)
	}
	other := c.apply(command("k", "another request", "c"))
	if other.GetOutcomes()[0].GetRefusal() != statepb.Refusal_REFUSAL_KEY_REUSED {
		t.Errorf("with another request: %v", other)
	}
	if !maps.EqualFunc(before, c.values, bytes.Equal) {
		t.Error("a repeated command changed something")
	}

	refusal := c.apply(command("taken", "request", "a"))
	if refusal.GetOutcomes()[0].GetRefusal() != statepb.Refusal_REFUSAL_EXISTS {
		t.Fatalf("a taken slug: %v", refusal)
	}
	c.done(deleteLink("a", true, nil))
	if again := c.apply(command("taken", "request", "a")); again.GetOutcomes()[0].GetRefusal() != statepb.Refusal_REFUSAL_EXISTS {
		t.Errorf("a refusal is kept too: %v", again)
	}

	c.now = c.now.Add(24 * time.Hour)
	if again := c.apply(command("k", "request", "d")); !again.GetReplayed() {
		t.Error("forgotten after 24 hours to the nanosecond")
	}
	c.now = c.now.Add(time.Nanosecond)
	if again := c.apply(command("k", "another request", "d")); again.GetReplayed() || again.GetOutcomes()[0].GetLink().GetSlug() != "d" {
		t.Errorf("after more than 24 hours: %v", again)
	}

	// What is too old goes away, and what was used again stays.
	c.now = c.now.Add(23 * time.Hour)
	for i := range 20 {
		c.apply(command(string(rune('A'+i)), "r", "many-"+string(rune('a'+i))))
	}
	if again := c.apply(command("k", "another request", "f")); !again.GetReplayed() {
		t.Error("the key used again was forgotten with its first use")
	}
	c.now = c.now.Add(25 * time.Hour)
	for i := range 10 {
		c.apply(command(string(rune('0'+i)), "r", "more-"+string(rune('a'+i))))
	}
	kept := 0
	for k := range c.values {
		if k[0] == 'K' || k[0] == 'k' {
			kept++
		}
	}
	if kept != 20 {
		t.Errorf("%d keys of results are kept; want the 10 of today, by key and by age", kept)
	}
}

func TestTokens(t *testing.T) {
	c := newCluster(t)
	c.done(putToken("a"))
	c.refused(deleteToken("a"), statepb.Refusal_REFUSAL_KEPT)
	c.refused(putToken("a"), statepb.Refusal_REFUSAL_EXISTS)
	c.refused(deleteToken("x"), statepb.Refusal_REFUSAL_NOT_FOUND)
	c.now = c.now.Add(-time.Hour) // an older one
	c.done(putToken("b"))
	tokens, err := state.Tokens(c)
	check(t, err)
	if len(tokens) != 2 || tokens[0].GetId() != "b" || tokens[1].GetId() != "a" || tokens[1].GetCreatedBy() != "tester" {
		t.Errorf("tokens %v", tokens)
	}
	c.done(deleteToken("a"))
	if got, err := state.GetToken(c, bytes.Repeat([]byte("a"), 32)); got != nil || err != nil {
		t.Errorf("revoked: %v, %v", got, err)
	}
	if got, err := state.GetToken(c, bytes.Repeat([]byte("b"), 32)); got.GetName() != "token b" || err != nil {
		t.Errorf("%v, %v", got, err)
	}
	if head, err := state.Head(c); !head.IsZero() || err != nil {
		t.Errorf("edges hear of tokens: head %s, %v", head, err)
	}
}
