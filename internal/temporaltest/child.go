package temporaltest

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

var errEnded = errors.New("ended at once")

// A child is one run of the server.
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
	<-c.gone
}

func find() (string, error) {
	if p := os.Getenv("RAMPART_TEMPORAL"); p != "" {
		return p, nil
	}
	if p, err := exec.LookPath("temporal"); err == nil {
		return p, nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		p := filepath.Join(dir, ".cache", "bin", "temporal-devserver")
		if _, err := os.Stat(p); err == nil {
			return p, nil
		}
		if filepath.Dir(dir) == dir {
			return "", errors.New("temporal-devserver not found; run make deps, or set RAMPART_TEMPORAL")
		}
		dir = filepath.Dir(dir)
	}
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}
