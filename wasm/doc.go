// Package wasm runs platform filters: WebAssembly modules of the layout that
// wasm/abi describes, under wazero's compiler engine. It must know nothing of
// links, of HTTP or of where filters come from.
//
// DESIGN.md says why things are as they are here, and what they cost.
//
// # Slots
//
// A Host has a fixed array of slots. A visit takes one by a single
// compare-and-swap, starting at a hint such as its connection's hash, and owns
// everything that belongs to it until it leaves: one instance of every filter
// and room for the visit's facts. So instances are never shared between two
// visits at a time, never made during a visit and, unlike things in a
// sync.Pool, never lost to the garbage collector.
//
// A slot's word counts its comings and goings: odd while a visit is in it.
// That makes replacing what visits read cheap for them: a replacement is
// stored, and what it replaced may be closed once every slot has been seen
// even or has changed since (Host.Wait). Filters are replaced so; other owners
// of per-visit resources may use it too.
//
// # Plans
//
// Install puts a whole plan in force at once, or, when one of its modules
// cannot be loaded, changes nothing. A plan has the chain that every visit
// passes and the filters that run where a domain or a link names them, each
// with a canary for some of the visits. Modules that stand in both the old and
// the new plan, told by their hash, go on with their instances.
//
// # Containment
//
// Every module is metered, so that each call ends. A filter that breaks loses
// its instance, is counted, and its visit follows its fail mode; one that
// breaks too often is tripped. What a filter may remember depends on its class.
package wasm
