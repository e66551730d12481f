// Package acceptance runs the development server as its users do: as a process,
// through its command line and its ports.
package acceptance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// patience is how long a busy machine may take for one thing.
const patience = time.Minute

// program is the server, built once for all tests.
var program string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "devserver")
		if err != nil {
			panic(err)
		}
		defer os.RemoveAll(dir)
		program = filepath.Join(dir, "temporal-devserver")
		if out, err := exec.Command("go", "build", "-ldflags", "-s -w", "-o", program, "..").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build the development server: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

func TestARestartOnTheSameFileKeepsNamespacesAndWorkflows(t *testing.T) {
	file := filepath.Join(t.TempDir(), "data", "temporal.db")
	args := []string{
		"--db-filename", file, "--namespace", "staging", "--headless",
		"--search-attribute", "Phase=Keyword", "--search-attribute", "Percent=Double",
	}

	first := serve(t, args...)
	requireNamespace(t, first, "staging", "Phase", "Percent")
	requireNamespace(t, first, "default", "Phase", "Percent")
	startWorkflow(t, first, "staging", "kept")
	first.end(t, syscall.SIGTERM)

	second := serve(t, args...)
	requireNamespace(t, second, "staging", "Phase", "Percent")
	requireRunning(t, second, "staging", "kept")
	second.end(t, syscall.SIGKILL)

	third := serve(t, args...)
	requireRunning(t, third, "staging", "kept")
	third.end(t, os.Interrupt)
}

func TestTheWebUIIsServedBesideTheFrontend(t *testing.T) {
	server := serve(t)
	defer server.end(t, syscall.SIGTERM)

	require.Contains(t, get(t, "http://"+server.ui+"/"), "<html")
	require.Contains(t, get(t, "http://"+server.ui+"/api/v1/namespaces"), `"default"`)
	require.Contains(t, get(t, "http://"+server.metrics+"/metrics"), "service_requests")
}

func TestASignalBeforeItIsReadyEndsItInOrder(t *testing.T) {
	port := freePort(t)
	command := exec.Command(program, "server", "start-dev", "--headless", "--port", port)
	var stderr output
	command.Stderr = &stderr
	require.NoError(t, command.Start())
	defer func() { _ = command.Process.Kill() }()

	// The frontend listens shortly before the server is ready.
	require.Eventually(t, func() bool {
		conn, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err != nil {
			return false
		}
		return conn.Close() == nil
	}, patience, time.Millisecond)
	require.NoError(t, command.Process.Signal(syscall.SIGTERM))
	require.NoError(t, command.Wait(), "%s", &stderr)
}

func TestAPortThatIsTakenIsAnErrorThatSaysWhichFlagChoosesAnother(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	port := strconv.Itoa(taken.Addr().(*net.TCPAddr).Port)

	for name, args := range map[string][]string{
		"--port":         {"--headless", "--port", port},
		"--ui-port":      {"--port", freePort(t), "--ui-port", port},
		"--metrics-port": {"--headless", "--port", freePort(t), "--metrics-port", port},
	} {
		t.Run(name, func(t *testing.T) {
			code, stderr := fail(t, args...)
			require.Equal(t, 1, code)
			require.Contains(t, stderr, "127.0.0.1:"+port)
			require.Contains(t, stderr, "hint: ")
			require.Contains(t, stderr, name)
		})
	}
}

func TestACommandLineThatIsNotUnderstoodEndsWithExitCode2(t *testing.T) {
	for name, args := range map[string][]string{
		"an unknown flag":                          {"--colour", "blue"},
		"a search attribute without a type":        {"--search-attribute", "Phase"},
		"a search attribute of an unknown type":    {"--search-attribute", "Phase=Word"},
		"a dynamic value that is not JSON":         {"--dynamic-config-value", "frontend.namespaceRPS=many"},
		"an address that others can reach":         {"--ip", "0.0.0.0"},
		"a log level that does not exist":          {"--log-level", "loud"},
		"an argument where only flags can be":      {"now"},
		"a port number that is none":               {"--port", "70000"},
		"a namespace that lacks its name entirely": {"--namespace"},
	} {
		t.Run(name, func(t *testing.T) {
			code, stderr := fail(t, args...)
			require.Equal(t, 2, code)
			require.Contains(t, stderr, "hint: ")
		})
	}
}

// process is a running server.
type process struct {
	frontend, ui, metrics string

	command *exec.Cmd
	ended   chan error
	conn    *grpc.ClientConn
}

// serve starts the server on free ports and waits for its line.
func serve(t *testing.T, args ...string) *process {
	t.Helper()
	port, uiPort, metricsPort := freePort(t), freePort(t), freePort(t)
	args = append([]string{"server", "start-dev", "--port", port, "--ui-port", uiPort, "--metrics-port", metricsPort}, args...)
	p := &process{
		frontend: "127.0.0.1:" + port,
		ui:       "127.0.0.1:" + uiPort,
		metrics:  "127.0.0.1:" + metricsPort,
		command:  exec.Command(program, args...),
		ended:    make(chan error, 1),
	}
	var stdout, stderr output
	p.command.Stdout, p.command.Stderr = &stdout, &stderr
	require.NoError(t, p.command.Start())
	go func() { p.ended <- p.command.Wait(); close(p.ended) }()
	t.Cleanup(func() {
		_ = p.command.Process.Kill()
		<-p.ended
	})

	require.Eventually(t, func() bool { return strings.Contains(stdout.String(), "\n") }, patience, 20*time.Millisecond,
		"no line of readiness; standard error:\n%s", &stderr)
	require.Contains(t, stdout.String(), "temporal ready: frontend "+p.frontend)
	require.Equal(t, 1, strings.Count(stdout.String(), "\n"), "one line")

	var err error
	p.conn, err = grpc.NewClient(p.frontend, grpc.WithTransportCredentials(insecure.NewCredentials()))
	require.NoError(t, err)
	t.Cleanup(func() { _ = p.conn.Close() })
	return p
}

// end sends the signal and requires the exit that belongs to it.
func (p *process) end(t *testing.T, signal os.Signal) {
	t.Helper()
	require.NoError(t, p.command.Process.Signal(signal))
	select {
	case err := <-p.ended:
		if signal != syscall.SIGKILL {
			require.NoError(t, err)
		}
	case <-time.After(patience):
		require.Fail(t, "the server did not end", "on %s", signal)
	}
}

// fail runs the server with a command line that cannot work.
func fail(t *testing.T, args ...string) (code int, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	command := exec.CommandContext(ctx, program, append([]string{"server", "start-dev"}, args...)...)
	var out bytes.Buffer
	command.Stderr = &out
	var exit *exec.ExitError
	require.ErrorAs(t, command.Run(), &exit)
	return exit.ExitCode(), out.String()
}

func requireNamespace(t *testing.T, p *process, name string, searchAttributes ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := workflowservice.NewWorkflowServiceClient(p.conn).DescribeNamespace(ctx,
		&workflowservice.DescribeNamespaceRequest{Namespace: name})
	require.NoError(t, err)

	attributes, err := operatorservice.NewOperatorServiceClient(p.conn).ListSearchAttributes(ctx,
		&operatorservice.ListSearchAttributesRequest{Namespace: name})
	require.NoError(t, err)
	for _, attribute := range searchAttributes {
		require.Contains(t, attributes.GetCustomAttributes(), attribute)
	}
}

// startWorkflow starts one that nobody works on: it stays open.
func startWorkflow(t *testing.T, p *process, namespace, id string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	_, err := workflowservice.NewWorkflowServiceClient(p.conn).StartWorkflowExecution(ctx,
		&workflowservice.StartWorkflowExecutionRequest{
			Namespace:    namespace,
			WorkflowId:   id,
			RequestId:    id,
			WorkflowType: &commonpb.WorkflowType{Name: "Idle"},
			TaskQueue:    &taskqueuepb.TaskQueue{Name: "nobody"},
		})
	require.NoError(t, err)
}

func requireRunning(t *testing.T, p *process, namespace, id string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	description, err := workflowservice.NewWorkflowServiceClient(p.conn).DescribeWorkflowExecution(ctx,
		&workflowservice.DescribeWorkflowExecutionRequest{
			Namespace: namespace,
			Execution: &commonpb.WorkflowExecution{WorkflowId: id},
		})
	require.NoError(t, err)
	require.Equal(t, enums.WORKFLOW_EXECUTION_STATUS_RUNNING, description.GetWorkflowExecutionInfo().GetStatus())
}

func get(t *testing.T, url string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	for again := time.NewTicker(50 * time.Millisecond); errors.Is(err, syscall.ECONNREFUSED) && ctx.Err() == nil; <-again.C {
		response, err = http.DefaultClient.Do(request) // the UI listens a moment after the frontend
	}
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, 10<<20))
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode, "%s: %s", url, body)
	return string(body)
}

func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
}

// output is what a process wrote so far.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}
