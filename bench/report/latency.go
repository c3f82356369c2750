package report

import (
	"fmt"

	hdr "github.com/HdrHistogram/hdrhistogram-go"
)

// What a histogram tells apart: a nanosecond, and a thousandth of what is long;
// what takes longer than the highest counts as that.
const (
	lowest  = 1              // ns
	highest = 60_000_000_000 // ns
	digits  = 3
)

// Histogram collects durations in nanoseconds; not for several goroutines.
type Histogram struct{ h *hdr.Histogram }

// NewHistogram returns an empty one.
func NewHistogram() *Histogram { return &Histogram{hdr.New(lowest, highest, digits)} }

// Record adds a duration of some nanoseconds.
func (h *Histogram) Record(ns int64) {
	_ = h.h.RecordValue(min(max(ns, 0), highest)) // cannot be out of range
}

// RecordN adds a duration n times.
func (h *Histogram) RecordN(ns, n int64) {
	_ = h.h.RecordValues(min(max(ns, 0), highest), n) // cannot be out of range
}

// Add adds what another one holds.
func (h *Histogram) Add(other *Histogram) { h.h.Merge(other.h) }

// Reset empties it.
func (h *Histogram) Reset() { h.h.Reset() }

// Count returns how many durations it holds.
func (h *Histogram) Count() int64 { return h.h.TotalCount() }

// Quantile returns a quantile (0 to 1) in microseconds; 0 when empty.
func (h *Histogram) Quantile(q float64) float64 {
	if h.Count() == 0 {
		return 0
	}
	return micros(h.h.ValueAtQuantile(100 * q))
}

// Max returns the longest in microseconds.
func (h *Histogram) Max() float64 { return micros(h.h.Max()) }

func micros(ns int64) float64 { return float64(ns) / 1000 }

// Latency is a distribution of durations, in microseconds.
type Latency struct {
	Mean  float64 `json:"mean"`
	Min   float64 `json:"min"`
	P50   float64 `json:"p50"`
	P90   float64 `json:"p90"`
	P99   float64 `json:"p99"`
	P999  float64 `json:"p99_9"`
	P9999 float64 `json:"p99_99"`
	Max   float64 `json:"max"`
	HDR   string  `json:"hdr,omitempty"`
}

// Latency sums the histogram up.
func (h *Histogram) Latency() Latency {
	if h.Count() == 0 {
		return Latency{}
	}
	encoded, err := h.h.Encode(hdr.V2CompressedEncodingCookieBase)
	if err != nil {
		panic(err) // it compresses to memory
	}
	return Latency{
		Mean: h.h.Mean() / 1000, Min: micros(h.h.Min()), P50: h.Quantile(.5), P90: h.Quantile(.9), P99: h.Quantile(.99),
		P999: h.Quantile(.999), P9999: h.Quantile(.9999), Max: h.Max(), HDR: string(encoded),
	}
}

// Histogram returns the whole distribution.
func (l Latency) Histogram() (*Histogram, error) {
	h, err := hdr.Decode([]byte(l.HDR))
	if err != nil {
		return nil, fmt.Errorf("latency.hdr: %w", err)
	}
	return &Histogram{h}, nil
}
