//go:build unix

package cert

import (
	"io/fs"
	"syscall"
)

// inode identifies the file that a name stands for.
func inode(info fs.FileInfo) any {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return stat.Ino
	}
	return nil
}
