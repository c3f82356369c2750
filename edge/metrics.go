package edge

import (
	"strconv"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// counters are one slot's counts: only its owner adds to them, so that visits
// on different processors do not wait for each other.
type counters struct {
	answers   [answers]atomic.Uint64
	platforms [256]atomic.Uint64
	seen      uint64 // visits, for the access log's sample
	_         [64]byte
}

// metrics collects what the edge counts and holds.
type metrics struct {
	server  *Server
	refused atomic.Uint64 // requests that could not be read

	visits, platforms, unreadable           *prometheus.Desc
	links, saving, connected, stale         *prometheus.Desc
	revision, head                          *prometheus.Desc
	verdicts, erred, tripped, filterBad     *prometheus.Desc
	cacheMisses, parsed, dropped            *prometheus.Desc
	open, turnedAway, unlogged              *prometheus.Desc
	certExpiry, certBad                     *prometheus.Desc
	tableBytes, changed, folds, quarantined *prometheus.Desc
}

func newMetrics(s *Server) *metrics {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc("suodi_edge_"+name, help, labels, nil)
	}
	return &metrics{
		server:      s,
		visits:      desc("visits_total", "Visits by what became of them.", "answer"),
		platforms:   desc("platform_visits_total", "Visits to links by the visitor's most specific platform.", "platform"),
		unreadable:  desc("unreadable_requests_total", "Requests that were refused before they could be read."),
		links:       desc("links", "Links in the table."),
		saving:      desc("table_saved", "1 when the table on disk is the one in memory."),
		connected:   desc("feed_connected", "1 when the feed is up."),
		stale:       desc("feed_stale", "1 when nothing was heard for 10 seconds."),
		revision:    desc("revision_index", "Index of the revision in force."),
		head:        desc("feed_head_index", "Index of the newest revision the feed told of."),
		verdicts:    desc("filter_verdicts_total", "What filters said of visits; failed where one broke or was not called.", "filter", "version", "verdict"),
		erred:       desc("filter_erred_total", "Verdicts of filters on whose way a condition could not be decided.", "filter", "version"),
		tripped:     desc("filter_tripped", "1 when a filter broke so often that it is not called.", "filter", "version"),
		filterBad:   desc("filters_refused", "1 when a filter, domain or catalog in force is not the one it should be."),
		tableBytes:  desc("table_bytes", "Bytes of the table: its base file, what of it is mapped, its index and changes in memory, the log of changes on disk.", "part"),
		changed:     desc("table_changed_links", "Links that changed since the base of the table."),
		folds:       desc("table_folds_total", "Attempts to fold changes into a new base.", "result"),
		quarantined: desc("table_quarantines_total", "Damaged table files that were put aside."),
		cacheMisses: desc("classifier_misses_total", "User agents that were not remembered."),
		parsed:      desc("classifier_parsed_total", "User agents parsed for browser and system versions."),
		open:        desc("connections", "Connections of visitors that are open."),
		turnedAway:  desc("connections_refused_total", "Connections over the limits."),
		unlogged:    desc("access_log_dropped_total", "Lines that the access log could not take."),
		certExpiry:  desc("certificate_expiry_seconds", "When a certificate in force ends, in Unix time.", "file"),
		certBad:     desc("certificate_refused", "1 when a certificate's files are not what is in force.", "file"),
		dropped:     desc("classifier_dropped_total", "User agents not parsed because too many waited."),
	}
}

// Describe names the metrics.
func (m *metrics) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		m.visits, m.platforms, m.unreadable, m.links, m.saving, m.connected, m.stale, m.revision, m.head,
		m.verdicts, m.erred, m.tripped, m.filterBad, m.cacheMisses, m.parsed, m.dropped,
		m.open, m.turnedAway, m.unlogged, m.certExpiry, m.certBad,
		m.tableBytes, m.changed, m.folds, m.quarantined,
	} {
		to <- d
	}
}

// Collect reads them.
func (m *metrics) Collect(to chan<- prometheus.Metric) {
	s := m.server
	counter := func(d *prometheus.Desc, value uint64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value), labels...)
	}
	gauge := func(d *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
	}
	flag := func(d *prometheus.Desc, on bool, labels ...string) {
		if on {
			gauge(d, 1, labels...)
		} else {
			gauge(d, 0, labels...)
		}
	}
	for a := answerRedirected; int(a) < answers; a++ {
		var sum uint64
		for i := range s.visits {
			sum += s.visits[i].count.answers[a].Load()
		}
		counter(m.visits, sum, answerNames[a])
	}
	if w := s.world.Load(); w != nil {
		for n, name := range w.names {
			var sum uint64
			for i := range s.visits {
				sum += s.visits[i].count.platforms[n].Load()
			}
			if sum > 0 && name.id != "" {
				counter(m.platforms, sum, name.id)
			}
		}
	}
	counter(m.unreadable, m.refused.Load())
	gauge(m.open, float64(s.connections.Open()))
	counter(m.turnedAway, s.connections.Refused())
	if s.log != nil {
		counter(m.unlogged, s.log.dropped.Load())
	}
	if s.certs != nil {
		for _, c := range s.certs.Status() {
			gauge(m.certExpiry, float64(c.NotAfter.Unix()), c.Pair.Certificate)
			flag(m.certBad, c.Err != nil, c.Pair.Certificate)
		}
	}
	gauge(m.links, float64(s.table.Links()))
	flag(m.saving, s.table.Saving() == nil)
	m.collectTable(counter, gauge)
	health := s.replica.health()
	flag(m.connected, health.connected)
	flag(m.stale, health.stale)
	flag(m.filterBad, health.filterErr != nil)
	_, held := s.table.Held()
	gauge(m.revision, float64(held.Index))
	gauge(m.head, float64(health.head.Index))
	m.collectFilters(counter, flag)
	stats := s.classifier.Stats()
	counter(m.cacheMisses, stats.Misses)
	counter(m.parsed, stats.Parsed)
	counter(m.dropped, stats.Dropped)
}

// collectFilters reads what the filters in force have said; the counts of one
// that comes back go on.
func (m *metrics) collectFilters(
	counter func(d *prometheus.Desc, value uint64, labels ...string), flag func(d *prometheus.Desc, on bool, labels ...string),
) {
	for _, use := range m.server.host.Chain().Uses() {
		tally, version := use.Tally(), strconv.FormatUint(uint64(use.Version), 10)
		for verdict, count := range map[string]uint64{
			"pass": tally.Passed, "allow": tally.Allowed, "deny": tally.Denied, "guide": tally.Guided, "route": tally.Routed,
			"failed": tally.Failed,
		} {
			counter(m.verdicts, count, use.Name, version, verdict)
		}
		counter(m.erred, tally.Erred, use.Name, version)
		flag(m.tripped, use.Filter.Tripped(), use.Name, version)
	}
}

// collectTable reads what the table holds.
func (m *metrics) collectTable(
	counter func(d *prometheus.Desc, value uint64, labels ...string), gauge func(d *prometheus.Desc, value float64, labels ...string),
) {
	stats := m.server.table.Stats()
	gauge(m.tableBytes, float64(stats.BaseBytes), "base")
	gauge(m.tableBytes, float64(stats.MappedBytes), "mapped")
	gauge(m.tableBytes, float64(stats.IndexBytes), "index")
	gauge(m.tableBytes, float64(stats.OverlayBytes), "changes")
	gauge(m.tableBytes, float64(stats.LogBytes), "log")
	gauge(m.changed, float64(stats.OverlayEntries))
	counter(m.folds, stats.Folds, "folded")
	counter(m.folds, stats.FoldFailures, "failed")
	counter(m.quarantined, stats.Quarantines)
}
