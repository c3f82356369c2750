package edge

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/link"
	"suodi/edge/page"
	"suodi/edge/table"
	"suodi/wasm/abi"
	"suodi/wasm/visit"
)

// world is what visits read beside the links: the domains and what platforms
// are called. It is immutable.
type world struct {
	domains  map[string]*domain
	standard *domain // also answers hosts that are no domain
	apps     abi.Set // the platforms that a page can speak of: apps and what stands in for one
	names    [256]platformName
}

// domain is a short domain as visits need it.
type domain struct {
	name     []byte
	shown    string // for people: IDN in Unicode
	baseURL  string
	notFound []byte // where visitors of unknown slugs go; empty: a page
	clock    *visit.Clock
	filters  []domainFilter // run behind the chain, in order
}

// domainFilter is a filter that a domain binds.
type domainFilter struct{ name, params []byte }

// platformName is what a platform is called on pages and in metrics.
type platformName struct{ id, zh, en string }

func (n *platformName) in(lang page.Lang) string {
	if lang == page.Chinese {
		return n.zh
	}
	return n.en
}

// domainOf returns the domain of a host in lower case without port.
func (w *world) domainOf(host []byte) *domain {
	if d, ok := w.domains[string(host)]; ok {
		return d
	}
	return w.standard
}

// owns reports whether a host is a domain of ours.
func (w *world) owns(host link.Domain) bool {
	_, own := w.domains[string(host)]
	return own
}

// newWorld reads domains and catalog. Without a domain there is no world: the
// edge has nothing to serve yet.
func newWorld(t *table.Table, catalog *visit.Catalog) (*world, error) {
	w := &world{domains: map[string]*domain{}}
	var wrong error
	t.Each(feed.BucketDomains, func(key string, value []byte) bool {
		told := &feedpb.Domain{}
		if err := proto.Unmarshal(value, told); err != nil {
			wrong = fmt.Errorf("domain %q: %w", key, err)
			return true
		}
		if told.GetNotFoundUrl() != "" && !link.SafeLocation([]byte(told.GetNotFoundUrl())) {
			wrong = fmt.Errorf("domain %q: its not-found URL is unsafe", key)
			told.NotFoundUrl = ""
		}
		zone, err := time.LoadLocation(told.GetTimeZone())
		if err != nil {
			wrong = fmt.Errorf("domain %q: time zone: %w", key, err)
			zone = time.UTC
		}
		d := &domain{
			name: []byte(key), shown: link.Domain(key).Unicode(), baseURL: told.GetBaseUrl(), notFound: []byte(told.GetNotFoundUrl()),
			clock: visit.NewClock(zone),
		}
		for _, b := range told.GetFilters() {
			d.filters = append(d.filters, domainFilter{[]byte(b.GetName()), b.GetParams()})
		}
		d.filters = d.filters[:min(len(d.filters), link.MaxFilters)]
		w.domains[key] = d
		if told.GetDefault() {
			w.standard = d
		}
		return true
	})
	for _, e := range catalog.Entries() {
		w.names[e.Number] = platformName{id: e.ID, zh: e.Zh, en: e.En}
		if e.Kind == visit.App || e.ID == visit.WebView || e.ID == visit.Browser {
			w.apps.Add(e.Number)
		}
	}
	if w.standard == nil {
		return nil, wrong
	}
	return w, wrong
}

// readCatalog makes the catalog that the feed told; the shipped one when it
// told none.
func readCatalog(t *table.Table) (*visit.Catalog, error) {
	var entries []visit.Entry
	var wrong error
	t.Each(feed.BucketPlatforms, func(key string, value []byte) bool {
		told := &feedpb.Platform{}
		if err := proto.Unmarshal(value, told); err != nil {
			wrong = fmt.Errorf("platform %q: %w", key, err)
			return false
		}
		entries = append(entries, feed.ToEntry(told))
		return true
	})
	if wrong != nil {
		return nil, wrong
	}
	if len(entries) == 0 {
		return visit.Shipped(), nil
	}
	return visit.NewCatalog(entries)
}
