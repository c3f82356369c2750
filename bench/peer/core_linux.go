package peer

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// CanPin reports whether processes can be kept on a core.
const CanPin = true

// startOn starts a command whose threads stay on a core, and that ends when we
// do.
func startOn(cmd *exec.Cmd, core int) (err error) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if core < 0 {
		return cmd.Start()
	}
	// A child inherits the cores of the thread that starts it.
	runtime.LockOSThread()
	var before, only unix.CPUSet
	if err := unix.SchedGetaffinity(0, &before); err != nil {
		return fmt.Errorf("cores: %w", err)
	}
	only.Set(core)
	if err := unix.SchedSetaffinity(0, &only); err != nil {
		return fmt.Errorf("core %d: %w", core, err)
	}
	err = cmd.Start()
	if back := unix.SchedSetaffinity(0, &before); back != nil {
		return errors.Join(err, fmt.Errorf("cores: %w", back)) // the thread stays locked and is not used again
	}
	runtime.UnlockOSThread()
	return err
}

// PinSelf keeps every thread of this program on a core.
func PinSelf(core int) error {
	var only unix.CPUSet
	only.Set(core)
	// A thread that begins meanwhile may inherit the old cores: look twice.
	for range 2 {
		tasks, err := os.ReadDir("/proc/self/task")
		if err != nil {
			return fmt.Errorf("threads: %w", err)
		}
		for _, task := range tasks {
			id, err := strconv.Atoi(task.Name())
			if err != nil {
				return fmt.Errorf("threads: %w", err)
			}
			if err := unix.SchedSetaffinity(id, &only); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("core %d: %w", core, err)
			}
		}
	}
	return nil
}

// Cores returns the cores that this program may run on.
func Cores() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, fmt.Errorf("cores: %w", err)
	}
	var cores []int
	for core := 0; len(cores) < set.Count(); core++ {
		if set.IsSet(core) {
			cores = append(cores, core)
		}
	}
	return cores, nil
}

// clockTick is the unit of processor times in /proc; it has been 100 a second
// in every user interface of Linux.
const clockTick = time.Second / 100

// usageOf sums up a process and those that descend from it.
func usageOf(pid int) (Usage, error) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return Usage{}, err
	}
	parents := map[int]int{}
	usages := map[int]Usage{}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		// The name may hold anything; what follows its closing bracket is numbers.
		id, _ := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
		if len(fields) < 22 {
			continue
		}
		number := func(field int) int64 { // as numbered in proc(5)
			n, _ := strconv.ParseInt(fields[field-3], 10, 64)
			return n
		}
		parents[id] = int(number(4))
		usages[id] = Usage{
			CPU: time.Duration(number(14)+number(15)) * clockTick, Memory: uint64(number(24)) * uint64(os.Getpagesize()),
		}
	}
	if _, found := usages[pid]; !found {
		return Usage{}, fmt.Errorf("process %d has ended", pid)
	}
	sum := Usage{}
	family := []int{pid}
	for i := 0; i < len(family); i++ {
		sum.CPU += usages[family[i]].CPU
		sum.Memory += usages[family[i]].Memory
		for child, parent := range parents {
			if parent == family[i] && !slices.Contains(family, child) {
				family = append(family, child)
			}
		}
	}
	return sum, nil
}
