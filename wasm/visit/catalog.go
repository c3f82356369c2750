package visit

import (
	"bytes"
	"cmp"
	_ "embed" // the shipped catalog
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"gopkg.in/yaml.v3"

	"suodi/wasm/abi"
)

// The entries that every catalog has, because the making of a platform set
// refers to them.
const (
	Browser = "browser" // when no app is recognised
	WebView = "webview" // stands in for an app that does not say its name
	Bot     = "bot"     // accompanies every crawler
	OtherOS = "otheros" // when no operating system is recognised
	Mobile  = "mobile"  // abi.DeviceMobile
	Tablet  = "tablet"  // abi.DeviceTablet
	Desktop = "desktop" // abi.DeviceDesktop, and when no form is recognised
)

// required says which kind each of those entries has.
var required = []struct {
	id   string
	kind Kind
}{
	{Browser, General},
	{WebView, General},
	{Bot, General},
	{OtherOS, OS},
	{Mobile, Form},
	{Tablet, Form},
	{Desktop, Form},
}

//go:embed catalog.yaml
var shippedCatalog []byte

// Catalog is a set of platforms and the matcher built from them. It never
// changes; a changed catalog is another one. All methods may be called
// concurrently.
type Catalog struct {
	entries  []Entry // by kind, order and number
	byID     map[string]int
	byNumber [256]int16 // index into entries, -1 = none
	matcher  *matcher
}

// NewCatalog makes a catalog of entries, in whatever order they are given. It
// fails, naming the entry, when one is invalid, when two share a number, an id
// or a package name, and when one of the entries that every catalog has is
// missing, retired or of another kind. It keeps nothing of its argument.
func NewCatalog(entries []Entry) (*Catalog, error) {
	c := &Catalog{
		entries: make([]Entry, 0, len(entries)),
		byID:    make(map[string]int, len(entries)),
	}
	for i := range entries {
		if err := entries[i].Validate(); err != nil {
			return nil, err
		}
		c.entries = append(c.entries, clone(&entries[i]))
	}
	slices.SortFunc(c.entries, func(a, b Entry) int {
		return cmp.Or(
			cmp.Compare(slices.Index(kinds[:], a.Kind), slices.Index(kinds[:], b.Kind)),
			cmp.Compare(a.Order, b.Order),
			cmp.Compare(a.Number, b.Number),
		)
	})
	if err := c.index(); err != nil {
		return nil, err
	}
	m, err := newMatcher(c)
	if err != nil {
		return nil, fmt.Errorf("platform catalog: %w", err)
	}
	c.matcher = m
	return c, nil
}

// index fills the maps and checks the entries against each other.
func (c *Catalog) index() error {
	for n := range c.byNumber {
		c.byNumber[n] = -1
	}
	packages := map[string]string{}
	for i := range c.entries {
		e := &c.entries[i]
		if other, taken := c.byID[e.ID]; taken {
			return fmt.Errorf("platform %q: id: numbers %d and %d have the same", e.ID, c.entries[other].Number, e.Number)
		}
		if other := c.byNumber[e.Number]; other >= 0 {
			return fmt.Errorf("platform %q: number: %d belongs to %q", e.ID, e.Number, c.entries[other].ID)
		}
		for _, name := range e.Packages {
			if other, taken := packages[name]; taken {
				return fmt.Errorf("platform %q: packages: %q belongs to %q", e.ID, name, other)
			}
			packages[name] = e.ID
		}
		c.byID[e.ID] = i
		c.byNumber[e.Number] = int16(i)
	}
	for _, want := range required {
		e, ok := c.ByID(want.id)
		switch {
		case !ok:
			return fmt.Errorf("platform %q: every catalog has it, this one does not", want.id)
		case e.Kind != want.kind:
			return fmt.Errorf("platform %q: kind: %q: must be %q", want.id, e.Kind, want.kind)
		case e.Retired:
			return fmt.Errorf("platform %q: retired: every catalog needs it", want.id)
		}
	}
	return nil
}

// Shipped returns the catalog that Suodi comes with.
func Shipped() *Catalog { return shipped() }

// shipped parses once what can never differ.
var shipped = sync.OnceValue(func() *Catalog {
	entries, err := ParseEntries(shippedCatalog)
	if err != nil {
		panic(err) // a test reads the same bytes
	}
	c, err := NewCatalog(entries)
	if err != nil {
		panic(err)
	}
	return c
})

// ParseEntries reads a YAML list of entries, the form of catalog.yaml.
// Unknown fields and a second document are errors; the entries are not yet
// validated.
func ParseEntries(data []byte) ([]Entry, error) {
	var entries []Entry
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	if err := decoder.Decode(&entries); err != nil {
		return nil, fmt.Errorf("platform catalog: %w", err)
	}
	if err := decoder.Decode(new(any)); !errors.Is(err, io.EOF) {
		return nil, errors.New("platform catalog: more than one YAML document")
	}
	return entries, nil
}

// ByID returns the entry of that id, retired ones too.
func (c *Catalog) ByID(id string) (Entry, bool) {
	i, ok := c.byID[id]
	if !ok {
		return Entry{}, false
	}
	return clone(&c.entries[i]), true
}

// ByNumber returns the entry of that number, retired ones too.
func (c *Catalog) ByNumber(n uint8) (Entry, bool) {
	i := c.byNumber[n]
	if i < 0 {
		return Entry{}, false
	}
	return clone(&c.entries[i]), true
}

// Entries returns all entries, retired ones too: apps, general ones, operating
// systems, forms, crawlers, each kind in order of precedence.
func (c *Catalog) Entries() []Entry {
	entries := make([]Entry, len(c.entries))
	for i := range c.entries {
		entries[i] = clone(&c.entries[i])
	}
	return entries
}

// IDs returns the ids of a set's platforms, sorted. A number that the catalog
// does not have is left out.
func (c *Catalog) IDs(set abi.Set) []string {
	ids := []string{}
	for i := range c.entries {
		if set.Has(c.entries[i].Number) {
			ids = append(ids, c.entries[i].ID)
		}
	}
	slices.Sort(ids)
	return ids
}

// Judge says in ids what Match says of a user agent: the most specific platform,
// and all of them sorted. It is for tables and people.
func (c *Catalog) Judge(userAgent string) (platform string, platforms []string) {
	p := c.Match([]byte(userAgent))
	return c.entries[c.byNumber[p.Platform]].ID, c.IDs(p.Set)
}

// clone copies an entry so that no caller can change the catalog's.
func clone(e *Entry) Entry {
	copied := *e
	copied.Match = slices.Clone(e.Match)
	for i := range copied.Match {
		copied.Match[i].All = slices.Clone(copied.Match[i].All)
		copied.Match[i].None = slices.Clone(copied.Match[i].None)
	}
	copied.Packages = slices.Clone(e.Packages)
	return copied
}
