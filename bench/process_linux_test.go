package bench_test

import (
	"os/exec"
	"syscall"
)

// tie makes a process end when the tests do, however they end.
func tie(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
