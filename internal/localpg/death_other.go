//go:build unix && !aix && !solaris && !linux

package localpg

import "syscall"

// dieWithParent does nothing where the kernel has no such signal. A server that outlived its starter keeps its locks there;
// the next use of its folder stops it (see keep.go), a throwaway one stays until it is stopped by hand.
func dieWithParent(*syscall.SysProcAttr, syscall.Signal) {}
