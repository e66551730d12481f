package temporaltest

import "syscall"

// dieWithParent makes the kernel end the server when the test binary is gone, which
// a panic or a test timeout leaves no time to do.
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
