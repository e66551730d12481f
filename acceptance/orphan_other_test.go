//go:build !linux

package acceptance_test

import "syscall"

func dieWithParent() *syscall.SysProcAttr { return nil }
