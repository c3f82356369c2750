//go:build !linux

package main

import "syscall"

// childAttributes leaves a child as it is: only Linux ends it when we die, and
// a Ctrl-C in the terminal reaches it as it reaches us.
func childAttributes() *syscall.SysProcAttr { return nil }
