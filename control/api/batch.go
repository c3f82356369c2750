package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"suodi/control/feed"
	"suodi/control/link"
	"suodi/control/state"
	"suodi/control/state/statepb"
)

const (
	maxBatchBody = 8 << 20 // bytes
	// A batch is cut into Raft entries by its rows as they were sent, so that a
	// retry is cut the same whatever its rows are worth by then. Even rows that
	// grow threefold when they are normalized stay below what an entry may have.
	maxEntryText = 128 << 10 // bytes of rows
	maxEntryRows = 1000
)

// batchRow is a link of a batch. A row that cannot be read is an answer of its
// own, not the end of the batch.
type batchRow struct {
	NewLink
	size int // bytes as it was sent
	err  error
}

// UnmarshalJSON reads a row and keeps what is wrong with it.
func (r *batchRow) UnmarshalJSON(data []byte) error {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	r.size = len(data)
	r.err = decoder.Decode(&r.NewLink)
	r.size += len(r.Filters) * link.MaxParams // what defaults may add
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
		request: newRequest(in.WriteInput, http.StatusOK, "POST /v1/links/batch", string(in.RawBody)),
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
}

func (b *batch) run(ctx context.Context) error {
	for from, n := 0, 0; from < len(b.rows); n++ {
		to, size := from, 0
		for to < len(b.rows) && to-from < maxEntryRows && (to == from || size+b.rows[to].size <= maxEntryText) {
			size += b.rows[to].size
			to++
		}
		if err := b.send(ctx, n, from, to); err != nil {
			return err
		}
		from = to
	}
	return nil
}

// rowProblem says what of a row could not be read.
func rowProblem(err error) *huma.ErrorModel {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) && wrong.Field == "" {
		return problem(http.StatusUnprocessableEntity, "the row is a "+wrong.Value+"; want an object")
	}
	if errors.As(err, &wrong) {
		field := wrong.Field[strings.LastIndexByte(wrong.Field, '.')+1:]
		return fieldProblem(http.StatusUnprocessableEntity, field, "", "is a "+wrong.Value+"; want "+wrong.Type.String())
	}
	if _, name, unknown := strings.Cut(err.Error(), "unknown field "); unknown {
		return fieldProblem(http.StatusUnprocessableEntity, strings.Trim(name, `"`), "", "is no field of a link")
	}
	return problem(http.StatusUnprocessableEntity, "the row is no link: "+err.Error())
}

// check returns the row's link, or what is wrong with the row.
func (b *batch) check(i int) (*link.Link, error) {
	row := &b.rows[i]
	if row.err != nil {
		return nil, rowProblem(row.err)
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

// send makes the links of some rows in the batch's n-th command and notes what
// they came to.
func (b *batch) send(ctx context.Context, n, from, to int) error {
	result, err := b.propose(ctx, b.request, n, func() (ops []*statepb.Operation, err error) {
		for i := from; i < to; i++ {
			l, err := b.check(i)
			if err != nil {
				b.fail(i, err)
				continue
			}
			ops = append(ops, createOperation(l, b.rows[i].FindOrCreate, i))
		}
		return ops, nil
	})
	if err != nil {
		return err
	}
	for _, out := range result.GetOutcomes() {
		b.note(ctx, int(out.GetRow()), out)
	}
	for i := from; i < to; i++ { // of a batch that came before: rows that were bad then
		if b.results[i].Status != 0 {
			continue
		}
		_, err := b.check(i)
		if err == nil {
			err = problem(http.StatusConflict, "the row was refused when the batch first came; send it again without this Idempotency-Key")
		}
		b.fail(i, err)
	}
	return nil
}

// note puts down what a row came to.
func (b *batch) note(ctx context.Context, i int, out *statepb.Outcome) {
	if slugTaken(out) && b.rows[i].Slug == "" {
		// A generated slug was taken, which is rare: this row on its own.
		row := strconv.Itoa(i)
		retry := newRequest(b.request.WriteInput, 0, string(b.request.what[:]), row)
		if retry.IdempotencyKey != "" {
			retry.IdempotencyKey += "\x00row " + row
		}
		var err error
		if out, err = b.create(ctx, retry, b.directory, &b.rows[i].NewLink); err != nil {
			b.fail(i, err)
			return
		}
	}
	if err := fromRefusal(out); err != nil {
		b.fail(i, err)
		return
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
