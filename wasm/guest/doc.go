// Package guest holds what somebody needs to write a platform filter by hand:
// a small library for each of four languages, a project to start from, an
// example that does something real, and what joins a module and its manifest.
// It must know nothing of hosts, links or the control plane; the README beside
// it is the guide.
//
// A project has everything in its own folder, the language's library too, so
// that it builds with nothing but the compiler: make writes filter.wasm. Most
// languages cannot write a custom section, so that the manifest is a file of
// its own beside the module in all of them, manifest.json. Load joins the two,
// and whatever takes a filter from disk reads it with that.
//
// The folders c, rust, assemblyscript and go are these projects, but for the
// manifest that all four begin with, starter.json, and for names that Go's tools
// would not let stand there; each has one folder more, its example, whose files
// take the place of the starter's.
package guest

//go:generate go run ./gen
