//go:build !linux

package temporaltest

import "syscall"

func dieWithParent() *syscall.SysProcAttr { return nil }
