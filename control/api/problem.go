package api

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"suodi/control/feed"
	"suodi/control/link"
	"suodi/control/state/statepb"
	"suodi/raftstore"
)

// problem returns a problem with its details, one for each field.
func problem(status int, detail string, errs ...*huma.ErrorDetail) *huma.ErrorModel {
	return &huma.ErrorModel{Status: status, Title: http.StatusText(status), Detail: detail, Errors: errs}
}

// nameFields makes the detail of a problem that the API framework found say
// what its errors say, for people who read nothing else.
func nameFields(_ huma.Context, _ string, v any) (any, error) {
	model, ok := v.(*huma.ErrorModel)
	if !ok || model.Detail != "validation failed" || len(model.Errors) == 0 {
		return v, nil
	}
	said := make([]string, len(model.Errors))
	for i, e := range model.Errors {
		said[i] = e.Message
		if e.Location != "" {
			said[i] = e.Location + ": " + e.Message
		}
		if e.Message == "unexpected property" {
			e.Value = nil // it is the whole object, which helps nobody
		}
	}
	named := *model
	named.Detail = strings.Join(said, "; ")
	if model.Status == http.StatusUnsupportedMediaType {
		named.Detail += "; send JSON with Content-Type: application/json"
	}
	return &named, nil
}

// fieldProblem is a problem of one field of the body.
func fieldProblem(status int, field, value, message string) *huma.ErrorModel {
	detail := &huma.ErrorDetail{Location: "body." + field, Message: message}
	if value != "" {
		detail.Value = value
	}
	return problem(status, field+" "+message, detail)
}

// fromProblems returns what is wrong with a link's fields as one problem.
func fromProblems(problems link.Problems) *huma.ErrorModel {
	model := problem(http.StatusUnprocessableEntity, "")
	for _, p := range problems {
		message := p.Reason
		if p.Hint != "" {
			message += "; " + p.Hint
		}
		model.Errors = append(model.Errors, &huma.ErrorDetail{Location: "body." + p.Field, Message: message, Value: p.Value})
		if model.Detail != "" {
			model.Detail += "; "
		}
		model.Detail += p.Error()
	}
	return model
}

// inPath returns what is wrong with a name in the request's path.
func inPath(err error) *huma.ErrorModel {
	model := fromError(err)
	for _, e := range model.Errors {
		e.Location = "path." + strings.TrimPrefix(e.Location, "body.")
	}
	return model
}

// fromError turns an error into the problem that is answered; nothing else
// chooses status codes for errors of the layers below.
func fromError(err error) *huma.ErrorModel {
	var model *huma.ErrorModel
	var problems link.Problems
	var field *link.FieldError
	switch {
	case errors.As(err, &model):
		return model
	case errors.As(err, &problems):
		return fromProblems(problems)
	case errors.As(err, &field):
		return fromProblems(link.Problems{field})
	case errors.Is(err, raftstore.ErrOutcomeUnknown):
		return problem(http.StatusServiceUnavailable,
			"it is not known whether the change was made; send it again with the same Idempotency-Key")
	case errors.Is(err, feed.ErrNoEdge), errors.Is(err, feed.ErrEdgeGone), errors.Is(err, feed.ErrBusy):
		return problem(http.StatusServiceUnavailable, err.Error()+"; GET /v1/fleet lists the connected edges")
	case errors.Is(err, feed.ErrRefused):
		return problem(http.StatusBadGateway, err.Error())
	case errors.Is(err, raftstore.ErrTooLarge):
		return problem(http.StatusRequestEntityTooLarge, "the change is too large for one step; send it in parts")
	case errors.Is(err, raftstore.ErrNotLeader), errors.Is(err, raftstore.ErrClosed), errors.Is(err, raftstore.ErrHalted),
		errors.Is(err, context.DeadlineExceeded):
		return problem(http.StatusServiceUnavailable, "the control plane cannot answer now ("+err.Error()+"); try again")
	case errors.Is(err, context.Canceled):
		return problem(499, "the client went away")
	default:
		return problem(http.StatusInternalServerError, err.Error())
	}
}

// fromRefusal turns what the state refused into a problem.
func fromRefusal(out *statepb.Outcome) error {
	name := out.GetDetail()
	switch out.GetRefusal() {
	case statepb.Refusal_REFUSAL_UNSPECIFIED:
		return nil
	case statepb.Refusal_REFUSAL_EXISTS:
		return fieldProblem(http.StatusConflict, "slug", name, "is taken; choose another or leave it out to get a free one")
	case statepb.Refusal_REFUSAL_RESERVED:
		return fieldProblem(http.StatusConflict, "slug", name,
			"belongs to a deleted link; delete it again with ?release=true to free it")
	case statepb.Refusal_REFUSAL_NOT_FOUND:
		return problem(http.StatusNotFound, "there is no "+name)
	case statepb.Refusal_REFUSAL_CHANGED:
		return problem(http.StatusPreconditionFailed, "somebody changed it meanwhile; read it again and send its new ETag as If-Match")
	case statepb.Refusal_REFUSAL_UNKNOWN_DOMAIN:
		return fieldProblem(http.StatusUnprocessableEntity, "domain", name, "is not registered; PUT /v1/domains/{domain} registers it")
	case statepb.Refusal_REFUSAL_FULL:
		if name == "uploads" {
			return problem(http.StatusTooManyRequests, "too many uploads have begun and not ended; try again in an hour")
		}
		return problem(http.StatusConflict, "no platform number is left for "+name+"; change a retired entry instead")
	case statepb.Refusal_REFUSAL_NO_VERSION:
		return problem(http.StatusConflict, "filter "+name+" has no version for that: nothing is staged, or none is in force")
	case statepb.Refusal_REFUSAL_KEPT:
		return problem(http.StatusConflict, name+" must stay: it cannot be taken away or moved from its place")
	case statepb.Refusal_REFUSAL_UNKNOWN_FILTER:
		return problem(http.StatusNotFound, "there is no filter "+name+"; POST /v1/filters/{name} pushes one")
	case statepb.Refusal_REFUSAL_KEY_REUSED:
		return problem(http.StatusUnprocessableEntity, "the Idempotency-Key was used with another request; use a fresh one")
	case statepb.Refusal_REFUSAL_UNKNOWN_PLATFORM:
		return problem(http.StatusUnprocessableEntity, "platform "+name+" is unknown; GET /v1/platforms lists those there are")
	case statepb.Refusal_REFUSAL_BUDGET:
		return problem(http.StatusConflict, name+"; roll filters that nobody needs back to none with POST /v1/filters/{name}/rollback, or push this one with less memory")
	case statepb.Refusal_REFUSAL_UNKNOWN_MODULE:
		return problem(http.StatusServiceUnavailable, "parts of the module were lost on the way; push it again")
	default:
		return problem(http.StatusInternalServerError, "the state refused the change: "+out.GetRefusal().String())
	}
}
