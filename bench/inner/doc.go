// Package inner times parts of an edge alone, without network: looking a link
// up, telling a visitor's platforms and running a filter. It uses them as the
// edge does and must not know how load is put on an address.
//
// Operations are timed in groups of eight, whose time is shared out evenly: a
// clock costs about as much as what is timed. So a percentile is one of groups.
package inner
