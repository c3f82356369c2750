package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"google.golang.org/protobuf/proto"

	"suodi/control/feed"
	"suodi/control/link"
	"suodi/control/state"
	"suodi/control/state/statepb"
	"suodi/raftstore"
)

const (
	maxBatchRows  = 10_000
	maxBatchBody  = 8 << 20 // bytes
	maxBatchEntry = raftstore.SuggestedEntrySize * 3 / 4
	// maxBatchLinks bounds the links of one Raft entry, so that its records fit
	// a message of the feed.
	maxBatchLinks = 2048
)

// batchRow is a link of a batch. A row that cannot be read is an answer of its
// own, not the end of the batch.
type batchRow struct {
	NewLink
	err error
}

// UnmarshalJSON reads a row and keeps what is wrong with it.
func (r *batchRow) UnmarshalJSON(data []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	r.err = decoder.Decode(&r.NewLink)
	return nil
}

// Schema says only that a row is an object: its fields are looked at row by
// row.
func (batchRow) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Description: "A link as in the body of POST /v1/links."}
}

type batchInput struct {
	WriteInput
	Body struct {
		Links []batchRow `json:"links" minItems:"1" maxItems:"10000" doc:"Links to make."`
	}
	RawBody []byte
}

// batchResult is what one row came to.
type batchResult struct {
	Row     int              `json:"row" doc:"Number of the row, from 0."`
	Status  int              `json:"status" doc:"201, 200 for one found, or the problem's status."`
	Link    *linkBody        `json:"link,omitempty"`
	Problem *huma.ErrorModel `json:"problem,omitempty"`
}

// batchBody is what a batch came to.
type batchBody struct {
	Created int           `json:"created" doc:"Rows that made a link."`
	Failed  int           `json:"failed" doc:"Rows with a problem."`
	Results []batchResult `json:"results" doc:"One a row, in order."`
}

func (s *service) batches(api huma.API) {
	create := operation("create-links", http.MethodPost, "/v1/links/batch", "Make up to 10,000 links, each on its own", "links")
	create.MaxBodyBytes = maxBatchBody
	create.BodyReadTimeout = time.Minute
	huma.Register(api, create, s.createLinks)
}

func (s *service) createLinks(ctx context.Context, in *batchInput) (*output[batchBody], error) {
	d, err := s.directory(ctx, false)
	if err != nil {
		return nil, err
	}
	b := &batch{
		service: s, directory: d, rows: in.Body.Links, results: make([]batchResult, len(in.Body.Links)),
		request: &request{WriteInput: in.WriteInput, what: append([]byte("POST /v1/links/batch\x00"), in.RawBody...), status: http.StatusOK},
	}
	if err := b.run(ctx); err != nil {
		return nil, err
	}
	body := batchBody{Results: b.results}
	for _, result := range b.results {
		switch {
		case result.Problem != nil:
			body.Failed++
		case result.Status == http.StatusCreated:
			body.Created++
		}
	}
	w := s.finish(ctx, b.request, b.revision)
	w.ETag = "" // many links have no one ETag
	return answer(w, body), nil
}

// batch is one batch being made.
type batch struct {
	*service
	directory *directory
	request   *request
	rows      []batchRow
	results   []batchResult
	revision  link.Revision // of the last change
	commands  int           // sent so far

	pending []int // rows of the command being collected
	ops     []*statepb.Operation
	size    int
}

func (b *batch) run(ctx context.Context) error {
	for i := range b.rows {
		l, err := b.check(i)
		if err != nil {
			b.fail(i, err)
			continue
		}
		op := createOperation(l, b.rows[i].FindOrCreate)
		size := proto.Size(op)
		if len(b.ops) > 0 && (b.size+size > maxBatchEntry || len(b.ops) == maxBatchLinks) {
			if err := b.send(ctx); err != nil {
				return err
			}
		}
		b.pending, b.ops, b.size = append(b.pending, i), append(b.ops, op), b.size+size
	}
	return b.send(ctx)
}

// check returns the row's link, or what is wrong with the row.
func (b *batch) check(i int) (*link.Link, error) {
	row := &b.rows[i]
	if row.err != nil {
		return nil, problem(http.StatusUnprocessableEntity, fmt.Sprintf("row %d: %s", i, row.err))
	}
	if row.FindOrCreate && row.Slug != "" {
		return nil, fieldProblem(http.StatusUnprocessableEntity, "slug", row.Slug, "must be left out with find_or_create")
	}
	l, err := row.link(b.directory)
	if err != nil {
		return nil, err
	}
	return l, b.directory.normalize(l, link.Link{})
}

func (b *batch) fail(i int, err error) {
	model := fromError(err)
	b.results[i] = batchResult{Row: i, Status: model.Status, Problem: model}
}

// send proposes the rows collected so far and notes what they came to.
func (b *batch) send(ctx context.Context) error {
	if len(b.ops) == 0 {
		return nil
	}
	r := *b.request
	// Which rows come this far may be others on a retry, when a platform or
	// domain was added since; results kept for these are not for those.
	r.what = fmt.Appendf(nil, "%s\x00rows %d", b.request.what, b.pending)
	result, err := b.propose(ctx, &r, b.commands, b.ops...)
	if err != nil {
		return err
	}
	b.commands++
	for at, out := range result.GetOutcomes() {
		i := b.pending[at]
		if slugTaken(out) && b.rows[i].Slug == "" {
			// A generated slug was taken, which is rare: this row on its own.
			retry := *b.request
			retry.what = fmt.Appendf(nil, "%s\x00row %d", b.request.what, i)
			if retry.IdempotencyKey != "" {
				retry.IdempotencyKey += fmt.Sprintf("\x00row %d", i)
			}
			if out, err = b.create(ctx, &retry, b.directory, &b.rows[i].NewLink); err != nil {
				b.fail(i, err)
				continue
			}
		}
		if err := fromRefusal(out); err != nil {
			b.fail(i, err)
			continue
		}
		revision := feed.ToRevision(out.GetRevision())
		if revision.Compare(b.revision) > 0 {
			b.revision = revision
		}
		body := b.directory.show(state.ToLink(out.GetLink(), revision))
		b.results[i] = batchResult{Row: i, Status: http.StatusCreated, Link: &body}
		if out.GetFound() {
			b.results[i].Status = http.StatusOK
		}
	}
	b.pending, b.ops, b.size = b.pending[:0], nil, 0
	return nil
}
