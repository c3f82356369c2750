package qr_test

import (
	"bytes"
	"testing"

	"suodi/control/qr"
)

// BenchmarkDecodePhotos reports how many of 200 photographs are read, in
// percent.
func BenchmarkDecodePhotos(b *testing.B) {
	all := photos(200)
	pictures := make([][]byte, len(all))
	for i, p := range all {
		pictures[i] = p.take(b)
	}
	read := 0
	for b.Loop() {
		read = 0
		for i, p := range all {
			results, err := qr.Decode(b.Context(), bytes.NewReader(pictures[i]), qr.Limits{})
			if err == nil && len(results) == 1 && results[0].Text == p.text {
				read++
			} else {
				b.Logf("%d: %+v: %v %v", i, p, results, err)
			}
		}
	}
	b.ReportMetric(100*float64(read)/float64(len(all)), "%read")
	b.ReportMetric(float64(b.Elapsed().Milliseconds())/float64(b.N*len(all)), "ms/photo")
}
