//go:build !linux

package load

import (
	"context"
	"errors"
	"runtime"
)

// loopSupported reports whether plain connections are driven by a loop.
const loopSupported = false

type loop struct{}

func newLoop(*Config, *schedule, *recorder, int, int) (*loop, error) {
	return nil, errors.New("there is no loop on this system")
}

func (*loop) run(context.Context) (string, error) { return "", nil }

// usableCores returns how many cores this process may run on.
func usableCores() int { return runtime.NumCPU() }
