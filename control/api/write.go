package api

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/link"
	"suodi/control/state"
	"suodi/control/state/statepb"
	"suodi/raftstore"
)

// WriteInput is what every change may come with.
type WriteInput struct {
	IdempotencyKey string `header:"Idempotency-Key" maxLength:"255" doc:"Makes a retry safe: the same key and request get the answer of the first, for 24 hours."`
	Wait           string `query:"wait" enum:"edges" doc:"edges: answer when every connected edge has the change, or 202 with Suodi-Edges-Behind."`
	WaitTimeout    int    `query:"wait_timeout" default:"5" minimum:"1" maximum:"60" doc:"Seconds to wait for edges."`
}

// written is what every change answers with.
type written struct {
	Status int
	ETag   string `header:"ETag"`
	Behind string `header:"Suodi-Edges-Behind" doc:"With 202: ids of the edges that did not have the change in time, separated by commas."`
}

// output is an answer with a body. It repeats the fields of written because the
// API framework looks for them at the top level.
type output[B any] struct {
	Status int
	ETag   string `header:"ETag"`
	Behind string `header:"Suodi-Edges-Behind" doc:"With 202: ids of the edges that did not have the change in time, separated by commas."`
	Body   B
}

func answer[B any](w written, body B) *output[B] {
	return &output[B]{Status: w.Status, ETag: w.ETag, Behind: w.Behind, Body: body}
}

// found is the answer's head for something that was read.
func found(revision link.Revision) written {
	return written{Status: http.StatusOK, ETag: etag(revision)}
}

// request is one change on its way.
type request struct {
	WriteInput
	// what identifies the request beside its key
	what [sha256.Size]byte
	// status of the answer when all goes well
	status int
}

// newRequest notes what a change is: everything about it that matters, such as
// method and path, If-Match and body.
func newRequest(in WriteInput, status int, parts ...string) *request {
	h := sha256.New()
	for _, part := range parts {
		h.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(part))))
		h.Write([]byte(part))
	}
	r := &request{WriteInput: in, status: status}
	h.Sum(r.what[:0])
	return r
}

// idempotency gives the n-th command of a request an idempotency key of its
// own, nil when the request has none.
func (r *request) idempotency(ctx context.Context, n int) *statepb.Idempotency {
	if r.IdempotencyKey == "" {
		return nil
	}
	key := sha256.Sum256(fmt.Appendf(nil, "%s\x00%s\x00%d", actor(ctx), r.IdempotencyKey, n))
	return &statepb.Idempotency{Key: key[:], Request: r.what[:]}
}

// propose sends what build makes as the request's n-th command. A request that
// came before gets what it came to then, and nothing is built: what was good
// then may not be now. Nothing built is nothing sent.
func (s *service) propose(ctx context.Context, r *request, n int, build func() ([]*statepb.Operation, error)) (*statepb.Result, error) {
	id := r.idempotency(ctx, n)
	if kept, err := s.kept(ctx, id); kept != nil || err != nil {
		return kept, err
	}
	operations, err := build()
	if err != nil || len(operations) == 0 {
		return &statepb.Result{}, err
	}
	result, err := s.backend.Propose(ctx, &statepb.Command{Actor: actor(ctx), Idempotency: id, Operations: operations})
	if err != nil {
		return nil, fromError(err)
	}
	return result, nil
}

// kept returns what the request with this idempotency key came to, nil when
// there was none.
func (s *service) kept(ctx context.Context, id *statepb.Idempotency) (result *statepb.Result, err error) {
	if id == nil {
		return nil, nil // nothing kept is no error
	}
	err = s.backend.Read(ctx, false, func(r raftstore.Reader) (err error) {
		result, err = state.Kept(r, id, time.Now().UnixNano())
		return err
	})
	if err != nil {
		return nil, fromError(err)
	}
	if result != nil && len(result.GetOutcomes()) == 0 {
		return nil, fromRefusal(&statepb.Outcome{Refusal: statepb.Refusal_REFUSAL_KEY_REUSED})
	}
	return result, nil
}

// change proposes one operation and waits for edges when asked to.
func (s *service) change(ctx context.Context, r *request, op *statepb.Operation) (*statepb.Outcome, written, error) {
	result, err := s.propose(ctx, r, 0, func() ([]*statepb.Operation, error) { return []*statepb.Operation{op}, nil })
	if err != nil {
		return nil, written{}, err
	}
	out := result.GetOutcomes()[0]
	if err := fromRefusal(out); err != nil {
		return out, written{}, err
	}
	return out, s.finish(ctx, r, feed.ToRevision(out.GetRevision())), nil
}

// finish waits for edges when the request asks for it.
func (s *service) finish(ctx context.Context, r *request, revision link.Revision) written {
	w := written{Status: r.status, ETag: etag(revision)}
	if r.Wait == "" {
		return w
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(r.WaitTimeout)*time.Second)
	defer cancel()
	if behind := s.backend.WaitEdges(ctx, revision); len(behind) > 0 {
		w.Status, w.Behind = http.StatusAccepted, strings.Join(behind, ",")
	}
	return w
}

func etag(r link.Revision) string { return strconv.Quote(r.String()) }

// ifMatch reads an If-Match header: nil for none or *, else the one revision it
// names.
func ifMatch(header string) (*feedpb.Revision, error) {
	header = strings.TrimSpace(header)
	if header == "" || header == "*" {
		return nil, nil // no expectation is no error
	}
	if text, err := strconv.Unquote(header); err == nil {
		if r, err := link.ParseRevision(text); err == nil {
			return feed.FromRevision(r), nil
		}
	}
	return nil, problem(http.StatusBadRequest, "If-Match must be an ETag as this API gave it, or *")
}
