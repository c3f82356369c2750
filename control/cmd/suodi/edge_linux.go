package main

import "syscall"

// childAttributes has the kernel end a child when we die. A group of its own
// keeps Ctrl-C in the terminal from it: we tell it when to stop.
func childAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
