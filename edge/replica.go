package edge

import (
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"suodi/control/feed"
	"suodi/control/feed/feedpb"
	"suodi/control/link"
	"suodi/wasm/visit"
)

// parts are what visits read beside the links and that has to be made anew
// when its bucket changes.
type parts uint8

const (
	partDomains parts = 1 << iota
	partCatalog
	partChain

	everything = partDomains | partCatalog | partChain
)

func partOf(bucket uint32) parts {
	switch bucket {
	case feed.BucketDomains:
		return partDomains
	case feed.BucketPlatforms:
		return partCatalog
	case feed.BucketChain, feed.BucketModules:
		return partChain
	}
	return 0
}

// replica turns what the feed says into what visits read. Its feed.Replica
// methods are called from one goroutine.
type replica struct {
	server     *Server
	logger     *slog.Logger
	catalogErr error // why the catalog in force is an old one
	keep       *keep
	boot       uint64

	mu        sync.Mutex
	connected bool
	lastHeard time.Time
	head      link.Revision
	reason    error // why it is not connected
	filters   []*feedpb.FilterStatus
	worldErr  error // why the domains or the catalog in force are old ones
	chainErr  error // why the chain in force is an old one
}

func newReplica(s *Server) *replica {
	r := &replica{server: s, logger: s.config.Logger.With("part", "replica"), boot: rand.Uint64()}
	var err error
	if r.keep, err = openKeep(s.config.Dir); err != nil {
		r.logger.Warn("the filters that were last in force are not known", "error", err)
	}
	return r
}

func (r *replica) Held() (string, link.Revision) { return r.server.table.Held() }

func (r *replica) Begin(cluster string, snapshot bool) error {
	if !snapshot {
		return nil // it goes on from what is held
	}
	r.logger.Info("taking a snapshot", "cluster", cluster)
	return r.server.table.Begin(cluster)
}

func (r *replica) Bucket(number uint16, revision link.Revision, entries []*feedpb.Entry) error {
	return r.server.table.Bucket(number, revision, entries)
}

func (r *replica) End(revision link.Revision) error {
	if err := r.server.table.End(revision); err != nil {
		return err
	}
	r.refresh(everything)
	r.logger.Info("snapshot is in force", "revision", revision, "links", r.server.table.Links())
	return nil
}

func (r *replica) Delta(delta *feedpb.Delta) error {
	if err := r.server.table.Delta(delta); err != nil {
		return err
	}
	var changed parts
	for _, e := range delta.GetEntries() {
		changed |= partOf(e.GetBucket())
	}
	r.refresh(changed)
	return nil
}

func (r *replica) Heartbeat(head link.Revision, clusterTime time.Time) {
	r.server.clockAhead.Store(int64(time.Until(clusterTime)))
	r.mu.Lock()
	defer r.mu.Unlock()
	r.head, r.lastHeard = head, time.Now()
}

func (r *replica) Connected(up bool, reason error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.connected, r.reason = up, reason
	if up {
		r.lastHeard = time.Now()
	}
}

func (r *replica) Filters() []*feedpb.FilterStatus {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.filters
}

// Boot tells starts of the program apart.
func (r *replica) Boot() uint64 { return r.boot }

// Tallies returns what the filters in force have decided.
func (r *replica) Tallies() []*feedpb.FilterTally {
	var all []*feedpb.FilterTally
	for _, use := range r.server.host.Chain().Uses() {
		tally, hash := use.Tally(), use.Filter.Hash()
		all = append(all, &feedpb.FilterTally{
			Name: use.Name, Version: use.Version, Hash: hash[:], Tripped: use.Filter.Tripped(),
			Passed: tally.Passed, Allowed: tally.Allowed, Denied: tally.Denied, Guided: tally.Guided, Routed: tally.Routed,
			Failed: tally.Failed, Erred: tally.Erred,
		})
	}
	return all
}

// refresh makes anew what has changed. What cannot be made is reported, and
// the last good one stays in force.
func (r *replica) refresh(changed parts) {
	if changed&(partDomains|partCatalog) != 0 {
		err := r.refreshWorld(changed&partCatalog != 0)
		r.mu.Lock()
		r.worldErr = err
		r.mu.Unlock()
		if err != nil {
			r.logger.Error("domains or platforms cannot be taken over", "error", err)
		}
	}
	if changed&partChain != 0 {
		r.refreshSecret()
		r.refreshFilters()
	}
}

// refreshWorld reads the domains, and the catalog when it may have changed: a
// new one makes the classifier forget. A catalog that cannot be read leaves the
// last good one in force and the domains as they should be.
func (r *replica) refreshWorld(catalogChanged bool) (err error) {
	catalog := r.server.classifier.Catalog()
	if catalogChanged || r.catalogErr != nil {
		var told *visit.Catalog
		if told, r.catalogErr = readCatalog(r.server.table); r.catalogErr == nil {
			catalog = told
			r.server.classifier.Swap(catalog)
		}
	}
	w, err := newWorld(r.server.table, catalog)
	if w != nil || err == nil {
		r.server.world.Store(w)
	}
	return errors.Join(r.catalogErr, err)
}

// staleAfter is how long the feed may be silent before the edge says so.
const staleAfter = 10 * time.Second

// health is how the replica fares.
type health struct {
	connected bool
	stale     bool // nothing heard for staleAfter
	reason    error
	head      link.Revision
	filterErr error
}

func (r *replica) health() health {
	r.mu.Lock()
	defer r.mu.Unlock()
	h := health{connected: r.connected, reason: r.reason, head: r.head, filterErr: errors.Join(r.worldErr, r.chainErr)}
	h.stale = time.Since(r.lastHeard) > staleAfter
	return h
}
