// Package report is what a measurement leaves behind: the JSON that programs
// read, the page that people read, and the answer to whether two of them
// differ. It must not know how anything is measured.
//
// # JSON, schema suodi-bench/1
//
// A report is one object. Its subjects are what was measured (one for a run,
// one for each server and scenario of a comparison), each with the rounds in
// which it was measured, in order. Durations of visits are microseconds,
// everything else is seconds; rates are visits a second. latency.hdr is the
// whole distribution in nanoseconds as an HdrHistogram in its V2 compressed
// form, base64, so that percentiles that nobody thought of can still be read.
// A field that does not apply is left out. Readers ignore fields they do not
// know; a change that they would misread takes another schema.
package report
