package wasm

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"suodi/wasm/meter"
)

// Error numbers of WASI preview 1 that an inert host answers with.
const (
	errnoSuccess    = 0
	errnoBadFile    = 8  // badf
	errnoFault      = 21 // fault
	errnoInvalid    = 28 // inval
	errnoNotOffered = 52 // nosys
)

// errWASIFuel says that a guest asked the host for more than it can pay.
var errWASIFuel = errors.New("out of fuel in a WASI call")

// wasiCall is one call of a WASI function.
type wasiCall struct {
	module api.Module
	memory api.Memory
	args   []uint64
	epoch  time.Time // where the monotonic clock of guests begins
}

// u32 returns an argument of type i32.
func (c *wasiCall) u32(i int) uint32 { return uint32(c.args[i]) }

// charge takes fuel for work that grows with what the guest asks for. The meter
// has charged the call alone.
func (c *wasiCall) charge(units uint64) {
	fuel, ok := c.module.ExportedGlobal(meter.FuelGlobal).(api.MutableGlobal)
	if !ok {
		panic(errWASIFuel) // no metered module lacks it
	}
	left := int64(fuel.Get()) - int64(min(units, 1<<40))
	fuel.Set(uint64(left))
	if left < 0 {
		panic(errWASIFuel)
	}
}

// zero writes n zero bytes at the address an argument gives.
func (c *wasiCall) zero(argument int, n uint32) uint64 {
	b, ok := c.memory.Read(c.u32(argument), n)
	if !ok {
		return errnoFault
	}
	clear(b)
	return errnoSuccess
}

// wasi are the functions that do something. All others answer that they are
// not offered: there are no files, sockets, arguments or environment. What is
// written to the standard streams is thrown away, and nothing sleeps.
var wasi = map[string]func(*wasiCall) uint64{
	"args_get":          func(*wasiCall) uint64 { return errnoSuccess },
	"args_sizes_get":    noStrings,
	"environ_get":       func(*wasiCall) uint64 { return errnoSuccess },
	"environ_sizes_get": noStrings,
	"clock_res_get": func(c *wasiCall) uint64 {
		if !c.memory.WriteUint64Le(c.u32(1), uint64(time.Microsecond)) {
			return errnoFault
		}
		return errnoSuccess
	},
	"clock_time_get":      clockTime,
	"fd_close":            func(*wasiCall) uint64 { return errnoBadFile },
	"fd_fdstat_get":       streamStatus,
	"fd_fdstat_set_flags": func(*wasiCall) uint64 { return errnoSuccess },
	"fd_prestat_get":      func(*wasiCall) uint64 { return errnoBadFile },
	"fd_prestat_dir_name": func(*wasiCall) uint64 { return errnoBadFile },
	"fd_read":             readNothing,
	"fd_write":            discardWrite,
	"poll_oneoff":         pollAtOnce,
	"proc_exit":           exit,
	"random_get":          random,
	"sched_yield":         func(*wasiCall) uint64 { return errnoSuccess },
}

// noStrings says that there are none and that they need no room.
func noStrings(c *wasiCall) uint64 { return max(c.zero(0, 4), c.zero(1, 4)) }

func clockTime(c *wasiCall) uint64 {
	var now int64
	switch c.u32(0) {
	case 0: // realtime
		now = time.Now().UnixNano()
	case 1: // monotonic; not from 0, which some guests take for "unset"
		now = int64(time.Since(c.epoch)) + int64(time.Second)
	default:
		return errnoInvalid
	}
	if !c.memory.WriteUint64Le(c.u32(2), uint64(now)) {
		return errnoFault
	}
	return errnoSuccess
}

// streamStatus says of the standard streams that they are terminals without
// rights.
func streamStatus(c *wasiCall) uint64 {
	if c.u32(0) > 2 {
		return errnoBadFile
	}
	const size, characterDevice = 24, 2
	if errno := c.zero(1, size); errno != errnoSuccess {
		return errno
	}
	c.memory.WriteByte(c.u32(1), characterDevice)
	return errnoSuccess
}

// readNothing is the end of the standard input.
func readNothing(c *wasiCall) uint64 {
	if c.u32(0) != 0 {
		return errnoBadFile
	}
	return c.zero(3, 4)
}

// discardWrite answers that all was written. It reads the lengths alone.
func discardWrite(c *wasiCall) uint64 {
	if fd := c.u32(0); fd != 1 && fd != 2 {
		return errnoBadFile
	}
	n := uint64(c.u32(2))
	c.charge(4 * n)
	if n > 1024 { // IOV_MAX
		return errnoInvalid
	}
	vectors, ok := c.memory.Read(c.u32(1), uint32(8*n))
	if !ok {
		return errnoFault
	}
	written := uint32(0)
	for ; len(vectors) > 0; vectors = vectors[8:] {
		written += binary.LittleEndian.Uint32(vectors[4:])
	}
	if !c.memory.WriteUint32Le(c.u32(3), written) {
		return errnoFault
	}
	return errnoSuccess
}

// pollAtOnce says of every clock that its time has come: a visit does not wait,
// and a guest that does so spends its fuel.
func pollAtOnce(c *wasiCall) uint64 {
	const subscription, event, clock = 48, 32, 0
	n := uint64(c.u32(2))
	c.charge(16 * n)
	if n == 0 || n > 1024 {
		return errnoInvalid
	}
	in, inside := c.memory.Read(c.u32(0), uint32(n*subscription))
	out, within := c.memory.Read(c.u32(1), uint32(n*event))
	if !inside || !within || !c.memory.WriteUint32Le(c.u32(3), uint32(n)) {
		return errnoFault
	}
	for range n {
		var e [event]byte
		copy(e[:8], in) // user data
		if e[10] = in[8]; in[8] != clock {
			e[8] = errnoBadFile
		}
		copy(out, e[:])
		in, out = in[subscription:], out[event:]
	}
	return errnoSuccess
}

// exit ends the guest by a trap.
func exit(c *wasiCall) uint64 { panic(fmt.Errorf("the guest exits with %d", c.u32(0))) }

func random(c *wasiCall) uint64 {
	c.charge(uint64(c.u32(1)) * 2)
	b, ok := c.memory.Read(c.u32(0), c.u32(1))
	if !ok {
		return errnoFault
	}
	_, _ = rand.Read(b) // documented never to fail
	return errnoSuccess
}

// provideWASI puts the inert WASI into a runtime.
func provideWASI(ctx context.Context, r wazero.Runtime) error {
	epoch := time.Now()
	builder := r.NewHostModuleBuilder(meter.WASIModule)
	for _, f := range meter.Imports() {
		builder.NewFunctionBuilder().
			WithGoModuleFunction(wasiFunction(f, epoch), []api.ValueType(f.Params), []api.ValueType(f.Results)).
			Export(f.Name)
	}
	_, err := builder.Instantiate(ctx)
	return err
}

func wasiFunction(f meter.Import, epoch time.Time) api.GoModuleFunc {
	do := wasi[f.Name]
	return func(_ context.Context, module api.Module, stack []uint64) {
		errno := uint64(errnoNotOffered)
		if do != nil {
			errno = do(&wasiCall{module: module, memory: module.Memory(), args: stack, epoch: epoch})
		}
		if f.Results != "" {
			stack[0] = errno
		}
	}
}
