//go:build unix

package edge

import "syscall"

// maxConnections leaves a fifth of the file descriptors for all else.
func maxConnections() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return int(min(limit.Cur, 1<<30) / 5 * 4)
}
