//go:build race

package useragent_test

// raceDetector makes uap-go some twenty times slower and pools forget, so
// tests then compare fewer user agents and do not count allocations.
const raceDetector = true
