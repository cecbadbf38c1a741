//go:build unix && !aix && !solaris && !linux

package localpg

import "syscall"

// dieWithParent does nothing where the kernel has no such signal: a throwaway server that outlives its starter stays there until
// it is stopped by hand.
func dieWithParent(*syscall.SysProcAttr, syscall.Signal) {}
