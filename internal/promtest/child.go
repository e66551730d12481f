package promtest

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// A child is one run of prometheus.
type child struct {
	cmd    *exec.Cmd
	output *bytes.Buffer // to be read once gone is closed
	gone   chan struct{}
	err    error
}

func spawn(args []string) (*child, error) {
	program, err := find()
	if err != nil {
		return nil, err
	}
	c := &child{output: new(bytes.Buffer), gone: make(chan struct{})}
	c.cmd = exec.Command(program, args...)
	c.cmd.Stdout, c.cmd.Stderr = c.output, c.output
	c.cmd.SysProcAttr = dieWithParent()
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		c.err = c.cmd.Wait()
		close(c.gone)
	}()
	return c, nil
}

func (c *child) end(how syscall.Signal) {
	_ = c.cmd.Process.Signal(how)
	_ = c.cmd.Process.Signal(syscall.SIGCONT) // a frozen process does not see SIGTERM
	<-c.gone
}

func find() (string, error) {
	if p := os.Getenv("RAMPART_PROMETHEUS"); p != "" {
		return p, nil
	}
	if p, err := exec.LookPath("prometheus"); err == nil {
		return p, nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		p := filepath.Join(dir, ".cache", "bin", "prometheus")
		if _, err := os.Stat(p); err == nil {
			return p, nil
		}
		if filepath.Dir(dir) == dir {
			return "", errors.New("prometheus not found; run make deps, or set RAMPART_PROMETHEUS")
		}
		dir = filepath.Dir(dir)
	}
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("promtest: %v", err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}
