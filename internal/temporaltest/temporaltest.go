package temporaltest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"

	"github.com/rampart-dev/rampart"
	"github.com/rampart-dev/rampart/internal/child"
)

var program = child.Program{Env: "RAMPART_TEMPORAL", InPath: "temporal", InCache: "temporal-devserver"}

var errEnded = errors.New("ended at once")

// patience is how long a server may take to answer, on a machine under load.
const patience = 60 * time.Second

// A Server is a Temporal that belongs to one test, or to the tests of one package.
type Server struct {
	t       testing.TB // nil where it is shared
	dir     string
	port    int
	runs    int // of servers that do not know of each other
	args    []string
	child   *child.Child // nil while the server is down
	mu      sync.Mutex
	clients map[string]client.Client
}

// Start starts a server and waits until it serves. Further arguments are handed to
// it: "--namespace", "other".
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	s := &Server{t: t, dir: t.TempDir(), args: args}
	t.Cleanup(s.end)
	if err := s.begin(); err != nil {
		t.Fatalf("temporaltest: %v", err)
	}
	return s
}

// shared is the server of the tests of a package.
var shared struct {
	args  []string
	run   bool // Run ends it
	start sync.Once
	srv   *Server
	err   error
}

// Run runs the tests of a package and ends the server that they shared, if any of
// them asked for it. It returns the exit code.
func Run(m *testing.M, args ...string) int {
	shared.run, shared.args = true, args
	code := m.Run()
	if s := shared.srv; s != nil {
		s.end()
		_ = os.RemoveAll(s.dir)
	}
	return code
}

// Shared returns the server that the tests of the package share. They must not stop it.
func Shared(t testing.TB) *Server {
	t.Helper()
	if !shared.run {
		t.Fatal("temporaltest: call temporaltest.Run from TestMain, which ends the shared server")
	}
	shared.start.Do(func() {
		shared.srv = &Server{args: shared.args}
		if shared.srv.dir, shared.err = os.MkdirTemp("", "temporaltest"); shared.err == nil {
			shared.err = shared.srv.begin()
		}
	})
	if shared.err != nil {
		t.Fatalf("temporaltest: %v", shared.err)
	}
	return shared.srv
}

// Address returns the server's host:port, which stays the same for life.
func (s *Server) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)) }

// Client returns a client of a namespace. It connects when it is first used and is
// closed with the server.
func (s *Server) Client(namespace string) client.Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.clients[namespace]; c != nil {
		return c
	}
	c, err := client.NewLazyClient(client.Options{HostPort: s.Address(), Namespace: namespace, Logger: silent{}})
	if err != nil {
		s.fatal(err)
	}
	if s.clients == nil {
		s.clients = map[string]client.Client{}
	}
	s.clients[namespace] = c
	return c
}

// Stop ends the server in an orderly way and waits until it is gone.
func (s *Server) Stop() { s.halt(syscall.SIGTERM) }

// Kill ends the server at once, as a crash does.
func (s *Server) Kill() { s.halt(syscall.SIGKILL) }

// Restart ends the server if it runs and starts it again on the same port, with
// the data that it had.
func (s *Server) Restart() {
	s.Kill()
	if err := s.start(); err != nil {
		s.fatal(fmt.Errorf("restart: %w", err))
	}
}

// Replace ends the server if it runs and starts another one on the same port, which
// has nothing, and whose namespaces have other ids.
func (s *Server) Replace() {
	s.Kill()
	s.runs++
	if err := s.start(); err != nil {
		s.fatal(fmt.Errorf("replace: %w", err))
	}
}

// begin starts the server for the first time.
func (s *Server) begin() error {
	var err error
	for range 3 { // a free port may be taken by somebody else before the server has it
		if s.port, err = child.FreePort(); err != nil {
			return err
		}
		if err = s.start(); !errors.Is(err, errEnded) {
			break
		}
	}
	return err
}

func (s *Server) start() error {
	c, err := program.Start(s.arguments()...)
	if err != nil {
		return err
	}
	if err := s.await(c); err != nil {
		c.End(syscall.SIGKILL)
		return fmt.Errorf("temporal on port %d: %w\n%s", s.port, err, c.Output())
	}
	s.child = c
	return nil
}

func (s *Server) arguments() []string {
	args := []string{
		"server", "start-dev", "--ip", "127.0.0.1", "--port", strconv.Itoa(s.port), "--headless",
		"--db-filename", filepath.Join(s.dir, fmt.Sprintf("temporal%d.db", s.runs)), "--log-level", "error",
		"--dynamic-config-value", "frontend.namespaceRPS=10000",
		"--dynamic-config-value", "frontend.namespaceBurst=10000",
	}
	for name, kind := range map[string]string{
		rampart.AttributeFlag: "Keyword", rampart.AttributeEnvironment: "Keyword", rampart.AttributePhase: "Keyword",
		rampart.AttributeState: "Keyword", rampart.AttributeOwner: "Keyword", rampart.AttributePercent: "Double",
	} {
		args = append(args, "--search-attribute", name+"="+kind)
	}
	return append(args, s.args...)
}

// await returns once this child serves the default namespace, and not another
// process on the same port: a child that could not listen ends at once.
func (s *Server) await(c *child.Child) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	probe, err := client.NewLazyClient(client.Options{HostPort: s.Address(), Logger: silent{}})
	if err != nil {
		return err
	}
	defer probe.Close()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		serves := serves(ctx, probe)
		select {
		case <-c.Gone():
			return fmt.Errorf("%w: %w", errEnded, c.Err())
		case <-ctx.Done():
			return fmt.Errorf("does not serve: %w", ctx.Err())
		case <-tick.C:
		}
		if serves {
			return nil
		}
	}
}

// serves reports whether workflows can be listed, which is the last thing that a
// starting server is able to do.
func serves(ctx context.Context, c client.Client) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	_, err := c.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{PageSize: 1, Query: "WorkflowType = 'none'"})
	return err == nil
}

func (s *Server) halt(how syscall.Signal) {
	if s.child != nil {
		s.child.End(how)
		s.child = nil
	}
}

func (s *Server) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.clients {
		c.Close()
	}
	s.halt(syscall.SIGKILL)
}

func (s *Server) fatal(err error) {
	if s.t == nil {
		panic(fmt.Sprintf("temporaltest: %v", err))
	}
	s.t.Helper()
	s.t.Fatalf("temporaltest: %v", err)
}

// silent drops what the client has to say: that a stopped server does not answer.
type silent struct{}

var _ sdklog.Logger = silent{}

func (silent) Debug(string, ...any) {}
func (silent) Info(string, ...any)  {}
func (silent) Warn(string, ...any)  {}
func (silent) Error(string, ...any) {}
