//go:build race

package rules_test

// raceDetector makes modules some times slower and finds nothing in them, so
// tests then run fewer cases.
const raceDetector = true
