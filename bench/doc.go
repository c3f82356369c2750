// Package bench puts load on a running Suodi and says what came back: package
// functions are the kinds of runs, and cmd/suodi-bench is their command line.
// It is a client like any other and must not know how the control plane or the
// edge work: it makes links through the admin API and visits them over TCP.
// Only its packages peer and inner use parts of the edge: to give one a million
// links without a control plane, and to time them alone.
package bench
