package feed

import (
	"suodi/control/link"
	"suodi/wasm/abi"
)

// Explanation says what a visit would get on an edge, and why. It is what the
// serving function answers instead of a redirect when it is asked to explain,
// as JSON.
type Explanation struct {
	Edge      string            `json:"edge" doc:"Id of the edge that says so."`
	Revision  link.Revision     `json:"revision" doc:"What the edge holds, as epoch.index."`
	Domain    string            `json:"domain" doc:"The domain that answers."`
	Slug      string            `json:"slug"`
	Answer    string            `json:"answer" doc:"What the visit gets in a word, such as redirected, denied, guided, routed, not-found, expired or paused."`
	Status    int               `json:"status" doc:"Status code of the answer."`
	Location  string            `json:"location,omitempty" doc:"Where it leads."`
	Platform  string            `json:"platform,omitempty" doc:"The most specific platform."`
	Platforms []string          `json:"platforms" doc:"All platforms of the visit."`
	Facts     map[string]any    `json:"facts" doc:"The other facts that filters were given, by name."`
	Filters   []ExplainedFilter `json:"filters" doc:"The filters that were asked, in order; the last one decided unless it passed."`
	Steps     []ExplainedStep   `json:"steps" doc:"The steps of the visit's life that it went through."`
}

// ExplainedFilter is what one filter said of a visit.
type ExplainedFilter struct {
	Name        string    `json:"name"`
	Version     uint32    `json:"version" doc:"0: none is in force, it passes."`
	Hash        string    `json:"hash" doc:"SHA-256 of its module."`
	Canary      bool      `json:"canary,omitempty" doc:"The version is a canary, and this visit is among those it gets."`
	Action      string    `json:"action" doc:"pass, allow, deny, guide or route."`
	Code        uint32    `json:"code,omitempty" doc:"Number of the reason."`
	Reason      *abi.Text `json:"reason,omitempty" doc:"What the code means."`
	Rule        string    `json:"rule,omitempty" doc:"The rule that decided, by its name or else its number."`
	Erred       bool      `json:"erred,omitempty" doc:"A condition could not be decided on the way."`
	Error       string    `json:"error,omitempty" doc:"Why the filter broke; action is its fail mode's."`
	Nanoseconds int64     `json:"nanoseconds" doc:"How long it took."`
}

// ExplainedStep is one step of a visit's life.
type ExplainedStep struct {
	Name        string `json:"name"`
	Nanoseconds int64  `json:"nanoseconds" doc:"How long it took."`
}
