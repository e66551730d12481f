//go:build !linux

package child

import "syscall"

// DieWithParent does nothing where the kernel cannot.
func DieWithParent() *syscall.SysProcAttr { return nil }
