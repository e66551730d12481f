package redistest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// patience is how long a server may take to answer, on a machine under load.
const patience = 20 * time.Second

// A Server is a redis-server that belongs to one test.
type Server struct {
	t      testing.TB
	port   int
	args   []string
	client *redis.Client
	child  *child // nil while the server is down
}

// Start starts an empty server and waits until it answers. Further arguments are
// handed to redis-server: "--requirepass", "secret".
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	s := &Server{t: t, args: args}
	t.Cleanup(s.Kill)

	// A free port may be taken by somebody else before Redis has it.
	var err error
	for range 5 {
		s.port = freePort(t)
		if err = s.start(); err == nil {
			break
		}
	}
	if err != nil {
		t.Fatalf("redistest: %v", err)
	}
	s.client = redis.NewClient(&redis.Options{Addr: s.Addr(), Password: s.password(), ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = s.client.Close() })
	return s
}

// Addr returns the server's host:port, which stays the same for life.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// URL returns the server's address as flagstore.Open wants it.
func (s *Server) URL() string { return "redis://" + s.Addr() }

// Client returns a client of the server; it is closed with the test.
func (s *Server) Client() *redis.Client { return s.client }

// Stop ends the server in an orderly way and waits until it is gone.
func (s *Server) Stop() { s.end(syscall.SIGTERM) }

// Kill ends the server at once, as a crash does.
func (s *Server) Kill() { s.end(syscall.SIGKILL) }

// Freeze stops the server in mid-breath: connections stay, answers do not come.
func (s *Server) Freeze() { s.signal(syscall.SIGSTOP) }

// Thaw lets a frozen server go on.
func (s *Server) Thaw() { s.signal(syscall.SIGCONT) }

// Restart ends the server if it runs and starts it again on the same port, empty.
func (s *Server) Restart() {
	s.t.Helper()
	s.Kill()
	if err := s.start(); err != nil {
		s.t.Fatalf("redistest: restart: %v", err)
	}
}

func (s *Server) start() error {
	c, err := spawn(s.t.TempDir(), s.port, s.args)
	if err != nil {
		return err
	}
	if err := s.await(c); err != nil {
		c.end(syscall.SIGKILL)
		return fmt.Errorf("redis-server on port %d: %w\n%s", s.port, err, c.output.String())
	}
	s.child = c
	return nil
}

// await waits until the server answers, and makes sure that it is this child and
// not a stranger on the same port.
func (s *Server) await(c *child) error {
	rdb := redis.NewClient(&redis.Options{Addr: s.Addr(), Password: s.password(), MaxRetries: -1})
	defer func() { _ = rdb.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		info, err := rdb.Info(ctx, "server").Result()
		if err == nil && strings.Contains(info, fmt.Sprintf("process_id:%d\r", c.cmd.Process.Pid)) {
			return nil
		}
		select {
		case <-c.gone:
			return fmt.Errorf("ended at once: %w", c.err)
		case <-ctx.Done():
			return fmt.Errorf("does not answer: %w", err)
		case <-tick.C:
		}
	}
}

func (s *Server) end(how syscall.Signal) {
	if s.child != nil {
		s.child.end(how)
		s.child = nil
	}
}

func (s *Server) signal(what syscall.Signal) {
	s.t.Helper()
	if s.child == nil {
		s.t.Fatal("redistest: the server is down")
	}
	if err := s.child.cmd.Process.Signal(what); err != nil {
		s.t.Fatalf("redistest: %v", err)
	}
}

func (s *Server) password() string {
	for i, a := range s.args[:max(0, len(s.args)-1)] {
		if a == "--requirepass" {
			return s.args[i+1]
		}
	}
	return ""
}

// A child is one run of redis-server.
type child struct {
	cmd    *exec.Cmd
	output *bytes.Buffer // to be read once gone is closed
	gone   chan struct{}
	err    error
}

func spawn(dir string, port int, args []string) (*child, error) {
	program, err := find()
	if err != nil {
		return nil, err
	}
	c := &child{output: new(bytes.Buffer), gone: make(chan struct{})}
	c.cmd = exec.Command(program, append([]string{
		"--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--dir", dir,
		"--save", "", "--appendonly", "no", "--daemonize", "no",
	}, args...)...)
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
	if p := os.Getenv("RAMPART_REDIS_SERVER"); p != "" {
		return p, nil
	}
	if p, err := exec.LookPath("redis-server"); err == nil {
		return p, nil
	}
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		p := filepath.Join(dir, ".cache", "bin", "redis-server")
		if _, err := os.Stat(p); err == nil {
			return p, nil
		}
		if filepath.Dir(dir) == dir {
			return "", fmt.Errorf("redis-server not found; run make deps, or set RAMPART_REDIS_SERVER")
		}
		dir = filepath.Dir(dir)
	}
}

func freePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("redistest: %v", err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port
}
