// Package meter admits WebAssembly modules as platform filters: it decodes and
// validates them, decides their class and rewrites them so that whatever they
// do ends. It must know nothing of the runtime that runs them, nor of links,
// HTTP or where modules come from.
//
// Accepted is WebAssembly core 2.0 without SIMD, as one module that keeps to
// package abi and to Limits. The package has a validator of its own, with the
// specification's rules, because a module must be valid before it is rewritten:
// otherwise "set global 7" could become valid by a global that the rewriter
// appended, and a guest could refuel itself.
//
// # Fuel
//
// Fuel is an i64 in a global that the guest cannot name. Each instruction costs
// at least one unit; what was measured to be slower costs more (opcode.go), so
// that a unit of straight code stays below a nanosecond or so. It is charged
// before the code runs, and below zero the guest traps (unreachable):
//
//   - A function is split into regions: its entry, each loop's body, the arms of
//     an if and what follows a structure that is branched out of. A region is
//     charged for all of its instructions where it begins; code behind a branch
//     that is taken has then been paid and not run.
//   - A region other than a loop's that costs at most foldUnits is charged with
//     the region that dominates it, up to foldedUnits in each. It runs at most
//     once for each run of that region, so that nothing is free.
//   - Instructions on many bytes or elements are charged by their size, before:
//     a unit for 8 bytes or one table element, 4,096 for a page of new memory.
//   - A function's entry costs entryUnits and its frame: locals, the operand
//     stack's height and an eighth of its instructions, for values the compiler
//     keeps there. So the fuel bounds the stack without a depth to count, to
//     some 8 bytes a unit, 21 at worst.
//
// Every way to spend time without end goes through a loop's header or a
// function's entry, so each call ends; the number of instructions it executes
// is at most its fuel.
//
// # Filter and initialisation
//
// The export suodi_filter leads to a function that is appended: it sets the
// fuel to Module.Fuel, resets globals in class restored and calls the filter.
// Refilling therefore costs no call of its own, and a call that ran out of fuel
// has no effect on the next one.
//
// Before the first call of the filter there is Module.InitialFuel. It pays for
// the start function, for _initialize and for the ABI's other exports. These do
// not refill: called later they run on what is left of the last filter call,
// and trap when nothing is.
//
// # Globals
//
// In class restored each written global has a shadow, appended like the fuel.
// The start function and the export _initialize are wrapped: when they return,
// the globals are copied to their shadows. The filter's wrapper copies them
// back. So a call finds the values that initialising left, though an earlier
// call trapped half-way with its stack pointer down; the host has nothing to do
// for it. In classes shared and go globals are the guest's own state and stay:
// a standard Go program's stack pointer follows its stack when that moves, and
// would be wrong if it were put back. There the host discards an instance that
// trapped, as it does in every class.
//
// # The metered module
//
// All additions come last in their sections, so that no index changes. The
// memory's maximum becomes its minimum, or in class go the limit. Custom
// sections go, but for the manifest and the names of functions that traps are
// reported by. Functions whose export moved and that ref.func names are
// declared in an element segment. Data and types stay as they are.
//
// # Class
//
// What a module imports and which instructions it contains decide its class;
// see Module.Class. Class restored refuses what the host cannot put back:
// writing tables and dropping segments. Only class go may grow its memory.
//
// # Compile time
//
// Wazero's compiler is quadratic, and worse, in things that a small module may
// have many of: 30 KB of nested loops over a thousand locals take minutes, and
// compiling cannot be interrupted. Limits.Work and Limits.LoopNesting bound it
// by a model fitted to measurements (see account).
//
// # What is not done here
//
// The host must bound what its WASI functions do in proportion to their
// arguments (random_get, poll_oneoff); a call is charged hostUnits only.
// Memory and tables are not restored here, and a garbage collection may wait
// for a guest as long as its fuel lasts.
package meter
