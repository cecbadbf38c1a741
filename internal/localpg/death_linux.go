package localpg

import "syscall"

// dieWithParent has the kernel send the signal to the program when the thread that started it ends.
func dieWithParent(attr *syscall.SysProcAttr, sig syscall.Signal) { attr.Pdeathsig = sig }
