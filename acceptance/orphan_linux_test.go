package acceptance_test

import "syscall"

// dieWithParent makes the kernel end a child when the test binary is gone, which a
// panic or a test timeout leaves no time to do.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
