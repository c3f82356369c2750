package raftstore

import (
	"fmt"

	"github.com/prometheus/client_golang/prometheus"
)

type metrics struct {
	apply     prometheus.Histogram
	snapshots prometheus.Counter
	installs  prometheus.Counter
	sent      prometheus.Counter

	all        []prometheus.Collector
	registerer prometheus.Registerer  // nil when there is none
	registered []prometheus.Collector // to be taken back
}

func newMetrics(s *Store) *metrics {
	m := &metrics{
		apply: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "suodi_raftstore_apply_seconds", Help: "Time to apply one entry to the state.",
			Buckets: prometheus.ExponentialBuckets(10e-6, 4, 9),
		}),
		snapshots: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "suodi_raftstore_snapshots_total", Help: "Snapshots taken (the state was flushed and the log may be truncated).",
		}),
		installs: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "suodi_raftstore_snapshots_installed_total", Help: "Snapshots received from a leader and installed.",
		}),
		sent: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "suodi_raftstore_snapshots_sent_total", Help: "Snapshots opened to be sent to a follower.",
		}),
	}
	applied := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "suodi_raftstore_applied_index", Help: "Index of the last entry applied to the state.",
	}, func() float64 { return float64(s.Applied()) })
	leader := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "suodi_raftstore_is_leader", Help: "1 while this node leads.",
	}, func() float64 { return oneIf(s.leads()) })
	halted := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "suodi_raftstore_halted", Help: "1 when this node can no longer apply entries.",
	}, func() float64 { return oneIf(s.halted.load() != nil) })
	m.all = []prometheus.Collector{m.apply, m.snapshots, m.installs, m.sent, applied, leader, halted}
	return m
}

// register puts the metrics on the registry; to may be nil.
func (m *metrics) register(to prometheus.Registerer) error {
	if to == nil {
		return nil
	}
	m.registerer = to
	for _, c := range m.all {
		if err := to.Register(c); err != nil {
			return fmt.Errorf("register metrics: %w", err)
		}
		m.registered = append(m.registered, c)
	}
	return nil
}

func (m *metrics) unregister() {
	for _, c := range m.registered {
		m.registerer.Unregister(c)
	}
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
