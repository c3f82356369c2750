package state

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/link"
	"suodi/control/state/statepb"
	"suodi/raftstore"
)

const (
	// MaxOperations bounds a command; a link's id has room for as many.
	MaxOperations = 1 << idSequenceBits

	// keepDeltas is how many Raft indexes back the changelog reaches at most.
	keepDeltas = 1 << 16
	// keepDeltaBytes is how large the changelog is at most: a delta may bring
	// modules of megabytes.
	keepDeltaBytes = 64 << 20
	// trimEvery is how often, in Raft indexes, it is trimmed by index.
	trimEvery = 256

	// keepResults is how long results are kept by idempotency key.
	keepResults = 24 * time.Hour
	// trimResults is how many expired results a command removes at most.
	trimResults = 8
)

// Machine applies commands. It is a raftstore.StateMachine and has no state of
// its own.
type Machine struct{}

// Apply turns one entry into writes. Its result is a *statepb.Result.
func (Machine) Apply(entry raftstore.Entry, _ raftstore.Reader, b raftstore.Batch) (any, error) {
	command := &statepb.Command{}
	if err := proto.Unmarshal(entry.Data, command); err != nil {
		return nil, fmt.Errorf("entry %d is no command: %w", entry.Index, err)
	}
	a := &applying{
		batch:    b,
		command:  command,
		revision: link.Revision{Epoch: entry.Epoch, Index: entry.Index},
	}
	return a.apply()
}

// applying is one command being applied.
type applying struct {
	batch    raftstore.Batch
	command  *statepb.Command
	revision link.Revision
	sequence uint64          // of the operation
	entries  []*feedpb.Entry // what edges are to hear
}

func (a *applying) apply() (*statepb.Result, error) {
	if kept, err := a.kept(); kept != nil || err != nil {
		return kept, err
	}
	result := &statepb.Result{}
	if len(a.command.GetOperations()) > MaxOperations {
		for range a.command.GetOperations() {
			result.Outcomes = append(result.Outcomes, refuse(statepb.Refusal_REFUSAL_MALFORMED, "too many operations"))
		}
		return result, nil
	}
	filters := slices.ContainsFunc(a.command.GetOperations(), concernsFilters)
	var before *feedpb.Chain
	if filters {
		var err error
		if before, err = feedChain(a.batch); err != nil {
			return nil, err
		}
	}
	for i, op := range a.command.GetOperations() {
		a.sequence = uint64(i)
		outcome, err := a.operate(op)
		if err != nil {
			return nil, err
		}
		outcome.Row = op.GetCreateLink().GetRow()
		result.Outcomes = append(result.Outcomes, outcome)
	}
	if filters {
		if err := a.noteChain(before); err != nil {
			return nil, err
		}
	}
	if err := a.keep(result); err != nil {
		return nil, err
	}
	return result, a.writeDelta()
}

// concernsFilters reports whether an operation may change the chain edges run.
func concernsFilters(op *statepb.Operation) bool {
	switch op.GetOperation().(type) {
	case *statepb.Operation_StageFilter, *statepb.Operation_PromoteFilter,
		*statepb.Operation_RollbackFilter, *statepb.Operation_PutChain, *statepb.Operation_HaltCanary:
		return true
	}
	return false
}

func (a *applying) operate(op *statepb.Operation) (*statepb.Outcome, error) {
	switch op := op.GetOperation().(type) {
	case *statepb.Operation_CreateLink:
		return a.createLink(op.CreateLink)
	case *statepb.Operation_UpdateLink:
		return a.updateLink(op.UpdateLink)
	case *statepb.Operation_DeleteLink:
		return a.deleteLink(op.DeleteLink)
	case *statepb.Operation_PutDomain:
		return a.putDomain(op.PutDomain)
	case *statepb.Operation_PutPlatform:
		return a.putPlatform(op.PutPlatform)
	case *statepb.Operation_StageFilter:
		return a.stageFilter(op.StageFilter)
	case *statepb.Operation_PromoteFilter:
		return a.promoteFilter(op.PromoteFilter)
	case *statepb.Operation_RollbackFilter:
		return a.rollbackFilter(op.RollbackFilter.GetName(), op.RollbackFilter.GetExpected())
	case *statepb.Operation_PutChain:
		return a.putChain(op.PutChain)
	case *statepb.Operation_PutChunk:
		return a.putChunk(op.PutChunk)
	case *statepb.Operation_HaltCanary:
		return a.haltCanary(op.HaltCanary)
	case *statepb.Operation_PutSecret:
		return a.putSecret(op.PutSecret)
	case *statepb.Operation_PutToken:
		return a.putToken(op.PutToken.GetToken())
	case *statepb.Operation_DeleteToken:
		return a.deleteToken(op.DeleteToken.GetId())
	default:
		return refuse(statepb.Refusal_REFUSAL_MALFORMED, ""), nil
	}
}

func refuse(why statepb.Refusal, detail string) *statepb.Outcome {
	return &statepb.Outcome{Refusal: why, Detail: detail}
}

// done is the outcome of an operation that changed something.
func (a *applying) done() *statepb.Outcome {
	return &statepb.Outcome{Revision: feed.FromRevision(a.revision)}
}

// unmet returns the refusal of an operation whose expectation is not met, nil
// when it is: expected nil is any, zero is that there is nothing yet.
func unmet(expected *feedpb.Revision, found bool, at link.Revision) *statepb.Outcome {
	if expected == nil {
		return nil
	}
	want := feed.ToRevision(expected)
	if want == at && found != want.IsZero() {
		return nil
	}
	out := refuse(statepb.Refusal_REFUSAL_CHANGED, "")
	out.Revision = feed.FromRevision(at)
	return out
}

// set writes a message under a key at the command's revision.
func (a *applying) set(k []byte, m proto.Message) error {
	value, err := encode(a.revision, m)
	if err != nil {
		return err
	}
	a.batch.Set(k, value)
	return nil
}

// tell adds a key to what edges hear of this command; a nil value removes it.
func (a *applying) tell(bucket uint16, k, value []byte) {
	a.entries = append(a.entries, &feedpb.Entry{Bucket: uint32(bucket), Key: k, Value: value})
}

// writeDelta appends what edges are to hear to the changelog.
func (a *applying) writeDelta() error {
	if len(a.entries) == 0 {
		return nil
	}
	head, err := Head(a.batch)
	if err != nil {
		return err
	}
	delta, err := proto.MarshalOptions{Deterministic: true}.Marshal(&feedpb.Delta{
		Previous: feed.FromRevision(head),
		Revision: feed.FromRevision(a.revision),
		Entries:  a.entries,
	})
	if err != nil {
		return err
	}
	kept, err := keptDeltas(a.batch)
	if err != nil {
		return err
	}
	a.batch.Set(deltaKey(a.revision), delta)
	a.batch.Set([]byte{prefixHead}, appendRevision(nil, a.revision))
	oldest := link.Revision{}
	if a.revision.Index/trimEvery != head.Index/trimEvery && a.revision.Index > keepDeltas {
		oldest = link.Revision{Epoch: a.revision.Epoch, Index: a.revision.Index - keepDeltas}
	}
	return a.trimDeltas(oldest, kept+uint64(len(delta)))
}

// kept returns the results of an earlier command with the same idempotency
// key, nil when there is none.
func (a *applying) kept() (*statepb.Result, error) {
	result, err := Kept(a.batch, a.command.GetIdempotency(), a.command.GetTime())
	if result != nil && len(result.GetOutcomes()) == 0 { // of another request
		for range a.command.GetOperations() {
			result.Outcomes = append(result.Outcomes, refuse(statepb.Refusal_REFUSAL_KEY_REUSED, ""))
		}
	}
	return result, err
}

// Kept returns the results of the command that came with an idempotency key,
// nil when there is none at this time, in nanoseconds since 1970. When it came
// with another request, the results have no outcomes.
func Kept(r raftstore.Reader, id *statepb.Idempotency, now int64) (*statepb.Result, error) {
	if id == nil {
		return nil, nil // nothing kept is no error
	}
	value, found, err := r.Get(key(prefixKept, id.GetKey()))
	if err != nil || !found {
		return nil, err
	}
	kept := &statepb.Kept{}
	if err := proto.Unmarshal(value, kept); err != nil {
		return nil, fmt.Errorf("kept result: %w", err)
	}
	if time.Duration(now-kept.GetTime()) > keepResults {
		return nil, nil // as good as nothing kept
	}
	if !bytes.Equal(kept.GetRequest(), id.GetRequest()) {
		return &statepb.Result{}, nil
	}
	result := kept.GetResult()
	result.Replayed = true
	return result, nil
}

// keep remembers the results under the command's idempotency key and forgets
// some that are too old.
func (a *applying) keep(result *statepb.Result) error {
	id := a.command.GetIdempotency()
	if id == nil {
		return nil
	}
	value, err := proto.MarshalOptions{Deterministic: true}.Marshal(&statepb.Kept{
		Request: id.GetRequest(), Result: result, Time: a.command.GetTime(),
	})
	if err != nil {
		return err
	}
	a.batch.Set(key(prefixKept, id.GetKey()), value)
	a.batch.Set(key(prefixKeptByAge, binary.BigEndian.AppendUint64(nil, uint64(a.command.GetTime())), id.GetKey()), nil)

	expired := uint64(max(0, a.command.GetTime()-int64(keepResults)))
	var old [][]byte
	for item, err := range a.batch.Scan([]byte{prefixKeptByAge}, key(prefixKeptByAge, binary.BigEndian.AppendUint64(nil, expired))) {
		if err != nil {
			return err
		}
		old = append(old, bytes.Clone(item.Key))
		if len(old) == trimResults {
			break
		}
	}
	for _, k := range old {
		a.batch.Delete(k)
		if err := a.forget(k[1+8:], expired); err != nil {
			return err
		}
	}
	return nil
}

// forget removes a kept result, unless its key was used again since.
func (a *applying) forget(id []byte, expired uint64) error {
	k := key(prefixKept, id)
	value, found, err := a.batch.Get(k)
	if err != nil || !found {
		return err
	}
	kept := &statepb.Kept{}
	if err := proto.Unmarshal(value, kept); err != nil {
		return fmt.Errorf("kept result: %w", err)
	}
	if uint64(kept.GetTime()) < expired {
		a.batch.Delete(k)
	}
	return nil
}
