package abi

import "fmt"

// Action is what a filter wants done with a visit.
type Action uint8

// The actions. Their numbers are part of the format.
const (
	Pass  Action = iota // no opinion: the next filter decides
	Allow               // ends the chain: the visit goes on to its target
	Deny                // ends the chain: refused
	Guide               // ends the chain: the "open in your browser" page
	Route               // ends the chain: on to the URL the filter gives
)

var actionNames = [...]string{"pass", "allow", "deny", "guide", "route"}

// String returns the action's word.
func (a Action) String() string {
	if int(a) < len(actionNames) {
		return actionNames[a]
	}
	return fmt.Sprintf("action %d", uint8(a))
}

// verdictErred is set in a verdict on whose way a condition could not be decided.
const verdictErred = 1 << 7

// verdictTemplate is set in a route whose URL is a template.
const verdictTemplate = 1 << 31

// MaxCode is the largest code a verdict carries.
const MaxCode = 1<<24 - 1

// Verdict is a filter's answer, packed as the package comment says.
type Verdict uint64

// NewVerdict packs a verdict other than route; code is at most MaxCode.
func NewVerdict(action Action, code uint32) Verdict {
	return Verdict(action) | Verdict(code&MaxCode)<<8
}

// NewRoute packs a route to the URL of n bytes at address.
func NewRoute(address, n uint32) Verdict {
	return Verdict(Route) | Verdict(n&MaxCode)<<8 | Verdict(address)<<32
}

// NewTemplate packs a route to what the template of n bytes at address comes to.
func NewTemplate(address, n uint32) Verdict { return NewRoute(address, n) | verdictTemplate }

// Action returns what is to be done; the host refuses values it does not know.
func (v Verdict) Action() Action { return Action(v &^ verdictErred) }

// Erred reports whether a condition could not be decided on the way.
func (v Verdict) Erred() bool { return v&verdictErred != 0 }

// WithErred returns the verdict saying that a condition could not be decided.
func (v Verdict) WithErred() Verdict { return v | verdictErred }

// Length returns how long a route's URL or template is.
func (v Verdict) Length() uint32 { return v.Code() &^ (verdictTemplate >> 8) }

// Template reports whether a route's URL is a template, for AppendURL.
func (v Verdict) Template() bool { return v&verdictTemplate != 0 }

// Code returns the reason of a deny or guide; for route see Length.
func (v Verdict) Code() uint32 { return uint32(v>>8) & MaxCode }

// Address returns where in the filter's memory a route's URL begins.
func (v Verdict) Address() uint32 { return uint32(v >> 32) }
