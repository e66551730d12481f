package redistest

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/rampart-dev/rampart/internal/child"
)

var program = child.Program{Env: "RAMPART_REDIS_SERVER", InPath: "redis-server", InCache: "redis-server"}

// patience is how long a server may take to answer, on a machine under load.
const patience = 20 * time.Second

// A Server is a redis-server that belongs to one test.
type Server struct {
	t      testing.TB
	port   int
	tls    int // the port of TLS, where there is one
	args   []string
	client *redis.Client
	child  *child.Child // nil while the server is down
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
		if s.port, err = child.FreePort(); err != nil {
			break
		}
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
	c, err := program.Start(append([]string{
		"--port", strconv.Itoa(s.port), "--bind", "127.0.0.1", "--dir", s.t.TempDir(),
		"--save", "", "--appendonly", "no", "--daemonize", "no",
	}, s.args...)...)
	if err != nil {
		return err
	}
	if err := s.await(c); err != nil {
		c.End(syscall.SIGKILL)
		return fmt.Errorf("redis-server on port %d: %w\n%s", s.port, err, c.Output())
	}
	s.child = c
	return nil
}

// await waits until the server answers, and makes sure that it is this child and
// not a stranger on the same port.
func (s *Server) await(c *child.Child) error {
	rdb := redis.NewClient(&redis.Options{Addr: s.Addr(), Password: s.password(), MaxRetries: -1})
	defer func() { _ = rdb.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		info, err := rdb.Info(ctx, "server").Result()
		if err == nil && strings.Contains(info, fmt.Sprintf("process_id:%d\r", c.Pid())) {
			return nil
		}
		select {
		case <-c.Gone():
			return fmt.Errorf("ended at once: %w", c.Err())
		case <-ctx.Done():
			return fmt.Errorf("does not answer: %w", err)
		case <-tick.C:
		}
	}
}

func (s *Server) end(how syscall.Signal) {
	if s.child != nil {
		s.child.End(how)
		s.child = nil
	}
}

func (s *Server) signal(what syscall.Signal) {
	s.t.Helper()
	if s.child == nil {
		s.t.Fatal("redistest: the server is down")
	}
	if err := s.child.Signal(what); err != nil {
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
