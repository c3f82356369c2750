// Package api is the admin API: HTTP and JSON under /v1, described by
// /openapi.json and shown at /docs. It checks who asks and what, turns requests
// into commands and state into answers. It must know nothing of Raft, of
// storage or of edges beyond what a Backend tells.
//
// Errors are problem details (RFC 9457), with one entry in errors for every
// field that is wrong. What is edited has an ETag; a change with If-Match is
// refused with 412 when somebody else came first. A POST with Idempotency-Key
// may be repeated: for a day it answers with what the first one came to.
package api
