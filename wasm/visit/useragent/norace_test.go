//go:build !race

package useragent_test

const raceDetector = false
