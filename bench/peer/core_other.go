//go:build !linux

package peer

import (
	"errors"
	"os/exec"
)

// CanPin reports whether processes can be kept on a core.
const CanPin = false

var errCores = errors.New("processes can be kept on a core on Linux only")

func startOn(cmd *exec.Cmd, core int) error {
	if core >= 0 {
		return errCores
	}
	return cmd.Start()
}

// PinSelf keeps every thread of this program on a core.
func PinSelf(int) error { return errCores }

// Cores returns the cores that this program may run on.
func Cores() ([]int, error) { return nil, errCores }

func usageOf(int) (Usage, error) {
	return Usage{}, errors.New("what a process uses can be seen on Linux only")
}
