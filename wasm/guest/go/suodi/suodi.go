// Package suodi writes Suodi platform filters in Go, ABI version 1. A filter is
// a program whose main does nothing and whose init says what decides:
//
//	func init() { suodi.Handle(decide) }
//
//	func main() {}
//
//	func decide(v *suodi.Visit) suodi.Verdict {
//		if v.Platforms().Has(suodi.WeChat) {
//			return suodi.Guide(1)
//		}
//		return suodi.Pass()
//	}
//
// It is built as a reactor (GOOS=wasip1 GOARCH=wasm go build
// -buildmode=c-shared). Such a filter is of class go: its variables stay from
// visit to visit, and no promise is made of how long it takes. Goroutines that
// it starts run only while a visit is decided.
package suodi

// Action is what a filter wants done with a visit.
type Action uint8

// The actions.
const (
	ActionPass Action = iota
	ActionAllow
	ActionDeny
	ActionGuide
	ActionRoute
)

// Verdict is what a filter answers.
type Verdict struct {
	Action Action
	Code   uint32 // of a deny or guide: a reason of the manifest, 0 for none; under 1<<24
	URL    string // of a route
}

// Pass has no opinion: the next filter decides.
func Pass() Verdict { return Verdict{} }

// Allow ends the chain: the visit goes on to its target.
func Allow() Verdict { return Verdict{Action: ActionAllow} }

// Deny refuses the visit.
func Deny(code uint32) Verdict { return Verdict{Action: ActionDeny, Code: code} }

// Guide shows the "open in your browser" page.
func Guide(code uint32) Verdict { return Verdict{Action: ActionGuide, Code: code} }

// Route sends the visit to a URL.
func Route(url string) Verdict { return Verdict{Action: ActionRoute, URL: url} }

// Handle says what decides visits. It is called once, from init.
func Handle(decide func(*Visit) Verdict) { handler = decide }

var handler = func(*Visit) Verdict { return Pass() }

// Decide returns what the filter answers to a record as the host writes it: the
// host's way in, and a test's.
func Decide(record []byte) Verdict { return handler(NewVisit(record)) }
