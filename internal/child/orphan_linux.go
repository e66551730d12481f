package child

import "syscall"

// DieWithParent makes the kernel end a child when the test binary is gone, which a
// panic or a test timeout leaves no time to do.
func DieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
