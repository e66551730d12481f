package devstack

import "syscall"

// ownGroup also makes the kernel end the child when this process is gone, which a
// crash leaves no time to do.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
