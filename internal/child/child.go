// Package child runs the servers that tests need as child processes: found in one
// way, on free ports of the loopback interface, and gone with the test binary.
package child

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// A Program says where to look for a server: what the variable names, else PATH,
// else .cache/bin of the repository, where "make deps" puts it.
type Program struct {
	Env     string // RAMPART_REDIS_SERVER
	InPath  string // redis-server
	InCache string // redis-server
}

// Find returns the program's path.
func (p Program) Find() (string, error) {
	if path := os.Getenv(p.Env); path != "" {
		return path, nil
	}
	if path, err := exec.LookPath(p.InPath); err == nil {
		return path, nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		path := filepath.Join(dir, ".cache", "bin", p.InCache)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
		if filepath.Dir(dir) == dir {
			return "", fmt.Errorf("%s not found; run make deps, or set %s", p.InCache, p.Env)
		}
		dir = filepath.Dir(dir)
	}
}

// A Child is one run of a program.
type Child struct {
	cmd    *exec.Cmd
	output bytes.Buffer // to be read once gone is closed
	gone   chan struct{}
	err    error
}

// Start starts a program. On Linux it dies with the process that started it.
func (p Program) Start(args ...string) (*Child, error) {
	path, err := p.Find()
	if err != nil {
		return nil, err
	}
	c := &Child{cmd: exec.Command(path, args...), gone: make(chan struct{})}
	c.cmd.Stdout, c.cmd.Stderr = &c.output, &c.output
	c.cmd.SysProcAttr = DieWithParent()
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		c.err = c.cmd.Wait()
		close(c.gone)
	}()
	return c, nil
}

// Pid returns the process's id.
func (c *Child) Pid() int { return c.cmd.Process.Pid }

// Gone is closed when the child has ended.
func (c *Child) Gone() <-chan struct{} { return c.gone }

// Err returns how a child that is gone has ended.
func (c *Child) Err() error {
	<-c.gone
	return c.err
}

// Output returns what a child that is gone has said.
func (c *Child) Output() string {
	<-c.gone
	return c.output.String()
}

// Signal sends a signal.
func (c *Child) Signal(what syscall.Signal) error { return c.cmd.Process.Signal(what) }

// End sends a signal that ends the child, and waits until it is gone.
func (c *Child) End(how syscall.Signal) {
	_ = c.Signal(how)
	_ = c.Signal(syscall.SIGCONT) // a frozen process does not see SIGTERM
	<-c.gone
}

// FreePort returns a port of the loopback interface that was free a moment ago.
func FreePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port, nil
}
