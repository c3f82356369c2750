// Package control is the control plane: it wires the replicated state, the
// admin API and the feed into one server. It must know nothing of the edge.
package control
