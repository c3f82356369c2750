//go:build race

package bench_test

// The programs are built as the tests are, so that races in them show.
const raceDetector = true
